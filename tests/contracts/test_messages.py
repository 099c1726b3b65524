"""MessageStore."""

import asyncio
from dataclasses import replace

import msgspec
import pytest

from models.messages import Appended
from models.rooms import Watermark
from protocol.errors import AppError, ErrorCode
from protocol.frames import Capsule
from protocol.ids import MsgId

LIFE_MS = 1_000_000


@pytest.fixture
async def room(stores, make):
    room = make.room()
    await stores.rooms.open_dm(room, 1_000)
    return room


@pytest.fixture
def page(stores):
    async def read(room, reader=None, now_ms=1_500, to=None, limit=1_000, **bounds):
        return await (to or stores).messages.page(
            room.room_id,
            reader or (room.members[1].user_id, "none"),
            now_ms=now_ms,
            limit=limit,
            **bounds,
        )

    return read


def append_all(store, messages, now_ms=1_500):
    """Append without waiting in between; returns a Future of (outcomes, order of `done`)."""
    finished = asyncio.get_running_loop().create_future()
    outcomes = {}
    order = []
    messages = list(messages)

    def listener(index):
        def done(outcome):
            assert index not in outcomes, "told twice"
            outcomes[index] = outcome
            order.append(index)
            if len(outcomes) == len(messages):
                finished.set_result(([outcomes[n] for n in range(len(messages))], order))

        return done

    for index, message in enumerate(messages):
        store.messages.append(message, now_ms, listener(index))
    assert not outcomes, "append must return before anything is durable"
    return finished


async def test_a_message_comes_back_exactly_as_it_was_appended(make, append, page, room):
    recipient = (room.members[1].user_id, make.device_id())
    message = make.message(room, epoch=3, capsules={recipient: make.capsule()})
    assert await append(message) == Appended(1, message.server_ms, message.frank, fresh=True)
    ((found,), has_more) = await page(room, recipient)
    assert has_more is False
    assert found.seq == 1
    for name in ("msg_id", "sender", "sender_device", "epoch", "roster_hash", "payload", "c2"):
        assert getattr(found, name) == getattr(message, name)
    assert (found.frank, found.server_ms, found.deleted) == (message.frank, 1_500, False)
    assert found.capsule == msgspec.json.decode(message.capsules[recipient], type=Capsule)


async def test_a_capsule_is_for_its_device_only(make, append, page, room):
    (an, binh), ids = (m.user_id for m in room.members), [make.device_id() for _ in range(3)]
    capsules = {(binh, ids[0]): make.capsule(), (an, ids[1]): make.capsule()}
    await append(make.message(room, capsules=capsules))
    for reader in ((binh, ids[0]), (an, ids[1]), (binh, ids[1]), (an, ids[0]), (an, ids[2])):
        ((found,), _) = await page(room, reader)
        wanted = capsules.get(reader)
        assert found.capsule == (wanted and msgspec.json.decode(wanted, type=Capsule))


async def test_a_message_to_no_other_device_has_no_capsule(make, append, page, room):
    assert (await append(make.message(room, capsules={}))).seq == 1
    ((found,), _) = await page(room)
    assert found.capsule is None


async def test_a_first_capsule_keeps_how_its_session_is_derived(make, append, page, room):
    reader = (room.members[1].user_id, make.device_id())
    pre = b'{"suite":1,"ek":"%s","spk_id":7,"opk_id":9,"cert_hash":"%s"}' % (
        make.point().encode(),
        make.text(32).encode(),
    )
    capsule = make.capsule().replace(b'"header"', b'"pre":' + pre + b',"header"')
    await append(make.message(room, capsules={reader: capsule}))
    ((found,), _) = await page(room, reader)
    assert found.capsule == msgspec.json.decode(capsule, type=Capsule)
    assert (found.capsule.pre.spk_id, found.capsule.pre.opk_id) == (7, 9)


async def test_the_outcome_is_told_on_the_loop_that_appended(stores, make, room):
    here = asyncio.get_running_loop()
    told = here.create_future()
    stores.messages.append(
        make.message(room), 1_500, lambda _: told.set_result(asyncio.get_running_loop())
    )
    assert await told is here


async def test_what_was_told_is_there_for_another_process(
    stores, open_more, make, append, room, page
):
    other_process = await open_more()
    for seq in range(1, 6):
        await append(make.message(room))
        assert [m.seq for m in (await page(room, to=other_process))[0]] == list(range(1, seq + 1))


