"""Points and signatures of SEAL1 (§4.1, §4.3), checked as hygiene: clients check them again.

    SIGN(K, purpose, body) = ECDSA-P256-SHA256(K, T("SEAL1/sig/" ‖ purpose, body)), 64 bytes r ‖ s
    devcert      by AIK over DevCertBody        devcert-pop  by DSK over T("", H(DevCertBody), AIK)
    devlist      by AIK over DevListBody
    spk          by DSK over T("", userId, deviceId, u32 id, pub, u64 createdAt, u64 expiresAt)
    opk          by DSK over T("", userId, deviceId, u32 id, pub)

Bodies are verified, hashed and kept as the bytes that came.
"""

import hashlib
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from protocol import bodies, limits
from protocol.encoding import b64url, parse_b64url, sealed_tuple, split_sealed_tuple
from protocol.errors import AppError, ErrorCode
from protocol.ids import DeviceId, UserId

ID_BYTES = 16
HASH_BYTES = 32
POINT_BYTES = 65
SIGNATURE_BYTES = 64
NO_HASH = b64url(bytes(HASH_BYTES))  # prevHash of the first list
SUITE_1 = 0b01
ACTIVE, REVOKED = 1, 2

_ECDSA = ec.ECDSA(hashes.SHA256())
_CERTIFICATE_FIELDS = [ID_BYTES, ID_BYTES, POINT_BYTES, POINT_BYTES, 8, 1]
_LIST_FIELDS = [ID_BYTES, 8, HASH_BYTES, 8]
_ENTRY_BYTES = ID_BYTES + HASH_BYTES + 1 + 8


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a verified device certificate says."""

    device_id: DeviceId
    signing_key: bytes
    cert_hash: str
    created_ms: int


@dataclass(frozen=True, slots=True)
class Entry:
    """One device in a list; `status` is ACTIVE or REVOKED."""

    device_id: DeviceId
    cert_hash: str
    status: int


@dataclass(frozen=True, slots=True)
class SignedDevices:
    """What a verified device list says."""

    version: int
    previous_hash: str
    list_hash: str
    entries: tuple[Entry, ...]

    @property
    def active(self) -> tuple[DeviceId, ...]:
        return tuple(entry.device_id for entry in self.entries if entry.status == ACTIVE)


def require_point(point: bytes) -> ec.EllipticCurvePublicKey:
    """Return the key of an uncompressed point on P-256.

    Raises: AppError(bad_key)
    """
    try:
        if len(point) != POINT_BYTES or point[0] != 4:
            raise ValueError("not uncompressed")
        return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    except ValueError as error:
        raise AppError(ErrorCode.BAD_KEY) from error


def require_signed(key: bytes, purpose: str, body: bytes, signature: str) -> None:
    """Let pass what the holder of the private half of `key` signed for this purpose.

    Raises: AppError(bad_key), AppError(bad_signature)
    """
    raw = parse_b64url(signature, SIGNATURE_BYTES)
    r, s = int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")
    signed = sealed_tuple("SEAL1/sig/" + purpose, body)
    try:
        require_point(key).verify(encode_dss_signature(r, s), signed, _ECDSA)
    except InvalidSignature as error:
        raise AppError(ErrorCode.BAD_SIGNATURE, purpose) from error


def verify_certificate(
    certificate: bodies.Certificate, account_key: bytes, user_id: UserId
) -> Certificate:
    """Check a certificate of a device of this user.

    Raises: AppError(bad_request), AppError(bad_key), AppError(bad_signature) (also when it is for
    another user or device than it is handed in for), AppError(unsupported)
    """
    body = parse_b64url(certificate.cert)
    fields = _fields(body, "SEAL1/devcert", _CERTIFICATE_FIELDS)
    if len(fields) != len(_CERTIFICATE_FIELDS):
        raise AppError(ErrorCode.BAD_REQUEST, "certificate fields")
    owner, device_id, signing_key, identity_key, created, suites = fields
    if (b64url(owner), b64url(device_id)) != (user_id, certificate.device_id):
        raise AppError(ErrorCode.BAD_SIGNATURE, "certificate of another device")
    if not suites[0] & SUITE_1:
        raise AppError(ErrorCode.UNSUPPORTED, "suites")
    require_point(identity_key)
    cert_hash = hashlib.sha256(body).digest()
    possession = sealed_tuple("", cert_hash, account_key)
    require_signed(account_key, "devcert", body, certificate.sig_a)
    require_signed(signing_key, "devcert-pop", possession, certificate.sig_p)
    created_ms = int.from_bytes(created, "big")
    return Certificate(certificate.device_id, signing_key, b64url(cert_hash), created_ms)


def signing_key_of(cert: str) -> bytes:
    """Return the DSK in a certificate body that was verified when it was stored."""
    return _fields(parse_b64url(cert), "SEAL1/devcert", _CERTIFICATE_FIELDS)[2]


def verify_list(signed: bodies.SignedList, account_key: bytes, user_id: UserId) -> SignedDevices:
    """Check a device list of this user; whether it follows another is not looked at.

    Raises: AppError(bad_request), AppError(bad_key), AppError(bad_signature)
    """
    devices = read_list(signed.devlist)
    owner = split_sealed_tuple(parse_b64url(signed.devlist))[1]
    if b64url(owner) != user_id or devices.version != signed.version:
        raise AppError(ErrorCode.BAD_SIGNATURE, "list of another user or version")
    require_signed(account_key, "devlist", parse_b64url(signed.devlist), signed.sig)
    return devices


def read_list(devlist: str) -> SignedDevices:
    """Read a list without believing it.

    Raises: AppError(bad_request)
    """
    body = parse_b64url(devlist)
    _, version, previous_hash, _, *rest = _fields(body, "SEAL1/devlist", _LIST_FIELDS)
    entries = tuple(map(_entry, rest))
    if len({entry.device_id for entry in entries}) != len(entries):
        raise AppError(ErrorCode.BAD_REQUEST, "a device is listed twice")
    return SignedDevices(
        version=int.from_bytes(version, "big"),
        previous_hash=b64url(previous_hash),
        list_hash=b64url(hashlib.sha256(body).digest()),
        entries=entries,
    )


def require_signed_prekey(
    prekey: bodies.SignedPrekey, signing_key: bytes, user_id: UserId, device_id: DeviceId
) -> None:
    """Check a signed prekey.

    Raises: AppError(bad_key), AppError(bad_signature); AppError(bad_request) when it would live
    longer than senders accept
    """
    if not 0 < prekey.expires_ms - prekey.created_ms <= limits.SPK_TTL_MS:
        raise AppError(ErrorCode.BAD_REQUEST, "life of the signed prekey")
    times = (prekey.created_ms.to_bytes(8, "big"), prekey.expires_ms.to_bytes(8, "big"))
    body = _prekey_body(prekey, user_id, device_id, *times)
    require_signed(signing_key, "spk", body, prekey.sig)


def require_one_time_prekeys(
    prekeys: list[bodies.OneTimePrekey], signing_key: bytes, user_id: UserId, device_id: DeviceId
) -> None:
    """Check one-time prekeys; about 0.1 ms each, so not on the event loop.

    Raises: AppError(prekey_reused) for an id that comes twice, AppError(bad_key),
    AppError(bad_signature)
    """
    if len({prekey.id for prekey in prekeys}) != len(prekeys):
        raise AppError(ErrorCode.PREKEY_REUSED)
    for prekey in prekeys:
        body = _prekey_body(prekey, user_id, device_id)
        require_signed(signing_key, "opk", body, prekey.sig)


def _prekey_body(
    prekey: bodies.SignedPrekey | bodies.OneTimePrekey,
    user_id: UserId,
    device_id: DeviceId,
    *times: bytes,
) -> bytes:
    point = parse_b64url(prekey.pub, POINT_BYTES)
    require_point(point)
    ids = (parse_b64url(user_id, ID_BYTES), parse_b64url(device_id, ID_BYTES))
    return sealed_tuple("", *ids, prekey.id.to_bytes(4, "big"), point, *times)


def _fields(body: bytes, label: str, sizes: list[int]) -> list[bytes]:
    """Return the fields after the label, of which the first have these sizes."""
    found, *fields = split_sealed_tuple(body) or [b""]
    if found != label.encode() or [len(field) for field in fields[: len(sizes)]] != sizes:
        raise AppError(ErrorCode.BAD_REQUEST, label)
    return fields


def _entry(field: bytes) -> Entry:
    status = field[48] if len(field) == _ENTRY_BYTES else 0
    if status not in (ACTIVE, REVOKED):
        raise AppError(ErrorCode.BAD_REQUEST, "device list entry")
    return Entry(DeviceId(b64url(field[:16])), b64url(field[16:48]), status)
