"""Frames reach the devices they are for, joined, in order, and within bounds."""

import json
from collections.abc import Callable

import pytest

from models.events import LoginsEnded, MessageStored, Told
from protocol.frames import Message, PrekeysLow
from protocol.ids import DeviceId, LoginId, MsgId, RoomId, UserId
from protocol.limits import OUTGOING_BYTES, OUTGOING_FRAMES
from realtime.hub import Connection, Hub
from realtime.local_bus import LocalBus

ALICE, BOB = UserId("alice"), UserId("bob")
PHONE, LAPTOP = DeviceId("phone"), DeviceId("laptop")


class FakeWire:
    """A socket whose other end reads when told to."""

    def __init__(self) -> None:
        self.writes: list[list[bytes]] = []
        self.codes: list[int] = []
        self.is_read = True
        self.connection: Connection | None = None

    def write(self, frames: list[bytes]) -> None:
        self.writes.append(frames)
        if not self.is_read and self.connection is not None:
            self.connection.pause()

    def close(self, code: int) -> None:
        self.codes.append(code)

    @property
    def frames(self) -> list[bytes]:
        return [frame for write in self.writes for frame in write]


class Loop:
    """The next turn of an event loop, taken when the test says so."""

    def __init__(self) -> None:
        self.calls: list[Callable[[], None]] = []
        self.hub = Hub(self.calls.append, LocalBus())

    def turn(self) -> None:
        calls, self.calls[:] = list(self.calls), []
        for call in calls:
            call()

    def connect(self, user: UserId, device: DeviceId) -> tuple[FakeWire, Connection]:
        wire = FakeWire()
        connection = wire.connection = self.hub.open(wire)
        self.hub.add(connection, user, device, LoginId(f"{user}-{device}"))
        return wire, connection


@pytest.fixture
def loop() -> Loop:
    return Loop()


def stored(capsules: dict[tuple[UserId, DeviceId], bytes]) -> MessageStored:
    message = Message(
        seq=1,
        msg_id=MsgId("m"),
        sender=ALICE,
        sender_device=LAPTOP,
        epoch=0,
        roster_hash="r",
        payload="p",  # type: ignore[arg-type]
        c2="c",
        capsule=None,
        frank="f",
        server_ms=5,
    )
    return MessageStored(RoomId("room"), message, capsules, (ALICE, BOB))


def test_each_device_gets_its_own_capsule_and_the_sending_one_gets_nothing(loop: Loop) -> None:
    sender, _ = loop.connect(ALICE, LAPTOP)
    own, _ = loop.connect(ALICE, PHONE)
    other, _ = loop.connect(BOB, LAPTOP)
    late, _ = loop.connect(BOB, DeviceId("late"))
    loop.hub.deliver(stored({(ALICE, PHONE): b'{"sid":"1"}', (BOB, LAPTOP): b'{"sid":"2"}'}))
    loop.turn()
    assert sender.frames == []
    capsules = [json.loads(w.frames[0])["message"]["capsule"] for w in (own, other, late)]
    assert capsules == [{"sid": "1"}, {"sid": "2"}, None]
    whole = json.loads(own.frames[0])
    assert (whole["type"], whole["room"], whole["message"]["server_ms"]) == (
        "message.new",
        "room",
        5,
    )
    assert whole["message"]["deleted"] is False


def test_what_comes_in_one_turn_leaves_in_one_write_and_in_order(loop: Loop) -> None:
    wire, connection = loop.connect(BOB, PHONE)
    for number in range(5):
        connection.send(b"%d" % number)
    assert wire.writes == []
    loop.turn()
    assert wire.writes == [[b"0", b"1", b"2", b"3", b"4"]]


def test_while_a_write_is_under_way_the_rest_waits(loop: Loop) -> None:
    wire, connection = loop.connect(BOB, PHONE)
    wire.is_read = False
    connection.send(b"1")
    loop.turn()
    connection.send(b"2")
    connection.send(b"3")
    loop.turn()
    assert wire.writes == [[b"1"]]
    wire.is_read = True
    connection.resume()
    assert wire.writes == [[b"1"], [b"2", b"3"]]


