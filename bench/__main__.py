"""`python -m bench`: durable relay throughput and latency, and memory of idle connections.

Sealroom and the bare loop (`bench/bare.py`) run in turns on one machine, each in a process of its
own beside the load; only the ratio of the two says something about Sealroom.
"""

import argparse
import asyncio
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvloop

from bench.cost import resident_kib
from bench.load import Result, hold_idle, relay
from bench.world import World, make_world

WARM = 100  # connections that are there before memory is looked at first

# What a person may send is part of the product, but a load generator is not a person.
NO_LIMITS = {
    "SEALROOM_FRAMES_PER_SECOND": "1000000",
    "SEALROOM_FRAME_BURST": "1000000",
    "SEALROOM_LOG_LEVEL": "warning",
}


@contextmanager
def running(command: list[str], settings: dict[str, str]) -> Iterator[tuple[str, int]]:
    """Run a server; gives its origin and its process id."""
    process = subprocess.Popen(
        [sys.executable, *command], env=os.environ | settings, stdout=subprocess.PIPE, text=True
    )
    if process.stdout is None:
        raise RuntimeError("no output to read the address from")
    origin = process.stdout.readline().split()[-1].replace("localhost", "127.0.0.1")
    try:
        yield origin, process.pid
    finally:
        process.terminate()
        process.wait(20)
        process.stdout.close()


def sealroom(folder: Path, database: str = "") -> tuple[list[str], dict[str, str]]:
    """How to run Sealroom on this data."""
    where = {
        "SEALROOM_DATABASE": database,
        "SEALROOM_DATA_DIR": str(folder),
        "SEALROOM_HOST": "127.0.0.1",
        "SEALROOM_PORT": "0",
        "SEALROOM_MESSENGER_PORT": "-1",
    }
    return ["server.py"], where | NO_LIMITS


def report(name: str, result: Result) -> None:
    """Print one line of results."""
    print(
        f"  {name:<9} {result.rate:8,.0f} messages/s   "
        f"p50 {result.percentile(0.5):6.1f} ms   p99 {result.percentile(0.99):6.1f} ms",
        flush=True,
    )


async def measure_relay(world_of: Path, world: World, options: argparse.Namespace) -> float:
    """Run both servers in turns; returns the median ratio."""
    ratios = []
    for turn in range(options.turns):
        rates = {}
        for name in ("bare", "sealroom"):
            with tempfile.TemporaryDirectory() as scratch:
                if name == "bare":
                    bare = Path(scratch)
                    (bare / "world.json").write_bytes((world_of / "world.json").read_bytes())
                    command, settings = ["-m", "bench.bare", scratch], dict[str, str]()
                else:
                    command, settings = sealroom(world_of, options.database)
                with running(command, settings) as (origin, _):
                    result = await relay(
                        origin, world, seconds=options.seconds, in_flight=options.in_flight
                    )
            report(name, result)
            rates[name] = result.rate
        ratios.append(rates["sealroom"] / rates["bare"])
        print(f"  turn {turn + 1}: ratio {ratios[-1]:.2f}", flush=True)
    return statistics.median(ratios)


async def measure_idle(world_of: Path, world: World, count: int) -> float:
    """Return the memory of one idle authenticated connection, KiB."""
    command, settings = sealroom(world_of)
    with running(command, settings) as (origin, pid):
        warm = await hold_idle(origin, world, WARM)
        before = resident_kib(pid)
        wires = await hold_idle(origin, world, count)
        await asyncio.sleep(1)
        each = (resident_kib(pid) - before) / len(wires)
        for wire in (*warm, *wires):
            wire.close()
    return each


async def run(options: argparse.Namespace) -> None:
    """Measure everything and print it."""
    with tempfile.TemporaryDirectory() as folder:
        world_of = Path(folder)
        world = await make_world(world_of, options.pairs, options.database)
        people = f"{options.pairs} pairs, {options.in_flight} messages in flight each"
        print(f"durable relay: {people}, 400 bytes", flush=True)
        ratio = await measure_relay(world_of, world, options)
        print(f"sealroom / bare loop: {ratio:.2f} (goal: at least 0.60)", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        world = await make_world(Path(folder), (options.idle + WARM) // 36 + 1)
        each = await measure_idle(Path(folder), world, options.idle)
        print(f"idle connection: {each:.1f} KiB each of {options.idle} (goal: at most 40)")


def main() -> None:
    """Read the options and run."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "--database", default="", help="URL of a new MongoDB database for the relay, not SQLite"
    )
    parser.add_argument("--pairs", type=int, default=25)
    parser.add_argument("--in-flight", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--idle", type=int, default=2000)
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    uvloop.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
