"""Transfers in SQLite; how one ends stands in `sweep.py`."""

from collections.abc import Collection
from typing import Any

import apsw
import msgspec

from models.transfers import Link, Transfer, newest_first
from protocol.errors import AppError, ErrorCode, QuotaFull
from protocol.frames import Sealed
from protocol.ids import FileId, TransferId, UserId
from protocol.limits import TRANSFER_DOWNLOADS, TRANSFERS_SHOWN
from storage.sqlite.database import SqliteDatabase
from storage.sqlite.rows import Values, every, first
from storage.sqlite.sweep import end_transfer

_SELECT = """
    SELECT transfer_id, sender, kind, created_ms, expires_ms, recipient, email, max_downloads,
           state, is_sealed, is_hidden, downloads, downloaded_ms, files, auth_hash, manifest,
           has_passphrase, opened_ms, mail_due_ms
    FROM transfers
"""
_WHOLE_FILES = """
    SELECT file_id, size_bytes FROM json_each(?) asked CROSS JOIN files ON file_id = asked.value
    WHERE transfer_id = ? AND state = 'committed' ORDER BY asked.key
"""
_OPEN = """
    UPDATE transfers
    SET state = 'open', opened_ms = :now_ms, files = :files, auth_hash = :auth_hash,
        manifest = :manifest, has_passphrase = :has_passphrase,
        expires_ms = :now_ms + expires_ms - created_ms,
        ends_ms = :now_ms + expires_ms - created_ms, mail_due_ms = :mail_due_ms
    WHERE transfer_id = :transfer_id
"""
_ACCEPT = """
    UPDATE transfers SET recipient = ?1
    WHERE transfer_id = ?2 AND kind = 'address' AND state = 'open' AND NOT is_hidden
        AND ends_ms > ?3 AND (recipient IS NULL OR recipient = ?1)
"""
_LISTED = _SELECT.replace("manifest", "'' AS manifest")
_RECEIVED = f"""
    {_LISTED}
    WHERE {{whose}} AND state = 'open' AND NOT is_hidden AND ends_ms > ?
        AND sender NOT IN (SELECT value FROM json_each(?))
    ORDER BY created_ms DESC, transfer_id LIMIT ?
"""
_MINE = _RECEIVED.format(whose="recipient = ?")
_OFFERED = _RECEIVED.format(whose="email = ? AND recipient IS NULL")
_MAILS_DUE = f"{_LISTED} WHERE mail_due_ms <= ? AND ends_ms > ? ORDER BY mail_due_ms LIMIT ?"
_HEADS = "SELECT head FROM transfer_heads WHERE transfer_id = ? ORDER BY position"

_Files = tuple[tuple[FileId, int], ...]


def _transfer(row: Any) -> Transfer:
    files = msgspec.json.decode(row[13], type=_Files)
    link = Link(row[14], row[15], bool(row[16])) if row[14] is not None else None
    return Transfer(*(*row[:9], files, link, bool(row[9]), bool(row[10]), *row[11:13], *row[17:]))


def _live(connection: apsw.Connection, transfer_id: TransferId, now_ms: int) -> Transfer | None:
    query = f"{_SELECT} WHERE transfer_id = ? AND ends_ms > ?"
    row = first(connection, query, (transfer_id, now_ms))
    return _transfer(row) if row else None


def _require_unused(connection: apsw.Connection, transfer_id: TransferId) -> None:
    for table in ("transfers", "files"):
        query = f"SELECT 1 FROM {table} WHERE transfer_id = ? LIMIT 1"
        if first(connection, query, (transfer_id,)):
            raise AppError(ErrorCode.CONFLICT, "transfer id of one that has ended")


def _insert(connection: apsw.Connection, transfer: Transfer) -> None:
    connection.execute(
        "INSERT INTO transfers (transfer_id, sender, kind, created_ms, expires_ms, ends_ms,"
        " recipient, email, max_downloads, state, files) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            transfer.transfer_id,
            transfer.sender,
            transfer.kind,
            transfer.created_ms,
            transfer.expires_ms,
            transfer.ends_ms,
            transfer.recipient,
            transfer.email,
            transfer.max_downloads,
            transfer.state,
            "[]",
        ),
    )