@pytest.mark.parametrize(
    ("frame", "count"), [(b"x", OUTGOING_FRAMES), (b"x" * 100_000, OUTGOING_BYTES // 100_000 + 1)]
)
def test_a_reader_too_far_behind_is_closed_and_what_it_missed_is_dropped(
    loop: Loop, frame: bytes, count: int
) -> None:
    wire, connection = loop.connect(BOB, PHONE)
    wire.is_read = False
    connection.send(b"under way")
    loop.turn()
    for _ in range(count):
        connection.send(frame)
    loop.turn()
    assert wire.codes == [4008]
    assert wire.frames == [b"under way"]


def test_a_burst_to_a_reader_who_keeps_up_is_written_early_and_not_held_against_them(
    loop: Loop,
) -> None:
    wire, connection = loop.connect(BOB, PHONE)
    for number in range(3 * OUTGOING_FRAMES):
        connection.send(b"%d" % number)
    loop.turn()
    assert wire.codes == []
    assert wire.frames == [b"%d" % number for number in range(3 * OUTGOING_FRAMES)]


def test_a_slow_reader_delays_nobody_else(loop: Loop) -> None:
    slow, _ = loop.connect(BOB, PHONE)
    fast, _ = loop.connect(BOB, LAPTOP)
    slow.is_read = False
    for _ in range(2 * OUTGOING_FRAMES):
        loop.hub.tell(Told((BOB,), PrekeysLow(opk=1)))
        loop.turn()
    assert slow.codes == [4008]
    assert len(fast.frames) == 2 * OUTGOING_FRAMES


def test_a_held_connection_gets_the_answer_first(loop: Loop) -> None:
    wire, connection = loop.connect(BOB, PHONE)
    connection.hold()
    loop.hub.tell(Told((BOB,), PrekeysLow(opk=1)))
    loop.turn()
    assert wire.frames == []
    connection.release(b"authenticated")
    loop.turn()
    assert wire.frames == [b"authenticated", b'{"type":"prekeys.low","opk":1}']


def test_a_device_can_be_left_out(loop: Loop) -> None:
    here, _ = loop.connect(BOB, PHONE)
    there, _ = loop.connect(BOB, LAPTOP)
    loop.hub.tell(Told((BOB,), PrekeysLow(opk=1), not_to=PHONE))
    loop.turn()
    assert (len(here.frames), len(there.frames)) == (0, 1)


def test_a_device_can_be_told_alone(loop: Loop) -> None:
    here, _ = loop.connect(BOB, PHONE)
    there, _ = loop.connect(BOB, LAPTOP)
    loop.hub.tell(Told((BOB,), PrekeysLow(opk=1), only=PHONE))
    loop.turn()
    assert (len(here.frames), len(there.frames)) == (1, 0)


def test_ended_log_ins_are_told_why_and_closed(loop: Loop) -> None:
    ended, _ = loop.connect(BOB, PHONE)
    living, _ = loop.connect(BOB, LAPTOP)
    loop.hub.end(LoginsEnded(BOB, (LoginId("bob-phone"),), "revoked"))
    loop.turn()
    assert ended.frames == [b'{"type":"session.revoked","reason":"revoked"}']
    assert ended.codes == [4401]
    assert living.codes == []


def test_closing_sends_what_is_queued_first_and_twice_is_once(loop: Loop) -> None:
    wire, connection = loop.connect(BOB, PHONE)
    connection.send(b"last")
    connection.close(1012)
    connection.close(1012)
    connection.send(b"too late")
    loop.turn()
    assert wire.frames == [b"last"]
    assert wire.codes == [1012]


def test_connections_are_counted_and_forgotten(loop: Loop) -> None:
    _, one = loop.connect(BOB, PHONE)
    _, two = loop.connect(BOB, PHONE)
    assert loop.hub.count(BOB) == 2
    loop.hub.remove(one)
    assert loop.hub.count(BOB) == 1
    loop.hub.remove(two)
    assert loop.hub.count(BOB) == 0


class Interest:
    """Notes who came and went."""

    def __init__(self) -> None:
        self.noted: list[tuple[str, UserId]] = []

    def came(self, user_id: UserId) -> None:
        self.noted.append(("came", user_id))

    def went(self, user_id: UserId) -> None:
        self.noted.append(("went", user_id))


def test_the_first_and_the_last_connection_of_a_user_are_told() -> None:
    interest, loop = Interest(), Loop()
    loop.hub = Hub(loop.calls.append, interest)
    _, phone = loop.connect(ALICE, PHONE)
    _, laptop = loop.connect(ALICE, LAPTOP)
    _, bobs = loop.connect(BOB, PHONE)
    loop.hub.remove(phone)
    assert interest.noted == [("came", ALICE), ("came", BOB)]
    loop.hub.remove(laptop)
    loop.hub.remove(bobs)
    assert interest.noted[2:] == [("went", ALICE), ("went", BOB)]


def test_who_is_connected_and_by_which_log_in(loop: Loop) -> None:
    loop.connect(ALICE, PHONE)
    loop.connect(ALICE, PHONE)
    loop.connect(ALICE, LAPTOP)
    assert loop.hub.devices_of(ALICE) == [PHONE, LAPTOP]
    assert loop.hub.devices_of(BOB) == []
    assert loop.hub.logins() == {f"{ALICE}-{PHONE}": ALICE, f"{ALICE}-{LAPTOP}": ALICE}
