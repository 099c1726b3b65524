"""What is published when rooms change."""

import pytest

from models.events import Event, RoomAltered, Told
from models.rooms import Room
from models.stores import Stores
from protocol.errors import AppError
from protocol.frames import RoomChanged, RoomRemoved
from realtime.local_bus import LocalBus
from services.access import Access
from services.quotas import Quotas, Rate
from services.rooms import RoomService
from tests.harness import MovableClock
from tests.people import Peer, People, random_text


@pytest.fixture
def told(bus: LocalBus) -> list[Event]:
    events: list[Event] = []
    bus.subscribe(RoomAltered, events.append)
    bus.subscribe(Told, events.append)
    return events


@pytest.fixture
def rooms(stores: Stores, clock: MovableClock, bus: LocalBus, told: list[Event]) -> RoomService:
    quotas = Quotas(clock, {"room-open": Rate("user", 2, 0.001)})
    return RoomService(stores, clock, bus, access=Access(stores, clock), quotas=quotas)


async def test_opening_tells_both_and_finding_the_same_again_tells_nobody(
    rooms: RoomService, told: list[Event], alice: Peer, bob: Peer
) -> None:
    room, is_new = await rooms.open_dm(alice.user_id, bob.user_id, random_text(16))
    assert is_new
    both = tuple(member.user_id for member in room.members)
    assert told == [RoomAltered(room.room_id), Told(both, RoomChanged(room=room.room_id))]
    again, is_new = await rooms.open_dm(bob.user_id, alice.user_id, random_text(16))
    assert (again, is_new) == (room, False)
    assert len(told) == 2


async def test_what_is_remembered_is_forgotten_before_anybody_is_told(
    rooms: RoomService, told: list[Event], room: Room, alice: Peer
) -> None:
    await rooms.keep(alice.user_id, room.room_id, on=True)
    await rooms.remove(alice.user_id, room.room_id)
    kinds = [event.frame if isinstance(event, Told) else type(event) for event in told]
    assert kinds == [
        RoomAltered,
        RoomChanged(room=room.room_id),
        RoomAltered,
        RoomRemoved(room=room.room_id),
    ]


async def test_a_stranger_changes_nothing(
    rooms: RoomService, told: list[Event], room: Room, mallory: Peer
) -> None:
    with pytest.raises(AppError, match="not_found"):
        await rooms.keep(mallory.user_id, room.room_id, on=True)
    with pytest.raises(AppError, match="not_found"):
        await rooms.remove(mallory.user_id, room.room_id)
    assert told == []


async def test_opening_is_limited(
    rooms: RoomService, people: People, alice: Peer, bob: Peer
) -> None:
    for _ in range(2):
        await rooms.open_dm(alice.user_id, bob.user_id, random_text(16))
    with pytest.raises(AppError, match="rate_limited"):
        await rooms.open_dm(alice.user_id, bob.user_id, random_text(16))


async def test_heads_are_where_the_logs_stand(
    rooms: RoomService, room: Room, alice: Peer, mallory: Peer
) -> None:
    (head,) = await rooms.heads(alice.user_id)
    assert (head.id, head.last_seq) == (room.room_id, 0)
    assert await rooms.heads(mallory.user_id) == []
