"""The command line of the balancer.

python -m lb --config FILE                   balance as the file says
python -m lb --listen 8000 --worker ADDR=3   one service without a file; --worker again for another
python -m lb … --check                       print the settings in force and exit
python -m lb --example                       print an example of FILE and exit
python -m lb cluster …                       a whole cluster on this machine: lb/cluster
"""

import argparse
import asyncio
import signal
import sys
from pathlib import Path
from typing import Any

import uvloop

from config.logs import set_up
from lb.balancer import Balancer
from lb.cluster import command
from lb.load import effective, example, from_document, load
from lb.settings import Settings, SettingsError


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m lb", description="Sealroom's load balancer.")
    parser.add_argument("--config", metavar="FILE", type=Path, help="settings as TOML")
    parser.add_argument("--listen", metavar="ADDRESS", help="where clients connect: host:port")
    parser.add_argument(
        "--worker", metavar="ADDRESS[=WEIGHT]", action="append", default=[], help="a worker"
    )
    parser.add_argument("--check", action="store_true", help="print the settings in force and exit")
    parser.add_argument("--example", action="store_true", help="print an example of FILE and exit")
    return parser


def _settings(arguments: argparse.Namespace) -> Settings:
    if arguments.config:
        return load(arguments.config)
    service: dict[str, Any] = {"name": "web", "worker": list(map(_worker, arguments.worker))}
    if arguments.listen:
        service["listen"] = arguments.listen
    return from_document({"service": [service]}, "the command line")


def _worker(text: str) -> dict[str, Any]:
    address, is_weighted, weight = text.partition("=")
    if not is_weighted:
        return {"address": address}
    return {"address": address, "weight": int(weight) if weight.isdecimal() else weight}


async def serve(settings: Settings) -> None:
    """Run until SIGTERM, SIGINT or SIGUSR1; a second signal stops at once."""
    try:
        balancer = Balancer(settings)
    except OSError as error:
        raise SettingsError(f"listen: {error.strerror}.") from error
    loop = asyncio.get_running_loop()
    told: asyncio.Future[float] = loop.create_future()
    timeouts = {
        signal.SIGTERM: settings.stop_timeout_s,
        signal.SIGINT: settings.stop_timeout_s,
        signal.SIGUSR1: settings.drain_timeout_s,
    }
    for number, timeout_s in timeouts.items():
        loop.add_signal_handler(number, told.set_result, timeout_s)
    await balancer.start()
    for name in balancer.services:
        print(f"{name} is at port {balancer.port(name)}", flush=True)
    timeout_s = await told
    for number in timeouts:
        loop.remove_signal_handler(number)
        signal.signal(number, signal.SIG_DFL)
    await balancer.drain(timeout_s)


def main() -> int:
    """Return the exit status: 2 when a setting is wrong."""
    if sys.argv[1:2] == ["cluster"]:
        return command.main(sys.argv[2:])
    arguments = _parser().parse_args()
    if arguments.example:
        print(example(), end="")
        return 0
    try:
        settings = _settings(arguments)
        if arguments.check:
            print(effective(settings), end="")
            return 0
        set_up(settings.log_level, settings.log_format)
        uvloop.run(serve(settings))
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
