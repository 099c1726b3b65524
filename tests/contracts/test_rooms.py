"""RoomStore."""

import asyncio
from dataclasses import replace

import pytest

from models.rooms import Watermark
from protocol.errors import AppError, ErrorCode

LIFE_MS = 1_000_000
EXTEND_MS = 500_000


@pytest.fixture
def opened(stores, make, append):
    """Open a room and put some messages into it."""

    async def open_room(first=None, second=None, messages=0, **fields):
        room = replace(make.room(first, second), **fields)
        await stores.rooms.open_dm(room, 1_000)
        for _ in range(messages):
            await append(make.message(room))
        return room

    return open_room


async def test_a_room_comes_back_as_it_was_opened(stores, make):
    room = make.room()
    assert await stores.rooms.open_dm(room, 1_000) == (room, True)
    assert await stores.rooms.by_id(room.room_id, 1_000) == room


async def test_opening_again_gives_the_room_the_two_already_have(stores, make, opened):
    an, binh = make.user(), make.user()
    room = await opened(an, binh)
    for first, second in ((an, binh), (binh, an)):
        assert await stores.rooms.open_dm(make.room(first, second), 2_000) == (room, False)


async def test_other_pairs_have_rooms_of_their_own(stores, make, opened):
    an, binh, cuc = make.user(), make.user(), make.user()
    await opened(an, binh)
    assert (await stores.rooms.open_dm(make.room(an, cuc), 1_000))[1] is True
    assert (await stores.rooms.open_dm(make.room(binh, cuc), 1_000))[1] is True


async def test_a_pair_has_one_live_room_however_many_calls_run_at_once(stores, open_more, make):
    an, binh, other_process = make.user(), make.user(), await open_more()
    answers = await asyncio.gather(
        *(
            (stores, other_process)[n % 2].rooms.open_dm(
                make.room(*((an, binh) if n % 3 else (binh, an))), 1_000
            )
            for n in range(50)
        )
    )
    assert [new for _, new in answers].count(True) == 1
    assert len({room.room_id for room, _ in answers}) == 1
    assert len(await stores.rooms.of_user(an, 1_000)) == 1


async def test_a_pair_opens_anew_when_its_room_has_ended(stores, make, opened):
    an, binh = make.user(), make.user()
    old = await opened(an, binh, messages=2)
    for now_ms, end in ((LIFE_MS, None), (2 * LIFE_MS, stores.rooms.remove)):
        fresh = replace(make.room(an, binh), expires_ms=now_ms + 2 * LIFE_MS)
        if end:
            await end(old.room_id)
        assert await stores.rooms.open_dm(fresh, now_ms) == (fresh, True)
        assert await stores.rooms.of_user(an, now_ms) == [fresh]
        old = fresh


async def test_an_expired_room_of_the_same_id_does_not_stand_in_the_way(stores, opened):
    room = await opened(messages=3)
    again = replace(room, expires_ms=3 * LIFE_MS)
    assert await stores.rooms.open_dm(again, LIFE_MS) == (again, True)
    reader = (room.members[1].user_id, "any")
    page = await stores.messages.page(room.room_id, reader, now_ms=LIFE_MS, limit=10)
    assert page == ([], False)


async def test_an_id_that_belongs_to_another_pair_is_refused(stores, make, opened):
    room = await opened()
    with pytest.raises(AppError) as refused:
        await stores.rooms.open_dm(replace(make.room(), room_id=room.room_id), 1_000)
    assert refused.value.code == ErrorCode.CONFLICT
    assert await stores.rooms.by_id(room.room_id, 1_000) == room


async def test_an_expired_room_is_never_read(stores, opened):
    room = await opened()
    user = room.members[0].user_id
    assert await stores.rooms.by_id(room.room_id, LIFE_MS - 1) == room
    assert await stores.rooms.by_id(room.room_id, LIFE_MS) is None
    assert await stores.rooms.of_user(user, LIFE_MS) == []
    assert await stores.rooms.keep(room.room_id, user, True, EXTEND_MS, LIFE_MS) is None


async def test_an_unknown_room_is_none(stores, make):
    assert await stores.rooms.by_id(make.room_id(), 1_000) is None


async def test_the_live_rooms_of_a_user_come_oldest_first(stores, make, opened):
    an = make.user()
    rooms = [
        await opened(an, created_ms=3_000),
        await opened(make.user(), an, created_ms=1_000),
        await opened(an, created_ms=2_000),
        await opened(an, created_ms=1_500, expires_ms=1_600),
    ]
    await opened()
    assert await stores.rooms.of_user(an, 5_000) == [rooms[1], rooms[2], rooms[0]]


async def test_last_seq_follows_the_log(stores, opened):
    room = await opened(messages=3)
    assert (await stores.rooms.by_id(room.room_id, 1_500)).last_seq == 3
    assert (await stores.rooms.of_user(room.members[0].user_id, 1_500))[0].last_seq == 3


async def test_a_wish_to_keep_is_set_and_withdrawn(stores, opened):
    room = await opened()
    first, second = room.members
    for on in (True, True, False, True):
        kept = await stores.rooms.keep(room.room_id, first.user_id, on, EXTEND_MS, 2_000)
        assert kept == replace(room, members=(replace(first, keep=on), second))
        assert await stores.rooms.by_id(room.room_id, 2_000) == kept


