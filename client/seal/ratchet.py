"""Double Ratchet between two devices, carrying 96-byte capsules.

    KDF_RK(RK, dh) = HKDF(salt=RK, ikm=dh, "SEAL1/root", 64) → RK' ‖ CK
    KDF_CK(CK)     = CK' = HMAC(CK, 02), MK = HMAC(CK, 01)
    encKey         = HKDF(Z32, MK, "SEAL1/msg", 32)
    header (75 B)  = u8 1 ‖ u8 1 ‖ DHs.pub(65) ‖ u32 PN ‖ u32 N
    ciphertext     = iv(12) ‖ AES-256-GCM(encKey, iv, plaintext, aad = LP(TH) ‖ header)

A state is immutable: `encrypt` and `decrypt` return the next one and leave theirs alone, so a
caller commits by storing what came back, and a failure costs nothing.
The IV is random although a message key is used once: a state restored from an old copy would
otherwise repeat a nonce.
Spec: SEAL1 §4.5.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import NewType

from client.seal.encoding import ZERO_32, lp, u8, u32
from client.seal.errors import DecryptError, DecryptReason, MalformedError
from client.seal.keys import POINT_BYTES, AgreementKey
from client.seal.labels import Label
from client.seal.prekeys import DAY_MS
from client.seal.primitives import Entropy, aead_open, aead_seal, hkdf, hmac_sha256, secure_entropy

RootKey = NewType("RootKey", bytes)
ChainKey = NewType("ChainKey", bytes)
MessageKey = NewType("MessageKey", bytes)

VERSION = 1
TYPE_CAPSULE = 1
HEADER_BYTES = 2 + POINT_BYTES + 4 + 4

MAX_SKIP = 1_000
"""Messages that one jump may skip; a sender that lost more begins a new session."""
MAX_STORE = 2_000
"""Skipped keys kept in a session, oldest dropped first; about 250 KB."""
SKIPPED_TTL_MS = 8 * DAY_MS
"""A skipped key outlives its message at the server (7 d) by one day."""
COUNTER_BELOW = 2**31
"""N and PN; keeps every implementation inside a signed 32-bit integer."""
HEARTBEAT_AFTER = 50
"""Messages received in one chain without an answer, after which an empty one is due."""


@dataclass(frozen=True, slots=True)
class Header:
    """The clear part of a message."""

    ratchet_key: bytes
    previous_count: int
    number: int

    def encode(self) -> bytes:
        """75 bytes."""
        prefix = u8(VERSION) + u8(TYPE_CAPSULE)
        return prefix + self.ratchet_key + u32(self.previous_count) + u32(self.number)

    @classmethod
    def parse(cls, data: bytes) -> "Header":
        """Undo `encode`.

        Raises: DecryptError `unsupported` for another version, type or length, `too-far` for a
            counter out of range
        """
        if len(data) != HEADER_BYTES or data[:2] != bytes([VERSION, TYPE_CAPSULE]):
            raise DecryptError(DecryptReason.UNSUPPORTED)
        previous_count, number = (
            int.from_bytes(counter, "big") for counter in (data[67:71], data[71:])
        )
        if max(previous_count, number) >= COUNTER_BELOW:
            raise DecryptError(DecryptReason.TOO_FAR)
        return cls(data[2:67], previous_count, number)


@dataclass(frozen=True, slots=True)
class Message:
    """One ratchet message: 75 clear bytes and the ciphertext with its IV."""

    header: bytes
    ciphertext: bytes


@dataclass(frozen=True, slots=True)
class SkippedKey:
    """The key of a message that has not arrived yet."""

    message_key: MessageKey = field(repr=False)
    stored_at_ms: int


SkippedKeys = Mapping[tuple[bytes, int], SkippedKey]
"""Ratchet public key and number to key, in the order they were skipped."""


@dataclass(frozen=True, slots=True)
class RatchetState:
    """One session's ratchet between two messages.

    `transcript_hash` is bound to every message; `sending_chain_key` is None until the responder
    has received, `peer_key` and `receiving_chain_key` until anything has been.
    """

    transcript_hash: bytes
    ratchet_key: AgreementKey
    root_key: RootKey = field(repr=False)
    peer_key: bytes | None = None
    sending_chain_key: ChainKey | None = field(default=None, repr=False)
    receiving_chain_key: ChainKey | None = field(default=None, repr=False)
    sent: int = 0
    received: int = 0
    previous_sent: int = 0
    skipped: SkippedKeys = field(default_factory=dict, repr=False)

    @property
    def needs_heartbeat(self) -> bool:
        """Whether the peer waits for a sign of life before it can ratchet its keys away."""
        return self.received >= HEARTBEAT_AFTER and self.sent == 0


def advance_root(root_key: RootKey, shared: bytes) -> tuple[RootKey, ChainKey]:
    """KDF_RK."""
    output = hkdf(root_key, shared, Label.ROOT.encode(), 64)
    return RootKey(output[:32]), ChainKey(output[32:])


def advance_chain(chain_key: ChainKey) -> tuple[ChainKey, MessageKey]:
    """KDF_CK."""
    return ChainKey(hmac_sha256(chain_key, b"\x02")), MessageKey(hmac_sha256(chain_key, b"\x01"))


def encryption_key(message_key: MessageKey) -> bytes:
    """The AES key of one message."""
    return hkdf(ZERO_32, message_key, Label.MESSAGE.encode(), 32)


def start_as_initiator(
    shared_secret: bytes,
    transcript_hash: bytes,
    peer_signed_prekey: bytes,
    ratchet_key: AgreementKey | None = None,
) -> RatchetState:
    """The state of the side that can send at once."""
    own = ratchet_key or AgreementKey.generate()
    root_key, sending = advance_root(RootKey(shared_secret), own.exchange(peer_signed_prekey))
    return RatchetState(
        transcript_hash, own, root_key, peer_key=peer_signed_prekey, sending_chain_key=sending
    )


def start_as_responder(
    shared_secret: bytes, transcript_hash: bytes, signed_prekey: AgreementKey
) -> RatchetState:
    """The state of the side that must receive before it sends."""
    return RatchetState(transcript_hash, signed_prekey, RootKey(shared_secret))


def encrypt(
    state: RatchetState, plaintext: bytes, entropy: Entropy = secure_entropy
) -> tuple[RatchetState, Message]:
    """Seal the next message.

    Raises: ValueError when a responder has not received yet or the chain is used up
    """
    if state.sending_chain_key is None or state.sent >= COUNTER_BELOW:
        raise ValueError("this session cannot send")
    chain_key, message_key = advance_chain(state.sending_chain_key)
    header = Header(state.ratchet_key.public, state.previous_sent, state.sent).encode()
    associated_data = lp(state.transcript_hash) + header
    ciphertext = aead_seal(encryption_key(message_key), plaintext, associated_data, entropy)
    following = replace(state, sending_chain_key=chain_key, sent=state.sent + 1)
    return following, Message(header, ciphertext)


def decrypt(
    state: RatchetState, message: Message, now_ms: int, new_key: AgreementKey | None = None
) -> tuple[RatchetState, bytes]:
    """Open a message, whichever of the expected ones it is.

    Args:
        new_key: the ratchet key to answer with if the peer has turned the ratchet; tests fix it

    Raises: DecryptError `duplicate`, `too-far`, `auth-failed` or `unsupported`; the reason of a
        failure before the first successful message decides nothing about the peer
    """
    header = Header.parse(message.header)
    skipped = state.skipped.get((header.ratchet_key, header.number))
    if skipped is not None and now_ms - skipped.stored_at_ms < SKIPPED_TTL_MS:
        plaintext = _open(state, skipped.message_key, message, 0)
        remaining = dict(state.skipped)
        del remaining[header.ratchet_key, header.number]
        return replace(state, skipped=_prune(remaining, now_ms)), plaintext
    return _decrypt_ahead(state, header, message, now_ms, new_key)


def _decrypt_ahead(
    state: RatchetState,
    header: Header,
    message: Message,
    now_ms: int,
    new_key: AgreementKey | None,
) -> tuple[RatchetState, bytes]:
    """Open a message that no skipped key is kept for."""
    turns = header.ratchet_key != state.peer_key or state.receiving_chain_key is None
    first_expected = 0 if turns else state.received
    if header.number < first_expected:
        raise DecryptError(DecryptReason.DUPLICATE)
    if header.number - first_expected > MAX_SKIP:
        raise DecryptError(DecryptReason.TOO_FAR)
    working, kept = state, dict(state.skipped)
    if turns:
        if 0 <= header.previous_count - state.received <= MAX_SKIP:
            working = _skip_until(state, header.previous_count, kept, now_ms)
        working = _turn(working, header.ratchet_key, new_key)
    working = _skip_until(working, header.number, kept, now_ms)
    if working.receiving_chain_key is None:
        raise DecryptError(DecryptReason.NO_SESSION)
    chain_key, message_key = advance_chain(working.receiving_chain_key)
    derivations = len(kept) - len(state.skipped) + 1
    plaintext = _open(working, message_key, message, derivations)
    committed = replace(
        working,
        receiving_chain_key=chain_key,
        received=header.number + 1,
        skipped=_prune(kept, now_ms),
    )
    return committed, plaintext


def _skip_until(
    state: RatchetState, number: int, kept: dict[tuple[bytes, int], SkippedKey], now_ms: int
) -> RatchetState:
    """Walk the receiving chain to `number`, putting the keys passed over into `kept`."""
    if state.receiving_chain_key is None or state.peer_key is None:
        return state
    chain_key = state.receiving_chain_key
    for passed in range(state.received, number):
        chain_key, message_key = advance_chain(chain_key)
        kept[state.peer_key, passed] = SkippedKey(message_key, now_ms)
    return replace(state, receiving_chain_key=chain_key, received=number)


def _turn(state: RatchetState, peer_key: bytes, new_key: AgreementKey | None) -> RatchetState:
    """Take the peer's new ratchet key and answer with one of ours.

    Raises: DecryptError `auth-failed` when the key is not on the curve
    """
    try:
        root_key, receiving = advance_root(state.root_key, state.ratchet_key.exchange(peer_key))
    except MalformedError as error:
        raise DecryptError(DecryptReason.AUTH_FAILED) from error
    own = new_key or AgreementKey.generate()
    root_key, sending = advance_root(root_key, own.exchange(peer_key))
    return replace(
        state,
        ratchet_key=own,
        root_key=root_key,
        peer_key=peer_key,
        sending_chain_key=sending,
        receiving_chain_key=receiving,
        previous_sent=state.sent,
        sent=0,
        received=0,
    )


def _open(
    state: RatchetState, message_key: MessageKey, message: Message, derivations: int
) -> bytes:
    associated_data = lp(state.transcript_hash) + message.header
    try:
        return aead_open(encryption_key(message_key), message.ciphertext, associated_data)
    except DecryptError as error:
        raise DecryptError(error.reason, derivations) from error


def _prune(kept: dict[tuple[bytes, int], SkippedKey], now_ms: int) -> SkippedKeys:
    """Drop what has expired, then the oldest beyond the limit."""
    alive = [
        (place, key) for place, key in kept.items() if now_ms - key.stored_at_ms < SKIPPED_TTL_MS
    ]
    return dict(alive[-MAX_STORE:])
