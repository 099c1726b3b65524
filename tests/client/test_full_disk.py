"""Parts that do not fit on the disk are refused, leave nothing, and stop nothing else (R-35)."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from client.errors import RefusedError
from tests.client.crowd import Crowd
from tests.client.test_room_files import sent, written
from tests.process import ServerProcess
from tests.small_disk import SmallDisk

MIB = 1024 * 1024


@pytest.fixture
def disk(tmp_path_factory: pytest.TempPathFactory) -> SmallDisk:
    """Takes one part of a file and half of another."""
    return SmallDisk(tmp_path_factory.mktemp("server"), 6 * MIB)


@pytest.fixture
def server_process(disk: SmallDisk) -> Iterator[ServerProcess]:
    server = disk.server()
    server.start()
    yield server
    assert server.stop() == 0
    assert '"level": "error"' not in server.log.read_text(encoding="utf-8")


async def test_a_part_that_does_not_fit_is_refused_and_everything_else_goes_on(
    crowd: Crowd, disk: SmallDisk, tmp_path: Path
) -> None:
    alice, bob = await crowd.contacts()
    room = await alice.engine.open_room(bob.user_id)
    film = written(tmp_path, "film.mp4", 9_000_000)
    with pytest.raises(RefusedError, match="storage_full"):
        await alice.engine.send_files(room, [film])
    assert disk.whole_parts() < 3  # none, when two that came together met its end together

    note = written(tmp_path, "note.txt", 10_000)
    received = await sent(alice, bob, note, text="this one fits")
    (record,) = received.files
    await bob.engine.save_file(received, record, tmp_path / "saved.txt")
    assert (tmp_path / "saved.txt").read_bytes() == note.read_bytes()
    await bob.engine.send_text(room, "words as well")
    assert await alice.texts(room) == ["words as well"]
