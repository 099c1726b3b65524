"""Two terminals on one account: they take turns, or the second is told so and touches nothing."""

import asyncio
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from client.__main__ import IN_USE
from client.errors import StateInUseError
from client.state import StateFile, dump_state, open_state, parse_state
from tests.client.test_command_line import Terminal, meet
from tests.client.test_file_commands import fail, type_passphrase
from tests.client.test_room_files import written
from tests.process import ServerProcess


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "private" / "state.msgpack"


@pytest.fixture
def held(path: Path) -> Iterator[StateFile]:
    with closing(StateFile(path)) as file:
        file.save()
        yield file


def in_use(path: Path) -> str:
    return f"Another terminal uses this account ({path}): end it, or wait for it."


def heard(tail: str) -> list[str]:
    """What somebody said, without the times."""
    return [line.split(" ", 1)[1] for line in tail.splitlines()]


async def test_what_two_terminals_send_at_once_arrives(
    server_process: ServerProcess, tmp_path: Path
) -> None:
    alice, bob, _, bob_code = await meet(server_process, tmp_path)
    await alice.run("send", bob_code, "first")  # from here on there is one ratchet to both
    said = [f"message {number}" for number in range(2)]
    numbers = await asyncio.gather(*(alice.run("send", bob_code, text) for text in said))
    assert sorted(numbers) == ["sent as number 2", "sent as number 3"]
    assert await alice.run("send", bob_code, "last") == "sent as number 4"
    first, *tail, last = heard(await bob.run("tail", "--count", "4"))
    assert (first, last) == ("Alice: first", "Alice: last")
    assert sorted(tail) == [f"Alice: {text}" for text in said]


async def test_nothing_is_sent_while_another_terminal_listens_until_that_one_dies(
    server_process: ServerProcess, tmp_path: Path
) -> None:
    alice, bob, alice_code, bob_code = await meet(server_process, tmp_path)
    await bob.run("send", alice_code, "are you there?")
    tail = await alice.start("tail")
    assert tail.stdout is not None
    assert heard((await tail.stdout.readline()).decode()) == ["Bob: are you there?"]
    assert await fail(alice, "send", bob_code, "refused") == (IN_USE, in_use(alice.state))
    tail.kill()
    await tail.communicate()
    assert await alice.run("send", bob_code, "I am") == "sent as number 2"
    assert heard(await bob.run("tail", "--count", "1")) == ["Alice: I am"]


@pytest.fixture
def nobody(path: Path, tmp_path: Path) -> Terminal:
    """Somebody on the state at `path`, without a server."""
    return Terminal(ServerProcess(tmp_path / "never-started"), path, "nobody@example.org")


async def test_whoever_is_refused_asks_no_server_and_changes_nothing(
    held: StateFile, path: Path, nobody: Terminal
) -> None:
    before = path.read_bytes()
    for command in (["whoami"], ["login", nobody.email]):
        assert await fail(nobody, *command) == (IN_USE, in_use(path))
    assert path.read_bytes() == before == dump_state(held.state)


@pytest.mark.usefixtures("held")
async def test_a_passphrase_alone_needs_no_state(nobody: Terminal, tmp_path: Path) -> None:
    source, opened = written(tmp_path, "a.txt", 1_000), tmp_path / "opened"
    sealed = await type_passphrase(nobody, "file", "seal", str(source), "--passphrase")
    await type_passphrase(nobody, "file", "open", sealed, "--output", str(opened))
    assert opened.read_bytes() == source.read_bytes()


async def test_a_command_that_finds_no_state_makes_none(nobody: Terminal, path: Path) -> None:
    status, _ = await fail(nobody, "contacts")
    assert (status, path.parent.exists()) == (1, False)


def test_a_state_is_had_once_until_it_is_closed(path: Path) -> None:
    with closing(StateFile(path)):
        with pytest.raises(StateInUseError, match="Another terminal"):
            StateFile(path)
        assert stat.S_IMODE(path.with_name("state.msgpack.lock").stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    with closing(StateFile(path)) as file:
        file.save()
    with pytest.raises(ValueError, match="closed"):
        file.save()


def test_a_link_to_a_state_is_the_same_state(held: StateFile, path: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(path)
    with pytest.raises(StateInUseError):
        StateFile(link)
    held.close()
    with closing(StateFile(link)) as file:
        file.state.next_prekey_id = 5
        file.save()
    assert link.is_symlink()
    with closing(StateFile(path)) as file:
        assert file.state.next_prekey_id == 5


def test_states_side_by_side_are_saved_at_once(tmp_path: Path) -> None:
    """Their names differ in what looks like a suffix only."""
    places = [tmp_path / "state.alice", tmp_path / "state.bob"]

    def save_often(place: Path) -> None:
        with closing(StateFile(place)) as file:
            for _ in range(50):
                file.state.refresh_cookie = place.name
                file.save()

    with ThreadPoolExecutor() as threads:
        list(threads.map(save_often, places))
    assert [parse_state(each.read_bytes()).refresh_cookie for each in places] == [
        each.name for each in places
    ]


def test_a_state_that_cannot_be_read_is_not_kept_from_others(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"no state")
    for _ in range(2):
        with pytest.raises(msgspec.DecodeError):
            StateFile(path)


async def test_a_state_is_waited_for(held: StateFile, path: Path) -> None:
    with pytest.raises(StateInUseError):
        await open_state(path, wait_s=0)
    waiting = asyncio.gather(open_state(path))
    await asyncio.sleep(0.1)
    assert not waiting.done()
    held.state.next_prekey_id = 7
    held.save()
    held.close()
    (file,) = await waiting
    with closing(file):
        assert file.state.next_prekey_id == 7
