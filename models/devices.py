"""Devices of an account and the signed lists that name them (SEAL1 §4.1, §4.3).

The server checks signatures as hygiene; every client checks them again. Signed bytes are kept
exactly as they came (base64url text) and never serialised anew.
"""

from dataclasses import dataclass
from typing import Protocol

from models.backups import Backup
from models.keys import OneTimePrekey, SignedPrekey
from protocol.ids import DeviceId, UserId


@dataclass(frozen=True, slots=True)
class Device:
    """`cert_hash` is base64url of H(DevCertBody)."""

    user_id: UserId
    device_id: DeviceId
    cert: str
    sig_a: str
    sig_p: str
    cert_hash: str
    created_ms: int


@dataclass(frozen=True, slots=True)
class DeviceList:
    """One version of the signed list; `active` are the devices with status 1, in list order."""

    user_id: UserId
    version: int
    aik: str
    devlist: str
    sig: str
    list_hash: str
    active: tuple[DeviceId, ...]


@dataclass(frozen=True, slots=True)
class ActiveDevices:
    """What a sender must have sealed to: the newest list's version and its active devices."""

    version: int
    devices: frozenset[DeviceId]


class DeviceStore(Protocol):
    async def newest_list(self, user_id: UserId) -> DeviceList | None: ...

    async def lists_after(self, user_id: UserId, version: int) -> list[DeviceList]:
        """Return the lists with a higher version, oldest first; all of them are kept for ever."""
        ...

    async def devices(self, user_id: UserId) -> list[Device]:
        """Return every device that any list of the user ever named, oldest first."""
        ...

    async def active(self, user_ids: frozenset[UserId]) -> dict[UserId, ActiveDevices]:
        """Return the active devices of several users; users without a list are left out."""
        ...

    async def enrol(
        self,
        device: Device,
        device_list: DeviceList,
        spk: SignedPrekey,
        opks: list[OneTimePrekey],
        backup: Backup | None,
    ) -> None:
        """Add a device, the list that names it, its prekeys and (with the first one) the backup.

        Atomicity: all or nothing, and only when `device_list.version` is one more than the newest.
        Devices that the new list no longer has as active lose their prekeys.
        Raises: AppError(conflict) when the version of list or backup does not follow, or anybody's
        device has the id.
        """
        ...

    async def put_list(self, device_list: DeviceList) -> None:
        """Add a list; devices it no longer has as active lose their prekeys.

        Atomicity: compare-and-set on the version.
        Raises: AppError(conflict) when the version is not one more than the newest.
        """
        ...
