"""TransferStore: how a transfer begins, opens and ends, with its files (S3-15)."""

from dataclasses import replace

import pytest

from protocol.errors import AppError, ErrorCode
from protocol.limits import DAY_MS, FILE_PENDING_TTL_MS, HOUR_MS
from tests.contracts.transfers import EMAIL, END_MS, MOST, NOW_MS, PLENTY, at_once


def refused(code):
    return pytest.raises(AppError, match=f"^{code}")


async def test_a_draft_comes_back_as_it_was_announced(stores, make):
    for fields in (
        {"kind": "person", "recipient": make.user()},
        {"kind": "address", "email": EMAIL, "max_downloads": 5},
        {"kind": "link"},
    ):
        transfer = make.transfer(**fields)
        assert await stores.transfers.begin(transfer, MOST, NOW_MS) == transfer
        assert await stores.transfers.by_id(transfer.transfer_id, NOW_MS) == transfer
        assert await stores.transfers.heads(transfer.transfer_id) == []


async def test_announcing_again_alike_gives_the_transfer_there_is(stores, make, opened):
    transfer = await opened()
    again = make.transfer(
        transfer_id=transfer.transfer_id,
        sender=transfer.sender,
        created_ms=NOW_MS,
        expires_ms=NOW_MS + transfer.lives_ms,
    )
    assert await stores.transfers.begin(again, 1, NOW_MS) == transfer


async def test_announcing_again_is_alike_also_after_somebody_accepted(stores, make, to_address):
    transfer = await to_address()
    await stores.transfers.accept(transfer.transfer_id, make.user(), NOW_MS)
    again = make.transfer(
        transfer_id=transfer.transfer_id, sender=transfer.sender, kind="address", email=EMAIL
    )
    there = await stores.transfers.begin(again, MOST, NOW_MS)
    assert (there.state, there.recipient is None) == ("open", False)


@pytest.mark.parametrize(
    "change",
    [
        {"sender": "another one"},
        {"kind": "link", "email": None},
        {"email": "cuc@example.org"},
        {"expires_ms": END_MS - HOUR_MS},
        {"max_downloads": 5},
    ],
)
async def test_another_transfer_does_not_get_a_taken_id(stores, draft, change):
    transfer = await draft(kind="address", email=EMAIL)
    with refused(ErrorCode.CONFLICT):
        await stores.transfers.begin(replace(transfer, **change), MOST, NOW_MS)
    assert await stores.transfers.by_id(transfer.transfer_id, NOW_MS) == transfer


async def test_of_many_that_ask_for_one_id_one_gets_it(both, make):
    transfer_id = make.transfer().transfer_id
    outcomes = await at_once(
        both,
        10,
        lambda transfers, _: transfers.begin(make.transfer(transfer_id=transfer_id), MOST, NOW_MS),
    )
    refusals = [o.code for o in outcomes if isinstance(o, AppError)]
    assert refusals == [ErrorCode.CONFLICT] * 9


@pytest.mark.parametrize("how", ["ended", "expired", "swept"])
async def test_the_id_of_a_transfer_that_has_ended_is_not_given_again(
    stores, draft, with_file, how
):
    transfer = await draft()
    file = await with_file(transfer)
    now_ms = NOW_MS
    if how == "ended":
        await stores.transfers.end(transfer.transfer_id)
    else:
        now_ms += FILE_PENDING_TTL_MS
    if how == "swept":
        await stores.database.sweep(now_ms)
    with refused(ErrorCode.CONFLICT):
        await stores.transfers.begin(transfer, MOST, now_ms)
    await stores.database.sweep(now_ms)
    assert await stores.files.ended(now_ms, 10) == [file.file_id]
    assert await stores.files.known(frozenset([file.file_id])) == {file.file_id}


