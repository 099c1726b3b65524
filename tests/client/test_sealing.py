"""Two devices find one session whatever happens, and forgeries leave no trace (§6 row 15)."""

import msgspec
import pytest
from msgspec import UNSET

from client import sealing, wire
from client.own_prekeys import OwnPrekeys
from client.seal.errors import DecryptError, DecryptReason
from client.seal.identity import DeviceIdentity, LocalDevice, enrol_device
from client.seal.keys import SigningKey
from client.seal.payload import Capsule, CapsuleKind
from client.seal.prekeys import Bundle
from client.state import Me, State, dump_state
from protocol import bodies, frames
from tests.client.people import NOW_MS, USER_A, USER_B


class Party:
    """One device with its state and a stock of published bundles."""

    def __init__(self, user_id: bytes) -> None:
        self.device: LocalDevice = enrol_device(
            SigningKey.generate(), user_id, user_id[::-1], NOW_MS
        )
        self.state = State(me=Me("someone@example.com", self.device))
        prekeys = OwnPrekeys(self.device, self.state)
        prekeys.start_anew()
        self.spk = prekeys.make_signed(NOW_MS)
        self.opks = prekeys.make_one_time(3)

    @property
    def public(self) -> DeviceIdentity:
        return self.device.identity()

    def bundle(self, with_one_time: bool = True) -> Bundle:
        return wire.parse_bundle(
            bodies.Bundle(
                user=wire.user_id(self.device.user_id),
                device=wire.device_id(self.device.device_id),
                cert_hash="",
                spk=self.spk,
                opk=self.opks.pop() if with_one_time else None,
            )
        )

    def begin(self, other: "Party", with_one_time: bool = True) -> None:
        sealing.begin_session(self.state, other.public, other.bundle(with_one_time), NOW_MS)

    def seal(self, other: "Party", number: int, sent_at_ms: int = NOW_MS) -> frames.Capsule:
        capsule = Capsule(CapsuleKind.MESSAGE, number.to_bytes(16, "big"), sent_at_ms)
        return sealing.seal_capsule(self.state, other.public, capsule)

    def open(self, other: "Party", sealed: frames.Capsule) -> int:
        opened = sealing.open_capsule(self.state, other.public, sealed, NOW_MS)
        self.owes_answer = opened.needs_answer
        return int.from_bytes(opened.capsule.message_id, "big")


@pytest.fixture
def alice() -> Party:
    return Party(USER_A)


@pytest.fixture
def bob() -> Party:
    return Party(USER_B)


def refused(opener: Party, sender: Party, sealed: frames.Capsule) -> DecryptReason:
    before = dump_state(opener.state)
    with pytest.raises(DecryptError) as caught:
        opener.open(sender, sealed)
    assert dump_state(opener.state) == before
    return caught.value.reason


@pytest.mark.parametrize("with_one_time", [True, False])
def test_a_conversation_begins_and_goes_both_ways(
    alice: Party, bob: Party, with_one_time: bool
) -> None:
    alice.begin(bob, with_one_time)
    for number in range(3):
        sealed = alice.seal(bob, number)
        assert isinstance(sealed.pre, frames.Pre)
        assert bob.open(alice, sealed) == number
        assert bob.owes_answer == (number == 0 and not with_one_time)
    assert alice.open(bob, bob.seal(alice, 7)) == 7
    assert alice.seal(bob, 8).pre is UNSET


def test_a_used_one_time_prekey_is_gone(alice: Party, bob: Party) -> None:
    alice.begin(bob)
    used = set(bob.state.one_time_prekeys)
    bob.open(alice, alice.seal(bob, 1))
    assert len(used - set(bob.state.one_time_prekeys)) == 1


def test_a_first_message_that_does_not_open_costs_no_prekey(alice: Party, bob: Party) -> None:
    alice.begin(bob)
    sealed = alice.seal(bob, 1)
    spoilt = msgspec.structs.replace(sealed, ciphertext=sealed.ciphertext[:-6] + "AAAAAA")
    assert refused(bob, alice, spoilt) is DecryptReason.AUTH_FAILED
    assert bob.open(alice, sealed) == 1


