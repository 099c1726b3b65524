"""Rosters are read once, forgotten when an event says so, and used in order."""

import asyncio
from dataclasses import replace

import pytest

from models.events import AccountAltered, DevicesAltered, EventsLost, RoomAltered
from models.rooms import Room
from models.stores import Stores
from protocol.errors import AppError, ErrorCode
from protocol.ids import RoomId
from protocol.limits import ROOM_TTL_MS, SPK_ACCEPT_MS, SPK_TTL_MS
from services import rosters as module
from services import tasks
from services.rosters import Roster, Rosters
from tests.harness import MovableClock
from tests.people import Peer, People, random_text


class CountingRooms:
    """A room store that counts and can be held up."""

    def __init__(self, stores: Stores) -> None:
        self._rooms = stores.rooms
        self.reads = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def by_id(self, room_id: RoomId, now_ms: int) -> Room | None:
        self.reads += 1
        room = await self._rooms.by_id(room_id, now_ms)
        await self.gate.wait()
        return room


@pytest.fixture
def counting(stores: Stores) -> CountingRooms:
    return CountingRooms(stores)


@pytest.fixture
def rosters(stores: Stores, clock: MovableClock, counting: CountingRooms) -> Rosters:
    return Rosters(replace(stores, rooms=counting), clock)  # type: ignore[arg-type]


async def of(rosters: Rosters, room_id: RoomId) -> Roster:
    """Wait for a roster."""
    got: asyncio.Future[Roster | AppError] = asyncio.get_running_loop().create_future()
    rosters.use(room_id, got.set_result)
    result = await got
    if isinstance(result, AppError):
        raise result
    return result


async def test_a_roster_says_who_must_be_sealed_to(
    rosters: Rosters, people: People, room: Room, alice: Peer, bob: Peer
) -> None:
    phone = await people.another_device(bob)
    roster = await of(rosters, room.room_id)
    assert set(roster.members) == {alice.user_id, bob.user_id}
    assert roster.addressees == {
        (alice.user_id, alice.device_id),
        (bob.user_id, bob.device_id),
        (bob.user_id, phone.device_id),
    }
    assert roster.versions == {alice.user_id: 1, bob.user_id: 2}
    lapse_ms = roster.lapses_ms[bob.user_id, bob.device_id]
    assert abs(lapse_ms - people.clock.now_ms() - SPK_TTL_MS - SPK_ACCEPT_MS) < 5_000


async def test_at_hand_it_is_used_at_once_and_not_read_again(
    rosters: Rosters, counting: CountingRooms, room: Room
) -> None:
    await of(rosters, room.room_id)
    used: list[Roster | AppError] = []
    rosters.use(room.room_id, used.append)
    assert len(used) == 1
    assert counting.reads == 1


@pytest.mark.parametrize("what", ["room", "devices", "account", "lost"])
async def test_an_event_makes_it_be_read_again(
    rosters: Rosters, counting: CountingRooms, room: Room, bob: Peer, what: str
) -> None:
    await of(rosters, room.room_id)
    if what == "room":
        rosters.forget_room(RoomAltered(room.room_id))
    elif what == "devices":
        rosters.forget_person(DevicesAltered(bob.user_id, 2))
    elif what == "lost":
        rosters.forget_all(EventsLost(is_over=False))
    else:
        rosters.forget_person(AccountAltered(bob.user_id))
    await of(rosters, room.room_id)
    assert counting.reads == 2


async def test_an_event_while_it_is_being_read_makes_it_be_read_once_more(
    rosters: Rosters, counting: CountingRooms, people: People, room: Room, bob: Peer
) -> None:
    counting.gate.clear()
    waiting = asyncio.ensure_future(of(rosters, room.room_id))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await people.stores.contacts.block(bob.user_id, room.members[0].user_id, 1)
    rosters.forget_person(AccountAltered(bob.user_id))
    counting.gate.set()
    assert (await waiting).is_blocked
    assert counting.reads == 2


async def test_an_event_about_somebody_else_changes_nothing(
    rosters: Rosters, counting: CountingRooms, room: Room, mallory: Peer
) -> None:
    await of(rosters, room.room_id)
    rosters.forget_person(AccountAltered(mallory.user_id))
    rosters.forget_room(RoomAltered(RoomId(random_text(32))))
    await of(rosters, room.room_id)
    assert counting.reads == 1


async def test_whoever_asks_meanwhile_waits_in_line(
    rosters: Rosters, counting: CountingRooms, room: Room
) -> None:
    used: list[int] = []
    for number in range(5):
        rosters.use(room.room_id, lambda _, number=number: used.append(number))  # type: ignore[misc]
    last = await of(rosters, room.room_id)
    assert used == [0, 1, 2, 3, 4]
    assert isinstance(last, Roster)
    assert counting.reads == 1


async def test_a_use_that_asks_again_comes_after_those_who_wait(
    rosters: Rosters, room: Room
) -> None:
    used: list[str] = []
    done = asyncio.Event()

    def again(_: Roster | AppError) -> None:
        used.append("again")
        done.set()

    def first(_: Roster | AppError) -> None:
        used.append("first")
        rosters.use(room.room_id, again)

    rosters.use(room.room_id, first)
    rosters.use(room.room_id, lambda _: used.append("second"))
    await done.wait()
    assert used == ["first", "second", "again"]


async def test_a_room_that_is_not_there_is_told_to_everybody_who_waits(rosters: Rosters) -> None:
    nowhere = RoomId(random_text(32))
    answers: list[Roster | AppError] = []
    rosters.use(nowhere, answers.append)
    with pytest.raises(AppError, match="not_found"):
        await of(rosters, nowhere)
    assert isinstance(answers[0], AppError)


async def test_a_room_ends_while_its_roster_is_at_hand(
    rosters: Rosters, room: Room, clock: MovableClock
) -> None:
    await of(rosters, room.room_id)
    clock.advance(ROOM_TTL_MS)
    with pytest.raises(AppError, match="not_found"):
        await of(rosters, room.room_id)


async def test_a_store_that_is_away_is_told_and_asked_again_next_time(
    rosters: Rosters, counting: CountingRooms, room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(room_id: RoomId, now_ms: int) -> None:
        raise AppError(ErrorCode.UNAVAILABLE)

    with monkeypatch.context() as patched:
        patched.setattr(counting, "by_id", away)
        with pytest.raises(AppError, match="unavailable"):
            await of(rosters, room.room_id)
    assert isinstance(await of(rosters, room.room_id), Roster)


async def test_the_line_is_bounded(
    rosters: Rosters, counting: CountingRooms, room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WAITING_USES", 3)
    counting.gate.clear()
    answers: list[Roster | AppError] = []
    for _ in range(4):
        rosters.use(room.room_id, answers.append)
    assert [isinstance(answer, AppError) for answer in answers] == [True]
    counting.gate.set()
    await tasks.finish()
    assert [isinstance(answer, Roster) for answer in answers] == [False, True, True, True]


async def test_the_room_used_longest_ago_is_forgotten_first(
    rosters: Rosters,
    counting: CountingRooms,
    people: People,
    room: Room,
    alice: Peer,
    mallory: Peer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "ROSTERS", 1)
    await people.befriend(alice, mallory)
    other = await people.room(alice, mallory)
    await of(rosters, room.room_id)
    await of(rosters, other.room_id)
    await of(rosters, other.room_id)
    assert counting.reads == 2
    await of(rosters, room.room_id)
    assert counting.reads == 3