async def test_nobody_has_more_than_the_most(stores, make):
    sender = make.user()
    transfers = [make.transfer(sender=sender) for _ in range(MOST + 1)]
    for transfer in transfers[:MOST]:
        await stores.transfers.begin(transfer, MOST, NOW_MS)
    with refused(ErrorCode.QUOTA_FULL):
        await stores.transfers.begin(transfers[MOST], MOST, NOW_MS)
    assert await stores.transfers.by_id(transfers[MOST].transfer_id, NOW_MS) is None
    await stores.transfers.begin(make.transfer(), MOST, NOW_MS)
    await stores.transfers.end(transfers[0].transfer_id)
    await stores.transfers.begin(transfers[MOST], MOST, NOW_MS)


async def test_what_has_expired_does_not_count_for_the_most(stores, make):
    sender = make.user()
    await stores.transfers.begin(make.transfer(sender=sender), 1, NOW_MS)
    later_ms = NOW_MS + FILE_PENDING_TTL_MS
    later = make.transfer(sender=sender, created_ms=later_ms, expires_ms=later_ms + DAY_MS)
    assert await stores.transfers.begin(later, 1, later_ms) == later


async def test_the_most_holds_however_many_calls_run_at_once(stores, both, make):
    sender = make.user()
    outcomes = await at_once(
        both,
        12,
        lambda transfers, _: transfers.begin(make.transfer(sender=sender), MOST, NOW_MS),
    )
    there = {o.transfer_id for o in outcomes if not isinstance(o, BaseException)}
    assert {o.code for o in outcomes if isinstance(o, AppError)} == {ErrorCode.QUOTA_FULL}
    assert {t.transfer_id for t in await stores.transfers.sent(sender, NOW_MS)} == there
    assert len(there) <= MOST


async def test_one_announced_many_times_at_once_is_there_once(stores, both, make):
    transfer = make.transfer()
    outcomes = await at_once(both, 10, lambda transfers, _: transfers.begin(transfer, 1, NOW_MS))
    assert outcomes == [transfer] * 10
    assert await stores.transfers.sent(transfer.sender, NOW_MS) == [transfer]


async def test_a_transfer_opens_with_all_its_contents(stores, make, draft, with_file):
    transfer, link = await draft(), make.link()
    files = [await with_file(transfer) for _ in range(3)]
    ids = tuple(file.file_id for file in files)
    whole = replace(
        transfer,
        state="open",
        files=tuple((file.file_id, file.size_bytes) for file in files),
        link=link,
        opened_ms=NOW_MS,
        expires_ms=NOW_MS + transfer.lives_ms,
    )
    for _ in range(2):
        assert await stores.transfers.open(transfer.transfer_id, ids, (), link, NOW_MS) == whole
    assert await stores.transfers.by_id(transfer.transfer_id, NOW_MS) == whole


async def test_heads_come_back_in_the_order_of_the_files(stores, make, draft, with_file):
    transfer = await draft(kind="person", recipient=make.user())
    ids = tuple([(await with_file(transfer)).file_id for _ in range(10)])
    heads = tuple(make.text(300) for _ in ids)
    there = await stores.transfers.open(transfer.transfer_id, ids, heads, None, NOW_MS)
    assert (there.is_sealed, there.link) == (True, None)
    assert tuple(file_id for file_id, _ in there.files) == ids
    assert await stores.transfers.heads(transfer.transfer_id) == list(heads)


@pytest.mark.parametrize("what", ["files", "order", "heads", "no heads", "link"])
async def test_an_open_transfer_is_not_opened_with_other_contents(
    stores, make, draft, with_file, what
):
    transfer = await draft(kind="person", recipient=make.user())
    ids = tuple([(await with_file(transfer)).file_id for _ in range(2)])
    contents = {
        "files": (ids[:1], ("one", "two"), None),
        "order": (ids[::-1], ("one", "two"), None),
        "heads": (ids, ("one", "three"), None),
        "no heads": (ids, (), None),
        "link": (ids, ("one", "two"), make.link()),
    }
    await stores.transfers.open(transfer.transfer_id, ids, ("one", "two"), None, NOW_MS)
    with refused(ErrorCode.CONFLICT):
        await stores.transfers.open(transfer.transfer_id, *contents[what], NOW_MS)
    assert await stores.transfers.heads(transfer.transfer_id) == ["one", "two"]


