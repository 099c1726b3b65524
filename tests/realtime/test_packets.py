"""What our processes write is read as it was, and nothing else is read at all (S-60)."""

import hashlib
import secrets
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.events import (
    AccountAltered,
    DevicesAltered,
    LogGrown,
    LoginsEnded,
    MessageStored,
    PeopleAsked,
    PeopleHere,
    RoomAltered,
    Told,
)
from protocol.frames import PrekeysLow, RoomChanged
from protocol.ids import DeviceId, LoginId, RoomId, UserId
from realtime.packets import Carried, Fact, Goodbye, Heartbeat, joined, share
from realtime.subjects import EVERYBODY, of_user, user_of
from tests.people import random_text
from tests.realtime.conftest import KEY, new_process, some_message, stranger

USER, OTHER = UserId(random_text(16)), UserId(random_text(16))
ROOM = RoomId(random_text(32))
FACTS: list[Fact] = [
    RoomAltered(ROOM),
    DevicesAltered(USER, 7),
    AccountAltered(USER),
    LoginsEnded(USER, (LoginId(random_text(16)),), "logged_out"),
    LogGrown(ROOM, 12, (USER, OTHER)),
    PeopleHere(new_process(), {USER: "online", OTHER: "away"}, ("", "~")),
    PeopleHere(new_process(), {USER: "offline"}),
    PeopleAsked(),
    Told((USER,), RoomChanged(room=ROOM)),
    Told((USER,), PrekeysLow(opk=3), only=DeviceId(random_text(16))),
    Told((USER,), PrekeysLow(opk=3), not_to=DeviceId(random_text(16))),
    Heartbeat(),
    Goodbye(),
]


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: type(fact).__name__)
def test_every_fact_is_read_as_it_was_written(fact: Fact) -> None:
    packet = stranger().read(EVERYBODY, (writer := stranger()).write(EVERYBODY, fact, 5))
    assert packet is not None
    assert (packet.fact, packet.number) == (fact, 5)
    assert writer.read("sealroom.other", writer.write(EVERYBODY, fact, 5)) is None


def test_a_message_carries_each_recipient_their_own_capsules_and_nobody_elses() -> None:
    devices = [DeviceId(random_text(16)) for _ in range(3)]
    capsules = {(USER, devices[0]): b"{1}", (USER, devices[1]): b"{2}", (OTHER, devices[2]): b"{3}"}
    event = MessageStored(ROOM, some_message(USER), capsules, (USER, OTHER))
    writer, read = stranger(), {}
    for user, fact in share(event):
        packet = writer.read(of_user(user), writer.write(of_user(user), fact))
        assert packet is not None
        assert isinstance(packet.fact, Carried)
        read[user] = joined(user, packet.fact)
    for user in (USER, OTHER):
        own = {key: capsule for key, capsule in capsules.items() if key[0] == user}
        assert read[user] == MessageStored(ROOM, event.message, own, (user,))


def test_a_subject_names_its_user() -> None:
    assert user_of(of_user(USER)) == USER
    assert of_user(USER) != EVERYBODY


@given(st.binary(max_size=200))
def test_bytes_of_somebody_else_are_no_packet(data: bytes) -> None:
    assert stranger().read(EVERYBODY, data) is None


@given(st.data())
def test_a_packet_with_any_bit_turned_is_none(data: st.DataObject) -> None:
    packet = bytearray(stranger().write(EVERYBODY, RoomAltered(ROOM), 1))
    bit = data.draw(st.integers(0, len(packet) * 8 - 1))
    packet[bit // 8] ^= 1 << bit % 8
    assert stranger().read(EVERYBODY, bytes(packet)) is None


def test_a_packet_under_another_key_is_none() -> None:
    packet = stranger(key=secrets.token_bytes(32)).write(EVERYBODY, RoomAltered(ROOM), 1)
    assert stranger().read(EVERYBODY, packet) is None


def tagged(content: Any) -> bytes:
    """Write what one of our processes never would, with a tag all the same."""
    text = content if isinstance(content, bytes) else msgspec.msgpack.encode(content)
    tag = hashlib.blake2b(EVERYBODY.encode() + b"\0" + text, key=KEY, digest_size=16)
    return tag.digest() + text


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xc1",
        b"\x91" * 100_000,
        [2, "p", 1, {"type": "heartbeat"}],
        [1, "p", -1, {"type": "heartbeat"}],
        [1, "p", 2**63, {"type": "heartbeat"}],
        [1, "p", 1, {"type": "of the future"}],
        [1, "p", 1, {"type": "room", "room_id": "r" * 100_000}],
        [1, "p", 1, {"type": "room", "room_id": 7}],
        [1, "p", 1, {"type": "told", "users": ["u"], "frame": {"type": "pong"}}],
        [1, "p", 1, {"type": "people", "process": "p", "people": {USER: "asleep"}}],
        [1, "p", 1],
        {"version": 1},
        "text",
        None,
    ],
)
def test_a_packet_of_another_version_or_form_is_none(content: Any) -> None:
    good = [1, "p", 1, {"type": "room", "room_id": ROOM}]
    assert stranger().read(EVERYBODY, tagged(good)) is not None
    assert stranger().read(EVERYBODY, tagged(content)) is None
