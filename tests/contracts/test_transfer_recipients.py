"""TransferStore: who gets a transfer, and how often it is downloaded (S3-15)."""

from dataclasses import replace

import pytest

from models.transfers import newest_first
from protocol.errors import AppError, ErrorCode
from protocol.limits import TRANSFER_DOWNLOADS
from tests.contracts.transfers import EMAIL, END_MS, NOW_MS, at_once, listed


def refused(code):
    return pytest.raises(AppError, match=f"^{code}")


async def test_an_address_is_accepted_once(stores, make, to_address):
    transfer, an, binh = await to_address(), make.user(), make.user()
    for _ in range(2):
        assert await stores.transfers.accept(transfer.transfer_id, an, NOW_MS) is True
    assert await stores.transfers.accept(transfer.transfer_id, binh, NOW_MS) is False
    there = await stores.transfers.by_id(transfer.transfer_id, NOW_MS)
    assert there == replace(transfer, recipient=an)


async def test_of_many_that_accept_one_gets_it(stores, both, make, to_address):
    transfer, people = await to_address(), [make.user() for _ in range(10)]
    outcomes = await at_once(
        both,
        10,
        lambda transfers, n: transfers.accept(transfer.transfer_id, people[n], NOW_MS),
    )
    assert sorted(outcomes) == [False] * 9 + [True]
    there = await stores.transfers.by_id(transfer.transfer_id, NOW_MS)
    assert there.recipient == people[outcomes.index(True)]


async def test_nothing_else_is_accepted(stores, make, draft, opened, to_address):
    hidden = await to_address()
    await stores.transfers.hide(hidden.transfer_id)
    for transfer in (
        await draft(kind="address", email=EMAIL),
        await opened(),
        await opened(kind="person", recipient=make.user()),
        make.transfer(),
        hidden,
    ):
        assert await stores.transfers.accept(transfer.transfer_id, make.user(), NOW_MS) is False
    expired = await to_address()
    assert await stores.transfers.accept(expired.transfer_id, make.user(), END_MS) is False


async def test_heads_are_added_once_for_whoever_accepted(stores, make, to_address):
    transfer = await to_address()
    assert await stores.transfers.seal(transfer.transfer_id, ("one",), NOW_MS) is False
    await stores.transfers.accept(transfer.transfer_id, make.user(), NOW_MS)
    for heads in ((), ("one", "two")):
        with refused(ErrorCode.BAD_REQUEST):
            await stores.transfers.seal(transfer.transfer_id, heads, NOW_MS)
    assert await stores.transfers.heads(transfer.transfer_id) == []
    for head in ("one", "two"):
        assert await stores.transfers.seal(transfer.transfer_id, (head,), NOW_MS) is True
    assert await stores.transfers.heads(transfer.transfer_id) == ["one"]
    assert (await stores.transfers.by_id(transfer.transfer_id, NOW_MS)).is_sealed
    assert await stores.transfers.seal(transfer.transfer_id, ("one",), END_MS) is False


async def test_of_many_that_seal_it_one_is_kept_whole(stores, both, make, to_address):
    transfer = await to_address()
    await stores.transfers.accept(transfer.transfer_id, make.user(), NOW_MS)
    outcomes = await at_once(
        both,
        10,
        lambda transfers, n: transfers.seal(transfer.transfer_id, (f"head {n}",), NOW_MS),
    )
    assert outcomes == [True] * 10
    assert len(await stores.transfers.heads(transfer.transfer_id)) == 1


async def test_opening_again_is_the_same_also_after_it_was_sealed(stores, make, to_address):
    transfer = await to_address()
    await stores.transfers.accept(transfer.transfer_id, make.user(), NOW_MS)
    await stores.transfers.seal(transfer.transfer_id, ("one",), NOW_MS)
    ids = tuple(file_id for file_id, _ in transfer.files)
    there = await stores.transfers.open(transfer.transfer_id, ids, (), transfer.link, NOW_MS)
    assert there.is_sealed
    with refused(ErrorCode.CONFLICT):
        await stores.transfers.open(transfer.transfer_id, ids, ("one",), transfer.link, NOW_MS)


async def test_what_one_sent_is_listed_newest_first_with_drafts(stores, make, draft, opened):
    sender = make.user()
    sent = [
        await opened(sender=sender, created_ms=1_500),
        await draft(sender=sender, created_ms=1_700),
        await draft(sender=sender, created_ms=1_600),
    ]
    await draft()
    assert await stores.transfers.sent(sender, NOW_MS) == newest_first(map(listed, sent))


async def test_what_one_got_is_listed_newest_first(stores, make, draft, opened, to_address):
    user = make.user()
    accepted, foreign, hidden = [await to_address(created_ms=1_500 + n) for n in range(3)]
    await stores.transfers.accept(accepted.transfer_id, user, NOW_MS)
    await stores.transfers.accept(foreign.transfer_id, make.user(), NOW_MS)
    await stores.transfers.hide(hidden.transfer_id)
    offered = await to_address(created_ms=1_800)
    person = await opened(kind="person", recipient=user, created_ms=1_700)
    await draft(kind="person", recipient=user)
    await draft(kind="address", email=EMAIL)
    await opened(kind="address", email="cuc@example.org")
    await opened()
    mine = [*map(listed, (offered, person, replace(accepted, recipient=user)))]
    assert await stores.transfers.received(user, EMAIL, [], NOW_MS) == mine
    assert await stores.transfers.received(user, "other@example.org", [], NOW_MS) == mine[1:]
    assert await stores.transfers.received(make.user(), EMAIL, [], NOW_MS) == mine[:1]


