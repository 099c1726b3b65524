"""Devices: how one joins an account, how the signed list of them goes on, who may see it.

    enrol     certificate + list v+1 + prekeys ──▶ stored at once ──▶ this log-in is the device's
    put_list  list v+1 without some device      ──▶ its prekeys, log-ins and connections go
    both      ──▶ own devices, contacts and roommates hear of the new version

A list follows another when its version is one more, it points at the other's hash, and it neither
forgets nor revives a device nor exchanges a certificate (SEAL1 §4.1, §4.9).
"""

import asyncio
from dataclasses import dataclass, field

from models.backups import Backup
from models.devices import Device, DeviceList
from models.events import DevicesAltered, EventSink, Told
from models.keys import OneTimePrekey, SignedPrekey
from models.ports import Clock
from models.stores import Stores
from protocol import bodies, limits
from protocol.encoding import parse_b64url
from protocol.errors import AppError, ErrorCode
from protocol.frames import DevicesChanged
from protocol.ids import DeviceId, UserId
from services import signatures
from services.access import Access
from services.backups import require_sound
from services.logins import LoginService, Principal
from services.quotas import Quotas
from services.signatures import ACTIVE, REVOKED, Certificate, SignedDevices


@dataclass(frozen=True, slots=True)
class Enrolled:
    """The list as it is now, and by what the browser is known again."""

    device_list: DeviceList
    trust_token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Directory:
    """Lists from a version on, oldest first, and the devices that the newest one names."""

    newest: DeviceList
    lists: list[DeviceList]
    devices: list[Device]


