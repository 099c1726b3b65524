"""The line that says how far a file is, on real terminals, and its absence everywhere else."""

import asyncio
import io
import json
import os
import pty
import subprocess
import termios
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

import pytest

from client.engine import Engine
from client.progress import WIPE, Moved, Watch, counted, readable, unwatched, watch_on
from client.seal.files import sealed_bytes
from protocol.limits import FILE_PART_BYTES
from tests.client.crowd import Crowd
from tests.client.test_command_line import Terminal, meet
from tests.client.test_file_commands import PASSPHRASE
from tests.client.test_room_files import sent, written
from tests.process import ROOT, ServerProcess

COLUMNS = 40
END = "\0"
"""No drawing has it."""


@dataclass
class Screen:
    """A terminal and what has been written to it since it was last read."""

    columns: int = COLUMNS
    now_s: float = 0.0
    _ends: tuple[int, int] = field(default_factory=pty.openpty)

    def __post_init__(self) -> None:
        self.output: TextIO = os.fdopen(self._ends[1], "w")
        termios.tcsetwinsize(self.output, (24, self.columns))

    @property
    def watch(self) -> Watch:
        return watch_on(self.output, lambda: self.now_s)

    def read(self) -> list[str]:
        """The drawings, each behind a wiping."""
        self.end()
        return self.read_to_end()

    def end(self) -> None:
        """Let `read_to_end` end with what has been written so far."""
        self.output.write(END)
        self.output.flush()

    def read_to_end(self) -> list[str]:
        shown = b""
        while not shown.endswith(END.encode()):
            shown += os.read(self._ends[0], 4_096)
        return shown.decode().removesuffix(END).removeprefix(WIPE).split(WIPE)

    def close(self) -> None:
        self.output.close()
        os.close(self._ends[0])


@pytest.fixture
def screen() -> Iterator[Screen]:
    screen = Screen()
    yield screen
    screen.close()


def test_a_file_is_one_line_that_is_wiped_at_the_end(screen: Screen) -> None:
    with screen.watch("film.mp4", 64_000_000) as moved:
        for _ in range(2):
            screen.now_s += 1
            moved(12_000_000)
    assert screen.read() == [
        "film.mp4: 0 byte of 64 MB",
        "film.mp4: 12 MB of 64 MB",
        "film.mp4: 24 MB of 64 MB",
        "",
    ]


def test_it_is_drawn_five_times_a_second_at_most(screen: Screen) -> None:
    with screen.watch("film.mp4", 10_000) as moved:
        for _ in range(1_000):
            screen.now_s += 0.001
            moved(10)
    drawn = [line.removeprefix("film.mp4: ") for line in screen.read()]
    assert drawn[0] == "0 byte of 10 kB"
    assert drawn[-1] == ""
    assert 3 <= len(drawn[1:-1]) <= 5, "in a second"


def test_padding_does_not_count(screen: Screen) -> None:
    with screen.watch("note.txt", 10) as moved:
        screen.now_s += 1
        moved(4_096)
    assert screen.read()[1] == "note.txt: 10 byte of 10 byte"


def test_the_line_goes_when_the_file_fails(screen: Screen) -> None:
    with pytest.raises(ConnectionError), screen.watch("film.mp4", 10):
        raise ConnectionError
    assert screen.read()[-1] == ""


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("\x1b[2Jfilm\n.mp4", r"\x1b[2Jfilm\n.mp4"),
        ("\u202egpj.film", r"\u202egpj.film"),
        ("a" * 100, "a" * 21 + "…"),
        ("電影" * 50, "電影" * 5 + "…"),
    ],
)
def test_a_name_neither_commands_the_terminal_nor_breaks_the_line(
    screen: Screen, name: str, shown: str
) -> None:
    with screen.watch(name, 64_000_000):
        pass
    assert screen.read() == [f"{shown}: 0 byte of 64 MB", ""]
    assert columns_of(f"{shown}: 0 byte of 64 MB") < COLUMNS


def columns_of(line: str) -> int:
    return len(line) + sum(each in "電影" for each in line)


def test_a_terminal_that_does_not_know_its_width_is_an_ordinary_one() -> None:
    screen = Screen(columns=0)
    with screen.watch("a" * 100, 64_000_000):
        pass
    assert len(screen.read()[0]) == 79
    screen.close()


def test_a_file_is_no_terminal() -> None:
    output = io.StringIO()
    assert watch_on(output) is unwatched
    with unwatched("film.mp4", 10) as moved:
        moved(10)
    assert output.getvalue() == ""


def test_pieces_are_told_of_when_they_have_been_used() -> None:
    told: list[int] = []
    pieces = counted([b"one", b"fourth"], told.append)
    assert next(pieces) == b"one"
    assert told == []
    assert list(pieces) == [b"fourth"]
    assert told == [3, 6]


