"""What may come between the steps of an append (R-01, R-04, R-05, R-41)."""

import asyncio
import contextlib

import pytest

from models.messages import Appended
from protocol.errors import ErrorCode
from storage import open_stores
from storage.mongo import append as appending
from tests import mongo
from tests.storage.mongo.deaths import Cutter, through
from tests.storage.mongo.proxy import CHUNK_BYTES, Proxy

pytestmark = pytest.mark.mongo

LIFE_MS = 1_000_000
MEETINGS = 100  # of three processes at one number


@pytest.fixture
async def room(stores, make):
    room = make.room()
    await stores.rooms.open_dm(room, 1_000)
    return room


@pytest.fixture
def documents(url):
    """The database itself, beside the stores."""
    with mongo.connect() as client:
        yield client[mongo.name_of(url)]


@pytest.fixture
def append(stores):
    async def append_all(*messages, to=stores):
        told = [asyncio.get_running_loop().create_future() for _ in messages]
        for message, outcome in zip(messages, told, strict=True):
            to.messages.append(message, 1_500, outcome.set_result)
        return [await outcome for outcome in told]

    return append_all


@pytest.fixture
async def open_another(url):
    """Open the stores once more, as another process does."""
    async with contextlib.AsyncExitStack() as closing:

        async def open_one():
            opened = await open_stores(url)
            closing.push_async_callback(opened.database.close)
            return opened

        yield open_one


@pytest.fixture
def between(monkeypatch):
    """Let something happen before a step of the appends to come, the first time."""

    def interpose(step, action):
        original = getattr(appending._Pass, step)

        async def interrupted(self, *args):
            monkeypatch.setattr(appending._Pass, step, original)
            await action()
            return await original(self, *args)

        monkeypatch.setattr(appending._Pass, step, interrupted)

    return interpose


async def page_of(stores, room):
    reader = (room.members[1].user_id, "none")
    page, _ = await stores.messages.page(room.room_id, reader, now_ms=1_500, limit=100)
    return [(message.seq, message.msg_id) for message in page]


def stored(documents):
    return documents["messages"].count_documents({})


@pytest.mark.parametrize("step", ["_store", "_commit"])
@pytest.mark.parametrize("how", ["removed", "expired"])
async def test_a_message_to_a_room_that_ends_meanwhile_is_refused_and_taken_back(
    stores, make, room, append, between, documents, step, how
):
    async def end():
        if how == "removed":
            assert await stores.rooms.remove(room.room_id)
        else:
            assert await stores.database.sweep(LIFE_MS) == 1

    other = make.room(expires_ms=2 * LIFE_MS)
    await stores.rooms.open_dm(other, 1_000)
    between(step, end)
    outcomes = await append(make.message(room), make.message(other), make.message(room))
    assert [outcomes[n].code for n in (0, 2)] == [ErrorCode.NOT_FOUND] * 2
    assert outcomes[1].seq == 1
    assert stored(documents) == 1


async def test_what_a_process_that_died_left_to_an_ended_room_is_swept(
    stores, make, room, append, documents
):
    await append(make.message(room))
    left = documents["messages"].find_one()
    await stores.rooms.remove(room.room_id)
    assert stored(documents) == 0
    documents["messages"].insert_one(left)
    assert await stores.database.sweep(1_500) == 0
    assert stored(documents) == 0


async def test_a_room_that_is_opened_anew_takes_no_message_meant_for_the_ended_one(
    stores, make, room, append, between
):
    async def reopen():
        await stores.rooms.remove(room.room_id)
        await stores.rooms.open_dm(room, 1_000)

    between("_store", reopen)
    (outcome,) = await append(make.message(room))
    assert outcome.code == ErrorCode.NOT_FOUND
    assert await page_of(stores, room) == []


async def test_a_message_that_was_never_committed_is_unseen_until_the_next_one_is(
    stores, make, room, append, documents
):
    await append(make.message(room))
    lost = make.message(room)
    first = documents["messages"].find_one()
    documents["messages"].insert_one({**first, "_id": "lost", "seq": 2, "msg_id": lost.msg_id})
    assert len(await page_of(stores, room)) == 1
    assert (await stores.rooms.by_id(room.room_id, 1_500)).last_seq == 1
    following = make.message(room)
    assert [outcome.seq for outcome in await append(following)] == [3]
    assert (await page_of(stores, room))[1:] == [(2, lost.msg_id), (3, following.msg_id)]


async def test_a_sender_who_asks_again_commits_what_was_left_uncommitted(
    stores, make, room, append, documents
):
    message = make.message(room)
    await append(message)
    documents["rooms"].update_one({}, {"$set": {"last_seq": 0}})
    assert await page_of(stores, room) == []
    assert await append(message) == [Appended(1, 1_500, message.frank, fresh=False)]
    assert await page_of(stores, room) == [(1, message.msg_id)]


@pytest.mark.parametrize("at", [1, 2, 3])
@pytest.mark.parametrize("answer_lost", [False, True])
async def test_a_lost_answer_is_found_out_and_told_as_if_it_had_come(
    stores, url, make, room, append, at, answer_lost
):
    messages = [make.message(room) for _ in range(3)]
    async with Cutter(mongo.URI, answer_lost=answer_lost) as cutter:
        disturbed = await open_stores(through(cutter, url))
        cutter.arm(at)
        waiting = asyncio.ensure_future(append(*messages, to=disturbed))
        await cutter.cut_through.wait()
        cutter.heal()
        outcomes = await waiting
        await disturbed.database.close()
    assert [(outcome.seq, outcome.fresh) for outcome in outcomes] == [
        (1, True),
        (2, True),
        (3, True),
    ]
    assert await page_of(stores, room) == [
        (seq, message.msg_id) for seq, message in enumerate(messages, start=1)
    ]


async def test_processes_that_take_the_same_number_do_not_wait_for_each_other(
    make, room, append, monkeypatch, open_another
):
    """In an index whose inserts may do so the database ends one of them, after a second or more."""
    told = []
    stored_before = appending._stored_before

    def overheard(error, numbered):
        told.extend(write["code"] for write in error.details["writeErrors"])
        return stored_before(error, numbered)

    monkeypatch.setattr(appending, "_stored_before", overheard)
    processes = [await open_another() for _ in range(3)]
    for _ in range(MEETINGS):
        await asyncio.gather(*(append(make.message(room), to=process) for process in processes))
    assert set(told) == {appending.DUPLICATE_KEY}


class Overheard(Proxy):
    """Keeps what goes through it."""

    traffic = b""

    async def _pump(self, source, sink):
        while data := await source.read(CHUNK_BYTES):
            self.traffic += data
            sink.write(data)
        raise ConnectionError("one end has closed")


async def test_a_capsule_of_another_device_never_leaves_the_database(
    stores, url, make, room, append
):
    readers = [(room.members[1].user_id, make.device_id()) for _ in range(3)]
    capsules = {reader: make.capsule() for reader in readers}
    await append(make.message(room, capsules=capsules))
    async with Overheard(mongo.URI) as proxy:
        reading = await open_stores(through(proxy, url))
        await reading.messages.page(room.room_id, readers[1], now_ms=1_500, limit=5)
        await reading.database.close()
    assert [capsules[reader] in proxy.traffic for reader in readers] == [False, True, False]