class DeviceService:
    """Verifies what devices and accounts sign, and keeps it."""

    def __init__(
        self,
        stores: Stores,
        clock: Clock,
        sink: EventSink,
        access: Access,
        logins: LoginService,
        quotas: Quotas,
    ) -> None:
        self._devices = stores.devices
        self._keys = stores.keys
        self._clock = clock
        self._sink = sink
        self._access = access
        self._logins = logins
        self._quotas = quotas

    async def enrol(
        self, principal: Principal, request: bodies.EnrolRequest, backup: Backup | None
    ) -> Enrolled:
        """Add a device and give it this log-in.

        The same request again stores nothing and binds this log-in to the device. So does a later
        one of an active device with its certificate, the newest list and newer prekeys: a browser
        that kept its keys and logged in anew goes on with them.
        Raises: AppError(bad_key), AppError(bad_signature), AppError(list_rollback),
        AppError(conflict) when the account has another identity, the device id is taken or this
        log-in is another device's, AppError(reauthenticate), AppError(too_large)
        """
        self._quotas.take("upload", principal.user_id)
        device_id = request.certificate.device_id
        if principal.device_id not in (None, device_id):
            raise AppError(ErrorCode.CONFLICT, "log-in of another device")
        if request.reset:
            self._require_fresh(principal)
        if backup is not None:
            require_sound(backup)
        account_key = parse_b64url(request.aik, signatures.POINT_BYTES)
        user_id = principal.user_id
        certificate = signatures.verify_certificate(request.certificate, account_key, user_id)
        devices = signatures.verify_list(request.list, account_key, user_id)
        await _require_prekeys(request.spk, request.opks, certificate, user_id)
        newest = await self._devices.newest_list(user_id)
        if newest is None or newest.list_hash != devices.list_hash:
            device_list = _list(user_id, request.aik, request.list, devices)
            _require_enrolment(newest, device_list, devices, certificate, is_reset=request.reset)
            self._quotas.take("device-list", user_id)
            await self._devices.enrol(
                _device(user_id, request.certificate, certificate),
                device_list,
                to_signed_prekey(request.spk),
                list(map(to_one_time_prekey, request.opks)),
                backup,
            )
            await self._announce(device_list)
            newest = device_list
        elif _names(devices, certificate):
            await self._end_absent(newest)
            await self._renew_prekeys(user_id, request)
        else:
            raise AppError(ErrorCode.LIST_ROLLBACK, "not a device of the newest list")
        return Enrolled(newest, await self._logins.bind(principal, device_id))

    async def put_list(self, principal: Principal, signed: bodies.SignedList) -> DeviceList:
        """Replace the list by the one that follows it.

        The newest one again only finishes what a failure of the store left undone.

        Raises: AppError(not_enrolled), AppError(bad_signature), AppError(list_rollback)
        """
        self._quotas.take("upload", principal.user_id)
        user_id = principal.user_id
        newest = await self._devices.newest_list(user_id)
        if newest is None or principal.require_device() not in newest.active:
            raise AppError(ErrorCode.NOT_ENROLLED)
        devices = signatures.verify_list(signed, parse_b64url(newest.aik), user_id)
        if devices.list_hash == newest.list_hash:
            await self._end_absent(newest)
            return newest
        _require_successor(newest, devices)
        if {entry.device_id for entry in devices.entries} != _known_ids(newest):
            raise AppError(ErrorCode.LIST_ROLLBACK, "devices join by enrolment only")
        self._quotas.take("device-list", user_id)
        device_list = _list(user_id, newest.aik, signed, devices)
        try:
            await self._devices.put_list(device_list)
        except AppError as error:
            if error.code is ErrorCode.CONFLICT:
                raise AppError(ErrorCode.LIST_ROLLBACK, "another list came first") from error
            raise
        await self._announce(device_list)
        return device_list

    async def directory(self, user_id: UserId, other: UserId, since: int) -> Directory:
        """Return the lists of `other` after version `since`.

        Raises: AppError(not_found) for strangers and for who has no device yet
        """
        if not await self._access.may_have_keys(user_id, other):
            raise AppError(ErrorCode.NOT_FOUND, "directory")
        newest = await self._devices.newest_list(other)
        if newest is None:
            raise AppError(ErrorCode.NOT_FOUND, "no device")
        named = _known_ids(newest)
        return Directory(
            newest,
            await self._devices.lists_after(other, since),
            [device for device in await self._devices.devices(other) if device.device_id in named],
        )

    async def _renew_prekeys(self, user_id: UserId, request: bodies.EnrolRequest) -> None:
        """Take the prekeys of a device that comes back, unless it only repeats its enrolment."""
        device_id = request.certificate.device_id
        held = await self._keys.count(user_id, device_id)
        if held is not None and request.spk.id > held.spk.key_id:
            opks = list(map(to_one_time_prekey, request.opks))
            await self._keys.upload(user_id, device_id, to_signed_prekey(request.spk), opks)

    def _require_fresh(self, principal: Principal) -> None:
        if self._clock.now_ms() - principal.proven_ms > limits.REAUTHENTICATION_MS:
            raise AppError(ErrorCode.REAUTHENTICATE)

    async def _announce(self, newest: DeviceList) -> None:
        """Tell everybody who encrypts to this person, and drop the devices that are gone.

        The list is durable: whoever remembers an older one must hear of it whatever fails next, or
        nobody could send to this person any more.
        """
        user_id = newest.user_id
        self._sink.publish(DevicesAltered(user_id, newest.version))
        await self._end_absent(newest)
        frame = DevicesChanged(user=user_id, version=newest.version)
        self._sink.publish(Told(await self._access.audience(user_id), frame))

    async def _end_absent(self, newest: DeviceList) -> None:
        """End the log-ins of devices that are not active; a repeated call ends what one left."""
        logins = await self._logins.of_user(newest.user_id)
        bound = {login.device_id for login in logins if login.device_id is not None}
        await self._logins.end_of_devices(newest.user_id, sorted(bound - set(newest.active)))


def to_signed_prekey(prekey: bodies.SignedPrekey) -> SignedPrekey:
    """Return the stored form of a signed prekey."""
    return SignedPrekey(prekey.id, prekey.pub, prekey.created_ms, prekey.expires_ms, prekey.sig)


