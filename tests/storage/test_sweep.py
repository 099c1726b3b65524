"""Expired data leaves the file, and leaving takes nobody's time (R-41)."""

import asyncio
import itertools

import pytest

from models.transfers import Link
from storage import open_stores
from storage.sqlite import sweep

CANARY = "canary-" * 40


async def append_many(stores, make, room, count, **fields):
    told = []
    for _ in range(count):
        stores.messages.append(make.message(room, **fields), 1_500, told.append)
    await stores.accounts.set_last_seen({})
    assert len(told) == count


def everything_in(folder):
    return b"".join(file.read_bytes() for file in folder.iterdir())


@pytest.mark.parametrize("how", ["removed", "expired"])
async def test_nothing_of_a_room_that_ended_stays_in_the_file(stores, path, make, how):
    room, other = make.room(expires_ms=5_000), make.room()
    for opened in (room, other):
        await stores.rooms.open_dm(opened, 1_000)
    capsules = {(room.members[1].user_id, make.device_id()): CANARY.encode()}
    await append_many(stores, make, room, 50, payload=CANARY, capsules=capsules)
    await append_many(stores, make, room, 2, payload=CANARY * 500)
    await append_many(stores, make, other, 50)
    assert CANARY.encode() in everything_in(path.parent)
    if how == "removed":
        await stores.rooms.remove(room.room_id)
    else:
        await stores.database.sweep(5_000)
    # Closing writes the log back into the file and drops it.
    await stores.database.close()
    assert CANARY.encode() not in everything_in(path.parent)
    reopened = await open_stores(f"sqlite:///{path}")
    assert (await reopened.rooms.by_id(other.room_id, 6_000)).last_seq == 50
    await reopened.database.close()


@pytest.mark.parametrize("how", ["ended", "expired"])
async def test_nothing_of_a_transfer_that_ended_stays_in_the_file(stores, path, make, how):
    address = f"{CANARY}@example.org"
    transfer = make.transfer(kind="address", email=address, expires_ms=5_000)
    await stores.transfers.begin(transfer, 1, 2_000)
    link = Link(bytes(32), CANARY * 300, has_passphrase=True)
    await stores.transfers.open(transfer.transfer_id, (), (), link, 2_000)
    await stores.transfers.take_download(transfer.transfer_id, CANARY, 2_000)
    person = make.transfer(kind="person", recipient=make.user(), expires_ms=5_000)
    await stores.transfers.begin(person, 1, 2_000)
    await stores.transfers.open(person.transfer_id, (), (CANARY * 300,), None, 2_000)
    await stores.database.close()
    assert CANARY.encode() in everything_in(path.parent)
    reopened = await open_stores(f"sqlite:///{path}")
    for each in (transfer, person):
        if how == "ended":
            await reopened.transfers.end(each.transfer_id)
    await reopened.database.sweep(2_000 + transfer.lives_ms)
    await reopened.database.close()
    assert CANARY.encode() not in everything_in(path.parent)


async def test_other_writes_get_in_between_the_steps_of_a_sweep(stores, make):
    room, other = make.room(expires_ms=5_000), make.room()
    for opened in (room, other):
        await stores.rooms.open_dm(opened, 1_000)
    await append_many(stores, make, room, 20 * sweep.MESSAGES_A_STEP)
    sweeping = asyncio.get_running_loop().create_task(stores.database.sweep(5_000))
    appended = 0
    while not sweeping.done():
        told = asyncio.get_running_loop().create_future()
        stores.messages.append(make.message(other), 5_000, told.set_result)
        await told
        appended += 1
    assert await sweeping == 1
    assert appended >= 10


async def test_no_step_deletes_more_than_its_share(stores, make):
    room = make.room(expires_ms=5_000)
    await stores.rooms.open_dm(room, 1_000)
    await append_many(stores, make, room, 3 * sweep.MESSAGES_A_STEP + 1)
    left = [3 * sweep.MESSAGES_A_STEP + 1]

    async def counting_write(action):
        result = await stores.database.write(action)
        count = "SELECT count(*) FROM messages"
        left.append(await stores.database.read(lambda c: c.execute(count).fetchone()[0]))
        return result

    assert await sweep.sweep(counting_write, 5_000) == 1
    steps = [before - after for before, after in itertools.pairwise(left)]
    assert max(steps) == sweep.MESSAGES_A_STEP
    assert left[-1] == 0


async def test_a_sweep_that_was_cut_short_is_completed_by_the_next(stores, make):
    room = make.room(expires_ms=5_000)
    await stores.rooms.open_dm(room, 1_000)
    await append_many(stores, make, room, 3 * sweep.MESSAGES_A_STEP)
    left = 8  # five tables that are empty, the room retired, one step of its messages

    async def stopping_write(action):
        nonlocal left
        left -= 1
        if not left:
            raise ConnectionAbortedError
        return await stores.database.write(action)

    with pytest.raises(ConnectionAbortedError):
        await sweep.sweep(stopping_write, 5_000)
    rows = "SELECT (SELECT count(*) FROM messages), (SELECT count(*) FROM capsules)"
    await stores.database.sweep(5_000)
    assert await stores.database.read(lambda c: c.execute(rows).fetchone()) == (0, 0)
    assert await stores.rooms.by_id(room.room_id, 1_000) is None
