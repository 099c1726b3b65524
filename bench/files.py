"""`python -m bench.files`: files through the Python client and through the page, beside plain HTTP.

Every round moves the same bytes in every way, one after another, and deletes them; the first round
warms up and is not counted, and each begins with another way. Each way is compared with its
neighbours of the same round and the median of these ratios is printed: the ratios say something,
the numbers do not.

plain     ready ciphertext by the calls of docs/protocol.md, one connection, no cipher: what the
          others are compared with
python    attach and save with the Python client
page      the same with the engine of a page in Chromium
tornado   what the server's CPU time is compared with: `bench/plain_files.py`, durable
"""

import argparse
import os
import tempfile
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import uvloop

from bench.__main__ import running
from bench.cost import cpu_s, peak_kib, resident_kib
from bench.file_ways import ByClient, ByPage, ToPlain, ToSealroom, Way
from bench.plain_client import Ciphertext
from client.seal.files import sealed_bytes
from tests.client.crowd import Crowd
from tests.e2e.bare_page import room_with
from tests.process import ServerProcess

MIB = 1_048_576
SETTINGS = {
    "SEALROOM_FILE_MIB": "100000",
    "SEALROOM_FILES_PER_USER_MIB": "1000000",
    "SEALROOM_FILES_PER_DAY_MIB": "1000000",
    "SEALROOM_TEST_CLOCK_FILE": "",
}


@dataclass(frozen=True, slots=True)
class Turn:
    """One way, gone once: seconds, and seconds of the server's CPU time."""

    up_s: float
    down_s: float
    up_cpu_s: float
    down_cpu_s: float


Turns = dict[str, list[Turn]]


async def measure(way: Way) -> Turn:
    """Go a way once."""
    began_s, cpu_began_s = time.perf_counter(), cpu_s(way.pid)
    await way.up()
    up_s, up_cpu_s = time.perf_counter() - began_s, cpu_s(way.pid) - cpu_began_s
    await way.between()
    began_s, cpu_began_s = time.perf_counter(), cpu_s(way.pid)
    await way.down()
    down_s, down_cpu_s = time.perf_counter() - began_s, cpu_s(way.pid) - cpu_began_s
    return Turn(up_s, down_s, up_cpu_s, down_cpu_s)


@contextmanager
def server(folder: Path) -> Iterator[ServerProcess]:
    """Run Sealroom with room for everything that is sent."""
    process = ServerProcess(folder, SETTINGS)
    process.start()
    try:
        yield process
    finally:
        process.stop()


@asynccontextmanager
async def page_of(process: ServerProcess, crowd: Crowd, source: Path) -> AsyncIterator[ByPage]:
    """Run a page whose person shares a room with somebody at a terminal."""
    carol = await crowd.person("carol")
    # Whatever watches the network of a page makes it several times slower.
    async with room_with(carol, crowd.folder / "profile") as (_, engine, room):
        yield ByPage(process.pid, engine, carol, room, source)


async def in_turns(ways: dict[str, Way], rounds: int, clean: Callable[[], None]) -> Turns:
    """Go each way again and again."""
    found: Turns = {name: [] for name in ways}
    order = deque(ways)
    for number in range(rounds + 1):
        # Whoever comes first pays for memory that the machine has given away meanwhile.
        order.rotate()
        for name in order:
            turn = await measure(ways[name])
            clean()
            if number:
                found[name].append(turn)
    return found


def cleaner(folder: Path, data_dir: Path) -> Callable[[], None]:
    """Return what deletes the files of one turn, so that the next one finds as much memory free."""

    def clean() -> None:
        for path in (
            *folder.glob("plain*/*"),
            *folder.glob("saved*"),
            *data_dir.glob("files/??/*/*"),
        ):
            path.unlink()

    return clean


def ratio(found: Turns, name: str, to: str, of: Callable[[Turn], float]) -> float:
    """Return the median of what one way is to another in the same round."""
    return median(of(a) / of(b) for a, b in zip(found[name], found[to], strict=True))


