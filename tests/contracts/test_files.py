"""FileStore."""

import asyncio
from dataclasses import replace

import pytest

from models.files import Allowance
from protocol.errors import AppError, ErrorCode, QuotaFull
from protocol.limits import DAY_MS, FILE_PART_BYTES, FILE_PENDING_TTL_MS, FILE_UPLOAD_TTL_MS

NOW_MS = 2_000
PLENTY = Allowance(stored_bytes=2**40, daily_bytes=2**40, pending_files=1_000)
LONG_MS = 10 * DAY_MS


@pytest.fixture
def open_room(stores, make):
    """Open a room that lives for long."""

    async def open_one():
        room = replace(make.room(), expires_ms=LONG_MS)
        await stores.rooms.open_dm(room, 1_000)
        return room

    return open_one


@pytest.fixture
async def room(open_room):
    return await open_room()


@pytest.fixture
def begun(stores, make, room):
    """Begin a file of the room."""

    async def begin(parts=1, **fields):
        return await stores.files.begin(make.file(room, parts, **fields), PLENTY, NOW_MS)

    return begin


@pytest.fixture
def whole(stores, begun):
    """Begin a file, receive every part, commit."""

    async def finish(parts=1, **fields):
        file = await begun(parts, **fields)
        for number in range(parts):
            assert await stores.files.add_part(file.file_id, number, digest(number), NOW_MS)
        return await stores.files.commit(file.file_id, NOW_MS)

    return finish


def digest(number):
    return bytes([number]) * 32


def refused(code):
    return pytest.raises(AppError, match=f"^{code}")


async def test_a_file_comes_back_as_it_was_announced(stores, make, room):
    file = make.file(room, parts=3)
    assert await stores.files.begin(file, PLENTY, NOW_MS) == file
    assert await stores.files.by_id(file.file_id, NOW_MS) == file
    assert await stores.files.received(file.file_id) == []


async def test_announcing_again_alike_gives_the_file_there_is(stores, begun):
    file = await begun()
    again = replace(file, created_ms=NOW_MS)
    assert await stores.files.begin(again, PLENTY, NOW_MS) == file


@pytest.mark.parametrize("change", ["owner", "device_id", "room_id", "size_bytes"])
async def test_another_file_does_not_get_a_taken_id(stores, begun, make, open_room, change):
    file = await begun()
    elsewhere = await open_room()
    other = make.file(elsewhere)
    value = 999 if change == "size_bytes" else getattr(other, change)
    with refused(ErrorCode.CONFLICT):
        await stores.files.begin(replace(file, **{change: value}), PLENTY, NOW_MS)


async def test_of_many_that_ask_for_one_id_one_gets_it(stores, open_more, make, room):
    other_process = await open_more()
    file_id = make.file(room).file_id
    files = [make.file(room, file_id=file_id) for _ in range(10)]
    outcomes = await asyncio.gather(
        *(
            (stores, other_process)[n % 2].files.begin(file, PLENTY, NOW_MS)
            for n, file in enumerate(files)
        ),
        return_exceptions=True,
    )
    assert len([o for o in outcomes if not isinstance(o, AppError)]) == 1
    assert {o.code for o in outcomes if isinstance(o, AppError)} == {ErrorCode.CONFLICT}


async def test_the_id_of_a_file_that_has_ended_is_not_given_again(stores, begun):
    file = await begun()
    await stores.files.expire(file.file_id)
    with refused(ErrorCode.CONFLICT):
        await stores.files.begin(file, PLENTY, NOW_MS)


