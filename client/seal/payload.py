"""Message contents: one payload for everyone, one capsule for each device.

    PK      = HKDF(Z32, CK, "SEAL1/payload", 32)              CK = 32 random bytes
    hdrP    = T("SEAL1/payload/ad", roomId32, u64 epoch, rosterHash32, msgId16,
                senderUser16, senderDevice16, C2)
    content = LP(fk32) ‖ LP(json)
    ctP     = iv(12) ‖ AES-256-GCM(PK, iv, pad(content), aad = hdrP)
    C2      = HMAC(fk, T("SEAL1/frank", roomId, msgId, senderUser, senderDevice, json))
    PH      = H(LP(hdrP) ‖ ctP)
    capsule = u8 1 ‖ u8 kind ‖ CK ‖ PH ‖ msgId ‖ u64 sentAtMs ‖ 0…   (96 bytes)
    pad(x)  = u32 len ‖ x ‖ 0…   to 256, 512, 1024, 2048, 4096, above that to Padmé

The capsule carries PH because GCM does not commit: with the key alone, a member of the room could
show one recipient another payload under somebody else's name.
Spec: SEAL1 §4.7.
"""

from dataclasses import dataclass, field
from enum import IntEnum

from client.seal.encoding import (
    HASH_BYTES,
    ID_BYTES,
    KEY_BYTES,
    ROOM_ID_BYTES,
    ZERO_32,
    lp,
    parse_lp,
    require_bytes,
    t,
    u8,
    u32,
    u64,
)
from client.seal.errors import DecryptError, DecryptReason, MalformedError
from client.seal.labels import Label
from client.seal.primitives import (
    Entropy,
    aead_open,
    aead_seal,
    equal,
    hkdf,
    hmac_sha256,
    secure_entropy,
    sha256,
)

CAPSULE_BYTES = 96
CAPSULE_VERSION = 1
PAD_STEPS_BYTES = (256, 512, 1_024, 2_048, 4_096)
"""Padded sizes of small contents; most chat messages look the same."""
MAX_PAYLOAD_BYTES = 256 * 1_024
"""What a server accepts as `payload`; longer contents travel as files."""


class CapsuleKind(IntEnum):
    """What a capsule means; it stands inside the ciphertext, so nobody can change it."""

    MESSAGE = 1
    RESET = 2
    RETRY = 3
    HEARTBEAT = 4
    KEY_SHARE = 5


@dataclass(frozen=True, slots=True)
class Capsule:
    """What a ratchet message carries to one device.

    `payload_hash` and `content_key` are zero in a heartbeat, which has no payload.
    """

    kind: CapsuleKind
    message_id: bytes
    sent_at_ms: int
    payload_hash: bytes = ZERO_32
    content_key: bytes = field(default=ZERO_32, repr=False)

    def encode(self) -> bytes:
        """96 bytes."""
        filled = (
            u8(CAPSULE_VERSION)
            + u8(self.kind)
            + require_bytes(self.content_key, KEY_BYTES)
            + require_bytes(self.payload_hash, HASH_BYTES)
            + require_bytes(self.message_id, ID_BYTES)
            + u64(self.sent_at_ms)
        )
        return filled.ljust(CAPSULE_BYTES, b"\0")

    @classmethod
    def parse(cls, data: bytes) -> "Capsule":
        """Undo `encode`.

        Raises: DecryptError `unsupported` for another version, kind, length or padding
        """
        kinds = {kind.value: kind for kind in CapsuleKind}
        if (
            len(data) != CAPSULE_BYTES
            or data[0] != CAPSULE_VERSION
            or data[1] not in kinds
            or any(data[90:])
        ):
            raise DecryptError(DecryptReason.UNSUPPORTED)
        return cls(
            kind=kinds[data[1]],
            content_key=data[2:34],
            payload_hash=data[34:66],
            message_id=data[66:82],
            sent_at_ms=int.from_bytes(data[82:90], "big"),
        )


@dataclass(frozen=True, slots=True)
class PayloadContext:
    """Where a payload belongs.

    A receiver fills it from its own view of the room and from the session that opened the
    capsule, never from the envelope.
    """

    room_id: bytes
    epoch: int
    roster_hash: bytes
    message_id: bytes
    sender_user: bytes
    sender_device: bytes

    def associated_data(self, commitment: bytes) -> bytes:
        """HdrP."""
        return t(
            Label.PAYLOAD_AD,
            require_bytes(self.room_id, ROOM_ID_BYTES),
            u64(self.epoch),
            require_bytes(self.roster_hash, HASH_BYTES),
            require_bytes(self.message_id, ID_BYTES),
            require_bytes(self.sender_user, ID_BYTES),
            require_bytes(self.sender_device, ID_BYTES),
            require_bytes(commitment, HASH_BYTES),
        )

    def commitment(self, franking_key: bytes, json_utf8: bytes) -> bytes:
        """C2: what lets a recipient report exactly this text, and nobody invent another."""
        fields = (self.room_id, self.message_id, self.sender_user, self.sender_device, json_utf8)
        return hmac_sha256(franking_key, t(Label.FRANKING, *fields))


