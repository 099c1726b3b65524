"""Devices and signed device lists in MongoDB.

The newest list and all devices stand in the user's document in `accounts`, beside the identity
backup. A new list, with or without a device and a backup, is one update of that document: it finds
it only while list and backup have the versions before, and a unique index over all users' devices
refuses an id that is taken. That update is where an enrolment or a list becomes true. Around it:

    before    the list that will be replaced is copied to `device_lists`, where readers look only
              for versions below the newest; the copy may be made any number of times
    before    the new device's prekeys are stored as a pool that nobody sees until the device names
              it (`prekeys.py`)
    after     pools that nobody names, of attempts that failed, and what is left in the pools of
              devices that are not active any more are deleted; they have lost their force already

A process that dies before the update has changed nothing anybody sees, one that dies after it has
done everything but the clearing away, which the user's next list does again.
"""

from typing import Any

from msgspec import convert, to_builtins
from pymongo import ASCENDING
from pymongo.errors import DuplicateKeyError

from models.backups import Backup
from models.devices import ActiveDevices, Device, DeviceList
from models.keys import OneTimePrekey, SignedPrekey
from protocol.errors import AppError, ErrorCode
from protocol.ids import UserId
from storage.mongo.backups import before
from storage.mongo.client import Document, Documents, translates_errors
from storage.mongo.prekeys import Pool, Prekeys


def _followed(
    devices: list[Document], earlier: Document | None, device_list: DeviceList
) -> list[Document]:
    """Return the devices as they are under a list that follows the earlier one."""
    were_active = earlier["active"] if earlier else ()
    return [
        {**device, "since": device_list.version}
        if device["device_id"] in device_list.active and device["device_id"] not in were_active
        else device
        for device in devices
    ]


@translates_errors
class MongoDeviceStore:
    """`models.devices.DeviceStore` in MongoDB."""

    def __init__(self, documents: Documents) -> None:
        self._accounts = documents["accounts"]
        self._lists = documents["device_lists"]
        self._prekeys = Prekeys(documents)

    async def newest_list(self, user_id: UserId) -> DeviceList | None:
        document = await self._accounts.find_one({"_id": user_id}, {"device_list": True})
        if document is None or "device_list" not in document:
            return None
        return convert(document["device_list"], DeviceList)

    async def lists_after(self, user_id: UserId, version: int) -> list[DeviceList]:
        newest = await self.newest_list(user_id)
        if newest is None or newest.version <= version:
            return []
        between = {"user_id": user_id, "version": {"$gt": version, "$lt": newest.version}}
        earlier = self._lists.find(between).sort("version", ASCENDING)
        return [*[convert(document, DeviceList) async for document in earlier], newest]

    async def devices(self, user_id: UserId) -> list[Device]:
        document = await self._accounts.find_one({"_id": user_id}, {"devices": True})
        found = document.get("devices", ()) if document else ()
        return [convert({**device, "user_id": user_id}, Device) for device in found]

    async def active(self, user_ids: frozenset[UserId]) -> dict[UserId, ActiveDevices]:
        fields = ("device_list.version", "device_list.active")
        with_list = {"_id": {"$in": list(user_ids)}, "device_list": {"$exists": True}}
        return {
            UserId(document["_id"]): ActiveDevices(
                document["device_list"]["version"], frozenset(document["device_list"]["active"])
            )
            async for document in self._accounts.find(with_list, fields)
        }

    async def enrol(
        self,
        device: Device,
        device_list: DeviceList,
        spk: SignedPrekey,
        opks: list[OneTimePrekey],
        backup: Backup | None,
    ) -> None:
        pool = await self._prekeys.make(device.user_id, device_list.version, spk, opks)
        try:
            await self._follow(device_list, (device, pool), backup)
        except AppError:
            await self._prekeys.discard(pool)
            raise

    async def put_list(self, device_list: DeviceList) -> None:
        await self._follow(device_list)

    async def _follow(
        self,
        device_list: DeviceList,
        joining: tuple[Device, Pool] | None = None,
        backup: Backup | None = None,
    ) -> None:
        user_id = device_list.user_id
        user = await self._accounts.find_one({"_id": user_id}, {"device_list": 1, "devices": 1})
        earlier = user.get("device_list") if user else None
        version = earlier["version"] if earlier else None
        if user is None or device_list.version != (version or 0) + 1:
            raise AppError(ErrorCode.CONFLICT, "list version")
        if earlier:
            await self._keep(earlier)
        devices = _followed(user.get("devices", []), earlier, device_list)
        if joining:
            devices.append(_entry(*joining, devices))
        changes = {"device_list": to_builtins(device_list)}
        condition = {"_id": user_id, "device_list.version": version}
        if devices:
            changes["devices"] = devices
        if backup is not None:
            changes["backup"] = to_builtins(backup)
            condition |= before(backup)
        await self._commit(condition, changes)
        named = [known["pool"] for known in devices]
        active = [d["pool"] for d in devices if d["device_id"] in device_list.active]
        await self._prekeys.clear_away(user_id, device_list.version, named, active)

    async def _keep(self, earlier: Document) -> None:
        """Copy a list to where the earlier ones are, unless it is there already."""
        try:
            await self._lists.insert_one({**earlier, "_id": list_id(earlier)})
        except DuplicateKeyError:
            return

    async def _commit(self, condition: Document, changes: Any) -> None:
        try:
            result = await self._accounts.update_one(condition, {"$set": changes})
        except DuplicateKeyError as error:
            raise AppError(ErrorCode.CONFLICT, "device id") from error
        if not result.matched_count:
            raise AppError(ErrorCode.CONFLICT, "version of list or backup")


def list_id(device_list: Document) -> str:
    """Return the `_id` of an earlier list: what is unique about it (see `Newcomers`)."""
    return f"{device_list['user_id']} {device_list['version']}"


def _entry(device: Device, pool: Pool, others: list[Document]) -> Document:
    """Return what a user's document says of a new device."""
    if any(other["device_id"] == device.device_id for other in others):
        raise AppError(ErrorCode.CONFLICT, "device id")  # the index compares users, not entries
    entry: Document = to_builtins(device)
    del entry["user_id"]
    return {**entry, "pool": pool.key, "since": pool.since}