@pytest.mark.parametrize(
    ("limit", "allowance"),
    [
        ("stored", Allowance(stored_bytes=2_500, daily_bytes=2**40, pending_files=9)),
        ("daily", Allowance(stored_bytes=2**40, daily_bytes=2_500, pending_files=9)),
        ("pending", Allowance(stored_bytes=2**40, daily_bytes=2**40, pending_files=2)),
    ],
)
async def test_the_allowance_ends_after_the_second_file(
    stores, make, room, open_room, limit, allowance
):
    files = [make.file(room) for _ in range(3)]
    for file in files[:2]:
        await stores.files.begin(file, allowance, NOW_MS)
    with pytest.raises(QuotaFull, match=limit):
        await stores.files.begin(files[2], allowance, NOW_MS)
    assert await stores.files.by_id(files[2].file_id, NOW_MS) is None
    assert await stores.files.known(frozenset(f.file_id for f in files)) == {
        files[0].file_id,
        files[1].file_id,
    }
    await stores.files.begin(make.file(await open_room()), allowance, NOW_MS)


async def test_the_allowance_holds_however_many_calls_run_at_once(stores, open_more, make, room):
    allowance = Allowance(stored_bytes=3_000, daily_bytes=2**40, pending_files=100)
    other_process = await open_more()
    outcomes = await asyncio.gather(
        *(
            (stores, other_process)[n % 2].files.begin(make.file(room), allowance, NOW_MS)
            for n in range(12)
        ),
        return_exceptions=True,
    )
    assert len([o for o in outcomes if not isinstance(o, BaseException)]) <= 3
    assert {o.code for o in outcomes if isinstance(o, AppError)} == {ErrorCode.QUOTA_FULL}


async def test_what_has_ended_takes_no_space_but_counts_for_the_day(stores, make, room):
    small = Allowance(stored_bytes=1_000, daily_bytes=2_000, pending_files=9)
    first, second, third = (make.file(room, created_ms=NOW_MS) for _ in range(3))
    await stores.files.begin(first, small, NOW_MS)
    await stores.files.expire(first.file_id)
    await stores.files.forget(first.file_id)
    await stores.files.begin(second, small, NOW_MS)
    await stores.files.expire(second.file_id)
    with refused(ErrorCode.QUOTA_FULL):
        await stores.files.begin(third, small, NOW_MS)
    tomorrow_ms = NOW_MS + DAY_MS
    await stores.files.begin(replace(third, created_ms=tomorrow_ms), small, tomorrow_ms)


async def test_parts_are_noted_once_and_in_order(stores, begun):
    file = await begun(parts=3)
    for number in (2, 0, 2):
        assert await stores.files.add_part(file.file_id, number, digest(number), NOW_MS)
    assert await stores.files.received(file.file_id) == [0, 2]


async def test_the_first_hash_of_a_part_stays(stores, open_more, begun):
    file, other_process = await begun(), await open_more()
    outcomes = await asyncio.gather(
        *(
            (stores, other_process)[n % 2].files.add_part(file.file_id, 0, digest(n % 5), NOW_MS)
            for n in range(20)
        ),
        return_exceptions=True,
    )
    (noted,) = {n % 5 for n, outcome in enumerate(outcomes) if outcome is True}
    refusals = [o.code for n, o in enumerate(outcomes) if n % 5 != noted]
    assert refusals == [ErrorCode.CONFLICT] * 16
    assert outcomes.count(True) == 4
    assert (await stores.files.commit(file.file_id, NOW_MS)).hashes == digest(noted)


async def test_a_part_that_is_expected_is_not_here_until_it_has_come(stores, begun):
    file = await begun(parts=2)
    await stores.files.add_part(file.file_id, 0, digest(0), NOW_MS)
    for _ in range(2):
        assert await stores.files.expect_part(file.file_id, 1, digest(1), NOW_MS)
    assert await stores.files.received(file.file_id) == [0]
    with refused(ErrorCode.INCOMPLETE):
        await stores.files.commit(file.file_id, NOW_MS)
    for _ in range(2):
        assert await stores.files.add_part(file.file_id, 1, digest(1), NOW_MS)
    assert await stores.files.received(file.file_id) == [0, 1]
    assert (await stores.files.commit(file.file_id, NOW_MS)).hashes == digest(0) + digest(1)


