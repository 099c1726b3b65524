"""Transfers are whole at any death of a process, and so are their files (R-22, R-40)."""

import pytest

from models.files import Allowance
from protocol.limits import FILE_PENDING_TTL_MS
from tests import mongo
from tests.storage.mongo.deaths import outcome_of

pytestmark = pytest.mark.mongo

NOW_MS = 2_000
END_MS = 9_000
PLENTY = Allowance(stored_bytes=2**40, daily_bytes=2**40, pending_files=1_000)
ONE_FILE = Allowance(stored_bytes=1_000, daily_bytes=2**40, pending_files=1)


@pytest.fixture
def drafted(stores, make):
    """Begin a transfer with one whole file; if it is opened at NOW_MS it lives until END_MS."""

    async def draft(**fields):
        transfer = make.transfer(**{"expires_ms": 1_500 + END_MS - NOW_MS, **fields})
        await stores.transfers.begin(transfer, 1, NOW_MS)
        file = await stores.files.begin(make.file(transfer), PLENTY, NOW_MS)
        await stores.files.add_part(file.file_id, 0, bytes(32), NOW_MS)
        return transfer, await stores.files.commit(file.file_id, NOW_MS)

    return draft


@pytest.fixture
def opened(stores, make, drafted):
    """Open such a transfer."""

    async def open_one(**fields):
        transfer, file = await drafted(**fields)
        contents = ((file.file_id,), (), make.link())
        return await stores.transfers.open(transfer.transfer_id, *contents, NOW_MS), file

    return open_one


def documents_of(url, collection):
    with mongo.connect() as client:
        return list(client[mongo.name_of(url)][collection].find())


async def test_a_transfer_is_begun_once_whoever_died_on_the_way(stores, deaths, url, make):
    async for at in deaths.each():
        transfer = make.transfer()
        async with deaths.process(at) as dying:
            outcome = await outcome_of(dying.transfers.begin(transfer, 1, NOW_MS))
        found = await stores.transfers.by_id(transfer.transfer_id, NOW_MS)
        assert found == transfer or (outcome == "unknown" and found is None)
        for _ in range(2):
            assert await stores.transfers.begin(transfer, 1, NOW_MS) == transfer
        assert await stores.transfers.sent(transfer.sender, NOW_MS) == [transfer]
    assert deaths.count >= 4


async def test_what_was_only_asked_for_goes_like_a_draft(stores, deaths, url, make):
    async for at in deaths.each():
        async with deaths.process(at) as dying:
            await outcome_of(dying.transfers.begin(make.transfer(), 1, NOW_MS))
        await stores.database.sweep(NOW_MS + FILE_PENDING_TTL_MS)
        assert documents_of(url, "transfers") == []
    assert deaths.count >= 4


async def test_a_part_that_was_expected_is_here_or_can_come_again(stores, deaths, make):
    async for at in deaths.each():
        transfer = make.transfer(expires_ms=END_MS)
        await stores.transfers.begin(transfer, 1, NOW_MS)
        file = await stores.files.begin(make.file(transfer), PLENTY, NOW_MS)
        part = file.file_id, 0, bytes(32), NOW_MS
        async with deaths.process(at) as dying:
            outcomes = [
                await outcome_of(dying.files.expect_part(*part)),
                await outcome_of(dying.files.add_part(*part)),
            ]
        here = await stores.files.received(file.file_id)
        assert here == [0] or (outcomes[1] == "unknown" and here == [])
        assert await stores.files.add_part(*part)
        assert (await stores.files.commit(file.file_id, NOW_MS)).hashes == bytes(32)
    assert deaths.count >= 6


async def test_a_transfer_opens_whole_or_not_at_all(stores, deaths, make, drafted):
    async for at in deaths.each():
        transfer, file = await drafted(kind="person", recipient=make.user())
        contents = ((file.file_id,), ("a head",), None)
        async with deaths.process(at) as dying:
            opening = dying.transfers.open(transfer.transfer_id, *contents, NOW_MS)
            outcome = await outcome_of(opening)
        there = await stores.transfers.by_id(transfer.transfer_id, NOW_MS)
        heads = await stores.transfers.heads(transfer.transfer_id)
        if there == transfer:
            assert (outcome, heads) == ("unknown", [])
        else:
            assert (there.state, there.is_sealed, heads) == ("open", True, ["a head"])
            assert there.files == ((file.file_id, file.size_bytes),)
        again = await stores.transfers.open(transfer.transfer_id, *contents, NOW_MS)
        assert (again.state, again.is_sealed) == ("open", True)
    assert deaths.count >= 4