def _heads(connection: apsw.Connection, transfer_id: TransferId) -> list[Sealed]:
    return [head for (head,) in every(connection, _HEADS, (transfer_id,))]


def _seal(connection: apsw.Connection, transfer_id: TransferId, heads: tuple[Sealed, ...]) -> None:
    connection.execute("UPDATE transfers SET is_sealed = 1 WHERE transfer_id = ?", (transfer_id,))
    connection.executemany(
        "INSERT INTO transfer_heads (transfer_id, position, head) VALUES (?, ?, ?)",
        [(transfer_id, position, head) for position, head in enumerate(heads)],
    )


def _open(
    connection: apsw.Connection,
    transfer_id: TransferId,
    files: tuple[FileId, ...],
    heads: tuple[Sealed, ...],
    link: Link | None,
    **times: int | None,
) -> None:
    asked = msgspec.json.encode(files).decode()
    whole = every(connection, _WHOLE_FILES, (asked, transfer_id))
    if len(whole) < len(files):
        raise AppError(ErrorCode.INCOMPLETE)
    kept = {name: getattr(link, name, None) for name in Link.__slots__}
    found = msgspec.json.encode(whole).decode()
    values = {**kept, **times, "transfer_id": transfer_id, "files": found}
    connection.execute(_OPEN, values)
    if heads:
        _seal(connection, transfer_id, heads)


