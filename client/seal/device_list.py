"""Which devices an account has: the hash-chained list, and the pin that keeps a server honest.

    body = T("SEAL1/devlist", userId16, u64 version, prevHash32, u64 issuedAtMs, e1..en)
    e    = deviceId16 ‖ certHash32 ‖ u8 status ‖ u64 since
    sig  = SIGN(AIK, "devlist", body)

Version 1 follows 32 zero bytes, version v + 1 the hash of version v.
Spec: SEAL1 §4.1, §4.9.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Self, cast

from client.seal.encoding import HASH_BYTES, ID_BYTES, ZERO_32, parse_t, require_bytes, t, u8, u64
from client.seal.errors import MalformedError, TrustError, TrustReason
from client.seal.identity import DeviceIdentity, SignedCertificate
from client.seal.keys import SigningKey, require_signed
from client.seal.labels import Label, Purpose
from client.seal.primitives import sha256

FIRST_VERSION = 1
_ENTRY_BYTES = ID_BYTES + HASH_BYTES + 1 + 8


class DeviceStatus(IntEnum):
    """What the account says about a device."""

    ACTIVE = 1
    REVOKED = 2


@dataclass(frozen=True, slots=True)
class DeviceEntry:
    """One device in a list; `since_ms` is when it got this status."""

    device_id: bytes
    certificate_hash: bytes
    status: DeviceStatus
    since_ms: int

    def encode(self) -> bytes:
        """57 bytes."""
        return self.device_id + self.certificate_hash + u8(self.status) + u64(self.since_ms)

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Undo `encode`.

        Raises: MalformedError for another length or an unknown status
        """
        require_bytes(data, _ENTRY_BYTES)
        try:
            status = DeviceStatus(data[48])
        except ValueError as error:
            raise MalformedError("unknown device status") from error
        return cls(data[:16], data[16:48], status, int.from_bytes(data[49:], "big"))


@dataclass(frozen=True, slots=True)
class DeviceList:
    """One version of an account's devices."""

    user_id: bytes
    version: int
    previous_hash: bytes
    issued_at_ms: int
    entries: tuple[DeviceEntry, ...]

    def encode(self) -> bytes:
        """DevListBody."""
        return t(
            Label.DEVICE_LIST,
            self.user_id,
            u64(self.version),
            self.previous_hash,
            u64(self.issued_at_ms),
            *(entry.encode() for entry in self.entries),
        )

    @classmethod
    def parse(cls, body: bytes) -> Self:
        """Undo `encode`.

        Raises: MalformedError, also for a device that is listed twice
        """
        fields = parse_t(Label.DEVICE_LIST, body)
        if [len(field) for field in fields[:4]] != [ID_BYTES, 8, HASH_BYTES, 8]:
            raise MalformedError("device list fields")
        entries = tuple(DeviceEntry.parse(field) for field in fields[4:])
        if len({entry.device_id for entry in entries}) != len(entries):
            raise MalformedError("a device is listed twice")
        version, issued_at_ms = (int.from_bytes(fields[index], "big") for index in (1, 3))
        return cls(fields[0], version, fields[2], issued_at_ms, entries)

    def entry(self, device_id: bytes) -> DeviceEntry | None:
        """What the list says about a device, or None when it is not named."""
        return next((entry for entry in self.entries if entry.device_id == device_id), None)


@dataclass(frozen=True, slots=True)
class SignedDeviceList:
    """A device list as it travels: exact body bytes and the account's signature."""

    body: bytes
    signature: bytes

    @property
    def hash(self) -> bytes:
        """ListHash."""
        return sha256(self.body)

    def verify(self, account_key: bytes, user_id: bytes) -> DeviceList:
        """The list, when this account signed it for this user.

        Raises: TrustError `bad-signature`; MalformedError
        """
        require_signed(account_key, Purpose.DEVICE_LIST, self.body, self.signature)
        devices = DeviceList.parse(self.body)
        if devices.user_id != user_id:
            raise TrustError(TrustReason.BAD_SIGNATURE)
        return devices


def sign_device_list(account_key: SigningKey, devices: DeviceList) -> SignedDeviceList:
    """Sign one version of the list."""
    body = devices.encode()
    return SignedDeviceList(body, account_key.sign(Purpose.DEVICE_LIST, body))


def first_device_list(
    account_key: SigningKey, user_id: bytes, entries: Iterable[DeviceEntry], issued_at_ms: int
) -> SignedDeviceList:
    """Version 1, which follows nothing."""
    return sign_device_list(
        account_key, DeviceList(user_id, FIRST_VERSION, ZERO_32, issued_at_ms, tuple(entries))
    )


