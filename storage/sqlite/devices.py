"""Devices and signed device lists in SQLite."""

from typing import Any

import apsw
import msgspec

from models.backups import Backup
from models.devices import ActiveDevices, Device, DeviceList
from models.keys import OneTimePrekey, SignedPrekey
from protocol.errors import AppError, ErrorCode
from protocol.ids import DeviceId, UserId
from storage.sqlite.backups import put_backup
from storage.sqlite.database import SqliteDatabase
from storage.sqlite.prekeys import add_prekeys, drop_prekeys_of_inactive
from storage.sqlite.rows import every, first

_LIST = "user_id, version, aik, devlist, sig, list_hash, active"
_NEWEST = f"SELECT {_LIST} FROM device_lists WHERE user_id = ? ORDER BY version DESC LIMIT 1"
USERS_READ_ON_LOOP = 16  # about 10 µs each


def _device_list(row: Any) -> DeviceList:
    active = msgspec.json.decode(row[6], type=tuple[DeviceId, ...])
    return DeviceList(*(*row[:6], active))


def _put_list(connection: apsw.Connection, device_list: DeviceList) -> None:
    newest = first(connection, _NEWEST, (device_list.user_id,))
    if device_list.version != (newest[1] if newest else 0) + 1:
        raise AppError(ErrorCode.CONFLICT, "list version")
    active = msgspec.json.encode(device_list.active).decode()
    connection.execute(
        f"INSERT INTO device_lists ({_LIST}) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            device_list.user_id,
            device_list.version,
            device_list.aik,
            device_list.devlist,
            device_list.sig,
            device_list.list_hash,
            active,
        ),
    )
    connection.execute(
        "UPDATE devices SET active = device_id IN (SELECT value FROM json_each(?))"
        " WHERE user_id = ?",
        (active, device_list.user_id),
    )
    drop_prekeys_of_inactive(connection, device_list.user_id)


def _add_device(connection: apsw.Connection, device: Device) -> None:
    taken = first(connection, "SELECT 1 FROM devices WHERE device_id = ?", (device.device_id,))
    if taken:
        raise AppError(ErrorCode.CONFLICT, "device id")
    connection.execute(
        "INSERT INTO devices"
        " (user_id, device_id, cert, sig_a, sig_p, cert_hash, created_ms, active)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, 1)",
        (
            device.user_id,
            device.device_id,
            device.cert,
            device.sig_a,
            device.sig_p,
            device.cert_hash,
            device.created_ms,
        ),
    )


class SqliteDeviceStore:
    """`models.devices.DeviceStore` in SQLite."""

    def __init__(self, database: SqliteDatabase) -> None:
        self._database = database

    async def newest_list(self, user_id: UserId) -> DeviceList | None:
        row = await self._database.read(lambda c: first(c, _NEWEST, (user_id,)))
        return _device_list(row) if row else None

    async def lists_after(self, user_id: UserId, version: int) -> list[DeviceList]:
        query = (
            f"SELECT {_LIST} FROM device_lists WHERE user_id = ? AND version > ? ORDER BY version"
        )
        rows = await self._database.scan(lambda c: every(c, query, (user_id, version)))
        return [_device_list(row) for row in rows]

    async def devices(self, user_id: UserId) -> list[Device]:
        query = (
            "SELECT user_id, device_id, cert, sig_a, sig_p, cert_hash, created_ms FROM devices"
            " WHERE user_id = ? ORDER BY device_key"
        )
        rows = await self._database.scan(lambda c: every(c, query, (user_id,)))
        return [Device(*row) for row in rows]

    async def active(self, user_ids: frozenset[UserId]) -> dict[UserId, ActiveDevices]:
        def collect(connection: apsw.Connection) -> dict[UserId, ActiveDevices]:
            found: dict[UserId, ActiveDevices] = {}
            for user_id in user_ids:
                if row := first(connection, _NEWEST, (user_id,)):
                    newest = _device_list(row)
                    found[user_id] = ActiveDevices(newest.version, frozenset(newest.active))
            return found

        if len(user_ids) <= USERS_READ_ON_LOOP:
            return await self._database.read(collect)
        return await self._database.scan(collect)

    async def enrol(
        self,
        device: Device,
        device_list: DeviceList,
        spk: SignedPrekey,
        opks: list[OneTimePrekey],
        backup: Backup | None,
    ) -> None:
        def add_all(connection: apsw.Connection) -> None:
            _add_device(connection, device)
            _put_list(connection, device_list)
            add_prekeys(connection, device.user_id, device.device_id, spk, opks)
            if backup is not None:
                put_backup(connection, backup)

        await self._database.write(add_all)

    async def put_list(self, device_list: DeviceList) -> None:
        await self._database.write(lambda c: _put_list(c, device_list))
