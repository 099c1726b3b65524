"""The pool of prekeys of one device: adding and dropping, inside a transaction of the caller."""

import apsw

from models.keys import OneTimePrekey, SignedPrekey
from protocol.errors import AppError, ErrorCode
from protocol.ids import DeviceId, UserId
from protocol.limits import PREKEYS_STORED
from storage.sqlite.rows import first


def add_prekeys(
    connection: apsw.Connection,
    user_id: UserId,
    device_id: DeviceId,
    spk: SignedPrekey | None,
    opks: list[OneTimePrekey],
) -> None:
    """Replace the signed prekey and add one-time prekeys; see `KeyStore.upload`."""
    device = first(
        connection,
        "SELECT device_key, newest_spk, newest_opk FROM devices"
        " WHERE user_id = ? AND device_id = ? AND active",
        (user_id, device_id),
    )
    if device is None:
        raise AppError(ErrorCode.NOT_FOUND, "device")
    device_key, newest_spk, newest_opk = device
    if spk is not None:
        _replace_signed(connection, device_key, spk, newest_spk)
    if opks:
        _add_one_time(connection, device_key, opks, newest_opk)


def _replace_signed(
    connection: apsw.Connection, device_key: int, spk: SignedPrekey, newest: int
) -> None:
    if spk.key_id <= newest:
        raise AppError(ErrorCode.PREKEY_REUSED, "signed prekey")
    connection.execute(
        "INSERT OR REPLACE INTO signed_prekeys"
        " (device_key, key_id, pub, created_ms, expires_ms, sig) VALUES (?, ?, ?, ?, ?, ?)",
        (device_key, spk.key_id, spk.pub, spk.created_ms, spk.expires_ms, spk.sig),
    )
    connection.execute(
        "UPDATE devices SET newest_spk = ? WHERE device_key = ?", (spk.key_id, device_key)
    )


def _add_one_time(
    connection: apsw.Connection, device_key: int, opks: list[OneTimePrekey], newest: int
) -> None:
    ids = {opk.key_id for opk in opks}
    if len(ids) < len(opks) or min(ids) <= newest:
        raise AppError(ErrorCode.PREKEY_REUSED, "one-time prekey")
    held = first(
        connection, "SELECT count(*) FROM one_time_prekeys WHERE device_key = ?", (device_key,)
    )[0]
    if held + len(opks) > PREKEYS_STORED:
        raise AppError(ErrorCode.CONFLICT, "too many one-time prekeys")
    connection.executemany(
        "INSERT INTO one_time_prekeys (device_key, key_id, pub, sig) VALUES (?, ?, ?, ?)",
        [(device_key, opk.key_id, opk.pub, opk.sig) for opk in opks],
    )
    connection.execute(
        "UPDATE devices SET newest_opk = ? WHERE device_key = ?", (max(ids), device_key)
    )


def drop_prekeys_of_inactive(connection: apsw.Connection, user_id: UserId) -> None:
    """Forget the prekeys of devices the newest list does not name as active."""
    for table in ("signed_prekeys", "one_time_prekeys"):
        connection.execute(
            f"DELETE FROM {table} WHERE device_key IN"
            " (SELECT device_key FROM devices WHERE user_id = ? AND NOT active)",
            (user_id,),
        )
