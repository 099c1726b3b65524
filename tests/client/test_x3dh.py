"""Two devices agree exactly when both mean each other and the same prekeys."""

from dataclasses import replace

import pytest

from client.seal import ratchet
from client.seal.errors import DecryptError, DecryptReason, SealError, TrustError, TrustReason
from client.seal.identity import LocalDevice, enrol_device
from client.seal.keys import AgreementKey
from client.seal.x3dh import (
    Agreement,
    InitialHeader,
    PrekeyPair,
    agree_as_initiator,
    agree_as_responder,
    choose_suite,
)
from tests.client.people import (
    DEVICE_B,
    NOW_MS,
    USER_B,
    agreement_key,
    bit_flips,
    golden_agreement,
    golden_bundle,
    golden_device,
    one_time_prekey_pair,
    signed_prekey_pair,
    signing_key,
)


def respond(
    header: InitialHeader,
    *,
    own: LocalDevice | None = None,
    peer: LocalDevice | None = None,
    signed: PrekeyPair | None = None,
    one_time: PrekeyPair | None = None,
) -> Agreement:
    return agree_as_responder(
        own or golden_device("B"),
        (peer or golden_device("A")).identity(),
        header,
        signed or signed_prekey_pair(),
        one_time if header.one_time_prekey_id is not None else None,
    )


@pytest.mark.parametrize("with_one_time", [True, False])
def test_both_sides_get_the_same_secret(with_one_time: bool) -> None:
    agreement, header = golden_agreement(with_one_time)
    assert respond(header, one_time=one_time_prekey_pair()) == agreement


def test_a_one_time_prekey_changes_everything() -> None:
    with_key, without = golden_agreement(True)[0], golden_agreement(False)[0]
    assert with_key.shared_secret != without.shared_secret
    assert with_key.session_id != without.session_id


def test_two_beginnings_never_share_a_secret() -> None:
    alice, bob = golden_device("A"), golden_device("B").identity()
    begun = [agree_as_initiator(alice, bob, golden_bundle(), NOW_MS)[0] for _ in range(8)]
    assert len({agreement.shared_secret for agreement in begun}) == 8


@pytest.mark.parametrize("signed_id", [6, 8])
def test_a_header_for_another_signed_prekey_is_refused(signed_id: int) -> None:
    _, header = golden_agreement()
    with pytest.raises(DecryptError) as caught:
        respond(replace(header, signed_prekey_id=signed_id), one_time=one_time_prekey_pair())
    assert caught.value.reason is DecryptReason.NO_SESSION


def test_a_header_that_names_a_one_time_prekey_needs_it() -> None:
    _, header = golden_agreement()
    with pytest.raises(DecryptError):
        respond(header, one_time=None)
    with pytest.raises(DecryptError):
        respond(replace(header, certificate_hash=b"\x01" * 32), one_time=one_time_prekey_pair())


def test_another_suite_is_refused_by_the_responder() -> None:
    _, header = golden_agreement()
    with pytest.raises(DecryptError) as caught:
        respond(replace(header, suite=2), one_time=one_time_prekey_pair())
    assert caught.value.reason is DecryptReason.UNSUPPORTED


def test_the_suite_comes_from_the_signed_certificates() -> None:
    assert choose_suite(0b01, 0b11) == 1
    for ours, theirs in [(0b01, 0b10), (0b01, 0), (0b11, 0b11)]:
        with pytest.raises(TrustError) as caught:
            choose_suite(ours, theirs)
        assert caught.value.reason is TrustReason.UNSUPPORTED


def test_a_header_with_any_bit_of_its_key_changed_opens_nothing() -> None:
    """Nothing authenticates the header by itself; the first message does, through TH."""
    agreement, header = golden_agreement()
    state = ratchet.start_as_initiator(
        agreement.shared_secret, agreement.transcript_hash, agreement_key("B.SPK").public
    )
    _, message = ratchet.encrypt(state, b"hello")
    for ephemeral_key in [*bit_flips(header.ephemeral_key, 5), AgreementKey.generate().public]:
        with pytest.raises(SealError):
            follow(replace(header, ephemeral_key=ephemeral_key), message)
    assert follow(header, message) == b"hello"


def test_the_negated_ephemeral_key_opens_nothing() -> None:
    """P and −P share an x coordinate and so every ECDH output; TH tells them apart."""
    agreement, header = golden_agreement()
    prime = 2**256 - 2**224 + 2**192 + 2**96 - 1
    y = int.from_bytes(header.ephemeral_key[33:], "big")
    negated = header.ephemeral_key[:33] + (prime - y).to_bytes(32, "big")
    other = respond(replace(header, ephemeral_key=negated), one_time=one_time_prekey_pair())
    assert other.shared_secret != agreement.shared_secret


def follow(header: InitialHeader, message: ratchet.Message) -> bytes:
    agreement = respond(header, one_time=one_time_prekey_pair())
    state = ratchet.start_as_responder(
        agreement.shared_secret, agreement.transcript_hash, agreement_key("B.SPK")
    )
    return ratchet.decrypt(state, message, NOW_MS)[1]


def test_identity_misbinding_is_noticed() -> None:
    """Mallory presents Bob's keys as hers: Alice and Bob must not end with one secret."""
    agreement, header = golden_agreement()
    bob = golden_device("B")
    for user_id, device_id in [(b"\xcc" * 16, DEVICE_B), (USER_B, b"\xb2" * 16)]:
        renamed = enrol_device(
            signing_key("B.AIK"),
            user_id,
            device_id,
            NOW_MS,
            signing_key=bob.signing_key,
            identity_key=bob.identity_key,
        )
        answered = respond(header, own=renamed, one_time=one_time_prekey_pair())
        assert answered.shared_secret != agreement.shared_secret
        assert answered.session_id != agreement.session_id


def test_a_bundle_with_a_forged_prekey_is_never_used() -> None:
    bundle = golden_bundle()
    assert bundle.one_time_prekey is not None
    swapped = replace(bundle.one_time_prekey, public=AgreementKey.generate().public)
    with pytest.raises(TrustError):
        agree_as_initiator(
            golden_device("A"),
            golden_device("B").identity(),
            replace(bundle, one_time_prekey=swapped),
            NOW_MS,
        )
