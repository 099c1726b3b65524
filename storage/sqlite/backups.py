"""Identity backups in SQLite."""

import apsw
import msgspec

from models.accounts import Verifier
from models.backups import Backup, Wrap
from protocol.errors import AppError, ErrorCode
from protocol.ids import UserId
from storage.sqlite.accounts import replace_verifier
from storage.sqlite.database import SqliteDatabase
from storage.sqlite.rows import first


def put_backup(connection: apsw.Connection, backup: Backup) -> None:
    """Replace a backup by the version that follows it, inside the caller's transaction.

    Raises: AppError(conflict) when `backup.version` does not follow.
    """
    row = first(connection, "SELECT version FROM backups WHERE user_id = ?", (backup.user_id,))
    if backup.version != (row[0] if row else 0) + 1:
        raise AppError(ErrorCode.CONFLICT, "backup version")
    connection.execute(
        "INSERT OR REPLACE INTO backups (user_id, version, brk_id, wraps, identity)"
        " VALUES (?, ?, ?, ?, ?)",
        (
            backup.user_id,
            backup.version,
            backup.brk_id,
            msgspec.json.encode(backup.wraps).decode(),
            backup.identity,
        ),
    )


class SqliteBackupStore:
    """`models.backups.BackupStore` in SQLite."""

    def __init__(self, database: SqliteDatabase) -> None:
        self._database = database

    async def of_user(self, user_id: UserId) -> Backup | None:
        query = "SELECT user_id, version, brk_id, wraps, identity FROM backups WHERE user_id = ?"
        row = await self._database.read(lambda c: first(c, query, (user_id,)))
        if row is None:
            return None
        wraps = msgspec.json.decode(row[3], type=tuple[Wrap, ...])
        return Backup(row[0], row[1], row[2], wraps, row[4])

    async def put(self, backup: Backup) -> None:
        await self._database.write(lambda c: put_backup(c, backup))

    async def put_with_verifier(self, backup: Backup, verifier: Verifier) -> None:
        def put_both(connection: apsw.Connection) -> None:
            put_backup(connection, backup)
            replace_verifier(connection, backup.user_id, verifier)

        await self._database.write(put_both)
