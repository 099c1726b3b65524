"""The documented backup is one (R-42): what was acknowledged before it is there after it."""

import contextlib
import hashlib
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from client.errors import RefusedError
from protocol.limits import FILE_PART_BYTES
from tests.client.crowd import PASSWORD, Crowd
from tests.client.test_room_files import written
from tests.process import ServerProcess

pytestmark = pytest.mark.slow


def hashes_of_parts(database: Path) -> set[str]:
    """SHA-256 of every part of every whole file that a database knows."""
    with contextlib.closing(sqlite3.connect(database)) as connection:
        found = connection.execute("SELECT hashes FROM files WHERE state = 'committed'")
        joined = b"".join(hashes for (hashes,) in found)
    return {joined[at : at + 32].hex() for at in range(0, len(joined), 32)}


def hashes_on_disk(files: Path) -> set[str]:
    parts = [path for path in files.rglob("*") if path.is_file()]
    assert len(parts) == 2
    return {hashlib.sha256(path.read_bytes()).hexdigest() for path in parts}


def back_up(server: ServerProcess, copy: Path) -> None:
    """Run the documented command while the server runs."""
    database = str(server.data_dir / "sealroom.db")
    command = [sys.executable, "-m", "apsw", database, f"VACUUM INTO '{copy}'"]
    subprocess.run(command, check=True, capture_output=True, timeout=60)


async def test_people_go_on_from_a_backup_with_everything_that_was_said_before_it(
    tmp_path: Path,
) -> None:
    before, after = tmp_path / "before", tmp_path / "after"
    before.mkdir()
    after.mkdir(mode=0o700)
    server = ServerProcess(before)
    server.start()
    crowd = Crowd(server, tmp_path)
    alice, bob = await crowd.contacts()
    room_id = await alice.engine.open_room(bob.user_id)
    await bob.engine.rooms()
    for number in range(3):
        await alice.engine.send_text(room_id, str(number))
    source = written(tmp_path, "a film", FILE_PART_BYTES + 1_000)
    await alice.engine.send_files(room_id, [source], "with a file")
    back_up(server, after / "sealroom.db")
    shutil.copytree(before / "files", after / "files")
    server.kill()
    shutil.copy(before / "master.key", after)
    server.data_dir = after
    server.start()
    received = await bob.read(room_id)
    assert [each.text for each in received] == ["0", "1", "2", "with a file"]
    (record,) = received[-1].files
    await bob.engine.save_file(received[-1], record, tmp_path / "saved")
    assert (tmp_path / "saved").read_bytes() == source.read_bytes()
    assert hashes_of_parts(after / "sealroom.db") == hashes_on_disk(after / "files")
    await bob.engine.send_text(room_id, "and on it goes")
    assert await alice.texts(room_id) == ["and on it goes"]
    bob.close()
    bob.start()
    await bob.account.resume()
    await passwords_still_work(crowd, alice.email)
    for device in crowd.devices:
        device.close()
    assert server.stop() == 0


async def passwords_still_work(crowd: Crowd, email: str) -> None:
    """The right password, and no other, is answered with a code."""
    device = crowd.device(email)
    with pytest.raises(RefusedError) as caught:
        await device.account.log_in(email, "not the password at all")
    assert caught.value.code == "bad_credentials"
    await device.account.log_in(email, PASSWORD)
