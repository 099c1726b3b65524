"""The ratchet keeps its promises, even to one who breaks all of his (§6 rows 9, 16)."""

import time
from dataclasses import replace

import pytest

from client.seal import ratchet
from client.seal.errors import DecryptError, DecryptReason
from client.seal.keys import AgreementKey
from client.seal.prekeys import DAY_MS
from client.seal.ratchet import Header, Message
from tests.client.people import NOW_MS, Talkers, bit_flips, new_talkers


@pytest.fixture
def talkers() -> Talkers:
    talkers = new_talkers()
    talkers.receive(1, talkers.send(0, b"hello"))
    talkers.receive(0, talkers.send(1, b"hello back"))
    return talkers


def refused(
    talkers: Talkers, receiver: int, message: Message, reason: DecryptReason, now_ms: int = NOW_MS
) -> DecryptError:
    """The receiver refuses the message and is exactly as before."""
    before = talkers.states[receiver]
    with pytest.raises(DecryptError) as caught:
        talkers.receive(receiver, message, now_ms)
    assert caught.value.reason is reason
    assert talkers.states[receiver] == before
    return caught.value


def with_header(message: Message, **changed: int | bytes) -> Message:
    header = replace(Header.parse(message.header), **changed)  # type: ignore[arg-type]
    return replace(message, header=header.encode())


def test_a_conversation_goes_both_ways(talkers: Talkers) -> None:
    for turn in range(20):
        sender = turn % 3 % 2
        text = f"turn {turn}".encode()
        assert talkers.receive(1 - sender, talkers.send(sender, text)) == text


def test_a_responder_cannot_send_before_it_has_received() -> None:
    with pytest.raises(ValueError, match="cannot send"):
        new_talkers().send(1, b"too early")


def test_a_chain_ends_before_its_counter_does(talkers: Talkers) -> None:
    talkers.states[0] = replace(talkers.states[0], sent=2**31)
    with pytest.raises(ValueError, match="cannot send"):
        talkers.send(0, b"one too many")


def test_every_message_has_its_own_key_and_iv(talkers: Talkers) -> None:
    sent = [talkers.send(0, b"same text") for _ in range(20)]
    assert len({message.ciphertext for message in sent}) == 20
    assert len({message.ciphertext[:12] for message in sent}) == 20


def test_encrypting_from_the_same_state_twice_never_repeats_an_iv(talkers: Talkers) -> None:
    """What a restored backup of the state would do (§6 row 27)."""
    state = talkers.states[0]
    one, two = (ratchet.encrypt(state, b"text")[1] for _ in range(2))
    assert one.header == two.header
    assert one.ciphertext[:12] != two.ciphertext[:12]


def test_messages_out_of_order_open_once_each(talkers: Talkers) -> None:
    sent = [talkers.send(0, bytes([number])) for number in range(5)]
    for number in (4, 0, 3, 1, 2):
        assert talkers.receive(1, sent[number]) == bytes([number])
    for message in sent:
        refused(talkers, 1, message, DecryptReason.DUPLICATE)


def test_messages_of_an_older_chain_still_open(talkers: Talkers) -> None:
    late = [talkers.send(0, b"late 0"), talkers.send(0, b"late 1")]
    talkers.receive(1, talkers.send(0, b"on time"))
    talkers.receive(0, talkers.send(1, b"answer"))
    talkers.receive(1, talkers.send(0, b"new chain"))
    assert [talkers.receive(1, message) for message in late] == [b"late 0", b"late 1"]


def test_a_message_of_an_older_chain_never_opens_twice(talkers: Talkers) -> None:
    old = talkers.send(0, b"once")
    talkers.receive(1, old)
    talkers.receive(0, talkers.send(1, b"answer"))
    talkers.receive(1, talkers.send(0, b"new chain"))
    refused(talkers, 1, old, DecryptReason.AUTH_FAILED)


def test_a_message_with_any_bit_changed_is_refused_and_the_true_one_opens(
    talkers: Talkers,
) -> None:
    message = talkers.send(0, b"x" * 96)
    forged = [replace(message, ciphertext=c) for c in bit_flips(message.ciphertext)]
    forged += [replace(message, header=h) for h in bit_flips(message.header)]
    before = talkers.states[1]
    for each in forged:
        with pytest.raises(DecryptError):
            talkers.receive(1, each)
        assert talkers.states[1] == before
    assert talkers.receive(1, message) == b"x" * 96


@pytest.mark.parametrize("cut", [0, 1, 12, 27, 28])
def test_a_truncated_ciphertext_is_refused(talkers: Talkers, cut: int) -> None:
    message = talkers.send(0, b"text")
    short = replace(message, ciphertext=message.ciphertext[:cut])
    refused(talkers, 1, short, DecryptReason.AUTH_FAILED)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda header: b"",
        lambda header: header[:-1],
        lambda header: header + b"\0",
        lambda header: b"\x02" + header[1:],
        lambda header: header[:1] + b"\x02" + header[2:],
    ],
)
def test_a_header_of_another_form_is_unsupported(talkers: Talkers, spoil) -> None:  # type: ignore[no-untyped-def]
    message = talkers.send(0, b"text")
    spoilt = replace(message, header=spoil(message.header))
    refused(talkers, 1, spoilt, DecryptReason.UNSUPPORTED)


@pytest.mark.parametrize("key", [b"\x02" + b"\x01" * 64, b"\x04" + b"\x01" * 64])
def test_a_ratchet_key_off_the_curve_is_refused(talkers: Talkers, key: bytes) -> None:
    message = with_header(talkers.send(0, b"text"), ratchet_key=key)
    refused(talkers, 1, message, DecryptReason.AUTH_FAILED)