def both_s(turn: Turn) -> float:
    """Return the time of a file up and down."""
    return turn.up_s + turn.down_s


def both_cpu_s(turn: Turn) -> float:
    """Return the server's CPU time of a file up and down."""
    return turn.up_cpu_s + turn.down_cpu_s


def report(found: Turns, size_bytes: int) -> None:
    """Print what was found; a ratio of speeds is one of times the other way round."""
    mib, gib = size_bytes / MIB, size_bytes / 1024**3
    print("               up         down       up    down  both  of plain     server's CPU")
    for name, turns in found.items():
        up = mib / median(turn.up_s for turn in turns)
        down = mib / median(turn.down_s for turn in turns)
        speeds = (
            ratio(found, "plain", name, of)
            for of in (lambda turn: turn.up_s, lambda turn: turn.down_s, both_s)
        )
        up_cpu = median(turn.up_cpu_s for turn in turns) / gib
        down_cpu = median(turn.down_cpu_s for turn in turns) / gib
        print(
            f"  {name:<8} {up:5,.0f} MiB/s {down:6,.0f} MiB/s   "
            f"{'  '.join(f'{speed:.2f}' for speed in speeds)}"
            f"             {up_cpu:.2f} + {down_cpu:.2f} s/GiB",
            flush=True,
        )
    python = ratio(found, "plain", "python", both_s)
    print(f"python / plain: {python:.2f} (goal: at least 0.50)")
    if "page" in found:
        print(f"page / plain: {ratio(found, 'plain', 'page', both_s):.2f}")
    for name in [name for name in found if name not in ("tornado", "hasty")]:
        cpu = ratio(found, name, "tornado", both_cpu_s)
        fast = ratio(found, name, "hasty", both_cpu_s)
        print(f"the server's CPU time for {name} / tornado's: {cpu:.2f} (goal: at most 1.50)")
        print(f"  the same / tornado's that does not wait for the disk: {fast:.2f}")


async def run(options: argparse.Namespace) -> None:
    """Measure everything and print it."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        source, size_bytes = folder / "source.bin", options.mib * MIB
        data = Ciphertext.make(folder / "ciphertext", sealed_bytes(size_bytes))
        source.write_bytes(os.urandom(size_bytes))
        (folder / "data").mkdir()
        process = stack.enter_context(server(folder / "data"))
        crowd = Crowd(process, folder / "people")
        alice, bob = await crowd.contacts()
        room = await alice.engine.open_room(bob.user_id)
        await bob.engine.rooms()
        pid, target = process.pid, folder / "saved"
        ways: dict[str, Way] = {
            "plain": ToSealroom(pid, alice, bob, room, data, target),
            "python": ByClient(pid, alice, bob, room, source, folder / "saved.python"),
        }
        for each, durable in (("tornado", ["--durable"]), ("hasty", [])):
            kept = folder / f"plain-{each}"
            kept.mkdir()
            command = ["-m", "bench.plain_files", str(kept), *durable]
            origin, plain_pid = stack.enter_context(running(command, {}))
            ways[each] = ToPlain(plain_pid, origin, data, target)
        idle_kib = resident_kib(pid)
        clean = cleaner(folder, process.data_dir)
        print(f"{options.mib} MiB, {options.rounds} rounds", flush=True)
        if options.browser:
            async with page_of(process, crowd, source) as page:
                found = await in_turns(ways | {"page": page}, options.rounds, clean)
        else:
            found = await in_turns(ways, options.rounds, clean)
        report(found, size_bytes)
        grown = (peak_kib(pid) - idle_kib) / 1024
        print(f"the server's memory: {idle_kib / 1024:.0f} MiB idle, {grown:+.0f} MiB at most")
        for device in crowd.devices:
            device.close()


def main() -> None:
    """Read the options and run."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.files",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--mib", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--no-browser", dest="browser", action="store_false")
    uvloop.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
