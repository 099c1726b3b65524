"""`python -m bench.cluster`: what a balancer costs, and what more workers bring.

Everything runs on one machine and in one run, in turns, of which the best counts, for whatever else
the machine does can only slow one down. The ratios say something, the numbers do not. Other
balancers are measured beside ours when they are installed; the first line says how.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvloop

from bench import fronts, streams
from bench.__main__ import NO_LIMITS, report, running, sealroom
from bench.load import relay
from bench.world import make_world

CONNECTIONS = 50
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


async def measure_messages(folder: Path, names: list[str], options: argparse.Namespace) -> None:
    """Relay messages of people through each front to one server."""
    world = await make_world(folder, options.pairs)
    rates: dict[str, list[float]] = {name: [] for name in names}
    command, settings = sealroom(folder)
    for _ in range(options.turns):
        for name in names:
            with (
                running(command, settings) as (origin, _),
                fronts.front(name, folder, int(origin.rpartition(":")[2])) as port,
            ):
                through = f"http://127.0.0.1:{port}"
                result = await relay(through, world, seconds=options.seconds, in_flight=4)
            report(name, result)
            rates[name].append(result.rate)
    _compare("messages/s", rates, "at least 0.90 of direct")


async def measure_streams(folder: Path, names: list[str], options: argparse.Namespace) -> None:
    """Measure each front before a server that only echoes."""
    connects: dict[str, list[float]] = {name: [] for name in names}
    bulks: dict[str, list[float]] = {name: [] for name in names}
    with echo_server() as to_port:
        for _ in range(options.turns):
            for name in names:
                with fronts.front(name, folder, to_port) as port:
                    connects[name].append(await streams.connection_rate(port, options.seconds))
                    bulks[name].append(await streams.bulk_rate(port))
        with fronts.front("ours", folder, to_port) as port:
            full = await streams.echo_rate(port, CONNECTIONS, options.seconds)
        p99s = {name: await _p99_ms(name, folder, to_port, full / 2, options) for name in names}
    _compare("connections/s", connects, "at least 0.50 of haproxy")
    _compare("MiB/s", bulks, "none")
    print(f"  p99 at {full / 2:,.0f} messages/s, half of what ours carries:")
    for name, p99_ms in p99s.items():
        print(f"    {name:<8} {p99_ms:6.2f} ms, {p99_ms - p99s['direct']:+.2f} ms")
    print("    goal for ours: less than +2 ms")


async def _p99_ms(
    name: str, folder: Path, to_port: int, rate: float, options: argparse.Namespace
) -> float:
    """Return the best of the turns' 99th percentiles."""
    found = []
    for _ in range(options.turns):
        with fronts.front(name, folder, to_port) as port:
            times_ms = await streams.latencies_ms(port, CONNECTIONS, rate, options.seconds)
        found.append(times_ms[int(len(times_ms) * 0.99)])
    return min(found)


def _compare(unit: str, rates: dict[str, list[float]], goal: str) -> None:
    bests = {name: max(values) for name, values in rates.items()}
    print(f"  {unit}; goal for ours: {goal}")
    for name, best in bests.items():
        ratios = [f"{best / bests[other]:.2f} of {other}" for other in bests if other != name]
        print(f"    {name:<8} {best:10,.0f}   {', '.join(ratios)}", flush=True)


async def measure_workers(database: str, options: argparse.Namespace) -> None:
    """Relay messages through whole clusters of one, two and three workers."""
    for workers in (1, 2, 3):
        with tempfile.TemporaryDirectory() as folder:
            world = await make_world(Path(folder), options.pairs, database)
            with cluster(Path(folder), workers, database) as origin:
                result = await relay(origin, world, seconds=options.seconds, in_flight=4)
        report(f"{workers} workers", result)


async def run(options: argparse.Namespace) -> None:
    """Measure everything and print it."""
    names = fronts.installed()
    print(f"balancers: {', '.join(names[1:])}; others by: {fronts.INSTALL}")
    with tempfile.TemporaryDirectory() as folder:
        print("one server, durable relay of 400 bytes", flush=True)
        await measure_messages(Path(folder), names, options)
    with tempfile.TemporaryDirectory() as folder:
        print("an echo server", flush=True)
        await measure_streams(Path(folder), names, options)
    for database in filter(None, ("sqlite", options.database)):
        print(f"a cluster on {database.partition(':')[0]}", flush=True)
        await measure_workers("" if database == "sqlite" else database, options)


def main() -> None:
    """Read the options and run."""
    parser = argparse.ArgumentParser(prog="python -m bench.cluster", description=__doc__)
    parser.add_argument("--pairs", type=int, default=25)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--database", default="", help="an empty one, mongodb://…/name")
    uvloop.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
