"""Marks are gathered, stored once, told once, and never lost to a store that is away."""

import asyncio
from collections.abc import Iterable

import pytest

from models.events import Told
from models.rooms import Room, Watermark
from models.stores import Stores
from protocol.errors import AppError, ErrorCode
from protocol.frames import Watermark as WatermarkFrame
from protocol.ids import RoomId
from realtime.local_bus import LocalBus
from services import tasks
from services import watermarks as module
from services.rosters import Rosters
from services.watermarks import WatermarkService
from tests.harness import MovableClock
from tests.people import Peer, random_text


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