def test_amounts_read_as_on_the_page() -> None:
    amounts = [0, 1, 512, 999, 1_000, 1_049, 9_960, 10_500, 999_999, 12_345_678, 3 * 10**15]
    script = f"""import {{ formatBytes }} from "{ROOT}/frontend/js/ui/format.js";
        console.log(JSON.stringify({amounts}.map(formatBytes)));"""
    command = ["node", "--input-type=module", "--eval", script]
    page = subprocess.run(command, check=True, capture_output=True)
    assert [readable(amount) for amount in amounts] == json.loads(page.stdout)


async def test_each_part_is_told_of_when_it_has_arrived(crowd: Crowd, tmp_path: Path) -> None:
    alice, bob = await crowd.contacts()
    told: dict[str, list[int]] = {}

    def watch(name: str, total_bytes: int) -> AbstractContextManager[Moved]:
        return nullcontext(told.setdefault(f"{name}, {total_bytes}", []).append)

    for device in (alice, bob):
        device.engine = Engine(device.api, device.file, watch=watch)
    parts = [FILE_PART_BYTES, FILE_PART_BYTES, sealed_bytes(9_000_000) - 2 * FILE_PART_BYTES]
    received = await sent(alice, bob, written(tmp_path, "film.mp4", 9_000_000))
    assert {name: sorted(counts) for name, counts in told.items()} == {
        "film.mp4, 9000000": sorted(parts)
    }
    await bob.engine.save_file(received, received.files[0], tmp_path / "saved")
    assert sorted(told["film.mp4, 9000000"]) == sorted(parts * 2)


async def on_screen(person: Terminal, typed: str, *arguments: str) -> tuple[str, list[str]]:
    """Run a command whose errors go to a terminal; what it printed, and what was drawn."""
    screen = Screen(columns=80)
    reading = asyncio.gather(asyncio.to_thread(screen.read_to_end))
    process = await person.start(*arguments, errors=screen.output)
    output, _ = await asyncio.wait_for(process.communicate(typed.encode()), 60)
    screen.end()
    (drawn,) = await reading
    screen.close()
    assert process.returncode == 0, drawn
    return output.decode().strip(), drawn


async def test_files_of_a_message_are_watched_up_and_down(
    server_process: ServerProcess, tmp_path: Path
) -> None:
    alice, bob, _, bob_code = await meet(server_process, tmp_path)
    film = written(tmp_path, "film.mp4", 9_000_000)
    answer, drawn = await on_screen(alice, "", "attach", bob_code, str(film))
    assert answer == "sent as number 1"
    assert_drawn(drawn, "film.mp4", "9 MB", behind="")
    out = tmp_path / "saved"
    shown, drawn = await on_screen(bob, "", "tail", "--count", "1", "--save", str(out))
    assert shown.splitlines()[1].strip() == str(out / "film.mp4")
    assert_drawn(drawn, "film.mp4", "9 MB", behind="")


async def test_a_link_and_a_sealed_file_are_watched(
    server_process: ServerProcess, tmp_path: Path
) -> None:
    alice, _, _, _ = await meet(server_process, tmp_path)
    film = written(tmp_path, "film.mp4", 9_000_000)
    url, drawn = await on_screen(alice, "", "transfer", "send", str(film), "--link")
    assert_drawn(drawn, "film.mp4", "9 MB", behind="")
    get = ("link", "get", url, "--output", str(tmp_path / "by link"))
    _, (told, *drawn) = await on_screen(alice, "", *get)
    assert told.startswith("film.mp4, 9,000,000 bytes")
    assert_drawn(drawn, "film.mp4", "9 MB", behind="intact: exactly what was sent\r\n")
    seal = ("file", "seal", str(film), "--passphrase")
    sealed, drawn = await on_screen(alice, f"{PASSPHRASE}\n", *seal)
    assert_drawn(drawn, "film.mp4", "9 MB", behind="")
    opening = ("file", "open", sealed, "--output", str(tmp_path / "opened"))
    _, drawn = await on_screen(alice, f"{PASSPHRASE}\n", *opening)
    verdict = "intact, from somebody who knows the passphrase\r\n"
    assert_drawn(drawn, "film.mp4", "9 MB", behind=verdict)
    assert (tmp_path / "opened").read_bytes() == film.read_bytes()


def assert_drawn(drawn: list[str], name: str, total: str, *, behind: str) -> None:
    """A line that was drawn at least once, wiped, and the words that stand where it was."""
    first, *more, last = drawn
    assert first == f"{name}: 0 byte of {total}"
    assert all(line.startswith(f"{name}: ") and line.endswith(f" of {total}") for line in more)
    assert last == behind
