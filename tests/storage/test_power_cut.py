"""What was acknowledged survives the loss of power (R-01, F2)."""

import random
import time

import pytest

from models.messages import Appended
from storage import open_stores
from storage.sqlite import connection, writer

CUTS = 40


async def messages_after(image, room):
    """Open what the disk held and return the message ids in order."""
    stores = await open_stores(f"sqlite:///{image}/sealroom.db")
    try:
        reader = (room.members[1].user_id, "none")
        page, _ = await stores.messages.page(room.room_id, reader, now_ms=1_500, limit=10_000)
        assert [m.seq for m in page] == list(range(1, len(page) + 1))
        return [m.msg_id for m in page]
    finally:
        await stores.database.close()


async def cut_after_each(disk, make, tmp_path, path, rng):
    """Append in small bursts, cut the power after each, and return how many cuts lost a message."""
    stores = await open_stores(f"sqlite:///{path}")
    room, acknowledged, cuts_with_loss = make.room(), [], 0
    await stores.rooms.open_dm(room, 1_000)
    for cut in range(CUTS):
        burst = [make.message(room) for _ in range(rng.randrange(1, 12))]
        for message in burst:

            def done(outcome, message=message):
                assert isinstance(outcome, Appended)
                acknowledged.append(message.msg_id)

            stores.messages.append(message, 1_500, done)
        # A write of its own commits after the burst: the burst has been told by then.
        await stores.rooms.keep(room.room_id, make.user(), True, 1, 1_500)
        # Half of the cuts lose everything that was not synced, the others some of it.
        image = tmp_path / f"cut{cut}"
        disk.cut_power(path.parent, image, rng if cut % 2 else None)
        survived = await messages_after(image, room)
        cuts_with_loss += survived[: len(acknowledged)] != acknowledged
    await stores.database.close()
    return cuts_with_loss


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("checkpoint_pages", [20, connection.CHECKPOINT_PAGES])
async def test_no_acknowledged_message_is_lost(
    disk, make, tmp_path, path, monkeypatch, seed, checkpoint_pages
):
    monkeypatch.setitem(connection._PRAGMAS, "wal_autocheckpoint", checkpoint_pages)
    assert await cut_after_each(disk, make, tmp_path, path, random.Random(seed)) == 0


async def test_answering_before_the_commit_would_lose_messages(
    disk, make, tmp_path, path, monkeypatch
):
    def settle_then_commit(self, batch):
        self._connection.execute("BEGIN IMMEDIATE")
        for job in batch:
            job.run(self._connection)
        self._loop.call_soon_threadsafe(writer._settle, list(batch), None)
        batch.clear()
        time.sleep(0.05)
        self._connection.execute("COMMIT")

    monkeypatch.setattr(writer.Writer, "_commit", settle_then_commit)
    assert await cut_after_each(disk, make, tmp_path, path, random.Random(1)) > 0


async def test_without_full_synchronisation_messages_would_be_lost(
    disk, make, tmp_path, path, monkeypatch
):
    monkeypatch.setitem(connection._PRAGMAS, "synchronous", 1)
    assert await cut_after_each(disk, make, tmp_path, path, random.Random(1)) > CUTS // 2


async def test_the_log_is_synced_between_the_last_write_and_the_answer(disk, make, stores, path):
    room, log = make.room(), f"{path}-wal"
    await stores.rooms.open_dm(room, 1_000)
    for n in range(20):
        disk.calls.clear()
        await stores.rooms.keep(room.room_id, room.members[0].user_id, n % 2 == 0, 1, 1_500)
        calls = [call for call, file in disk.calls if file == log]
        assert calls[-1] == "sync"
        assert "write" in calls