def next_device_list(
    account_key: SigningKey,
    current: SignedDeviceList,
    entries: Iterable[DeviceEntry],
    issued_at_ms: int,
) -> SignedDeviceList:
    """The version after `current`, chained to it by hash."""
    devices = DeviceList.parse(current.body)
    return sign_device_list(
        account_key,
        DeviceList(
            devices.user_id, devices.version + 1, current.hash, issued_at_ms, tuple(entries)
        ),
    )


@dataclass(frozen=True, slots=True)
class Pin:
    """What a client remembers about an account and never lets a server take back."""

    account_key: bytes
    list_body: bytes

    @property
    def devices(self) -> DeviceList:
        """The newest list that has been verified."""
        return DeviceList.parse(self.list_body)

    @property
    def list_hash(self) -> bytes:
        """The listHash of that list."""
        return sha256(self.list_body)


def verify_device_lists(
    user_id: bytes, account_key: bytes, lists: Sequence[SignedDeviceList], pin: Pin | None
) -> Pin:
    """Check each list, and that each follows the one before it, beginning at the pin.

    Args:
        lists: oldest first; the pinned version itself may be among them
        pin: None on first contact, which is when trust begins

    Returns: the pin to remember instead of the old one
    Raises: TrustError `identity-changed`, `bad-signature`, `rollback` (older than the pin),
        `equivocation` (same version, other content), `gap` (versions between are missing),
        `broken-chain` or `revived`; MalformedError
    """
    if not lists:
        raise MalformedError("no device list")
    for signed in lists:
        pin = _follow(pin, signed, account_key, user_id)
    return cast(Pin, pin)


def _follow(known: Pin | None, signed: SignedDeviceList, account_key: bytes, user_id: bytes) -> Pin:
    """Verify a list and that it can come after what is known."""
    if known is not None and (known.account_key, known.devices.user_id) != (account_key, user_id):
        raise TrustError(TrustReason.IDENTITY_CHANGED)
    devices = signed.verify(account_key, user_id)
    if known is None:
        is_first = devices.version == FIRST_VERSION
        if devices.version < FIRST_VERSION or (is_first and devices.previous_hash != ZERO_32):
            raise TrustError(TrustReason.BROKEN_CHAIN)
    elif devices.version == known.devices.version:
        if signed.hash != known.list_hash:
            raise TrustError(TrustReason.EQUIVOCATION)
    else:
        _require_next(known, devices)
    return Pin(account_key, signed.body)


def _require_next(known: Pin, devices: DeviceList) -> None:
    if devices.version < known.devices.version:
        raise TrustError(TrustReason.ROLLBACK)
    if devices.version > known.devices.version + 1:
        raise TrustError(TrustReason.GAP)
    if devices.previous_hash != known.list_hash:
        raise TrustError(TrustReason.BROKEN_CHAIN)
    for before in known.devices.entries:
        after = devices.entry(before.device_id)
        if (
            after is None
            or after.certificate_hash != before.certificate_hash
            or after.status < before.status
        ):
            raise TrustError(TrustReason.REVIVED)


def verify_device(
    devices: DeviceList, certificate: SignedCertificate, account_key: bytes
) -> DeviceIdentity:
    """The device of a certificate, when the list names it as active with exactly this certificate.

    Raises: TrustError `unknown-device`, `revoked`, `bad-signature`; MalformedError
    """
    identity = certificate.verify(account_key)
    entry = devices.entry(identity.device_id)
    if (
        identity.user_id != devices.user_id
        or entry is None
        or entry.certificate_hash != certificate.hash
    ):
        raise TrustError(TrustReason.UNKNOWN_DEVICE)
    if entry.status is not DeviceStatus.ACTIVE:
        raise TrustError(TrustReason.REVOKED)
    return identity


def active_devices(
    devices: DeviceList, certificates: Iterable[SignedCertificate], account_key: bytes
) -> tuple[DeviceIdentity, ...]:
    """Every active device of the list, in list order.

    A certificate that the list does not name is ignored: the server may send it, nobody uses it.

    Raises: TrustError `unknown-device` when the certificate of an active device is missing
    """
    by_hash = {certificate.hash: certificate for certificate in certificates}
    identities = []
    for entry in devices.entries:
        if entry.status is DeviceStatus.ACTIVE:
            certificate = by_hash.get(entry.certificate_hash)
            if certificate is None:
                raise TrustError(TrustReason.UNKNOWN_DEVICE)
            identities.append(verify_device(devices, certificate, account_key))
    return tuple(identities)
