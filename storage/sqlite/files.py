"""Files and which of their parts are here or expected, in SQLite."""

from typing import Any

import apsw
import msgspec

from models.files import Allowance, File
from protocol.errors import AppError, ErrorCode, QuotaFull
from protocol.ids import FileId
from protocol.limits import DAY_MS, FILE_PENDING_TTL_MS, FILE_UPLOAD_TTL_MS
from storage.sqlite.database import SqliteDatabase
from storage.sqlite.rows import every, first

_COLUMNS = (
    "f.file_id, f.owner, f.device_id, f.room_id, f.size_bytes, f.created_ms, f.transfer_id,"
    " f.state, f.hashes"
)
# A room that was removed and opened again under its old id is another room.
_ROOM_LIVES = """EXISTS (
    SELECT 1 FROM rooms r
    WHERE r.room_id = f.room_id AND r.expires_ms > :now_ms AND r.created_ms <= f.created_ms
)"""
_TRANSFER_LIVES = """EXISTS (
    SELECT 1 FROM transfers t WHERE t.transfer_id = f.transfer_id AND t.ends_ms > :now_ms
)"""
_IS_LIVE = f"""(f.state = 'committed' OR f.state = 'pending' AND f.ends_ms > :now_ms)
    AND ({_ROOM_LIVES} OR {_TRANSFER_LIVES})"""
_USED = """
    SELECT coalesce(sum(size_bytes) FILTER (WHERE state IN ('pending', 'committed')), 0),
           coalesce(sum(size_bytes) FILTER (WHERE created_ms > ?), 0),
           count(*) FILTER (WHERE state = 'pending')
    FROM files WHERE owner = ?
"""
_EXPECT_PART = """
    INSERT INTO file_parts (file_id, number, digest, is_here) VALUES (?, ?, ?, 0)
    ON CONFLICT DO NOTHING
"""
_ADD_PART = """
    INSERT INTO file_parts (file_id, number, digest) VALUES (?, ?, ?)
    ON CONFLICT DO UPDATE SET is_here = 1 WHERE digest = excluded.digest
"""
_PUT_OFF_END = """
    UPDATE files
    SET ends_ms = max(ends_ms, min(:now_ms + :pending_ms, created_ms + :upload_ms))
    WHERE file_id = :file_id AND state = 'pending' AND ends_ms > :now_ms
"""
_PUT_OFF_END_OF_DRAFT = """
    UPDATE transfers AS t SET ends_ms = max(t.ends_ms, f.ends_ms)
    FROM files f
    WHERE f.file_id = :file_id AND t.transfer_id = f.transfer_id AND t.state = 'draft'
"""
_HERE = "FROM file_parts WHERE file_id = ? AND is_here ORDER BY number"
_END_PENDING = "UPDATE files SET state = 'ended' WHERE state = 'pending' AND ends_ms <= ?"
_DELETE_FORGOTTEN = "DELETE FROM files WHERE state = 'forgotten' AND created_ms <= ?"


def _file(row: Any) -> File:
    return File(*row)


def _live(connection: apsw.Connection, file_id: FileId, now_ms: int) -> File | None:
    query = f"SELECT {_COLUMNS} FROM files f WHERE f.file_id = :file_id AND {_IS_LIVE}"
    row = first(connection, query, {"file_id": file_id, "now_ms": now_ms})
    return _file(row) if row else None


def _require_place_for(connection: apsw.Connection, file: File, now_ms: int) -> None:
    room = "SELECT 1 FROM rooms WHERE room_id = ? AND expires_ms > ?"
    draft = (
        "SELECT 1 FROM transfers"
        " WHERE transfer_id = ? AND sender = ? AND state = 'draft' AND ends_ms > ?"
    )
    if file.transfer_id is None:
        found = first(connection, room, (file.room_id, now_ms))
    else:
        found = first(connection, draft, (file.transfer_id, file.owner, now_ms))
    if not found:
        raise AppError(ErrorCode.NOT_FOUND, "room or transfer")


def _require_space_for(
    connection: apsw.Connection, file: File, allowance: Allowance, now_ms: int
) -> None:
    stored_bytes, begun_bytes, pending_files = first(
        connection, _USED, (now_ms - DAY_MS, file.owner)
    )
    if stored_bytes + file.size_bytes > allowance.stored_bytes:
        raise QuotaFull("stored")
    if begun_bytes + file.size_bytes > allowance.daily_bytes:
        raise QuotaFull("daily")
    if pending_files >= allowance.pending_files:
        raise QuotaFull("pending")


def _insert(connection: apsw.Connection, file: File) -> None:
    connection.execute(
        "INSERT INTO files (file_id, owner, device_id, room_id, transfer_id, size_bytes,"
        " created_ms, ends_ms, state, hashes) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'pending', x'')",
        (
            file.file_id,
            file.owner,
            file.device_id,
            file.room_id,
            file.transfer_id,
            file.size_bytes,
            file.created_ms,
            file.created_ms + FILE_PENDING_TTL_MS,
        ),
    )


