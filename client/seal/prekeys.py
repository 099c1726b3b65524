"""Prekeys: what a device leaves at the server so that others can begin without it.

    SPK signature = SIGN(DSK, "spk",
                         T("", userId, deviceId, u32 id, pub, u64 createdAt, u64 expiresAt))
    OPK signature = SIGN(DSK, "opk", T("", userId, deviceId, u32 id, pub))

Ids begin at a random number below 2^30, grow by one and are never used again.
Spec: SEAL1 §4.3.
"""

from dataclasses import dataclass

from client.seal.encoding import t, u32, u64
from client.seal.errors import TrustError, TrustReason
from client.seal.identity import DeviceIdentity, LocalDevice
from client.seal.keys import AgreementKey, load_public_key, require_signed
from client.seal.labels import Purpose
from client.seal.primitives import Entropy, secure_entropy

DAY_MS = 86_400_000
SIGNED_PREKEY_ROTATE_MS = 7 * DAY_MS
"""Age at which a device replaces its signed prekey; older keys weaken forward secrecy."""
SIGNED_PREKEY_LIFETIME_MS = 14 * DAY_MS
"""`expiresAt` − `createdAt`: rotation plus the seven days a message may wait at the server."""
SIGNED_PREKEY_KEEP_MS = 21 * DAY_MS
"""Age at which the private half is deleted: everything begun with it has expired by then."""
SIGNED_PREKEY_GRACE_MS = 31 * DAY_MS
"""How long after `expiresAt` a sender still begins with it; beyond, the device is inactive."""
ONE_TIME_PREKEY_POOL = 100
"""Pool size: 100 signatures cost a browser about 35 ms."""
_FIRST_ID_BELOW = 2**30
"""Half of the id space, so that a device never counts past its end."""


@dataclass(frozen=True, slots=True)
class SignedPrekey:
    """A medium-term prekey as it travels."""

    id: int
    public: bytes
    created_at_ms: int
    expires_at_ms: int
    signature: bytes

    def verify(self, device: DeviceIdentity, now_ms: int) -> None:
        """Refuse a prekey that the device did not sign or that is too old to begin with.

        Raises: TrustError `bad-signature` or `expired`; MalformedError
        """
        load_public_key(self.public)
        body = _signed_prekey_body(
            device.user_id,
            device.device_id,
            self.id,
            self.public,
            self.created_at_ms,
            self.expires_at_ms,
        )
        require_signed(device.signing_key, Purpose.SIGNED_PREKEY, body, self.signature)
        if now_ms >= self.expires_at_ms + SIGNED_PREKEY_GRACE_MS:
            raise TrustError(TrustReason.EXPIRED)


@dataclass(frozen=True, slots=True)
class OneTimePrekey:
    """A single-use prekey as it travels."""

    id: int
    public: bytes
    signature: bytes

    def verify(self, device: DeviceIdentity) -> None:
        """Refuse a prekey that the device did not sign.

        Raises: TrustError `bad-signature`; MalformedError
        """
        load_public_key(self.public)
        body = _one_time_prekey_body(device.user_id, device.device_id, self.id, self.public)
        require_signed(device.signing_key, Purpose.ONE_TIME_PREKEY, body, self.signature)


@dataclass(frozen=True, slots=True)
class Bundle:
    """What a claim gives for one device; the one-time prekey may have run out."""

    signed_prekey: SignedPrekey
    one_time_prekey: OneTimePrekey | None

    def verify(self, device: DeviceIdentity, now_ms: int) -> None:
        """Check both prekeys, signed one first.

        Raises: TrustError, MalformedError
        """
        self.signed_prekey.verify(device, now_ms)
        if self.one_time_prekey is not None:
            self.one_time_prekey.verify(device)


def first_prekey_id(entropy: Entropy = secure_entropy) -> int:
    """A random id for a device's first prekey."""
    return int.from_bytes(entropy(4), "big") % _FIRST_ID_BELOW


def sign_signed_prekey(
    device: LocalDevice, prekey_id: int, key: AgreementKey, created_at_ms: int
) -> SignedPrekey:
    """The public record of a new signed prekey."""
    expires_at_ms = created_at_ms + SIGNED_PREKEY_LIFETIME_MS
    body = _signed_prekey_body(
        device.user_id, device.device_id, prekey_id, key.public, created_at_ms, expires_at_ms
    )
    signature = device.signing_key.sign(Purpose.SIGNED_PREKEY, body)
    return SignedPrekey(prekey_id, key.public, created_at_ms, expires_at_ms, signature)


def sign_one_time_prekey(device: LocalDevice, prekey_id: int, key: AgreementKey) -> OneTimePrekey:
    """The public record of a new one-time prekey."""
    body = _one_time_prekey_body(device.user_id, device.device_id, prekey_id, key.public)
    signature = device.signing_key.sign(Purpose.ONE_TIME_PREKEY, body)
    return OneTimePrekey(prekey_id, key.public, signature)


def _signed_prekey_body(
    user_id: bytes,
    device_id: bytes,
    prekey_id: int,
    public: bytes,
    created_at_ms: int,
    expires_at_ms: int,
) -> bytes:
    return t("", user_id, device_id, u32(prekey_id), public, u64(created_at_ms), u64(expires_at_ms))


def _one_time_prekey_body(user_id: bytes, device_id: bytes, prekey_id: int, public: bytes) -> bytes:
    return t("", user_id, device_id, u32(prekey_id), public)