def to_one_time_prekey(prekey: bodies.OneTimePrekey) -> OneTimePrekey:
    """Return the stored form of a one-time prekey."""
    return OneTimePrekey(prekey.id, prekey.pub, prekey.sig)


async def _require_prekeys(
    spk: bodies.SignedPrekey,
    opks: list[bodies.OneTimePrekey],
    certificate: Certificate,
    user_id: UserId,
) -> None:
    key, device_id = certificate.signing_key, certificate.device_id
    signatures.require_signed_prekey(spk, key, user_id, device_id)
    await asyncio.to_thread(signatures.require_one_time_prekeys, opks, key, user_id, device_id)


def _require_enrolment(
    newest: DeviceList | None,
    device_list: DeviceList,
    devices: SignedDevices,
    certificate: Certificate,
    *,
    is_reset: bool,
) -> None:
    """Let a list pass that adds exactly this device, or with a new identity leaves only it."""
    if newest is not None and (newest.aik == device_list.aik) == is_reset:
        raise AppError(ErrorCode.CONFLICT, "the account has this identity, or another")
    _require_successor(newest, devices, is_reset=is_reset)
    known = _known_ids(newest)
    if certificate.device_id in known:
        raise AppError(ErrorCode.CONFLICT, "device id")
    joined = {entry.device_id for entry in devices.entries} - known
    if joined != {certificate.device_id} or not _names(devices, certificate):
        raise AppError(ErrorCode.LIST_ROLLBACK, "the list must add this device and no other")
    if is_reset and len(devices.active) > 1:
        raise AppError(ErrorCode.LIST_ROLLBACK, "devices of the old identity")


def _require_successor(
    newest: DeviceList | None, devices: SignedDevices, *, is_reset: bool = False
) -> None:
    """Let a list pass that follows the newest one; a reset may leave tombstones behind."""
    if len(devices.active) > limits.DEVICES_PER_USER or len(devices.entries) > limits.LIST_ENTRIES:
        raise AppError(ErrorCode.TOO_LARGE, "devices")
    version = newest.version if newest else 0
    previous_hash = newest.list_hash if newest else signatures.NO_HASH
    if (devices.version, devices.previous_hash) != (version + 1, previous_hash):
        raise AppError(ErrorCode.LIST_ROLLBACK)
    later = {entry.device_id: entry for entry in devices.entries}
    for entry in signatures.read_list(newest.devlist).entries if newest else ():
        now = later.get(entry.device_id)
        if now is None:
            if not is_reset:
                raise AppError(ErrorCode.LIST_ROLLBACK, "a device is forgotten")
        elif now.cert_hash != entry.cert_hash or (entry.status, now.status) == (REVOKED, ACTIVE):
            raise AppError(ErrorCode.LIST_ROLLBACK, "a device is revived or exchanged")


def _known_ids(newest: DeviceList | None) -> set[DeviceId]:
    entries = signatures.read_list(newest.devlist).entries if newest else ()
    return {entry.device_id for entry in entries}


def _names(devices: SignedDevices, certificate: Certificate) -> bool:
    """Whether a list has a device as active with exactly this certificate."""
    return any(
        (entry.device_id, entry.cert_hash, entry.status)
        == (certificate.device_id, certificate.cert_hash, ACTIVE)
        for entry in devices.entries
    )


def _list(
    user_id: UserId, aik: str, signed: bodies.SignedList, devices: SignedDevices
) -> DeviceList:
    return DeviceList(
        user_id,
        devices.version,
        aik,
        signed.devlist,
        signed.sig,
        devices.list_hash,
        devices.active,
    )


def _device(user_id: UserId, wire: bodies.Certificate, certificate: Certificate) -> Device:
    return Device(
        user_id,
        wire.device_id,
        wire.cert,
        wire.sig_a,
        wire.sig_p,
        certificate.cert_hash,
        certificate.created_ms,
    )