async def test_a_download_counts_once_however_often_a_death_hid_it(stores, deaths, opened):
    async for at in deaths.each():
        transfer, _ = await opened(max_downloads=2)
        async with deaths.process(at) as dying:
            await outcome_of(dying.transfers.take_download(transfer.transfer_id, "an", NOW_MS))
        for holder in ("an", "an", "binh"):
            assert await stores.transfers.take_download(transfer.transfer_id, holder, NOW_MS)
        there = await stores.transfers.by_id(transfer.transfer_id, NOW_MS)
        assert there.downloads == 2
    assert deaths.count >= 1


async def test_a_transfer_from_before_mails_were_due_is_read(stores, url, opened):
    transfer, _ = await opened()
    with mongo.connect() as client:
        transfers = client[mongo.name_of(url)]["transfers"]
        transfers.update_one({"_id": transfer.transfer_id}, {"$unset": {"mail_due_ms": True}})
    assert await stores.transfers.by_id(transfer.transfer_id, NOW_MS) == transfer
    assert await stores.transfers.mails_due(END_MS - 1, 10) == []


@pytest.mark.parametrize("how", ["ended", "expired"])
async def test_a_transfer_ends_with_its_files(stores, deaths, url, opened, how):
    async for at in deaths.each():
        transfer, file = await opened()
        async with deaths.process(at) as dying:
            ending = dying.transfers.end(transfer.transfer_id) if how == "ended" else None
            outcome = await outcome_of(ending or dying.database.sweep(END_MS))
        there = await stores.transfers.by_id(transfer.transfer_id, NOW_MS)
        still_readable = await stores.files.by_id(file.file_id, NOW_MS)
        assert (there is None) == (still_readable is None)
        assert there is None or outcome == "unknown"
        await stores.database.sweep(END_MS)
        assert documents_of(url, "transfers") == []
        assert await stores.files.ended(NOW_MS, 10) == [file.file_id]
        await stores.files.forget(file.file_id)
    assert deaths.count >= 3


async def test_a_file_of_a_transfer_is_begun_once(stores, deaths, make):
    async for at in deaths.each():
        transfer = await stores.transfers.begin(make.transfer(), 1, NOW_MS)
        file = make.file(transfer)
        async with deaths.process(at) as dying:
            await outcome_of(dying.files.begin(file, ONE_FILE, NOW_MS))
        assert await stores.files.begin(file, ONE_FILE, NOW_MS) == file
        assert await stores.files.by_id(file.file_id, NOW_MS) == file
    assert deaths.count >= 6


async def test_a_file_from_before_there_were_transfers_is_read(stores, url, make):
    room = make.room()
    await stores.rooms.open_dm(room, 1_000)
    file = await stores.files.begin(make.file(room), PLENTY, NOW_MS)
    with mongo.connect() as client:
        files = client[mongo.name_of(url)]["files"]
        files.update_one({"_id": file.file_id}, {"$unset": {"transfer_id": True}})
    assert await stores.files.by_id(file.file_id, NOW_MS) == file


async def test_a_file_that_came_after_its_transfer_had_ended_is_nobodys(stores, url, drafted):
    transfer, file = await drafted()
    await stores.transfers.end(transfer.transfer_id)
    with mongo.connect() as client:  # as a process does that stood still since it had looked
        late = {"$set": {"state": "pending"}}
        client[mongo.name_of(url)]["files"].update_one({"_id": file.file_id}, late)
    assert await stores.files.by_id(file.file_id, NOW_MS) is None
    assert await stores.files.commit(file.file_id, NOW_MS) is None
    assert await stores.files.ended(NOW_MS, 10) == []
    assert await stores.files.ended(NOW_MS + FILE_PENDING_TTL_MS, 10) == [file.file_id]
