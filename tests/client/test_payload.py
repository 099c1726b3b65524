"""A payload opens for its place, sender and words only (§6 rows 4, 6, 9, 10, 17, 18)."""

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from client.seal import payload
from client.seal.encoding import lp
from client.seal.errors import DecryptError, DecryptReason, MalformedError
from client.seal.payload import (
    Capsule,
    CapsuleKind,
    PayloadContext,
    SealedPayload,
    open_payload,
    pad,
    padded_size_bytes,
    seal_payload,
    unpad,
)
from client.seal.primitives import aead_seal, sha256
from tests.client.people import DEVICE_A, DEVICE_B, NOW_MS, USER_A, USER_B, bit_flips

ROOM = b"\x70" * 32
MESSAGE_ID = b"\x66" * 16
JSON = '{"t":"text","body":"Chào bạn"}'.encode()
CONTEXT = PayloadContext(ROOM, 0, ROOM, MESSAGE_ID, USER_A, DEVICE_A)


@pytest.fixture
def sealed() -> SealedPayload:
    return seal_payload(CONTEXT, JSON)


@pytest.fixture
def capsule(sealed: SealedPayload) -> Capsule:
    return sealed.capsule(MESSAGE_ID, NOW_MS)


def refused(
    sealed: SealedPayload, capsule: Capsule, context: PayloadContext = CONTEXT
) -> DecryptReason:
    with pytest.raises(DecryptError) as caught:
        open_payload(context, capsule, sealed.commitment, sealed.ciphertext)
    return caught.value.reason


def test_a_payload_opens_with_its_capsule(sealed: SealedPayload, capsule: Capsule) -> None:
    opened = open_payload(CONTEXT, capsule, sealed.commitment, sealed.ciphertext)
    assert opened.json_utf8 == JSON
    assert CONTEXT.commitment(opened.franking_key, JSON) == sealed.commitment


def test_the_same_text_never_looks_the_same_twice() -> None:
    one, two = seal_payload(CONTEXT, JSON), seal_payload(CONTEXT, JSON)
    assert one.ciphertext != two.ciphertext
    assert one.commitment != two.commitment
    assert one.content_key != two.content_key


@pytest.mark.parametrize(
    "moved",
    [
        replace(CONTEXT, room_id=b"\x71" * 32),
        replace(CONTEXT, epoch=1),
        replace(CONTEXT, roster_hash=b"\x71" * 32),
        replace(CONTEXT, message_id=b"\x67" * 16),
        replace(CONTEXT, sender_user=USER_B),
        replace(CONTEXT, sender_device=DEVICE_B),
    ],
)
def test_a_payload_is_bound_to_its_place_and_sender(
    sealed: SealedPayload, capsule: Capsule, moved: PayloadContext
) -> None:
    assert refused(sealed, capsule, moved) is DecryptReason.AUTH_FAILED


def test_every_changed_byte_of_ciphertext_and_commitment_is_noticed(
    sealed: SealedPayload, capsule: Capsule
) -> None:
    for ciphertext in bit_flips(sealed.ciphertext):
        refused(replace(sealed, ciphertext=ciphertext), capsule)
    for commitment in bit_flips(sealed.commitment):
        refused(replace(sealed, commitment=commitment), capsule)
    for wrong in (b"", sealed.commitment + b"\0"):
        refused(replace(sealed, commitment=wrong), capsule)


def test_a_member_of_the_room_cannot_swap_the_payload_for_one_recipient(
    sealed: SealedPayload, capsule: Capsule
) -> None:
    """Mallory knows the content key and seals other words under it, with a correct tag."""
    franking_key = b"\x01" * 32
    commitment = CONTEXT.commitment(franking_key, b'{"t":"text","body":"forged"}')
    associated_data = CONTEXT.associated_data(commitment)
    forged = aead_seal(
        payload.payload_key(capsule.content_key),
        pad(lp(franking_key) + lp(b'{"t":"text","body":"forged"}')),
        associated_data,
    )
    swapped = SealedPayload(forged, commitment, sealed.payload_hash, capsule.content_key)
    assert refused(swapped, capsule) is DecryptReason.AUTH_FAILED
    own_capsule = replace(capsule, payload_hash=sha256(lp(associated_data) + forged))
    assert open_payload(CONTEXT, own_capsule, commitment, forged).json_utf8 != JSON


def test_words_that_do_not_match_the_commitment_are_never_shown() -> None:
    """A sender who commits to other words could otherwise not be reported."""
    franking_key, content_key = b"\x01" * 32, b"\x02" * 32
    commitment = CONTEXT.commitment(franking_key, b"harmless")
    associated_data = CONTEXT.associated_data(commitment)
    ciphertext = aead_seal(
        payload.payload_key(content_key),
        pad(lp(franking_key) + lp(b"abusive")),
        associated_data,
    )
    digest = sha256(lp(associated_data) + ciphertext)
    sealed = SealedPayload(ciphertext, commitment, digest, content_key)
    assert refused(sealed, sealed.capsule(MESSAGE_ID, NOW_MS)) is DecryptReason.AUTH_FAILED


