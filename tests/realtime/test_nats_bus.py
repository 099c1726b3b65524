"""Losing NATS, or packets, or to strangers: what follows is known, and nothing breaks."""

import secrets
from collections.abc import AsyncIterator

import nats as nats_py
import pytest
import pytest_asyncio
from nats.aio.client import Client

from models.events import (
    EventsLost,
    LogGrown,
    LoginsEnded,
    MessageStored,
    ProcessGone,
    RoomAltered,
    Told,
)
from protocol.frames import PrekeysLow
from protocol.ids import DeviceId, LoginId, RoomId, UserId
from realtime import nats_bus, nats_link
from realtime.nats_bus import LOST_AGAIN_MS, NatsBus
from realtime.neighbours import SILENT_MS
from realtime.packets import Goodbye, Heartbeat, share
from realtime.subjects import EVERYBODY, of_user
from tests.cluster.process import until
from tests.harness import MovableClock
from tests.people import random_text
from tests.process import NatsProcess
from tests.realtime.conftest import MakeBus, joined, listen, some_message, stranger

USER, ROOM = UserId(random_text(16)), RoomId(random_text(32))


@pytest_asyncio.fixture
async def raw(nats: NatsProcess) -> AsyncIterator[Client]:
    """Whoever else has the password of the bus."""
    client = await nats_py.connect(nats.url, user="sealroom", password=nats.password)
    yield client
    await client.close()


@pytest_asyncio.fixture
async def bus(make_bus: MakeBus) -> NatsBus:
    """A bus that is up and has done with coming up."""
    made = make_bus()
    await joined(made)
    return made


# ── strangers ────────────────────────────────────────────────────────────────────────────────────


async def test_ten_thousand_packets_of_strangers_do_nothing(bus: NatsBus, raw: Client) -> None:
    """S-60."""
    bus.came(USER)
    heard = listen(bus, RoomAltered, LoginsEnded, MessageStored, Told, LogGrown, ProcessGone)
    forger = stranger(key=secrets.token_bytes(32))
    (_, message), *_ = share(MessageStored(ROOM, some_message(USER), {}, (USER,)))
    forged = [
        forger.write(EVERYBODY, RoomAltered(ROOM), 1),
        forger.write(EVERYBODY, LoginsEnded(USER, (LoginId(random_text(16)),)), 2),
        forger.write(of_user(USER), message),
        forger.write(EVERYBODY, Goodbye(), 3),
        b"",
        b"\x00" * 5_000,
        secrets.token_bytes(1_000),
        b'{"type":"message.new"}',
        # One of ours, under a subject it was not written for.
        stranger().write("sealroom.elsewhere", RoomAltered(ROOM), 1),
        stranger().write(of_user(UserId(random_text(16))), Told((USER,), PrekeysLow(opk=1))),
    ]
    for number in range(10_000):
        await raw.publish((EVERYBODY, of_user(USER))[number % 2], forged[number % len(forged)])
    await raw.flush()
    await raw.publish(EVERYBODY, stranger().write(EVERYBODY, RoomAltered(ROOM), 1))
    await until(lambda: heard == [RoomAltered(ROOM)])
    await until(lambda: bus.refused >= 5_000)


async def test_a_packet_that_is_repeated_is_told_once(bus: NatsBus, raw: Client) -> None:
    heard = listen(bus, RoomAltered)
    writer, other = stranger(), RoomId(random_text(32))
    first = writer.write(EVERYBODY, RoomAltered(ROOM), 1)
    for packet in (first, first, writer.write(EVERYBODY, RoomAltered(other), 2), first):
        await raw.publish(EVERYBODY, packet)
    await raw.publish(EVERYBODY, stranger().write(EVERYBODY, RoomAltered(ROOM), 1))
    await until(lambda: len(heard) == 3)
    assert heard == [RoomAltered(ROOM), RoomAltered(other), RoomAltered(ROOM)]


async def test_whoever_has_not_the_password_is_never_joined(
    nats: NatsProcess, make_bus: MakeBus, caplog: pytest.LogCaptureFixture
) -> None:
    right, nats.password = nats.password, "wrong"
    outside = make_bus()
    outside.open()
    await until(lambda: "the bus is away" in caplog.text)
    assert not outside.is_up
    nats.password = right
    await joined(make_bus())


# ── what is lost ─────────────────────────────────────────────────────────────────────────────────


async def test_a_number_that_never_came_is_noticed(bus: NatsBus, raw: Client) -> None:
    lost = listen(bus, EventsLost)
    writer = stranger()
    await raw.publish(EVERYBODY, writer.write(EVERYBODY, RoomAltered(ROOM), 1))
    await raw.publish(EVERYBODY, writer.write(EVERYBODY, RoomAltered(ROOM), 3))
    await until(lambda: EventsLost(is_over=True) in lost)