async def test_a_part_that_is_here_stays_here_when_it_is_expected_again(stores, begun):
    file = await begun()
    await stores.files.add_part(file.file_id, 0, digest(0), NOW_MS)
    assert await stores.files.expect_part(file.file_id, 0, digest(0), NOW_MS)
    assert await stores.files.received(file.file_id) == [0]


@pytest.mark.parametrize("first", ["expect_part", "add_part"])
@pytest.mark.parametrize("then", ["expect_part", "add_part"])
async def test_a_part_has_one_hash_expected_or_here(stores, begun, first, then):
    file = await begun()
    await getattr(stores.files, first)(file.file_id, 0, digest(1), NOW_MS)
    with refused(ErrorCode.CONFLICT):
        await getattr(stores.files, then)(file.file_id, 0, digest(2), NOW_MS)
    assert await stores.files.received(file.file_id) == ([0] if first == "add_part" else [])


async def test_of_hashes_that_are_expected_and_added_at_once_one_stays(stores, open_more, begun):
    file, other_process = await begun(), await open_more()

    def note(n):
        files = (stores, other_process)[n % 2].files
        how = files.expect_part if n % 3 else files.add_part
        return how(file.file_id, 0, digest(n % 5), NOW_MS)

    outcomes = await asyncio.gather(*map(note, range(30)), return_exceptions=True)
    (noted,) = {n % 5 for n, outcome in enumerate(outcomes) if outcome is True}
    refusals = [o.code for n, o in enumerate(outcomes) if n % 5 != noted]
    assert refusals == [ErrorCode.CONFLICT] * 24
    assert (await stores.files.commit(file.file_id, NOW_MS)).hashes == digest(noted)


async def test_a_file_that_is_not_pending_expects_nothing(stores, whole, begun):
    file = await whole()
    assert await stores.files.expect_part(file.file_id, 0, digest(0), NOW_MS) is False
    other = await begun()
    await stores.files.expire(other.file_id)
    assert await stores.files.expect_part(other.file_id, 0, digest(0), NOW_MS) is False


async def test_what_a_forgotten_file_expected_is_forgotten_too(stores, begun):
    file = await begun(parts=2)
    await stores.files.expect_part(file.file_id, 0, digest(0), NOW_MS)
    await stores.files.add_part(file.file_id, 1, digest(1), NOW_MS)
    await stores.files.expire(file.file_id)
    await stores.files.forget(file.file_id)
    assert await stores.files.received(file.file_id) == []
    assert await stores.files.known(frozenset([file.file_id])) == frozenset()


async def test_a_file_is_whole_only_with_all_its_parts(stores, begun):
    file = await begun(parts=2)
    await stores.files.add_part(file.file_id, 1, digest(1), NOW_MS)
    with refused(ErrorCode.INCOMPLETE):
        await stores.files.commit(file.file_id, NOW_MS)
    assert (await stores.files.by_id(file.file_id, NOW_MS)).state == "pending"
    await stores.files.add_part(file.file_id, 0, digest(0), NOW_MS)
    whole = replace(file, state="committed", hashes=digest(0) + digest(1))
    for _ in range(2):
        assert await stores.files.commit(file.file_id, NOW_MS) == whole
    assert await stores.files.by_id(file.file_id, NOW_MS) == whole


async def test_a_file_of_many_parts_is_counted_and_hashed_in_order(stores, begun):
    file = await begun(parts=250)
    for number in reversed(range(250)):
        await stores.files.add_part(file.file_id, number, digest(number), NOW_MS)
    assert await stores.files.received(file.file_id) == list(range(250))
    whole = await stores.files.commit(file.file_id, NOW_MS)
    assert whole.hashes == b"".join(map(digest, range(250)))


async def test_a_whole_file_takes_no_more_parts(stores, whole):
    file = await whole()
    assert await stores.files.add_part(file.file_id, 0, digest(0), NOW_MS) is False


