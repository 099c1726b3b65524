"""What the bus loses is found in the log, and told in order to whoever is connected here."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from models.events import EventsLost, LogGrown, LoginsEnded, MessageStored, Told
from models.messages import Appended
from models.rooms import Room
from models.stores import Stores
from protocol.errors import AppError, ErrorCode
from protocol.frames import MessageNew
from protocol.ids import DeviceId, LoginId, UserId
from realtime.local_bus import LocalBus
from services import catch_up as module
from services import tasks
from services.catch_up import CatchUpService
from services.logins import LoginService
from tests.contracts.make import Make
from tests.harness import MovableClock
from tests.people import Peer

Lose = Callable[..., Awaitable[None]]


class Here:
    """Who is connected to this process."""

    def __init__(self) -> None:
        self.devices: dict[UserId, list[DeviceId]] = {}
        self.known: dict[LoginId, UserId] = {}

    def connect(self, peer: Peer) -> None:
        self.devices.setdefault(peer.user_id, []).append(peer.device_id)
        self.known[peer.login_id] = peer.user_id

    def devices_of(self, user_id: UserId) -> list[DeviceId]:
        return list(self.devices.get(user_id, ()))

    def logins(self) -> dict[LoginId, UserId]:
        return dict(self.known)


@pytest.fixture
def here() -> Here:
    return Here()


@pytest.fixture
def catch_up(
    stores: Stores,
    clock: MovableClock,
    bus: LocalBus,
    logins: LoginService,
    here: Here,
    monkeypatch: pytest.MonkeyPatch,
) -> CatchUpService:
    monkeypatch.setattr(module, "SETTLE_MS", 0)
    service = CatchUpService(stores, clock, bus, logins, here)
    bus.subscribe(MessageStored, service.told)
    return service


@pytest.fixture
def told(bus: LocalBus) -> list[tuple[DeviceId | None, int]]:
    """Which device was told which message."""
    heard: list[tuple[DeviceId | None, int]] = []

    def note(event: Told) -> None:
        assert isinstance(event.frame, MessageNew)
        heard.append((event.only, event.frame.message.seq))

    bus.subscribe(Told, note)
    return heard


@pytest.fixture
def lose(stores: Stores, clock: MovableClock, bus: LocalBus, room: Room, alice: Peer) -> Lose:
    """Have Alice's message stored by another process; the bus carries it only if told to."""

    async def store(*, is_carried: bool = False) -> None:
        outcome: asyncio.Future[Appended | AppError] = asyncio.get_running_loop().create_future()
        sent = Make().message(
            room, sender=alice.user_id, sender_device=alice.device_id, server_ms=clock.now_ms()
        )
        stores.messages.append(sent, clock.now_ms(), outcome.set_result)
        place = await outcome
        assert isinstance(place, Appended)
        if is_carried:
            (message,), _ = await stores.messages.page(
                room.room_id,
                (alice.user_id, alice.device_id),
                now_ms=clock.now_ms(),
                after=place.seq - 1,
                limit=1,
            )
            members = tuple(member.user_id for member in room.members)
            bus.publish(MessageStored(room.room_id, message, {}, members))

    return store


async def test_what_was_lost_is_told_once_to_every_device_in_order(
    catch_up: CatchUpService, here: Here, told: list[tuple[DeviceId, int]], lose: Lose, bob: Peer
) -> None:
    here.connect(bob)
    here.devices[bob.user_id].append(phone := DeviceId("phone"))
    place = await catch_up._look(None)
    await lose(is_carried=True)
    for _ in range(3):
        await lose()
    place = await catch_up._look(place)
    assert told == [(device, seq) for device in (bob.device_id, phone) for seq in (2, 3, 4)]
    told.clear()
    await lose(is_carried=True)
    await catch_up._look(place)
    assert told == []


async def test_a_gap_that_the_bus_left_is_filled(
    catch_up: CatchUpService, here: Here, told: list[tuple[DeviceId, int]], lose: Lose, bob: Peer
) -> None:
    here.connect(bob)
    place = await catch_up._look(None)
    await lose(is_carried=True)
    await lose()
    await lose(is_carried=True)
    await catch_up._look(place)
    assert told == [(bob.device_id, 2), (bob.device_id, 3)]