async def test_when_all_wish_it_the_end_moves_and_the_wishes_are_cleared(stores, opened):
    room = await opened()
    first, second = room.members
    await stores.rooms.keep(room.room_id, first.user_id, True, EXTEND_MS, 2_000)
    kept = await stores.rooms.keep(room.room_id, second.user_id, True, EXTEND_MS, 2_000)
    assert kept == replace(room, expires_ms=LIFE_MS + EXTEND_MS)
    assert await stores.rooms.by_id(room.room_id, LIFE_MS) == kept


async def test_concurrent_wishes_of_all_extend_once(stores, open_more, opened):
    room, other_process = await opened(), await open_more()
    await asyncio.gather(
        *(
            store.rooms.keep(room.room_id, member.user_id, True, EXTEND_MS, 2_000)
            for store, member in zip((stores, other_process), room.members, strict=True)
        )
    )
    assert await stores.rooms.by_id(room.room_id, 2_000) == replace(
        room, expires_ms=LIFE_MS + EXTEND_MS
    )


async def test_someone_who_is_not_in_the_room_cannot_keep_it(stores, make, opened):
    room = await opened()
    assert await stores.rooms.keep(room.room_id, make.user(), True, EXTEND_MS, 2_000) is None
    assert await stores.rooms.keep(make.room_id(), make.user(), True, EXTEND_MS, 2_000) is None
    assert await stores.rooms.by_id(room.room_id, 2_000) == room


async def test_removing_a_room_removes_its_messages(stores, make, append, opened):
    an = make.user()
    room, other = await opened(an, messages=70), await opened(an, messages=1)
    device = make.device_id()
    await append(make.message(room, sender=an, sender_device=device))
    assert await stores.rooms.remove(room.room_id) is True
    assert await stores.rooms.by_id(room.room_id, 1_500) is None
    assert [r.room_id for r in await stores.rooms.of_user(an, 1_500)] == [other.room_id]
    page = await stores.messages.page(room.room_id, (an, device), now_ms=1_500, limit=50)
    assert page == ([], False)
    assert await stores.messages.last_of_device(an, device, 1_500) is None
    assert (await append(make.message(room))).code == ErrorCode.NOT_FOUND
    assert await stores.rooms.advance([Watermark(room.room_id, an, 1, 1)]) == []
    assert await stores.rooms.remove(room.room_id) is False
    assert (await stores.rooms.by_id(other.room_id, 1_500)).last_seq == 1


async def test_of_concurrent_removals_one_finds_the_room(stores, open_more, opened):
    room, other_process = await opened(messages=40), await open_more()
    removed = await asyncio.gather(
        *((stores, other_process)[n % 2].rooms.remove(room.room_id) for n in range(10))
    )
    assert removed.count(True) == 1


async def test_watermarks_move_forward_only(stores, opened):
    room = await opened(messages=9)
    user = room.members[1].user_id

    async def advance(delivered_seq, read_seq):
        marks = [Watermark(room.room_id, user, delivered_seq, read_seq)]
        return [(m.delivered_seq, m.read_seq) for m in await stores.rooms.advance(marks)]

    assert await advance(5, 2) == [(5, 2)]
    assert await advance(5, 2) == []
    assert await advance(4, 1) == []
    assert await advance(3, 3) == [(5, 3)]
    assert await advance(6, 0) == [(6, 3)]
    first, second = (await stores.rooms.by_id(room.room_id, 1_500)).members
    assert (first.delivered_seq, first.read_seq) == (0, 0)
    assert (second.delivered_seq, second.read_seq) == (6, 3)


async def test_watermarks_never_pass_the_last_seq(stores, opened):
    room = await opened(messages=3)
    user = room.members[0].user_id
    assert await stores.rooms.advance([Watermark(room.room_id, user, 99, 50)]) == [
        Watermark(room.room_id, user, 3, 3)
    ]


async def test_a_read_watermark_carries_the_delivered_one_along(stores, opened):
    room = await opened(messages=5)
    user = room.members[0].user_id
    assert await stores.rooms.advance([Watermark(room.room_id, user, 1, 4)]) == [
        Watermark(room.room_id, user, 4, 4)
    ]


async def test_many_watermarks_advance_in_one_call(stores, make, opened):
    rooms = [await opened(messages=4) for _ in range(5)]
    marks = [
        Watermark(room.room_id, member.user_id, seq, seq - 1)
        for room in rooms
        for member, seq in zip(room.members, (2, 3), strict=True)
    ]
    stranger = Watermark(rooms[0].room_id, make.user(), 1, 1)
    nowhere = Watermark(make.room_id(), rooms[0].members[0].user_id, 1, 1)
    assert set(await stores.rooms.advance([*marks, stranger, nowhere])) == set(marks)
    assert await stores.rooms.advance([]) == []


async def test_several_marks_of_one_member_count_as_the_furthest(stores, opened):
    room = await opened(messages=5)
    user = room.members[0].user_id
    marks = [Watermark(room.room_id, user, *far) for far in ((2, 0), (5, 1), (3, 3))]
    assert await stores.rooms.advance(marks) == [Watermark(room.room_id, user, 5, 3)]


async def test_concurrent_watermarks_end_at_the_furthest(stores, open_more, opened):
    room, other_process = await opened(messages=30), await open_more()
    user = room.members[0].user_id
    await asyncio.gather(
        *(
            (stores, other_process)[n % 2].rooms.advance([Watermark(room.room_id, user, n, n // 2)])
            for n in range(31)
        )
    )
    first, _ = (await stores.rooms.by_id(room.room_id, 1_500)).members
    assert (first.delivered_seq, first.read_seq) == (30, 15)