async def test_of_many_that_open_it_one_succeeds(stores, both, make, draft, with_file):
    transfer = await draft()
    ids = ((await with_file(transfer)).file_id,)
    links = [make.link() for _ in range(10)]
    outcomes = await at_once(
        both,
        10,
        lambda transfers, n: transfers.open(transfer.transfer_id, ids, (), links[n], NOW_MS),
    )
    (there,) = [o for o in outcomes if not isinstance(o, AppError)]
    assert {o.code for o in outcomes if isinstance(o, AppError)} == {ErrorCode.CONFLICT}
    assert await stores.transfers.by_id(transfer.transfer_id, NOW_MS) == there


async def test_a_transfer_does_not_open_before_every_file_is_whole(stores, make, draft, with_file):
    transfer, foreign = await draft(), await draft()
    whole = await with_file(transfer)
    ended = await with_file(transfer)
    await stores.files.expire(ended.file_id)
    pending = await stores.files.begin(make.file(transfer), PLENTY, NOW_MS)
    for other in (pending, ended, await with_file(foreign), make.file(transfer)):
        with refused(ErrorCode.INCOMPLETE):
            await stores.transfers.open(
                transfer.transfer_id, (whole.file_id, other.file_id), (), make.link(), NOW_MS
            )
    assert await stores.transfers.by_id(transfer.transfer_id, NOW_MS) == transfer


async def test_what_is_not_live_does_not_open(stores, make, draft, with_file):
    transfer = await draft()
    ids = ((await with_file(transfer)).file_id,)
    late_ms = NOW_MS + FILE_PENDING_TTL_MS
    assert await stores.transfers.open(transfer.transfer_id, ids, (), None, late_ms) is None
    assert await stores.transfers.open(make.text(), ids, (), None, NOW_MS) is None


async def test_a_draft_lives_for_a_day_however_short_its_life_will_be(stores, draft):
    ends_ms = 1_500 + FILE_PENDING_TTL_MS
    for transfer in (await draft(), await draft(expires_ms=1_500 + HOUR_MS)):
        assert await stores.transfers.by_id(transfer.transfer_id, ends_ms - 1) == transfer
        assert await stores.transfers.by_id(transfer.transfer_id, ends_ms) is None
        assert await stores.transfers.sent(transfer.sender, ends_ms) == []


async def test_the_life_of_a_transfer_counts_from_when_it_is_opened(stores, draft, with_file):
    transfer = await draft(expires_ms=1_500 + HOUR_MS)
    ids = ((await with_file(transfer)).file_id,)
    late_ms = 1_500 + 2 * HOUR_MS
    for now_ms in (late_ms, late_ms + 1):
        opened = await stores.transfers.open(transfer.transfer_id, ids, (), None, now_ms)
        assert (opened.expires_ms, opened.opened_ms) == (late_ms + HOUR_MS, late_ms)
    end_ms = late_ms + HOUR_MS
    assert await stores.transfers.by_id(transfer.transfer_id, end_ms - 1) == opened
    assert await stores.transfers.by_id(transfer.transfer_id, end_ms) is None
    assert await stores.transfers.begin(transfer, MOST, NOW_MS) == opened, "announced alike"


async def test_an_open_transfer_lives_until_its_end(stores, make, opened):
    recipient = make.user()
    transfer = await opened(kind="person", recipient=recipient)
    assert await stores.transfers.by_id(transfer.transfer_id, END_MS - 1) == transfer
    assert await stores.transfers.received(recipient, EMAIL, [], END_MS - 1) == [transfer]
    assert await stores.transfers.by_id(transfer.transfer_id, END_MS) is None
    assert await stores.transfers.received(recipient, EMAIL, [], END_MS) == []