def test_a_beginning_that_is_played_again_is_dropped(alice: Party, bob: Party) -> None:
    alice.begin(bob, with_one_time=False)
    sealed = alice.seal(bob, 1)
    bob.open(alice, sealed)
    assert refused(bob, alice, sealed) is DecryptReason.DUPLICATE
    bob.state.sessions.clear()
    assert refused(bob, alice, sealed) is DecryptReason.DUPLICATE


def test_a_beginning_with_a_prekey_that_is_gone_has_no_session(alice: Party, bob: Party) -> None:
    alice.begin(bob)
    sealed = alice.seal(bob, 1)
    bob.state.one_time_prekeys.clear()
    assert refused(bob, alice, sealed) is DecryptReason.NO_SESSION
    bob.state.signed_prekeys.clear()
    assert refused(bob, alice, sealed) is DecryptReason.NO_SESSION


def test_a_message_without_session_or_beginning_has_no_session(alice: Party, bob: Party) -> None:
    alice.begin(bob)
    bob.open(alice, alice.seal(bob, 1))
    alice.open(bob, bob.seal(alice, 2))
    later = alice.seal(bob, 3)
    bob.state.sessions.clear()
    assert refused(bob, alice, later) is DecryptReason.NO_SESSION


def test_an_envelope_with_a_false_sender_opens_nothing(alice: Party, bob: Party) -> None:
    """The server hands Alice's capsule to Bob in the name of Mallory."""
    mallory = Party(b"\xcc" * 16)
    alice.begin(bob)
    first = alice.seal(bob, 1)
    assert refused(bob, mallory, first) is DecryptReason.NO_SESSION
    bob.open(alice, first)
    assert refused(bob, mallory, alice.seal(bob, 2)) is not None
    alice.open(bob, bob.seal(alice, 3))
    assert refused(bob, mallory, alice.seal(bob, 4)) is DecryptReason.NO_SESSION


def test_another_session_id_on_a_beginning_is_noticed(alice: Party, bob: Party) -> None:
    alice.begin(bob)
    sealed = msgspec.structs.replace(alice.seal(bob, 1), sid="A" * 22)
    assert refused(bob, alice, sealed) is DecryptReason.AUTH_FAILED


def test_both_beginning_at_once_end_on_one_session(alice: Party, bob: Party) -> None:
    alice.begin(bob)
    bob.begin(alice)
    from_alice, from_bob = alice.seal(bob, 1), bob.seal(alice, 2)
    assert bob.open(alice, from_alice) == 1
    assert alice.open(bob, from_bob) == 2
    for number in range(3, 9):
        sender, receiver = (alice, bob) if number % 2 else (bob, alice)
        assert receiver.open(sender, sender.seal(receiver, number, NOW_MS + number)) == number
    assert alice.seal(bob, 20).sid == bob.seal(alice, 21).sid


def test_whoever_lost_everything_begins_anew_and_is_understood(alice: Party, bob: Party) -> None:
    alice.begin(bob)
    bob.open(alice, alice.seal(bob, 1))
    alice.open(bob, bob.seal(alice, 2))
    alice.state.sessions.clear()
    alice.begin(bob)
    assert bob.open(alice, alice.seal(bob, 3, NOW_MS + 1)) == 3
    assert alice.open(bob, bob.seal(alice, 4, NOW_MS + 2)) == 4
    assert alice.seal(bob, 5).sid == bob.seal(alice, 6).sid


@pytest.mark.parametrize("field", ["header", "ciphertext", "sid"])
def test_what_is_not_base64url_is_not_authentic(alice: Party, bob: Party, field: str) -> None:
    alice.begin(bob)
    sealed = msgspec.structs.replace(alice.seal(bob, 1), **{field: "not base64url!"})
    assert refused(bob, alice, sealed) is DecryptReason.AUTH_FAILED
