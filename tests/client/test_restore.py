"""The backup of docs/operations.md is one: what was acknowledged before it is there after it."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from client.errors import RefusedError
from tests.client.crowd import PASSWORD, Crowd
from tests.process import ServerProcess

pytestmark = pytest.mark.slow


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
    back_up(server, after / "sealroom.db")
    server.kill()
    shutil.copy(before / "master.key", after)
    server.data_dir = after
    server.start()
    assert await bob.texts(room_id) == ["0", "1", "2"]
    await bob.engine.send_text(room_id, "and on it goes")
    assert await alice.texts(room_id) == ["and on it goes"]
    bob.api.close()
    bob.start()
    await bob.account.resume()
    await passwords_still_work(crowd, alice.email)
    for device in crowd.devices:
        device.api.close()
    assert server.stop() == 0


async def passwords_still_work(crowd: Crowd, email: str) -> None:
    """The right password, and no other, is answered with a code."""
    device = crowd.device(email)
    with pytest.raises(RefusedError) as caught:
        await device.account.log_in(email, "not the password at all")
    assert caught.value.code == "bad_credentials"
    await device.account.log_in(email, PASSWORD)