class SqliteTransferStore:
    """`models.transfers.TransferStore` in SQLite."""

    def __init__(self, database: SqliteDatabase) -> None:
        self._database = database

    async def begin(self, transfer: Transfer, most: int, now_ms: int) -> Transfer:
        def add(connection: apsw.Connection) -> Transfer:
            if there := _live(connection, transfer.transfer_id, now_ms):
                if there.is_alike(transfer):
                    return there
                raise AppError(ErrorCode.CONFLICT, "transfer id")
            _require_unused(connection, transfer.transfer_id)
            query = "SELECT count(*) FROM transfers WHERE sender = ? AND ends_ms > ?"
            if first(connection, query, (transfer.sender, now_ms))[0] >= most:
                raise QuotaFull("transfers")
            _insert(connection, transfer)
            return transfer

        return await self._database.write(add)

    async def by_id(self, transfer_id: TransferId, now_ms: int) -> Transfer | None:
        return await self._database.read(lambda c: _live(c, transfer_id, now_ms))

    async def open(
        self,
        transfer_id: TransferId,
        files: tuple[FileId, ...],
        heads: tuple[Sealed, ...],
        link: Link | None,
        now_ms: int,
        *,
        mail_due_ms: int | None = None,
    ) -> Transfer | None:
        times = {"now_ms": now_ms, "mail_due_ms": mail_due_ms}

        def publish(connection: apsw.Connection) -> Transfer | None:
            there = _live(connection, transfer_id, now_ms)
            if there is None:
                return None
            if there.state == "draft":
                _open(connection, transfer_id, files, heads, link, **times)
                return _live(connection, transfer_id, now_ms)
            if there.is_opened_with(files, heads, link, _heads(connection, transfer_id)):
                return there
            raise AppError(ErrorCode.CONFLICT, "transfer")

        return await self._database.write(publish)

    async def accept(self, transfer_id: TransferId, user_id: UserId, now_ms: int) -> bool:
        return await self._change(_ACCEPT, (user_id, transfer_id, now_ms))

    async def seal(self, transfer_id: TransferId, heads: tuple[Sealed, ...], now_ms: int) -> bool:
        def add(connection: apsw.Connection) -> bool:
            there = _live(connection, transfer_id, now_ms)
            if there is None or not there.is_accepted:
                return False
            if len(heads) != len(there.files):
                raise AppError(ErrorCode.BAD_REQUEST, "heads")
            if not there.is_sealed:
                _seal(connection, transfer_id, heads)
            return True

        return await self._database.write(add)

    async def heads(self, transfer_id: TransferId) -> list[Sealed]:
        return await self._database.scan(lambda c: _heads(c, transfer_id))

    async def sent(self, user_id: UserId, now_ms: int) -> list[Transfer]:
        query = f"{_LISTED} WHERE sender = ? AND ends_ms > ? ORDER BY created_ms DESC, transfer_id"
        rows = await self._database.scan(lambda c: every(c, query, (user_id, now_ms)))
        return [_transfer(row) for row in rows]

    async def received(
        self, user_id: UserId, email: str, blocked: Collection[UserId], now_ms: int
    ) -> list[Transfer]:
        without = msgspec.json.encode(list(blocked)).decode()

        def find(connection: apsw.Connection) -> list[Any]:
            others = (now_ms, without, TRANSFERS_SHOWN)
            mine = every(connection, _MINE, (user_id, *others))
            return [*mine, *every(connection, _OFFERED, (email, *others))]

        return newest_first(_transfer(row) for row in await self._database.scan(find))

    async def take_download(self, transfer_id: TransferId, holder: str, now_ms: int) -> bool:
        def take(connection: apsw.Connection) -> bool:
            there = _live(connection, transfer_id, now_ms)
            if there is None or there.state == "draft":
                return False
            held = "SELECT 1 FROM transfer_downloads WHERE transfer_id = ? AND holder = ?"
            if first(connection, held, (transfer_id, holder)):
                return True
            if there.downloads_left == 0:
                raise AppError(ErrorCode.USED_UP)
            if there.downloads < TRANSFER_DOWNLOADS:
                connection.execute(
                    "INSERT INTO transfer_downloads (transfer_id, holder) VALUES (?, ?)",
                    (transfer_id, holder),
                )
            connection.execute(
                "UPDATE transfers SET downloads = downloads + 1 WHERE transfer_id = ?",
                (transfer_id,),
            )
            return True

        return await self._database.write(take)

    async def note_downloaded(self, transfer_id: TransferId, now_ms: int) -> bool:
        return await self._change(
            "UPDATE transfers SET downloaded_ms = ?1 WHERE transfer_id = ?2 AND ends_ms > ?1"
            " AND state = 'open' AND downloaded_ms IS NULL",
            (now_ms, transfer_id),
        )

    async def mails_due(self, now_ms: int, most: int) -> list[Transfer]:
        rows = await self._database.scan(lambda c: every(c, _MAILS_DUE, (now_ms, now_ms, most)))
        return [_transfer(row) for row in rows]

    async def claim_mail(self, transfer_id: TransferId, due_ms: int, until_ms: int) -> bool:
        return await self._change(
            "UPDATE transfers SET mail_due_ms = ? WHERE transfer_id = ? AND mail_due_ms = ?",
            (until_ms, transfer_id, due_ms),
        )

    async def settle_mail(self, transfer_id: TransferId) -> None:
        await self._change(
            "UPDATE transfers SET mail_due_ms = NULL WHERE transfer_id = ?", (transfer_id,)
        )

    async def hide(self, transfer_id: TransferId) -> None:
        await self._change(
            "UPDATE transfers SET is_hidden = 1 WHERE transfer_id = ? AND kind = 'address'",
            (transfer_id,),
        )

    async def end(self, transfer_id: TransferId) -> bool:
        return await self._database.write(lambda c: end_transfer(c, "transfer_id = ?", transfer_id))

    async def of_sender(self, user_id: UserId) -> list[TransferId]:
        query = "SELECT transfer_id FROM transfers WHERE sender = ? ORDER BY created_ms"
        rows = await self._database.scan(lambda c: every(c, query, (user_id,)))
        return [transfer_id for (transfer_id,) in rows]

    async def _change(self, statement: str, values: Values) -> bool:
        """Change one row, or none when it does not meet the statement's condition."""

        def change(connection: apsw.Connection) -> bool:
            connection.execute(statement, values)
            return connection.changes() > 0

        return await self._database.write(change)
