"""What a server does not take, the Python client refuses before it encrypts anything."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from client.errors import RefusedError
from client.sent_transfers import Terms
from protocol.limits import HOUR_MS
from tests.client.crowd import Crowd
from tests.client.test_room_files import sent, written
from tests.process import ServerProcess

MIB = 2**20


@pytest.fixture(scope="module")
def server_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server that takes little."""
    process = ServerProcess(tmp_path_factory.mktemp("server"))
    process.settings |= {"SEALROOM_FILE_MIB": "1", "SEALROOM_LINKS": "off"}
    process.start()
    yield process
    assert process.stop() == 0


async def test_the_largest_file_is_taken_and_one_byte_more_is_not(
    crowd: Crowd, tmp_path: Path
) -> None:
    alice, bob = await crowd.contacts()
    source = written(tmp_path, "largest", MIB)
    (record,) = (await sent(alice, bob, source)).files
    assert record["size"] == MIB
    larger = written(tmp_path, "larger", MIB + 1)
    room = await alice.engine.open_room(bob.user_id)
    sending = alice.engine.sent_transfers
    for attempt in (
        lambda: alice.engine.send_files(room, [source, larger], ""),
        lambda: sending.send_to_person(bob.user_id, [source, larger], Terms(HOUR_MS)),
    ):
        with pytest.raises(RefusedError, match=r"too_large: larger is larger than 1 MB, which"):
            await attempt()
    assert await sending.live() == []


async def test_where_links_are_off_only_contacts_get_files(crowd: Crowd, tmp_path: Path) -> None:
    alice = await crowd.person("alice")
    source = written(tmp_path, "a", 10)
    for email in (None, "binh@example.org"):
        with pytest.raises(RefusedError, match=r"forbidden: this server sends to contacts only"):
            await alice.engine.sent_transfers.send_by_link([source], email=email)