async def test_an_upload_may_be_interrupted_for_a_day_and_then_ends(stores, begun):
    file = await begun(created_ms=NOW_MS)
    last_ms = NOW_MS + FILE_PENDING_TTL_MS - 1
    assert await stores.files.by_id(file.file_id, last_ms) == file
    assert await stores.files.ended(last_ms, 10) == []
    assert await stores.files.by_id(file.file_id, last_ms + 1) is None
    assert await stores.files.commit(file.file_id, last_ms + 1) is None
    assert await stores.files.ended(last_ms + 1, 10) == [file.file_id]
    assert await stores.files.add_part(file.file_id, 0, digest(0), NOW_MS) is False


@pytest.mark.parametrize("how", ["expect_part", "add_part"])
async def test_an_upload_goes_on_for_a_day_after_each_part_and_a_week_at_most(
    stores, make, open_room, how
):
    file = make.file(await open_room(), parts=9, created_ms=NOW_MS)
    await stores.files.begin(file, PLENTY, NOW_MS)
    last_ms = NOW_MS
    for number in range(7):
        last_ms += FILE_PENDING_TTL_MS - 1
        assert await stores.files.ended(last_ms, 10) == []
        assert await stores.files.by_id(file.file_id, last_ms) == file
        assert await getattr(stores.files, how)(file.file_id, number, digest(number), last_ms)
    end_ms = NOW_MS + FILE_UPLOAD_TTL_MS
    assert await stores.files.by_id(file.file_id, end_ms - 1) == file
    assert await stores.files.by_id(file.file_id, end_ms) is None
    assert await stores.files.add_part(file.file_id, 8, digest(8), end_ms) is False
    assert await stores.files.ended(end_ms, 10) == [file.file_id]


async def test_a_part_that_comes_again_puts_off_the_end_too(stores, begun):
    file = await begun(created_ms=NOW_MS)
    await stores.files.add_part(file.file_id, 0, digest(0), NOW_MS)
    later_ms = NOW_MS + DAY_MS - 1
    await stores.files.add_part(file.file_id, 0, digest(0), later_ms)
    assert await stores.files.by_id(file.file_id, later_ms + FILE_PENDING_TTL_MS - 1) == file


async def test_a_draft_lives_as_long_as_a_file_of_it_comes(stores, make, draft):
    transfer = await draft()
    file = await stores.files.begin(make.file(transfer, created_ms=NOW_MS), PLENTY, NOW_MS)
    last_ms = transfer.created_ms + FILE_PENDING_TTL_MS - 1
    assert await stores.files.add_part(file.file_id, 0, digest(0), last_ms)
    end_ms = last_ms + FILE_PENDING_TTL_MS
    assert await stores.transfers.by_id(transfer.transfer_id, end_ms - 1) == transfer
    assert (await stores.files.commit(file.file_id, end_ms - 1)).state == "committed"
    assert await stores.database.sweep(end_ms - 1) == 0
    assert await stores.transfers.by_id(transfer.transfer_id, end_ms) is None
    assert await stores.files.by_id(file.file_id, end_ms) is None


async def test_a_whole_file_lives_as_long_as_its_room(stores, whole, room):
    file = await whole()
    assert await stores.files.by_id(file.file_id, LONG_MS - 1) == file
    assert await stores.files.by_id(file.file_id, LONG_MS) is None
    await stores.database.sweep(LONG_MS)
    assert await stores.files.ended(LONG_MS, 10) == [file.file_id]


async def test_a_file_goes_on_with_a_room_that_is_kept(stores, whole, room):
    file = await whole()
    for member in room.members:
        await stores.rooms.keep(room.room_id, member.user_id, True, DAY_MS, NOW_MS)
    assert await stores.files.by_id(file.file_id, LONG_MS) == file


async def test_the_files_of_a_removed_room_end_with_it(stores, whole, begun, room, open_room, make):
    gone = {(await whole()).file_id, (await begun()).file_id}
    other = await open_room()
    stays = await stores.files.begin(make.file(other), PLENTY, NOW_MS)
    await stores.rooms.remove(room.room_id)
    assert set(await stores.files.ended(NOW_MS, 10)) == gone
    assert await stores.files.by_id(stays.file_id, NOW_MS) == stays