async def test_a_transfer_can_be_ended_once_and_nobody_finds_it(stores, make, opened):
    recipient = make.user()
    transfer = await opened(kind="person", recipient=recipient)
    assert await stores.transfers.end(transfer.transfer_id) is True
    assert await stores.transfers.end(transfer.transfer_id) is False
    assert await stores.transfers.by_id(transfer.transfer_id, NOW_MS) is None
    assert await stores.transfers.heads(transfer.transfer_id) == []
    assert await stores.transfers.sent(transfer.sender, NOW_MS) == []
    assert await stores.transfers.received(recipient, EMAIL, [], NOW_MS) == []
    assert await stores.transfers.take_download(transfer.transfer_id, "an", NOW_MS) is False


async def test_a_file_lives_exactly_as_long_as_its_transfer(stores, opened):
    transfer = await opened()
    ((file_id, _),) = transfer.files
    assert (await stores.files.by_id(file_id, END_MS - 1)).state == "committed"
    assert await stores.files.by_id(file_id, END_MS) is None
    assert await stores.files.ended(END_MS, 10) == []
    await stores.database.sweep(END_MS)
    assert await stores.files.ended(END_MS, 10) == [file_id]


async def test_the_files_of_an_ended_transfer_end_with_it(stores, make, draft, with_file, opened):
    transfer, other = await draft(), await opened()
    whole = await with_file(transfer)
    pending = await stores.files.begin(make.file(transfer), PLENTY, NOW_MS)
    await stores.transfers.end(transfer.transfer_id)
    for file in (whole, pending):
        assert await stores.files.by_id(file.file_id, NOW_MS) is None
        assert await stores.files.add_part(file.file_id, 0, bytes(32), NOW_MS) is False
        assert await stores.files.commit(file.file_id, NOW_MS) is None
    assert set(await stores.files.ended(NOW_MS, 10)) == {whole.file_id, pending.file_id}
    assert await stores.files.by_id(other.files[0][0], NOW_MS) is not None


async def test_a_draft_that_is_not_opened_goes_with_its_files(stores, draft, with_file):
    transfer = await draft()
    file = await with_file(transfer)
    end_ms = NOW_MS + FILE_PENDING_TTL_MS  # after the part that came
    assert await stores.files.by_id(file.file_id, end_ms) is None
    assert await stores.database.sweep(end_ms - 1) == 0
    assert await stores.database.sweep(end_ms) == 1
    assert await stores.files.ended(end_ms, 10) == [file.file_id]
    assert await stores.transfers.of_sender(transfer.sender) == []


async def test_a_file_that_was_forgotten_leaves_nothing_of_its_transfer(stores, draft, with_file):
    """R-40: the record of a file goes last, and only then its transfer's id is free."""
    transfer = await draft()
    file = await with_file(transfer)
    await stores.transfers.end(transfer.transfer_id)
    await stores.files.forget(file.file_id)
    assert await stores.files.known(frozenset([file.file_id])) == frozenset()
    with refused(ErrorCode.CONFLICT):
        await stores.transfers.begin(transfer, MOST, NOW_MS)
    tomorrow_ms = NOW_MS + DAY_MS
    await stores.files.ended(tomorrow_ms, 10)
    again = replace(transfer, created_ms=tomorrow_ms, expires_ms=tomorrow_ms + DAY_MS)
    assert await stores.transfers.begin(again, MOST, tomorrow_ms) == again


async def test_an_operator_gets_all_that_have_not_ended(stores, make, draft, opened):
    sender = make.user()
    there = [await opened(sender=sender), await draft(sender=sender, created_ms=1_600)]
    gone = await opened(sender=sender)
    await stores.transfers.end(gone.transfer_id)
    ids = [transfer.transfer_id for transfer in there]
    assert await stores.transfers.of_sender(sender) == ids
    assert await stores.transfers.of_sender(make.user()) == []
