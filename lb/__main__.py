"""The command line of the balancer.

python -m lb --config FILE                   balance as the file says
python -m lb --listen 8000 --worker ADDR=3   one service without a file; --worker again for another
python -m lb … --check                       print the settings in force and exit
python -m lb --example                       print an example of FILE and exit
python -m lb cluster …                       a whole cluster on this machine: lb/cluster

SIGHUP      read the file and the certificates again; when something is wrong, nothing changes
SIGUSR1     accept no more, and end when the last connection has, or after drain_timeout_s
SIGTERM     the same after stop_timeout_s, as SIGINT; a second one at once
"""

import argparse
import asyncio
import logging
import resource
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import uvloop
from tornado.httpserver import HTTPServer

from config.logs import set_up
from lb import admin
from lb.addresses import parse_address
from lb.balancer import Balancer
from lb.cluster import command
from lb.load import effective, example, from_document, load
from lb.settings import Settings, SettingsError
from lb.tasks import spawn

_log = logging.getLogger("lb")

# Flags that are settings of the one service that needs no file: flag, setting, meaning.
_FLAGS = (
    ("listen", "listen", "where clients connect: host:port or a port"),
    ("protocol", "protocol", "http or tcp"),
    ("policy", "policy", "how a worker is chosen"),
    ("proxy-protocol", "proxy_protocol", "none, v1 or v2"),
    ("health", "check", "how health is asked: http, tcp or none"),
    ("certificate-file", "certificate_file", "certificate chain with which TLS ends here"),
    ("key-file", "key_file", "its private key"),
)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m lb", description="Sealroom's load balancer.")
    parser.add_argument("--config", metavar="FILE", type=Path, help="settings as TOML")
    parser.add_argument("--admin", metavar="ADDRESS", help="where the status is, without a file")
    parser.add_argument(
        "--worker", metavar="ADDRESS[=WEIGHT]", action="append", default=[], help="a worker"
    )
    for flag, setting, meaning in _FLAGS:
        parser.add_argument(f"--{flag}", dest=f"service_{setting}", metavar="X", help=meaning)
    parser.add_argument("--check", action="store_true", help="print the settings in force and exit")
    parser.add_argument("--example", action="store_true", help="print an example of FILE and exit")
    return parser


def _settings(arguments: argparse.Namespace) -> Settings:
    """Raises: SettingsError."""
    told = {setting: getattr(arguments, f"service_{setting}") for _, setting, _ in _FLAGS}
    service = {setting: value for setting, value in told.items() if value is not None}
    if not arguments.config:
        workers = [_worker(text) for text in arguments.worker]
        document = {"service": [{"name": "web", **service, "worker": workers}]}
        admin_address = {"admin": arguments.admin} if arguments.admin else {}
        return from_document(admin_address | document, "the command line")
    if service or arguments.worker or arguments.admin:
        raise SettingsError("--config: must stand alone: flags are for a balancer without a file.")
    return load(arguments.config)


def _worker(text: str) -> dict[str, Any]:
    address, is_weighted, weight = text.partition("=")
    if not is_weighted:
        return {"address": address}
    return {"address": address, "weight": int(weight) if weight.isdecimal() else weight}


async def serve(settings: Settings, read: Callable[[], Settings]) -> None:
    """Run until a signal ends it.

    Args:
        read: reads the settings again.

    Raises: SettingsError
    """
    loop = asyncio.get_running_loop()
    balancer = Balancer()
    timeouts_s = {
        signal.SIGUSR1: settings.drain_timeout_s,
        signal.SIGTERM: settings.stop_timeout_s,
        signal.SIGINT: settings.stop_timeout_s,
    }
    told: set[int] = set()

    def end(number: signal.Signals) -> None:
        timeout_s = 0.0 if number in told else timeouts_s[number]
        told.add(number)
        balancer.end_by(loop.time() + timeout_s)
        if operator is not None:
            operator.stop()

    await balancer.apply(settings)
    operator = _open_admin(settings, balancer) if settings.admin else None
    for number in timeouts_s:
        loop.add_signal_handler(number, end, number)
    loop.add_signal_handler(signal.SIGHUP, lambda: spawn(_reload(balancer, read)))
    for service in balancer.services:
        name = service.settings.name
        print(f"{name} is balanced at port {balancer.port(name)}", flush=True)
    await balancer.ended()


def _open_admin(settings: Settings, balancer: Balancer) -> HTTPServer:
    try:
        return admin.listen(parse_address(settings.admin), balancer, settings.admin_token)
    except OSError as error:
        raise SettingsError(f"admin = {settings.admin!r}: {error.strerror}.") from error


async def _reload(balancer: Balancer, read: Callable[[], Settings]) -> None:
    try:
        await balancer.apply(read())
    except SettingsError as error:
        _log.error("nothing was changed: %s", error)
    else:
        _log.info("the settings were read again")


def _allow_descriptors() -> None:
    """Take as many descriptors as the system lets us have: a connection costs two."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def main(words: list[str]) -> int:
    """Return the exit status: 2 when a setting is wrong."""
    if words[:1] == ["cluster"]:
        return command.main(words[1:])
    arguments = _parser().parse_args(words)
    if arguments.example:
        print(example(), end="")
        return 0
    try:
        settings = _settings(arguments)
        if arguments.check:
            print(effective(settings), end="")
            return 0
        set_up(settings.log_level, settings.log_format)
        _allow_descriptors()
        uvloop.run(serve(settings, lambda: _settings(arguments)))
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