async def test_what_a_process_could_not_send_is_noticed_by_the_others(
    make_bus: MakeBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = make_bus(), make_bus()
    await joined(one, other)
    lost = listen(other, EventsLost)
    monkeypatch.setattr(nats_link, "WAITING_BYTES", 1_000)
    for _ in range(100):
        one.publish(Told((USER,), PrekeysLow(opk=1)))
    assert one.dropped > 0
    monkeypatch.undo()
    await until(lambda: EventsLost(is_over=True) in lost)


async def test_more_than_can_be_handled_is_dropped_and_noticed(
    make_bus: MakeBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nats_link, "PENDING_PACKETS", 5)
    one, other = make_bus(), make_bus()
    await joined(one, other)
    lost, heard = listen(other, EventsLost), listen(other, RoomAltered)
    for _ in range(1_000):
        one.publish(RoomAltered(ROOM))
    await until(lambda: EventsLost(is_over=True) in lost)
    assert len(heard) < 1_000
    one.publish(RoomAltered(last := RoomId(random_text(32))))
    await until(lambda: RoomAltered(last) in heard)


async def test_a_message_too_large_for_the_bus_is_a_hint(make_bus: MakeBus) -> None:
    one, other = make_bus(), make_bus()
    await joined(one, other)
    other.came(USER)
    grown, stored = listen(other, LogGrown), listen(other, MessageStored)
    capsules = {(USER, DeviceId(random_text(16))): b"c" * 500 for _ in range(2_500)}
    event = MessageStored(ROOM, some_message(USER, seq=7), capsules, (USER,))

    def send() -> bool:  # until the other one hears about the user
        one.publish(event)
        return bool(grown)

    await until(send)
    assert grown[0] == LogGrown(ROOM, 7, (USER,))
    assert stored == []


async def test_only_what_concerns_people_here_is_heard(
    make_bus: MakeBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nats_bus, "LEAVE_S", 0.05)
    one, other = make_bus(), make_bus()
    await joined(one, other)
    told, last = listen(other, Told), listen(other, RoomAltered)

    async def is_heard() -> bool:
        told.clear()
        last.clear()
        one.publish(Told((USER,), PrekeysLow(opk=1)))
        one.publish(RoomAltered(ROOM))
        await until(lambda: bool(last))
        return bool(told)

    assert not await is_heard()
    other.came(USER)
    while not await is_heard():
        pass
    other.went(USER)
    other.came(USER)  # a reload
    assert await is_heard()
    other.went(USER)
    while await is_heard():
        pass


# ── interruptions ────────────────────────────────────────────────────────────────────────────────


async def test_a_bus_that_is_away_from_the_start_comes_up_when_it_can(
    make_bus: MakeBus, nats: NatsProcess, clock: MovableClock
) -> None:
    nats.stop()
    bus = make_bus()
    lost, heard = listen(bus, EventsLost), listen(bus, RoomAltered)
    bus.open()
    bus.publish(RoomAltered(ROOM))
    assert heard == [RoomAltered(ROOM)], "this process goes on"
    assert not bus.is_up
    clock.advance(LOST_AGAIN_MS)
    await until(lambda: EventsLost(is_over=False) in lost)
    assert EventsLost(is_over=True) not in lost
    nats.start()
    await until(lambda: bus.is_up)
    assert lost[-1] == EventsLost(is_over=True)


async def test_a_killed_bus_is_found_again_and_the_gap_is_known(
    make_bus: MakeBus, nats: NatsProcess, clock: MovableClock
) -> None:
    """R-31."""
    one, other = make_bus(), make_bus()
    await joined(one, other)
    other.came(USER)
    lost = listen(other, EventsLost)
    for _ in range(2):
        lost.clear()
        nats.kill()
        await until(lambda: not (one.is_up or other.is_up))
        assert lost == [EventsLost(is_over=False)]
        clock.advance(LOST_AGAIN_MS)
        await until(lambda: len(lost) >= 2)
        assert set(lost) == {EventsLost(is_over=False)}
        one.publish(RoomAltered(ROOM))
        nats.start()
        await until(lambda: one.is_up and other.is_up)
        assert EventsLost(is_over=True) in lost
        heard = listen(other, Told)

        def ask(heard: list[Told] = heard) -> bool:
            one.publish(Told((USER,), PrekeysLow(opk=1)))
            return bool(heard)

        await until(ask)


# ── processes ────────────────────────────────────────────────────────────────────────────────────


async def test_a_process_that_stops_says_goodbye(make_bus: MakeBus) -> None:
    one, other = make_bus(), make_bus()
    await joined(one, other)
    gone, heard = listen(other, ProcessGone), listen(other, RoomAltered)
    one.publish(RoomAltered(ROOM))
    await until(lambda: bool(heard))
    await one.close()
    await until(lambda: gone == [ProcessGone(one.process)])


async def test_a_process_that_is_silent_is_gone_unless_nobody_could_hear_it(
    bus: NatsBus, raw: Client, nats: NatsProcess, clock: MovableClock
) -> None:
    gone, heard = listen(bus, ProcessGone), listen(bus, RoomAltered)
    writer = stranger()
    packets = [
        writer.write(EVERYBODY, RoomAltered(ROOM), 1),
        writer.write(EVERYBODY, Heartbeat(), 1),
    ]
    for packet in packets:
        await raw.publish(EVERYBODY, packet)
    await until(lambda: bool(heard))
    nats.kill()
    await until(lambda: not bus.is_up)
    clock.advance(SILENT_MS)
    nats.start()
    await until(lambda: bus.is_up)
    assert gone == []
    clock.advance(SILENT_MS)
    await until(lambda: bool(gone))
