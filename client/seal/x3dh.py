"""Key agreement: how two devices that never met get a shared secret.

    DH1 = ECDH(DIK_A, SPK_B)   DH2 = ECDH(EK_A, DIK_B)
    DH3 = ECDH(EK_A, SPK_B)    DH4 = ECDH(EK_A, OPK_B)     (without OPK, no DH4)
    TH  = H(T("SEAL1/x3dh", u8 suite, idA, idB, EK_A, u32 spkId, SPK_B,
              u32 opkId | "", OPK_B | "", "", "", ""))
    SK  = HKDF(Z32, FF×32 ‖ DH1 ‖ DH2 ‖ DH3 [‖ DH4], "SEAL1/x3dh/sk" ‖ TH, 32)
    sid = H("SEAL1/sid" ‖ TH)[0:16]

The three empty fields are where suite 2 puts its post-quantum prekey.
TH names both full identities and every prekey, in the derivation and as associated data, so a
secret cannot be made to belong to anyone else.
Spec: SEAL1 §4.4.
"""

from dataclasses import dataclass, field

from client.seal.encoding import HASH_BYTES, ZERO_32, require_bytes, t, u8, u32
from client.seal.errors import DecryptError, DecryptReason, TrustError, TrustReason
from client.seal.identity import DeviceIdentity, LocalDevice
from client.seal.keys import AgreementKey, load_public_key
from client.seal.labels import Label
from client.seal.prekeys import Bundle
from client.seal.primitives import hkdf, sha256

SUITE = 1
"""The only suite this client speaks; bit `SUITE - 1` of a certificate."""

SESSION_ID_BYTES = 16
_CURVE_PREFIX = b"\xff" * 32
"""Keeps the key material apart from any other use of the same derivation, as in Signal's X3DH."""


@dataclass(frozen=True, slots=True)
class InitialHeader:
    """`pre`: what the responder needs; sent with every message until the initiator hears back."""

    suite: int
    ephemeral_key: bytes
    signed_prekey_id: int
    one_time_prekey_id: int | None
    certificate_hash: bytes


@dataclass(frozen=True, slots=True)
class Agreement:
    """What both sides know afterwards."""

    session_id: bytes
    transcript_hash: bytes
    shared_secret: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class PrekeyPair:
    """The private half of a prekey, under its id."""

    id: int
    key: AgreementKey


def choose_suite(ours: int, theirs: int) -> int:
    """The highest suite that both signed certificates offer; a server cannot lower it.

    Raises: TrustError `unsupported`
    """
    common = (ours & theirs).bit_length()
    if common != SUITE:
        raise TrustError(TrustReason.UNSUPPORTED)
    return common


def agree_as_initiator(
    own: LocalDevice,
    peer: DeviceIdentity,
    bundle: Bundle,
    now_ms: int,
    ephemeral: AgreementKey | None = None,
) -> tuple[Agreement, InitialHeader]:
    """Begin with a device whose certificate has been verified.

    The ephemeral private key is not returned: it is gone when this function is.

    Raises: TrustError `bad-signature`, `expired` or `unsupported`; MalformedError
    """
    identity = own.identity()
    bundle.verify(peer, now_ms)
    suite = choose_suite(identity.suites, peer.suites)
    ephemeral = ephemeral or AgreementKey.generate()
    signed, one_time = bundle.signed_prekey, bundle.one_time_prekey
    secrets = [
        own.identity_key.exchange(signed.public),
        ephemeral.exchange(peer.identity_key),
        ephemeral.exchange(signed.public),
    ]
    if one_time is not None:
        secrets.append(ephemeral.exchange(one_time.public))
    header = InitialHeader(
        suite,
        ephemeral.public,
        signed.id,
        None if one_time is None else one_time.id,
        identity.certificate_hash,
    )
    one_time_public = b"" if one_time is None else one_time.public
    transcript = _transcript_hash(identity, peer, header, signed.public, one_time_public)
    return _agreement(transcript, secrets), header


def agree_as_responder(
    own: LocalDevice,
    peer: DeviceIdentity,
    header: InitialHeader,
    signed_prekey: PrekeyPair,
    one_time_prekey: PrekeyPair | None,
) -> Agreement:
    """Follow an initiator; nothing may be stored or deleted before its first message has opened.

    Args:
        peer: found by `header.certificate_hash` in the peer's verified device list

    Raises: DecryptError `unsupported` or `no-session`; MalformedError
    """
    identity = own.identity()
    require_bytes(header.certificate_hash, HASH_BYTES)
    load_public_key(header.ephemeral_key)
    if header.suite != SUITE:
        raise DecryptError(DecryptReason.UNSUPPORTED)
    one_time_id = None if one_time_prekey is None else one_time_prekey.id
    offered = (signed_prekey.id, one_time_id, peer.certificate_hash)
    named = (header.signed_prekey_id, header.one_time_prekey_id, header.certificate_hash)
    if offered != named:
        raise DecryptError(DecryptReason.NO_SESSION)
    secrets = [
        signed_prekey.key.exchange(peer.identity_key),
        own.identity_key.exchange(header.ephemeral_key),
        signed_prekey.key.exchange(header.ephemeral_key),
    ]
    if one_time_prekey is not None:
        secrets.append(one_time_prekey.key.exchange(header.ephemeral_key))
    one_time_public = b"" if one_time_prekey is None else one_time_prekey.key.public
    transcript = _transcript_hash(peer, identity, header, signed_prekey.key.public, one_time_public)
    return _agreement(transcript, secrets)


def _transcript_hash(
    initiator: DeviceIdentity,
    responder: DeviceIdentity,
    header: InitialHeader,
    signed_prekey: bytes,
    one_time_prekey: bytes,
) -> bytes:
    one_time_id = header.one_time_prekey_id
    return sha256(
        t(
            Label.X3DH,
            u8(header.suite),
            initiator.encode(),
            responder.encode(),
            header.ephemeral_key,
            u32(header.signed_prekey_id),
            signed_prekey,
            b"" if one_time_id is None else u32(one_time_id),
            one_time_prekey,
            b"",
            b"",
            b"",
        )
    )


def _agreement(transcript_hash: bytes, secrets: list[bytes]) -> Agreement:
    info = Label.X3DH_KEY.encode() + transcript_hash
    shared_secret = hkdf(ZERO_32, b"".join([_CURVE_PREFIX, *secrets]), info, 32)
    session_id = sha256(Label.SESSION_ID.encode() + transcript_hash)[:SESSION_ID_BYTES]
    return Agreement(session_id, transcript_hash, shared_secret)