def _put_off_end(connection: apsw.Connection, file_id: FileId, now_ms: int) -> bool:
    """Let an upload that goes on live, and its draft with it; False when it has ended."""
    times = {"pending_ms": FILE_PENDING_TTL_MS, "upload_ms": FILE_UPLOAD_TTL_MS}
    connection.execute(_PUT_OFF_END, {"file_id": file_id, "now_ms": now_ms, **times})
    if not connection.changes():
        return False
    connection.execute(_PUT_OFF_END_OF_DRAFT, {"file_id": file_id})
    return True


class SqliteFileStore:
    """`models.files.FileStore` in SQLite."""

    def __init__(self, database: SqliteDatabase) -> None:
        self._database = database

    async def begin(self, file: File, allowance: Allowance, now_ms: int) -> File:
        def add(connection: apsw.Connection) -> File:
            if there := _live(connection, file.file_id, now_ms):
                if there.is_alike(file):
                    return there
                raise AppError(ErrorCode.CONFLICT, "file id")
            if first(connection, "SELECT 1 FROM files WHERE file_id = ?", (file.file_id,)):
                raise AppError(ErrorCode.CONFLICT, "file id of one that has ended")
            _require_place_for(connection, file, now_ms)
            _require_space_for(connection, file, allowance, now_ms)
            _insert(connection, file)
            return file

        return await self._database.write(add)

    async def by_id(self, file_id: FileId, now_ms: int) -> File | None:
        return await self._database.read(lambda c: _live(c, file_id, now_ms))

    async def received(self, file_id: FileId) -> list[int]:
        query = f"SELECT number {_HERE}"
        rows = await self._database.scan(lambda c: every(c, query, (file_id,)))
        return [number for (number,) in rows]

    async def expect_part(self, file_id: FileId, number: int, digest: bytes, now_ms: int) -> bool:
        return await self._note_part(_EXPECT_PART, file_id, number, digest, now_ms)

    async def add_part(self, file_id: FileId, number: int, digest: bytes, now_ms: int) -> bool:
        return await self._note_part(_ADD_PART, file_id, number, digest, now_ms)

    async def _note_part(
        self, how: str, file_id: FileId, number: int, digest: bytes, now_ms: int
    ) -> bool:
        def note(connection: apsw.Connection) -> bool:
            if not _put_off_end(connection, file_id, now_ms):
                return False
            connection.execute(how, (file_id, number, digest))
            query = "SELECT digest FROM file_parts WHERE file_id = ? AND number = ?"
            if first(connection, query, (file_id, number)) != (digest,):
                raise AppError(ErrorCode.CONFLICT, "part")
            return True

        return await self._database.write(note)

    async def commit(self, file_id: FileId, now_ms: int) -> File | None:
        def finish(connection: apsw.Connection) -> File | None:
            file = _live(connection, file_id, now_ms)
            if file is None or file.state == "committed":
                return file
            digests = [d for (d,) in every(connection, f"SELECT digest {_HERE}", (file_id,))]
            if len(digests) < file.parts:
                raise AppError(ErrorCode.INCOMPLETE)
            connection.execute(
                "UPDATE files SET state = 'committed', hashes = ? WHERE file_id = ?",
                (b"".join(digests), file_id),
            )
            connection.execute("DELETE FROM file_parts WHERE file_id = ?", (file_id,))
            return _live(connection, file_id, now_ms)

        return await self._database.write(finish)

    async def expire(self, file_id: FileId) -> bool:
        def end(connection: apsw.Connection) -> bool:
            connection.execute(
                "UPDATE files SET state = 'ended'"
                " WHERE file_id = ? AND state IN ('pending', 'committed')",
                (file_id,),
            )
            return connection.changes() > 0

        return await self._database.write(end)

    async def ended(self, now_ms: int, limit: int) -> list[FileId]:
        def end(connection: apsw.Connection) -> list[FileId]:
            # Those of a room or a transfer have ended with it.
            connection.execute(_END_PENDING, (now_ms,))
            connection.execute(_DELETE_FORGOTTEN, (now_ms - DAY_MS,))
            query = "SELECT file_id FROM files WHERE state = 'ended' LIMIT ?"
            return [file_id for (file_id,) in every(connection, query, (limit,))]

        return await self._database.write(end)

    async def forget(self, file_id: FileId) -> None:
        def delete(connection: apsw.Connection) -> None:
            connection.execute("DELETE FROM file_parts WHERE file_id = ?", (file_id,))
            connection.execute(
                "UPDATE files SET state = 'forgotten', hashes = x''"
                " WHERE file_id = ? AND state = 'ended'",
                (file_id,),
            )

        await self._database.write(delete)

    async def known(self, file_ids: frozenset[FileId]) -> frozenset[FileId]:
        query = (
            "SELECT file_id FROM json_each(?) asked JOIN files ON file_id = asked.value"
            " WHERE state != 'forgotten'"
        )
        asked = msgspec.json.encode(sorted(file_ids)).decode()
        rows = await self._database.scan(lambda c: every(c, query, (asked,)))
        return frozenset(file_id for (file_id,) in rows)