async def test_two_hundred_appends_at_once_are_gapless_and_told_in_order(stores, make, room, page):
    messages = [make.message(room) for _ in range(200)]
    outcomes, order = await append_all(stores, messages)
    assert [outcome.seq for outcome in outcomes] == list(range(1, 201))
    assert order == list(range(200))
    found, _ = await page(room)
    assert [(m.seq, m.msg_id) for m in found] == [
        (seq, message.msg_id) for seq, message in enumerate(messages, start=1)
    ]


async def test_numbers_are_gapless_across_processes(stores, open_more, make, room, page):
    other_process = await open_more()
    mine, theirs = ([make.message(room) for _ in range(100)] for _ in range(2))
    (first, _), (second, _) = await asyncio.gather(
        append_all(stores, mine), append_all(other_process, theirs)
    )
    numbers = [[outcome.seq for outcome in outcomes] for outcomes in (first, second)]
    assert sorted(numbers[0] + numbers[1]) == list(range(1, 201))
    assert all(each == sorted(each) for each in numbers)
    found, _ = await page(room)
    assert {m.msg_id for m in found} == {m.msg_id for m in (*mine, *theirs)}
    assert (await stores.rooms.by_id(room.room_id, 1_500)).last_seq == 200


async def test_each_room_counts_for_itself(stores, make):
    rooms = [make.room() for _ in range(10)]
    for room in rooms:
        await stores.rooms.open_dm(room, 1_000)
    messages = [make.message(rooms[n % 10]) for n in range(100)]
    outcomes, _ = await append_all(stores, messages)
    assert [outcome.seq for outcome in outcomes] == [n // 10 + 1 for n in range(100)]


async def test_processes_that_take_rooms_in_any_order_do_not_wait_for_each_other(
    stores, open_more, make
):
    other_process, rooms = await open_more(), [make.room() for _ in range(8)]
    for room in rooms:
        await stores.rooms.open_dm(room, 1_000)
    for seq in range(20, 101, 20):
        appended = [
            append_all(store, [make.message(room) for room in order for _ in range(10)])
            for store, order in ((stores, rooms), (other_process, rooms[::-1]))
        ]
        marks = [Watermark(r.room_id, m.user_id, seq, seq) for r in rooms for m in r.members]
        await asyncio.gather(
            *appended, stores.rooms.advance(marks), other_process.rooms.advance(marks[::-1])
        )
        for outcomes, _ in map(asyncio.Future.result, appended):
            assert {outcome.seq for outcome in outcomes} <= set(range(seq - 19, seq + 1))


async def test_the_same_message_again_gives_the_first_result(stores, make, append, room, page):
    message = make.message(room)
    first = await append(message)
    await append(make.message(room))
    again = replace(message, payload="other", c2="other", frank="other", server_ms=9_999)
    assert await append(again) == replace(first, fresh=False)
    found, _ = await page(room)
    assert [m.seq for m in found] == [1, 2]
    assert found[0].payload == message.payload
    assert (await append(make.message(room))).seq == 3


async def test_the_same_message_twice_in_one_go_is_stored_once(stores, make, room, page):
    message = make.message(room)
    outcomes, order = await append_all(
        stores, [message, make.message(room), message, message, make.message(room)]
    )
    assert [(o.seq, o.fresh) for o in outcomes] == [
        (1, True),
        (2, True),
        (1, False),
        (1, False),
        (3, True),
    ]
    assert order == [0, 1, 2, 3, 4]
    assert len((await page(room))[0]) == 3


async def test_the_same_message_sent_to_two_processes_is_stored_once(
    stores, open_more, make, room, page
):
    other_process = await open_more()
    messages = [make.message(room) for _ in range(50)]
    (first, _), (second, _) = await asyncio.gather(
        append_all(stores, messages), append_all(other_process, messages)
    )
    for one, other in zip(first, second, strict=True):
        assert (one.seq, one.server_ms, one.frank) == (other.seq, other.server_ms, other.frank)
        assert one.fresh is not other.fresh
    assert [m.seq for m in (await page(room))[0]] == list(range(1, 51))


async def test_the_same_id_of_another_device_or_room_is_another_message(stores, make, append, room):
    other_room = make.room()
    await stores.rooms.open_dm(other_room, 1_000)
    message = make.message(room)
    await append(message)
    by_other_device = replace(message, sender_device=make.device_id())
    assert await append(by_other_device) == Appended(2, 1_500, message.frank, fresh=True)
    elsewhere = replace(message, room_id=other_room.room_id, sender=other_room.members[0].user_id)
    assert await append(elsewhere) == Appended(1, 1_500, message.frank, fresh=True)


async def test_a_refused_message_disturbs_no_other(stores, make, room, page):
    removed = make.room()
    await stores.rooms.open_dm(removed, 1_000)
    await stores.rooms.remove(removed.room_id)
    messages = [
        make.message(room),
        make.message(make.room()),
        make.message(room, sender=make.user()),
        make.message(removed),
        make.message(room),
    ]
    outcomes, order = await append_all(stores, messages)
    assert [getattr(o, "seq", getattr(o, "code", None)) for o in outcomes] == [
        1,
        ErrorCode.NOT_FOUND,
        ErrorCode.NOT_FOUND,
        ErrorCode.NOT_FOUND,
        2,
    ]
    assert order == [0, 1, 2, 3, 4]
    assert [m.seq for m in (await page(room))[0]] == [1, 2]


async def test_a_message_the_database_cannot_take_disturbs_no_other(stores, make, room, page):
    messages = [make.message(room) for _ in range(5)]
    messages[2] = replace(messages[2], payload="\ud800")
    outcomes, order = await append_all(stores, messages)
    assert outcomes[2].code == ErrorCode.INTERNAL
    assert [outcomes[n].seq for n in (0, 1, 3, 4)] == [1, 2, 3, 4]
    assert order == [0, 1, 2, 3, 4]
    assert [m.seq for m in (await page(room))[0]] == [1, 2, 3, 4]


async def test_an_expired_room_takes_no_message(make, append, room):
    assert (await append(make.message(room), LIFE_MS - 1)).seq == 1
    assert (await append(make.message(room), LIFE_MS)).code == ErrorCode.NOT_FOUND


async def test_an_expired_room_has_no_page(make, append, page, room):
    await append(make.message(room))
    assert len((await page(room, now_ms=LIFE_MS - 1))[0]) == 1
    assert await page(room, now_ms=LIFE_MS) == ([], False)


async def test_append_never_raises_and_tells_when_the_store_is_away(stores, make, room):
    await stores.database.close()
    outcomes, order = await append_all(stores, [make.message(room) for _ in range(3)])
    assert [outcome.code for outcome in outcomes] == [ErrorCode.UNAVAILABLE] * 3
    assert order == [0, 1, 2]


async def test_a_listener_that_raises_costs_no_other_its_answer(stores, make, room, caplog):
    told = asyncio.get_running_loop().create_future()

    def broken(_):
        raise RuntimeError("a bug of the listener")

    stores.messages.append(make.message(room), 1_500, broken)
    stores.messages.append(make.message(room), 1_500, told.set_result)
    assert (await told).seq == 2
    assert "RuntimeError" in caplog.text


@pytest.fixture
async def twelve(stores, make, room):
    await append_all(stores, [make.message(room) for _ in range(12)])
    return room


@pytest.mark.parametrize(
    ("bounds", "limit", "seqs", "has_more"),
    [
        ({}, 5, [8, 9, 10, 11, 12], True),
        ({}, 12, list(range(1, 13)), False),
        ({}, 50, list(range(1, 13)), False),
        ({"after": 0}, 5, [1, 2, 3, 4, 5], True),
        ({"after": 7}, 5, [8, 9, 10, 11, 12], False),
        ({"after": 7}, 4, [8, 9, 10, 11], True),
        ({"after": 12}, 5, [], False),
        ({"after": 99}, 5, [], False),
        ({"before": 8}, 5, [3, 4, 5, 6, 7], True),
        ({"before": 6}, 5, [1, 2, 3, 4, 5], False),
        ({"before": 1}, 5, [], False),
        ({"before": 99}, 2, [11, 12], True),
    ],
)
async def test_pages_hold_what_was_asked_for_oldest_first(
    page, twelve, bounds, limit, seqs, has_more
):
    messages, more = await page(twelve, limit=limit, **bounds)
    assert ([m.seq for m in messages], more) == (seqs, has_more)


@pytest.mark.parametrize(
    ("bounds", "payloads", "seqs"),
    [
        ({"after": 2}, 2, [3, 4]),
        ({"before": 8}, 2, [6, 7]),
        ({}, 3, [10, 11, 12]),
        ({"after": 2}, 0, [3]),
        ({"before": 8}, 0, [7]),
    ],
)
async def test_a_page_ends_early_rather_than_hold_too_much(page, twelve, bounds, payloads, seqs):
    ((message, *_), _) = await page(twelve)
    max_chars = payloads * len(message.payload)
    messages, has_more = await page(twelve, max_chars=max_chars, **bounds)
    assert ([m.seq for m in messages], has_more) == (seqs, True)


async def test_an_unknown_room_has_no_page(make, page):
    assert await page(make.room()) == ([], False)


async def test_the_last_message_of_a_device_is_found_over_all_its_rooms(stores, make, append):
    an, device = make.user(), make.device_id()
    rooms = [make.room(an), make.room(make.user(), an, expires_ms=5_000)]
    for room in rooms:
        await stores.rooms.open_dm(room, 1_000)
    assert await stores.messages.last_of_device(an, device, 1_500) is None
    sent = []
    for room in (rooms[0], rooms[1], rooms[0], rooms[1]):
        message = make.message(room, sender=an, sender_device=device)
        await append(message)
        sent.append((room.room_id, message.msg_id))
        await append(make.message(room, sender=an))
        assert await stores.messages.last_of_device(an, device, 1_500) == sent[-1]
    # The last one of all has expired with its room; the last one that has not is meant.
    assert await stores.messages.last_of_device(an, device, 5_000) == sent[2]
    assert await stores.messages.last_of_device(an, device, LIFE_MS) is None


async def test_a_repeated_message_does_not_become_the_last(stores, make, append, room):
    an, device = room.members[0].user_id, make.device_id()
    first, second = (make.message(room, sender_device=device) for _ in range(2))
    for message in (first, second, first):
        await append(message)
    last = await stores.messages.last_of_device(an, device, 1_500)
    assert last == (room.room_id, second.msg_id)


async def test_large_messages_to_many_devices_are_whole(make, append, page, room):
    readers = [(room.members[1].user_id, make.device_id()) for _ in range(1_024)]
    message = make.message(
        room, payload="p" * 349_526, capsules={reader: make.capsule() for reader in readers}
    )
    assert (await append(message)).seq == 1
    ((found,), _) = await page(room, readers[777])
    assert found.payload == message.payload
    wanted = msgspec.json.decode(message.capsules[readers[777]], type=Capsule)
    assert found.capsule == wanted


async def test_more_than_may_wait_is_refused_in_its_turn(stores, make, room):
    large = make.message(room, payload="p" * 349_526)
    messages = [replace(large, msg_id=MsgId(make.text())) for _ in range(250)]
    outcomes, order = await append_all(stores, messages)
    assert order == list(range(250))
    refused = [o for o in outcomes if isinstance(o, AppError)]
    assert {o.code for o in refused} == {ErrorCode.UNAVAILABLE}
    stored = [o.seq for o in outcomes if isinstance(o, Appended)]
    assert stored == list(range(1, len(stored) + 1))
    assert len(stored) < 250
    # What was let go makes room again.
    again, _ = await append_all(stores, [make.message(room)])
    assert again[0].seq == len(stored) + 1


async def test_who_looks_for_the_first_time_is_told_no_room(stores, make, append, room):
    await append(make.message(room))
    assert (await stores.messages.grown(None))[0] == []


async def test_every_room_that_grew_is_told_with_its_members(stores, make, append, room):
    quiet, other = make.room(), make.room()
    for opened in (quiet, other):
        await stores.rooms.open_dm(opened, 1_000)
    _, place = await stores.messages.grown(None)
    for grown in (room, other, room):
        await append(make.message(grown))
    found, _ = await stores.messages.grown(place)
    assert {grown.room_id: (grown.last_seq, set(grown.members)) for grown in found} == {
        room.room_id: (2, {member.user_id for member in room.members}),
        other.room_id: (1, {member.user_id for member in other.members}),
    }


async def test_whoever_goes_on_from_place_to_place_misses_no_message(open_more, make, append):
    """Also not those of another process, nor those that are written while it looks."""
    writing, looking = await open_more(), await open_more()
    rooms = [make.room() for _ in range(5)]
    for room in rooms:
        await writing.rooms.open_dm(room, 1_000)
    _, place = await looking.messages.grown(None)
    told = {}
    for _ in range(10):
        appended = append_all(writing, [make.message(room) for room in rooms * 4])
        while True:
            is_written = appended.done()
            found, place = await looking.messages.grown(place)
            told |= {grown.room_id: grown.last_seq for grown in found}
            if is_written:
                break
        outcomes, _ = await appended
        assert told == {room.room_id: outcomes[index - 5].seq for index, room in enumerate(rooms)}


async def test_a_room_that_grows_after_others_were_removed_is_told(stores, make, append, room):
    """The newest messages of all go; what comes next must not look older than they were."""
    for _ in range(3):
        gone = make.room()
        await stores.rooms.open_dm(gone, 1_000)
        for _ in range(3):
            await append(make.message(gone))
        _, place = await stores.messages.grown(None)
        await stores.rooms.remove(gone.room_id)
        last = await append(make.message(room))
        grown, _ = await stores.messages.grown(place)
        assert {one.room_id: one.last_seq for one in grown}[room.room_id] == last.seq