@pytest.mark.parametrize("counter", ["number", "previous_count"])
@pytest.mark.parametrize("value", [2**31, 2**32 - 1])
def test_a_counter_beyond_the_limit_is_refused_at_once(
    talkers: Talkers, counter: str, value: int
) -> None:
    message = with_header(talkers.send(0, b"text"), **{counter: value})
    started = time.process_time()
    error = refused(talkers, 1, message, DecryptReason.TOO_FAR)
    assert time.process_time() - started < 0.05
    assert error.derivations == 0


def test_a_forged_jump_is_refused_before_any_work(talkers: Talkers) -> None:
    current = with_header(talkers.send(0, b"text"), number=2**31 - 1)
    turned = with_header(current, ratchet_key=AgreementKey.generate().public)
    for message in (current, turned):
        started = time.process_time()
        refused(talkers, 1, message, DecryptReason.TOO_FAR)
        assert time.process_time() - started < 0.05


def test_the_dearest_forgery_is_counted_and_costs_little(talkers: Talkers) -> None:
    """Two full jumps: the end of the old chain and the start of a new one."""
    message = with_header(
        talkers.send(0, b"text"),
        ratchet_key=AgreementKey.generate().public,
        previous_count=1_000,
        number=1_000,
    )
    started = time.process_time()
    error = refused(talkers, 1, message, DecryptReason.AUTH_FAILED)
    assert time.process_time() - started < 0.05
    assert 1_900 < error.derivations <= 2_001


def test_a_jump_of_exactly_the_limit_opens(talkers: Talkers) -> None:
    first_expected = talkers.states[1].received
    assert first_expected == 1
    talkers.receive(0, talkers.send(1, b"turn the chain"))
    for _ in range(1_000):
        talkers.send(0, b"lost")
    assert talkers.receive(1, talkers.send(0, b"number 1000")) == b"number 1000"
    assert len(talkers.states[1].skipped) == 1_000


def test_a_jump_of_one_more_is_too_far(talkers: Talkers) -> None:
    talkers.receive(0, talkers.send(1, b"turn the chain"))
    for _ in range(1_001):
        talkers.send(0, b"lost")
    refused(talkers, 1, talkers.send(0, b"number 1001"), DecryptReason.TOO_FAR)


def test_an_old_chain_that_lost_too_much_is_given_up_and_the_new_one_goes_on(
    talkers: Talkers,
) -> None:
    talkers.receive(0, talkers.send(1, b"turn"))
    talkers.receive(1, talkers.send(0, b"first of the chain"))
    lost = [talkers.send(0, b"lost") for _ in range(1_002)]
    talkers.receive(0, talkers.send(1, b"turn again"))
    assert talkers.receive(1, talkers.send(0, b"new chain")) == b"new chain"
    assert talkers.states[1].skipped == {}
    refused(talkers, 1, lost[0], DecryptReason.AUTH_FAILED)


def test_at_most_2000_skipped_keys_are_kept_and_the_oldest_go_first(talkers: Talkers) -> None:
    first_lost = None
    for _ in range(3):
        talkers.receive(0, talkers.send(1, b"turn"))
        lost = [talkers.send(0, b"lost") for _ in range(900)]
        first_lost = first_lost or lost[0]
        talkers.receive(1, talkers.send(0, b"after the gap"))
    assert first_lost is not None
    assert len(talkers.states[1].skipped) == 2_000
    refused(talkers, 1, first_lost, DecryptReason.AUTH_FAILED)
    assert talkers.receive(1, lost[0]) == b"lost"


def test_a_skipped_key_is_kept_for_eight_days(talkers: Talkers) -> None:
    early, late = talkers.send(0, b"early"), talkers.send(0, b"late")
    talkers.receive(1, talkers.send(0, b"on time"))
    assert talkers.receive(1, early, NOW_MS + 8 * DAY_MS - 1) == b"early"
    refused(talkers, 1, late, DecryptReason.DUPLICATE, NOW_MS + 8 * DAY_MS)
    talkers.receive(1, talkers.send(0, b"next"), NOW_MS + 8 * DAY_MS)
    assert talkers.states[1].skipped == {}


def test_a_message_reflected_to_its_sender_opens_nothing(talkers: Talkers) -> None:
    message = talkers.send(0, b"mine")
    refused(talkers, 0, message, DecryptReason.AUTH_FAILED)


def test_a_message_of_another_session_opens_nothing(talkers: Talkers) -> None:
    other = replace(talkers.states[0], transcript_hash=b"\x01" * 32)
    _, message = ratchet.encrypt(other, b"same keys, other transcript")
    refused(talkers, 1, message, DecryptReason.AUTH_FAILED)


def test_a_lurker_owes_a_heartbeat_after_fifty_messages(talkers: Talkers) -> None:
    talkers.receive(0, talkers.send(1, b"turn"))
    for number in range(50):
        assert not talkers.states[1].needs_heartbeat, number
        talkers.receive(1, talkers.send(0, b"listen"))
    assert talkers.states[1].needs_heartbeat
    talkers.send(1, b"here")
    assert not talkers.states[1].needs_heartbeat


def test_old_ratchet_keys_are_gone_after_a_turn(talkers: Talkers) -> None:
    before = talkers.states[1].ratchet_key
    talkers.receive(0, talkers.send(1, b"turn"))
    talkers.receive(1, talkers.send(0, b"turned"))
    assert talkers.states[1].ratchet_key != before
    assert before.scalar().hex() not in repr(talkers.states[1])