@dataclass(frozen=True, slots=True)
class SealedPayload:
    """A payload ready to send; `content_key` goes only into capsules."""

    ciphertext: bytes
    commitment: bytes
    payload_hash: bytes
    content_key: bytes = field(repr=False)

    def capsule(
        self, message_id: bytes, sent_at_ms: int, kind: CapsuleKind = CapsuleKind.MESSAGE
    ) -> Capsule:
        """The same capsule for every device that may read it."""
        return Capsule(kind, message_id, sent_at_ms, self.payload_hash, self.content_key)


@dataclass(frozen=True, slots=True)
class OpenedPayload:
    """A verified payload; the franking key is kept for a report."""

    json_utf8: bytes = field(repr=False)
    franking_key: bytes = field(repr=False)


def seal_payload(
    context: PayloadContext, json_utf8: bytes, entropy: Entropy = secure_entropy
) -> SealedPayload:
    """Encrypt a message once, for all devices of the room.

    Raises: ValueError when the padded payload would not be accepted by a server
    """
    content_key, franking_key = entropy(KEY_BYTES), entropy(KEY_BYTES)
    commitment = context.commitment(franking_key, json_utf8)
    associated_data = context.associated_data(commitment)
    padded = pad(lp(franking_key) + lp(json_utf8))
    ciphertext = aead_seal(payload_key(content_key), padded, associated_data, entropy)
    if len(ciphertext) > MAX_PAYLOAD_BYTES:
        raise ValueError("the message is too long")
    return SealedPayload(
        ciphertext, commitment, sha256(lp(associated_data) + ciphertext), content_key
    )


def open_payload(
    context: PayloadContext, capsule: Capsule, commitment: bytes, ciphertext: bytes
) -> OpenedPayload:
    """Open a payload with the capsule that a session has authenticated.

    Raises: DecryptError `auth-failed` when payload, place, sender or commitment is not what the
        sender's capsule says, `unsupported` for a heartbeat, which has none
    """
    if capsule.kind is CapsuleKind.HEARTBEAT:
        raise DecryptError(DecryptReason.UNSUPPORTED)
    try:
        associated_data = context.associated_data(commitment)
    except MalformedError as error:
        raise DecryptError(DecryptReason.AUTH_FAILED) from error
    is_meant = equal(capsule.message_id, context.message_id) and equal(
        capsule.payload_hash, sha256(lp(associated_data) + ciphertext)
    )
    if not is_meant:
        raise DecryptError(DecryptReason.AUTH_FAILED)
    padded = aead_open(payload_key(capsule.content_key), ciphertext, associated_data)
    opened = _parse_content(padded)
    if not equal(context.commitment(opened.franking_key, opened.json_utf8), commitment):
        raise DecryptError(DecryptReason.AUTH_FAILED)
    return opened


def payload_key(content_key: bytes) -> bytes:
    """PK."""
    return hkdf(ZERO_32, content_key, Label.PAYLOAD.encode(), 32)


def padded_size_bytes(size_bytes: int) -> int:
    """The size that `size_bytes`, length prefix included, is padded to.

    Above 4 KiB it is at most 12 % more.
    """
    for step_bytes in PAD_STEPS_BYTES:
        if size_bytes <= step_bytes:
            return step_bytes
    exponent = size_bytes.bit_length() - 1
    mask: int = (1 << (exponent - exponent.bit_length())) - 1
    return (size_bytes + mask) & ~mask


def pad(content: bytes) -> bytes:
    """`content` behind its length, with zeros behind."""
    filled = u32(len(content)) + content
    return filled.ljust(padded_size_bytes(len(filled)), b"\0")


def unpad(padded: bytes) -> bytes:
    """Undo `pad`.

    Raises: MalformedError when it is not exactly what `pad` makes
    """
    end = 4 + int.from_bytes(padded[:4], "big")
    if len(padded) < 4 or end > len(padded) or pad(padded[4:end]) != padded:
        raise MalformedError("padding")
    return padded[4:end]


def _parse_content(padded: bytes) -> OpenedPayload:
    """Raises: DecryptError `auth-failed`; only the sender could have made it malformed."""
    try:
        franking_key, json_utf8 = parse_lp(unpad(padded))
        return OpenedPayload(json_utf8, require_bytes(franking_key, KEY_BYTES))
    except (MalformedError, ValueError) as error:
        raise DecryptError(DecryptReason.AUTH_FAILED) from error
