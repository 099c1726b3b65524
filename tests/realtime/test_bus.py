"""What every bus promises, to the process that publishes and to another one."""

from dataclasses import dataclass

import pytest

from models.events import (
    AccountAltered,
    Bus,
    DevicesAltered,
    Event,
    EventsLost,
    LogGrown,
    LoginsEnded,
    MessageStored,
    PeopleAsked,
    PeopleHere,
    ProcessGone,
    RoomAltered,
    Told,
)
from protocol.frames import PrekeysLow
from protocol.ids import DeviceId, LoginId, RoomId, UserId
from realtime.local_bus import LocalBus
from tests.cluster.process import until
from tests.people import random_text
from tests.realtime.conftest import MakeBus, joined, listen, new_process, some_message

USER, ROOM = UserId(random_text(16)), RoomId(random_text(32))
DEVICE = DeviceId(random_text(16))
EVERYWHERE: list[Event] = [
    RoomAltered(ROOM),
    DevicesAltered(USER, 2),
    AccountAltered(USER),
    LoginsEnded(USER, (LoginId(random_text(16)),), "revoked"),
    LogGrown(ROOM, 12, (USER,)),
    PeopleHere(new_process(), {USER: "away"}),
    PeopleAsked(),
]
TO_A_USER: list[Event] = [
    Told((USER,), PrekeysLow(opk=3), only=DEVICE),
    MessageStored(ROOM, some_message(USER), {(USER, DEVICE): b'{"sid":"s"}'}, (USER,)),
]


@dataclass
class Joined:
    """A bus that publishes, and one that hears it: the same one where there is one process."""

    here: Bus
    there: Bus


@pytest.fixture(params=["local", "nats"])
async def buses(request: pytest.FixtureRequest, make_bus: MakeBus) -> Joined:
    if request.param == "local":
        bus = LocalBus()
        return Joined(bus, bus)
    here, there = make_bus(), make_bus()
    await joined(here, there)
    return Joined(here, there)


async def is_hearing(buses: Joined) -> None:
    """Wait until the other process hears about the user."""
    buses.there.came(USER)
    heard = listen(buses.there, Told)

    def ask() -> bool:
        buses.here.publish(Told((USER,), PrekeysLow(opk=0)))
        return bool(heard)

    await until(ask)


@pytest.mark.parametrize("event", EVERYWHERE, ids=lambda event: type(event).__name__)
async def test_what_processes_remember_is_told_to_each_of_them(buses: Joined, event: Event) -> None:
    here, there = (listen(bus, type(event)) for bus in (buses.here, buses.there))
    buses.here.publish(event)
    assert here[:1] == [event], "at once in this process"
    await until(lambda: bool(there))
    assert there[0] == event


@pytest.mark.parametrize("event", TO_A_USER, ids=lambda event: type(event).__name__)
async def test_what_a_user_is_told_reaches_where_the_user_is(buses: Joined, event: Event) -> None:
    await is_hearing(buses)
    heard = listen(buses.there, type(event))
    buses.here.publish(event)
    await until(lambda: event in heard)


async def test_events_arrive_in_the_order_they_were_published(buses: Joined) -> None:
    heard = listen(buses.there, RoomAltered, AccountAltered)
    events = [AccountAltered(USER), *(RoomAltered(RoomId(random_text(32))) for _ in range(500))]
    for event in events:
        buses.here.publish(event)
    await until(lambda: len(heard) == len(events))
    assert heard == events


async def test_what_a_user_is_told_arrives_in_order_too(buses: Joined) -> None:
    await is_hearing(buses)
    heard = listen(buses.there, Told)
    for number in range(1, 501):
        buses.here.publish(Told((USER,), PrekeysLow(opk=number)))
    await until(lambda: bool(heard) and heard[-1].frame == PrekeysLow(opk=500))
    told = [event.frame.opk for event in heard if isinstance(event.frame, PrekeysLow)]
    assert [opk for opk in told if opk] == list(range(1, 501))


async def test_what_is_published_here_stays_here(buses: Joined) -> None:
    here, there = (listen(bus, AccountAltered) for bus in (buses.here, buses.there))
    last = listen(buses.there, RoomAltered)
    buses.here.here.publish(AccountAltered(USER))
    buses.here.publish(RoomAltered(ROOM))
    await until(lambda: bool(last))
    assert here == [AccountAltered(USER)]
    assert there == (here if buses.here is buses.there else [])


@pytest.mark.parametrize("event", [EventsLost(is_over=False), ProcessGone(new_process())])
async def test_what_a_bus_has_noticed_concerns_its_process_only(
    buses: Joined, event: Event
) -> None:
    if buses.here is buses.there:
        return
    there, last = listen(buses.there, type(event)), listen(buses.there, RoomAltered)
    buses.here.publish(event)
    buses.here.publish(RoomAltered(ROOM))
    await until(lambda: bool(last))
    assert event not in there


async def test_a_subscriber_that_fails_keeps_nobody_else_from_hearing(buses: Joined) -> None:
    def fail(_event: RoomAltered) -> None:
        raise ZeroDivisionError

    buses.there.subscribe(RoomAltered, fail)
    heard = listen(buses.there, RoomAltered)
    buses.here.publish(RoomAltered(ROOM))
    await until(lambda: heard == [RoomAltered(ROOM)])