async def test_strangers_do_not_crowd_out_what_one_got_of_contacts(
    stores, make, opened, to_address, monkeypatch
):
    for database in ("mongo", "sqlite"):
        monkeypatch.setattr(f"storage.{database}.transfers.TRANSFERS_SHOWN", 2)
    user = make.user()
    mine = [await opened(kind="person", recipient=user, created_ms=1_500 + n) for n in range(3)]
    offers = [await to_address(created_ms=1_600 + n) for n in range(4)]
    found = await stores.transfers.received(user, EMAIL, [], NOW_MS)
    assert found == [*map(listed, (offers[3], offers[2], mine[2], mine[1]))]
    blocked = [offers[3].sender, mine[2].sender]
    found = await stores.transfers.received(user, EMAIL, blocked, NOW_MS)
    assert found == [*map(listed, (offers[2], offers[1], mine[1], mine[0]))]


async def test_what_somebody_accepted_and_hid_is_out_of_sight(stores, make, to_address):
    transfer, user = await to_address(), make.user()
    await stores.transfers.accept(transfer.transfer_id, user, NOW_MS)
    await stores.transfers.hide(transfer.transfer_id)
    assert await stores.transfers.received(user, EMAIL, [], NOW_MS) == []
    (sent,) = await stores.transfers.sent(transfer.sender, NOW_MS)
    assert sent.is_hidden


async def test_only_what_went_to_an_address_is_hidden(stores, make, opened):
    user = make.user()
    transfer = await opened(kind="person", recipient=user)
    await stores.transfers.hide(transfer.transfer_id)
    assert await stores.transfers.received(user, EMAIL, [], NOW_MS) == [transfer]


async def test_a_download_counts_once_for_each_holder(stores, opened):
    transfer = await opened(max_downloads=2)
    for holder in ("an", "binh", "an", "binh"):
        assert await stores.transfers.take_download(transfer.transfer_id, holder, NOW_MS) is True
    there = await stores.transfers.by_id(transfer.transfer_id, NOW_MS)
    assert (there.downloads, there.downloads_left) == (2, 0)
    with refused(ErrorCode.USED_UP):
        await stores.transfers.take_download(transfer.transfer_id, "cuc", NOW_MS)
    assert (await stores.transfers.by_id(transfer.transfer_id, NOW_MS)).downloads == 2


async def test_the_limit_holds_however_many_calls_run_at_once(stores, both, opened):
    transfer = await opened(max_downloads=5)
    outcomes = await at_once(
        both,
        24,
        lambda transfers, n: transfers.take_download(transfer.transfer_id, f"{n % 12}", NOW_MS),
    )
    assert outcomes.count(True) == 10, "each of five holders asked twice"
    assert {o.code for o in outcomes if o is not True} == {ErrorCode.USED_UP}
    assert (await stores.transfers.by_id(transfer.transfer_id, NOW_MS)).downloads == 5


async def test_without_a_limit_as_many_are_told_apart_as_a_limit_could_be(
    stores, opened, monkeypatch
):
    for database in ("sqlite", "mongo"):
        monkeypatch.setattr(f"storage.{database}.transfers.TRANSFER_DOWNLOADS", 2)
    assert TRANSFER_DOWNLOADS > 2
    transfer = await opened()
    for holder in ("an", "binh", "an", "cuc", "cuc", "binh"):
        assert await stores.transfers.take_download(transfer.transfer_id, holder, NOW_MS) is True
    there = await stores.transfers.by_id(transfer.transfer_id, NOW_MS)
    assert (there.downloads, there.downloads_left) == (4, None)


async def test_what_is_not_open_is_not_downloaded(stores, make, draft, opened):
    expired = await opened(max_downloads=1)
    assert await stores.transfers.take_download(expired.transfer_id, "an", END_MS) is False
    for transfer in (await draft(), make.transfer()):
        assert await stores.transfers.take_download(transfer.transfer_id, "an", NOW_MS) is False


async def test_the_first_word_that_all_of_it_arrived_is_noted(stores, draft, opened):
    transfer, unsent = await opened(), await draft()
    assert await stores.transfers.note_downloaded(unsent.transfer_id, NOW_MS) is False
    assert await stores.transfers.note_downloaded(transfer.transfer_id, END_MS) is False
    assert await stores.transfers.note_downloaded(transfer.transfer_id, NOW_MS) is True
    assert await stores.transfers.note_downloaded(transfer.transfer_id, NOW_MS + 1) is False
    there = await stores.transfers.by_id(transfer.transfer_id, NOW_MS)
    assert there == replace(transfer, downloaded_ms=NOW_MS)
