"""`python -m bench.cluster`: what a balancer costs, and what more workers bring.

Everything runs on one machine and in one run, in short turns. Each turn is compared with its
neighbours and the median of these ratios is printed, so that a machine which is busy for a while
slows all alike. The ratios say something, the numbers do not. Other balancers are measured beside
ours when they are installed; the first line says how.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median

import uvloop

from bench import fronts, streams
from bench.__main__ import NO_LIMITS, report, running, sealroom
from bench.load import relay
from bench.world import make_world

CONNECTIONS = 50
IN_FLIGHT = (
    20  # few people with much to say: every turn opens their connections anew (`socket-open`)
)
Turns = dict[str, list[float]]
READY = "CLUSTER READY"


@contextmanager
def echo_server() -> Iterator[int]:
    """Run the bare TCP server; gives its port."""
    command = [sys.executable, "-m", "bench.echo"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    if process.stdout is None:
        raise RuntimeError("no output to read the port from")
    try:
        yield int(process.stdout.readline())
    finally:
        process.terminate()
        process.wait(20)
        process.stdout.close()


@contextmanager
def cluster(folder: Path, workers: int, database: str) -> Iterator[str]:
    """Run a cluster on a data folder; gives its origin."""
    ports = ("--port", "--tcp-port", "--status-port", "--bus-port")
    chosen = {name: fronts.free_port() for name in ports}
    options = [word for name, port in chosen.items() for word in (name, str(port))]
    command = ["-m", "lb", "cluster", "--data-dir", str(folder), "--workers", str(workers)]
    process = subprocess.Popen(
        [sys.executable, *command, "--database", database, *options],
        env=os.environ | NO_LIMITS,
        stdout=subprocess.PIPE,
        text=True,
    )
    if process.stdout is None:
        raise RuntimeError("no output to wait for")
    try:
        for line in process.stdout:
            if READY in line:
                break
        yield f"http://127.0.0.1:{chosen['--port']}"
    finally:
        process.terminate()
        process.communicate(timeout=60)


@contextmanager
def all_fronts(folder: Path, to_port: int) -> Iterator[dict[str, int]]:
    """Put everything that is installed in front of a port; gives the ports to connect to."""
    with ExitStack() as stack:
        yield {
            name: stack.enter_context(fronts.front(name, folder, to_port))
            for name in fronts.installed()
        }


async def in_turns(
    ports: dict[str, int], turns: int, measure: Callable[[int], Awaitable[float]]
) -> Turns:
    """Measure each front again and again."""
    found: Turns = {name: [] for name in ports}
    for _ in range(turns):
        for name, port in ports.items():
            found[name].append(await measure(port))
    return found


async def measure_messages(folder: Path, options: argparse.Namespace) -> None:
    """Relay messages of people through each front to one server."""
    world = await make_world(folder, options.pairs)

    async def rate(port: int) -> float:
        origin = f"http://127.0.0.1:{port}"
        return (await relay(origin, world, seconds=options.seconds, in_flight=IN_FLIGHT)).rate

    command, settings = sealroom(folder)
    with running(command, settings) as (origin, _):
        to_port = int(origin.rpartition(":")[2])
        with all_fronts(folder, to_port) as ports:
            _compare("messages/s", await in_turns(ports, options.turns, rate), "0.90 of direct")


async def measure_streams(folder: Path, options: argparse.Namespace) -> None:
    """Measure each front before a server that only echoes."""

    async def connections(port: int) -> float:
        return await streams.connection_rate(port, options.seconds)

    with echo_server() as to_port, all_fronts(folder, to_port) as ports:
        rates = await in_turns(ports, options.turns, connections)
        _compare("connections/s", rates, "0.50 of haproxy")
        _compare("MiB/s", await in_turns(ports, options.turns, streams.bulk_rate), "none")
        half = await streams.echo_rate(ports["ours"], CONNECTIONS, options.seconds) / 2

        async def p99_ms(port: int) -> float:
            times = await streams.latencies_ms(port, CONNECTIONS, half, options.seconds)
            return times[int(len(times) * 0.99)]

        found = await in_turns(ports, options.turns, p99_ms)
    print(f"  p99 at {half:,.0f} messages/s, half of what ours carries; goal for ours: +2 ms")
    for name, times_ms in found.items():
        added = median(a - b for a, b in zip(times_ms, found["direct"], strict=True))
        print(f"    {name:<8} {median(times_ms):10.2f} ms   {added:+.2f} ms", flush=True)


def _compare(unit: str, found: Turns, goal: str) -> None:
    print(f"  {unit}; goal for ours: {goal}")
    for name, values in found.items():
        ratios = (
            f"{median(a / b for a, b in zip(values, found[other], strict=True)):.2f} of {other}"
            for other in found
            if other != name
        )
        print(f"    {name:<8} {median(values):10,.0f}   {', '.join(ratios)}", flush=True)


async def measure_workers(database: str, options: argparse.Namespace) -> None:
    """Relay messages through whole clusters of one, two and three workers."""
    for workers in (1, 2, 3):
        with tempfile.TemporaryDirectory() as folder:
            world = await make_world(Path(folder), options.pairs, database)
            with cluster(Path(folder), workers, database) as origin:
                result = await relay(
                    origin, world, seconds=4 * options.seconds, in_flight=IN_FLIGHT
                )
        report(f"{workers} workers", result)


async def run(options: argparse.Namespace) -> None:
    """Measure everything and print it."""
    print(f"balancers: {', '.join(fronts.installed()[1:])}; others by: {fronts.INSTALL}")
    with tempfile.TemporaryDirectory() as folder:
        print("one server, durable relay of 400 bytes", flush=True)
        await measure_messages(Path(folder), options)
    with tempfile.TemporaryDirectory() as folder:
        print("an echo server", flush=True)
        await measure_streams(Path(folder), options)
    for database in filter(None, ("sqlite", options.database)):
        print(f"a cluster on {database.partition(':')[0]}", flush=True)
        await measure_workers("" if database == "sqlite" else database, options)


def main() -> None:
    """Read the options and run."""
    parser = argparse.ArgumentParser(prog="python -m bench.cluster", description=__doc__)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1)
    parser.add_argument("--turns", type=int, default=9)
    parser.add_argument("--database", default="", help="an empty one, mongodb://…/name")
    uvloop.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