async def test_of_a_log_nobody_here_had_heard_of_the_newest_is_told(
    catch_up: CatchUpService, here: Here, told: list[tuple[DeviceId, int]], lose: Lose, bob: Peer
) -> None:
    """The device knows what it has, sees the gap if there is one, and asks."""
    place = await catch_up._look(None)
    for _ in range(3):
        await lose(is_carried=True)
    here.connect(bob)
    await catch_up._look(place)
    assert told == [(bob.device_id, 3)]


async def test_of_too_much_only_the_newest_is_told(
    catch_up: CatchUpService,
    here: Here,
    told: list[tuple[DeviceId, int]],
    lose: Lose,
    bob: Peer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MISSING", 3)
    here.connect(bob)
    place = await catch_up._look(None)
    await lose(is_carried=True)
    for _ in range(4):
        await lose()
    await catch_up._look(place)
    assert told == [(bob.device_id, 5)]


async def test_what_does_not_fit_one_page_is_told_by_several(
    catch_up: CatchUpService,
    here: Here,
    told: list[tuple[DeviceId, int]],
    lose: Lose,
    bob: Peer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "PAGE_BYTES", 1)
    here.connect(bob)
    place = await catch_up._look(None)
    await lose(is_carried=True)
    for _ in range(4):
        await lose()
    await catch_up._look(place)
    assert told == [(bob.device_id, seq) for seq in (2, 3, 4, 5)]


async def test_a_device_is_not_told_what_it_sent_itself(
    catch_up: CatchUpService, here: Here, told: list[tuple[DeviceId, int]], lose: Lose, alice: Peer
) -> None:
    here.connect(alice)
    here.devices[alice.user_id].append(phone := DeviceId("phone"))
    place = await catch_up._look(None)
    await lose()
    await catch_up._look(place)
    assert told == [(phone, 1)]


async def test_whoever_left_and_comes_back_is_not_told_everything_since(
    catch_up: CatchUpService, here: Here, told: list[tuple[DeviceId, int]], lose: Lose, bob: Peer
) -> None:
    here.connect(bob)
    place = await catch_up._look(None)
    await lose(is_carried=True)
    here.devices.clear()
    place = await catch_up._look(place)
    for _ in range(5):
        await lose()
    place = await catch_up._look(place)
    here.connect(bob)
    await lose()
    await catch_up._look(place)
    assert told == [(bob.device_id, 7)]


async def test_a_look_that_fails_is_repeated_from_where_it_began(
    catch_up: CatchUpService,
    here: Here,
    told: list[tuple[DeviceId, int]],
    lose: Lose,
    bob: Peer,
    stores: Stores,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "CATCH_UP_MS", 10)
    here.connect(bob)
    looks: list[int | None] = []
    grown = stores.messages.grown

    async def sometimes(since: int | None) -> object:
        looks.append(since)
        if len(looks) == 2:
            raise AppError(ErrorCode.UNAVAILABLE)
        return await grown(since)

    monkeypatch.setattr(stores.messages, "grown", sometimes)
    running = asyncio.get_running_loop().create_task(catch_up.run())
    async with asyncio.timeout(20):
        while len(looks) < 4:
            await asyncio.sleep(0.01)
        assert looks[1] == looks[2]
        await lose()
        while not told:
            await asyncio.sleep(0.01)
    running.cancel()
    assert told == [(bob.device_id, 1)]


async def test_a_hint_of_the_bus_is_looked_at_at_once(
    catch_up: CatchUpService,
    here: Here,
    told: list[tuple[DeviceId, int]],
    lose: Lose,
    room: Room,
    bob: Peer,
) -> None:
    here.connect(bob)
    await lose()
    catch_up.log_grew(LogGrown(room.room_id, 1, (bob.user_id,)))
    await tasks.finish()
    assert told == [(bob.device_id, 1)]


async def test_log_ins_whose_end_was_not_heard_of_are_ended_here(
    catch_up: CatchUpService,
    here: Here,
    bus: LocalBus,
    stores: Stores,
    logins: LoginService,
    alice: Peer,
    bob: Peer,
) -> None:
    """S-12."""
    ended: list[LoginsEnded] = []
    bus.subscribe(LoginsEnded, ended.append)
    for peer in (alice, bob):
        here.connect(peer)
        await logins.principal(peer.token)
    await stores.logins.end(bob.login_id)
    catch_up.events_lost(EventsLost(is_over=False))
    await tasks.finish()
    assert ended == [LoginsEnded(bob.user_id, (bob.login_id,))]
    logins.forget_all(EventsLost(is_over=False))
    assert await logins.is_live(alice.login_id)
    assert not await logins.is_live(bob.login_id)