async def test_a_room_opened_again_under_its_old_id_has_none_of_the_files(stores, whole, room):
    file = await whole()
    await stores.rooms.remove(room.room_id)
    await stores.rooms.open_dm(replace(room, created_ms=NOW_MS), NOW_MS)
    assert await stores.files.by_id(file.file_id, NOW_MS) is None


async def test_a_file_can_be_ended_once(stores, whole):
    file = await whole()
    assert await stores.files.expire(file.file_id) is True
    assert await stores.files.expire(file.file_id) is False
    assert await stores.files.by_id(file.file_id, NOW_MS) is None


async def test_what_has_ended_is_told_until_it_is_forgotten(stores, whole):
    ids = {(await whole()).file_id for _ in range(3)}
    for file_id in ids:
        await stores.files.expire(file_id)
    assert len(await stores.files.ended(NOW_MS, 2)) == 2
    for file_id in ids:
        await stores.files.forget(file_id)
        await stores.files.forget(file_id)
    assert await stores.files.ended(NOW_MS, 10) == []
    assert await stores.files.known(frozenset(ids)) == frozenset()
    assert await stores.files.ended(NOW_MS + DAY_MS, 10) == []


async def test_a_living_file_is_not_forgotten(stores, whole):
    file = await whole()
    await stores.files.forget(file.file_id)
    assert await stores.files.by_id(file.file_id, NOW_MS) == file


async def test_no_file_begins_in_a_room_that_is_gone(stores, make, room):
    await stores.rooms.remove(room.room_id)
    for gone in (room, make.room()):
        with refused(ErrorCode.NOT_FOUND):
            await stores.files.begin(make.file(gone), PLENTY, NOW_MS)


async def test_a_file_of_a_transfer_comes_back_as_it_was_announced(stores, make, draft):
    file = make.file(await draft(), parts=2)
    for _ in range(2):
        assert await stores.files.begin(file, PLENTY, NOW_MS) == file
    assert await stores.files.by_id(file.file_id, NOW_MS) == file


async def test_another_transfer_does_not_get_a_taken_file(stores, make, draft):
    file = await stores.files.begin(make.file(await draft()), PLENTY, NOW_MS)
    other = await draft(sender=file.owner)
    with refused(ErrorCode.CONFLICT):
        moved = replace(file, transfer_id=other.transfer_id)
        await stores.files.begin(moved, PLENTY, NOW_MS)


async def test_no_file_begins_in_a_transfer_that_is_not_ones_own_draft(stores, make, draft):
    transfer = await draft()
    foreign = make.file(transfer, owner=make.user())
    unknown = make.file(make.transfer())
    for file in (foreign, unknown):
        with refused(ErrorCode.NOT_FOUND):
            await stores.files.begin(file, PLENTY, NOW_MS)
    with refused(ErrorCode.NOT_FOUND):
        late_ms = transfer.created_ms + FILE_PENDING_TTL_MS
        await stores.files.begin(make.file(transfer, created_ms=late_ms), PLENTY, late_ms)
    await stores.transfers.open(transfer.transfer_id, (), (), None, NOW_MS)
    with refused(ErrorCode.NOT_FOUND):
        await stores.files.begin(make.file(transfer), PLENTY, NOW_MS)


async def test_files_of_rooms_and_transfers_share_one_allowance(stores, make, room, draft):
    owner = room.members[0].user_id
    mine = await draft(sender=owner)
    allowance = Allowance(stored_bytes=2_500, daily_bytes=2**40, pending_files=9)
    for home in (room, mine):
        await stores.files.begin(make.file(home), allowance, NOW_MS)
    with refused(ErrorCode.QUOTA_FULL):
        await stores.files.begin(make.file(mine), allowance, NOW_MS)


def test_the_last_part_is_what_remains(make):
    file = make.file(make.room(), parts=3)
    assert [file.part_bytes(n) for n in range(3)] == [FILE_PART_BYTES, FILE_PART_BYTES, 1_000]
