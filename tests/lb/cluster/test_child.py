"""Child processes are real ones here: they serve when a file is there, and end when told to."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from lb.cluster.child import Child, ChildEndedError

WAIT_S = 30
SERVES = "from pathlib import Path; import sys, time; Path(sys.argv[1]).touch(); time.sleep(60)"
ANNOUNCES = "import time; time.sleep(0.5); print('here I am', flush=True); time.sleep(60)"
ENDS = "raise SystemExit(3)"


class Watched:
    """A child, what it said, and the task that keeps it running."""

    def __init__(self, folder: Path, program: str, announces: str = "") -> None:
        self.sign = folder / "serves"
        self.said: list[str] = []
        command = [sys.executable, "-c", program, str(self.sign)]
        self.child = Child("x", command, os.environ, self._serves, self._say, announces)
        self.running = asyncio.get_running_loop().create_task(self.child.run())

    async def _serves(self) -> bool:
        return self.sign.exists()

    def _say(self, name: str, line: str) -> None:
        assert name == "x"
        self.said.append(line)

    @property
    def pids(self) -> list[int]:
        """Of every life, oldest first."""
        return [int(line.split()[-1]) for line in self.said if line.startswith("started")]

    async def says(self, words: str, times: int = 1) -> None:
        async with asyncio.timeout(WAIT_S):
            while sum(words in line for line in self.said) < times:
                await asyncio.sleep(0.01)


@pytest_asyncio.fixture
async def watch(tmp_path: Path) -> AsyncIterator[type[Watched]]:
    made: list[Watched] = []

    class Kept(Watched):
        def __init__(self, program: str, announces: str = "") -> None:
            super().__init__(tmp_path, program, announces)
            made.append(self)

    yield Kept  # type: ignore[misc]
    for each in made:
        each.child.kill()
        await each.child.stop()
        async with asyncio.timeout(WAIT_S):
            await each.running


async def test_a_child_that_is_killed_lives_again_with_another_process(watch) -> None:
    watched = watch(SERVES)
    await watched.child.healthy()
    os.kill(watched.pids[0], signal.SIGKILL)
    await watched.says("ended with status -9; starts again in 0.25 s")
    await watched.says("serves", times=2)
    assert len(set(watched.pids)) == 2


async def test_a_child_that_ends_before_it_serves_is_reported_and_tried_again(watch) -> None:
    watched = watch(ENDS)
    with pytest.raises(ChildEndedError, match=r"^x ended before it served\.$"):
        await watched.child.healthy()
    await watched.says("ended with status 3", times=3)
    pauses = [line.split()[-2] for line in watched.said if "starts again" in line]
    assert pauses[:3] == ["0.25", "0.5", "1"]


async def test_a_restart_ends_the_old_process_and_waits_for_the_new_one(watch) -> None:
    watched = watch(SERVES)
    await watched.child.healthy()
    await watched.child.restart()
    assert "ended with status -15" in watched.said
    assert len(watched.pids) == 2
    assert watched.said[-1] == "serves"


async def test_a_child_that_announces_itself_does_not_serve_before_it_has(watch) -> None:
    """What answers may be another process on the same port."""
    watched = watch(ANNOUNCES, announces="here I am")
    watched.sign.touch()
    await watched.child.healthy()
    assert watched.said[-2:] == ["here I am", "serves"]


async def test_a_stop_leaves_nothing_behind_and_starts_nothing(watch) -> None:
    watched = watch(SERVES)
    await watched.child.healthy()
    await watched.child.stop()
    await watched.running
    assert len(watched.pids) == 1
    with pytest.raises(ProcessLookupError):
        os.kill(watched.pids[0], 0)


async def test_a_stop_interrupts_the_pause_of_a_crash_loop(watch) -> None:
    watched = watch(ENDS)
    await watched.says("starts again in 2 s")
    await watched.child.stop()
    lives = len(watched.pids)
    await watched.running
    assert len(watched.pids) == lives


async def test_what_a_child_prints_is_repeated_line_by_line(watch) -> None:
    watched = watch("print('one\\ntwo'); import sys; print('three', file=sys.stderr, flush=True)")
    await watched.says("ended")
    assert {"one", "two", "three"} <= set(watched.said)


async def test_a_line_without_an_end_neither_fills_the_memory_nor_ends_the_reading(watch) -> None:
    watched = watch("print('x' * 3_000_000); print('after', flush=True)")
    await watched.says("after")


async def test_a_child_ends_with_its_launcher_however_that_one_ends(tmp_path: Path) -> None:
    program = """
import asyncio, os, sys
from lb.cluster.child import Child

async def serves():
    return True

async def main():
    command = [sys.executable, "-c", "import time; time.sleep(60)"]
    say = lambda name, line: print(line, flush=True)
    await Child("x", command, os.environ, serves, say).run()

asyncio.run(main())
"""
    launcher = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE
    )
    assert launcher.stdout is not None
    pid = int((await launcher.stdout.readline()).split()[-1])
    os.kill(pid, 0)
    launcher.kill()
    await launcher.wait()
    async with asyncio.timeout(WAIT_S):
        while Path(f"/proc/{pid}").exists() and "Z" not in _state(pid):
            await asyncio.sleep(0.01)


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return "Z"