@pytest.mark.parametrize(
    "content", [b"", lp(b"k" * 32), lp(b"k" * 31) + lp(b"{}"), lp(b"k" * 32) + lp(b"{}") * 2, b"\1"]
)
def test_malformed_contents_are_undecryptable(content: bytes) -> None:
    content_key, commitment = b"\x02" * 32, b"\x03" * 32
    associated_data = CONTEXT.associated_data(commitment)
    ciphertext = aead_seal(payload.payload_key(content_key), pad(content), associated_data)
    digest = sha256(lp(associated_data) + ciphertext)
    sealed = SealedPayload(ciphertext, commitment, digest, content_key)
    assert refused(sealed, sealed.capsule(MESSAGE_ID, NOW_MS)) is DecryptReason.AUTH_FAILED


def test_another_content_key_opens_nothing(sealed: SealedPayload, capsule: Capsule) -> None:
    other_key = b"\x09" * 32
    with_other_key = replace(capsule, content_key=other_key)
    assert refused(sealed, with_other_key) is DecryptReason.AUTH_FAILED


def test_a_heartbeat_opens_no_payload(sealed: SealedPayload, capsule: Capsule) -> None:
    heartbeat = replace(capsule, kind=CapsuleKind.HEARTBEAT)
    assert refused(sealed, heartbeat) is DecryptReason.UNSUPPORTED


def test_a_capsule_for_another_message_opens_nothing(
    sealed: SealedPayload, capsule: Capsule
) -> None:
    other = replace(capsule, message_id=b"\x67" * 16)
    assert refused(sealed, other) is DecryptReason.AUTH_FAILED


@pytest.mark.parametrize("kind", list(CapsuleKind))
def test_a_capsule_is_96_bytes_and_reads_back(kind: CapsuleKind, capsule: Capsule) -> None:
    encoded = replace(capsule, kind=kind).encode()
    assert len(encoded) == 96
    assert Capsule.parse(encoded) == replace(capsule, kind=kind)


@pytest.mark.parametrize(("place", "value"), [(0, 0), (0, 2), (1, 0), (1, 6), (90, 1), (95, 1)])
def test_an_unknown_version_kind_or_tail_is_unsupported(
    capsule: Capsule, place: int, value: int
) -> None:
    encoded = bytearray(capsule.encode())
    encoded[place] = value
    for data in (bytes(encoded), capsule.encode()[:-1], capsule.encode() + b"\0"):
        with pytest.raises(DecryptError) as caught:
            Capsule.parse(data)
        assert caught.value.reason is DecryptReason.UNSUPPORTED


@pytest.mark.parametrize(
    ("size_bytes", "padded_bytes"),
    [
        (4, 256),
        (256, 256),
        (257, 512),
        (1_025, 2_048),
        (4_096, 4_096),
        (4_097, 4_352),
        (9_000, 9_216),
        (65_536, 65_536),
        (65_537, 67_584),
    ],
)
def test_sizes_are_padded_as_agreed(size_bytes: int, padded_bytes: int) -> None:
    assert padded_size_bytes(size_bytes) == padded_bytes
    assert len(pad(b"x" * (size_bytes - 4))) == padded_bytes


@given(st.integers(4_097, 262_144))
def test_padding_adds_at_most_twelve_percent(size_bytes: int) -> None:
    padded_bytes = padded_size_bytes(size_bytes)
    assert size_bytes <= padded_bytes <= size_bytes * 1.12
    assert padded_size_bytes(padded_bytes) == padded_bytes


@given(st.binary(max_size=6_000))
def test_padding_comes_off_again(content: bytes) -> None:
    assert unpad(pad(content)) == content


def test_short_messages_all_have_one_size() -> None:
    sizes = {
        len(seal_payload(CONTEXT, b'{"t":"text","body":"' + b"x" * n + b'"}').ciphertext)
        for n in range(150)
    }
    assert len(sizes) == 1


def test_nothing_is_compressed() -> None:
    """A size that depended on the content would tell about it (§6 row 10)."""
    even, mixed = b"a" * 3_000, bytes(range(256)) * 11 + b"z" * 184
    assert len(even) == len(mixed)
    assert len(seal_payload(CONTEXT, even).ciphertext) == len(
        seal_payload(CONTEXT, mixed).ciphertext
    )


@pytest.mark.parametrize(
    "padded",
    [b"", b"\0", b"\0\0\0\x01", pad(b"x")[:-1], pad(b"x") + b"\0", pad(b"x")[:-1] + b"\1"],
)
def test_padding_of_another_form_is_refused(padded: bytes) -> None:
    with pytest.raises(MalformedError):
        unpad(padded)


def test_a_message_that_no_server_would_take_is_refused_by_the_sender() -> None:
    with pytest.raises(ValueError, match="too long"):
        seal_payload(CONTEXT, b"x" * 262_144)


def test_the_payload_is_what_an_independent_gcm_makes_of_it(sealed: SealedPayload) -> None:
    key = payload.payload_key(sealed.content_key)
    padded = AESGCM(key).decrypt(
        sealed.ciphertext[:12],
        sealed.ciphertext[12:],
        CONTEXT.associated_data(sealed.commitment),
    )
    assert padded[:8] == (4 + 32 + 4 + len(JSON)).to_bytes(4, "big") + (32).to_bytes(4, "big")
    assert padded[44 : 44 + len(JSON)] == JSON
