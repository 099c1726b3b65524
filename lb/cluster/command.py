"""`python -m lb cluster`: options, signals, and lines on the terminal.

SIGHUP restarts every worker, one at a time; SIGTERM or Ctrl-C ends everything in order, and a
second one at once.
"""

import argparse
import asyncio
import contextlib
import signal
from collections.abc import Sequence
from pathlib import Path

from lb.cluster.launcher import Launcher
from lb.cluster.plan import Options, Plan

MOST_WORKERS = 16


def options(arguments: Sequence[str]) -> Options:
    """Read the command line; a wrong one prints a sentence and exits with status 2."""
    parser = argparse.ArgumentParser(
        prog="python -m lb cluster",
        description="Start a bus, workers and a balancer on this machine and keep them running.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("--workers", type=int, default=3, help="how many servers share the work")
    add("--database", default="", help="mongodb://… instead of the file in the data folder")
    add("--bus", default="", help="nats://… instead of a bus that is started here")
    add("--data-dir", type=Path, default=Path("data"), help="folder for database, keys and mails")
    add("--host", default="127.0.0.1", help="address the balancer listens on; 0.0.0.0 for all")
    add("--port", type=int, default=8000, help="port of the page")
    add("--tcp-port", type=int, default=9000, help="port of the TCP messenger")
    add("--status-port", type=int, default=8010, help="port of the balancer's status, on loopback")
    add("--worker-port", type=int, default=5001, help="port of the first worker; others follow")
    add("--worker-tcp-port", type=int, default=9991, help="port of its messenger; others follow")
    add("--bus-port", type=int, default=4222, help="port of the bus, on loopback")
    values = parser.parse_args(arguments)
    if not 1 <= values.workers <= MOST_WORKERS:
        parser.error(f"--workers {values.workers}: must be from 1 to {MOST_WORKERS}.")
    values.data_dir = values.data_dir.absolute()
    return Options(**vars(values))


def main(arguments: Sequence[str]) -> int:
    """Run a cluster to its end; returns the exit status."""
    return asyncio.run(_run(Plan(options(arguments))))


async def _run(plan: Plan) -> int:
    told_to_stop, told_to_roll = asyncio.Event(), asyncio.Event()
    launcher = Launcher(plan, _say)

    def stop() -> None:
        if told_to_stop.is_set():
            launcher.kill()
        told_to_stop.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    loop.add_signal_handler(signal.SIGHUP, told_to_roll.set)
    return await launcher.run(told_to_stop, told_to_roll)


def _say(name: str, line: str) -> None:
    # Whoever read the lines may have gone; the cluster goes on.
    with contextlib.suppress(BrokenPipeError):
        print(f"{name:<9} | {line}", flush=True)
