"""Marks are gathered, stored once, told once, and never lost to a store that is away."""

import asyncio
from collections.abc import Iterable

import pytest

from models.accounts import Preferences
from models.events import Told
from models.messages import Appended
from models.rooms import Room, Watermark
from models.stores import Stores
from protocol.errors import AppError, ErrorCode
from protocol.frames import Watermark as WatermarkFrame
from protocol.ids import RoomId, UserId
from realtime.local_bus import LocalBus
from services import tasks
from services import watermarks as module
from services.rosters import Rosters
from services.watermarks import WatermarkService
from tests.contracts.make import Make
from tests.harness import MovableClock
from tests.people import Peer, People, random_text


@pytest.fixture
def told(bus: LocalBus) -> list[WatermarkFrame]:
    frames: list[WatermarkFrame] = []
    bus.subscribe(Told, lambda event: frames.append(event.frame))  # type: ignore[arg-type]
    return frames


@pytest.fixture
def watermarks(
    stores: Stores, clock: MovableClock, bus: LocalBus, told: list[WatermarkFrame]
) -> WatermarkService:
    return WatermarkService(stores, bus, Rosters(stores, clock))


async def test_marks_of_foreign_and_unknown_rooms_are_passed_over(
    watermarks: WatermarkService, told: list[WatermarkFrame], room: Room, mallory: Peer
) -> None:
    watermarks.read(mallory.user_id, room.room_id, 1)
    watermarks.delivered(mallory.user_id, RoomId(random_text(32)), 1)
    await tasks.finish()
    assert told == []


async def test_a_mark_past_the_last_message_says_nothing(
    watermarks: WatermarkService, told: list[WatermarkFrame], room: Room, alice: Peer
) -> None:
    watermarks.read(alice.user_id, room.room_id, 2**53 - 1)
    await tasks.finish()
    assert told == []


async def test_what_a_store_refuses_is_offered_again(
    watermarks: WatermarkService,
    stores: Stores,
    room: Room,
    alice: Peer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "RETRY_MS", 10)
    offered: list[list[Watermark]] = []

    async def advance(marks: Iterable[Watermark]) -> list[Watermark]:
        offered.append(list(marks))
        if len(offered) == 1:
            watermarks.read(alice.user_id, room.room_id, 2)
            raise AppError(ErrorCode.UNAVAILABLE)
        return []

    monkeypatch.setattr(stores.rooms, "advance", advance)
    watermarks.delivered(alice.user_id, room.room_id, 5)
    await asyncio.sleep(0)
    await tasks.finish()
    assert offered == [
        [Watermark(room.room_id, alice.user_id, 5, 0)],
        [Watermark(room.room_id, alice.user_id, 5, 2)],
    ]


async def test_the_last_flush_waits_for_marks_that_are_being_stored_and_offers_them_again(
    watermarks: WatermarkService,
    stores: Stores,
    room: Room,
    alice: Peer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begun, may_end, advance = asyncio.Event(), asyncio.Event(), stores.rooms.advance
    offered: list[list[Watermark]] = []

    async def slow(marks: Iterable[Watermark]) -> list[Watermark]:
        offered.append(list(marks))
        begun.set()
        await may_end.wait()
        if len(offered) == 1:
            raise AppError(ErrorCode.UNAVAILABLE)
        return await advance(marks)

    monkeypatch.setattr(stores.rooms, "advance", slow)
    watermarks.read(alice.user_id, room.room_id, 1)
    await begun.wait()
    flushing = asyncio.ensure_future(watermarks.flush())
    for _ in range(5):
        await asyncio.sleep(0)
    assert not flushing.done()
    may_end.set()
    await flushing
    assert offered == [[Watermark(room.room_id, alice.user_id, 1, 1)]] * 2


async def hide_reading(people: People, peer: Peer) -> None:
    await people.stores.accounts.set_profile(
        peer.user_id, display_name=None, preferences=Preferences(read_receipts=False)
    )


async def say(people: People, room: Room, sender: Peer, count: int) -> None:
    loop = asyncio.get_running_loop()
    for _ in range(count):
        stored: asyncio.Future[object] = loop.create_future()
        message = Make().message(room, sender=sender.user_id)
        people.stores.messages.append(message, people.clock.now_ms(), stored.set_result)
        assert isinstance(await stored, Appended)


async def test_hidden_reading_is_not_given_away_by_a_frame_that_says_nothing_new(
    watermarks: WatermarkService,
    told: list[WatermarkFrame],
    stores: Stores,
    clock: MovableClock,
    bus: LocalBus,
    people: People,
    room: Room,
    alice: Peer,
    bob: Peer,
) -> None:
    """Nor when the reader goes on at another process, which has not told what the first one has."""
    await hide_reading(people, bob)
    await say(people, room, alice, 3)
    seen: list[tuple[tuple[UserId, ...], int, int]] = []
    bus.subscribe(
        Told,
        lambda event: seen.append((event.users, told[-1].delivered_seq, told[-1].read_seq)),
    )
    another = WatermarkService(stores, bus, Rosters(stores, clock))
    another.delivered(bob.user_id, room.room_id, 1)
    await tasks.finish()
    watermarks.delivered(bob.user_id, room.room_id, 3)
    await tasks.finish()
    of_alice = [(delivered, read) for users, delivered, read in seen if alice.user_id in users]
    assert of_alice == [(1, 0), (3, 0)]
    for seq, service in ((1, another), (2, watermarks), (3, another)):
        service.read(bob.user_id, room.room_id, seq)
        await tasks.finish()
    assert seen[2:] == [((bob.user_id,), 3, seq) for seq in (1, 2, 3)]
