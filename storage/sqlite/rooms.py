"""Rooms and their members in SQLite."""

from collections.abc import Iterable
from itertools import groupby
from typing import Any

import apsw
import msgspec

from models.rooms import Member, Room, Watermark
from protocol.errors import AppError, ErrorCode
from protocol.ids import RoomId, UserId
from storage.sqlite.database import SqliteDatabase
from storage.sqlite.rows import every, first
from storage.sqlite.sweep import erase_room, retire_room

_ROOM = "r.room_id, r.kind, r.nonce, r.last_seq, r.created_ms, r.expires_ms"
_MEMBER = "m.user_id, m.role, m.delivered_seq, m.read_seq, m.keep"
_BY_ID = f"""
    SELECT {_ROOM}, {_MEMBER} FROM rooms r JOIN members m USING (room_key)
    WHERE r.room_id = ? AND r.expires_ms > ? ORDER BY m.position
"""
_OF_USER = f"""
    SELECT {_ROOM}, {_MEMBER}
    FROM members mine JOIN rooms r USING (room_key) JOIN members m USING (room_key)
    WHERE mine.user_id = ? AND r.expires_ms > ? ORDER BY r.created_ms, r.room_key, m.position
"""
# Materialized, or SQLite would walk all rooms of the user to find the one.
_ADVANCE = """
    WITH far AS MATERIALIZED (
        SELECT r.room_key, asked.value ->> 1 AS user_id,
               min(max(asked.value ->> 2, asked.value ->> 3), r.last_seq) AS delivered_seq,
               min(asked.value ->> 3, r.last_seq) AS read_seq
        FROM json_each(?) asked CROSS JOIN rooms r ON r.room_id = asked.value ->> 0
    )
    UPDATE members SET delivered_seq = max(members.delivered_seq, far.delivered_seq),
                       read_seq = max(members.read_seq, far.read_seq)
    FROM far
    WHERE members.room_key = far.room_key AND members.user_id = far.user_id
        AND (members.delivered_seq < far.delivered_seq OR members.read_seq < far.read_seq)
    RETURNING (SELECT room_id FROM rooms WHERE rooms.room_key = members.room_key),
        user_id, delivered_seq, read_seq
"""


def _room(rows: list[Any]) -> Room:
    room_id, kind, nonce, last_seq, created_ms, expires_ms = rows[0][:6]
    members = tuple(Member(*(*row[6:10], bool(row[10]))) for row in rows)
    return Room(room_id, kind, nonce, members, last_seq, created_ms, expires_ms)


def _live(connection: apsw.Connection, room_id: RoomId, now_ms: int) -> Room | None:
    rows = every(connection, _BY_ID, (room_id, now_ms))
    return _room(rows) if rows else None


def _insert(connection: apsw.Connection, room: Room, pair: str) -> None:
    connection.execute(
        "INSERT INTO rooms (room_id, kind, nonce, pair, last_seq, created_ms, expires_ms)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            room.room_id,
            room.kind,
            room.nonce,
            pair,
            room.last_seq,
            room.created_ms,
            room.expires_ms,
        ),
    )
    room_key = connection.last_insert_rowid()
    connection.executemany(
        "INSERT INTO members (room_key, user_id, position, role, delivered_seq, read_seq, keep)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            (room_key, m.user_id, position, m.role, m.delivered_seq, m.read_seq, m.keep)
            for position, m in enumerate(room.members)
        ],
    )


class SqliteRoomStore:
    """`models.rooms.RoomStore` in SQLite."""

    def __init__(self, database: SqliteDatabase) -> None:
        self._database = database

    async def open_dm(self, room: Room, now_ms: int) -> tuple[Room, bool]:
        pair = " ".join(sorted(member.user_id for member in room.members))

        def open_or_find(connection: apsw.Connection) -> tuple[Room, bool]:
            row = first(connection, "SELECT room_id FROM rooms WHERE pair = ?", (pair,))
            if row and (there := _live(connection, row[0], now_ms)):
                return there, False
            if _live(connection, room.room_id, now_ms):
                raise AppError(ErrorCode.CONFLICT, "room id")
            # What has expired but was not swept yet must not stand in the way.
            retire_room(connection, "pair = ?", pair)
            retire_room(connection, "room_id = ?", room.room_id)
            _insert(connection, room, pair)
            return room, True

        return await self._database.write(open_or_find)

    async def by_id(self, room_id: RoomId, now_ms: int) -> Room | None:
        return await self._database.read(lambda c: _live(c, room_id, now_ms))

    async def of_user(self, user_id: UserId, now_ms: int) -> list[Room]:
        rows = await self._database.scan(lambda c: every(c, _OF_USER, (user_id, now_ms)))
        return [_room(list(group)) for _, group in groupby(rows, key=lambda row: row[0])]

    async def keep(
        self, room_id: RoomId, user_id: UserId, on: bool, extend_ms: int, now_ms: int
    ) -> Room | None:
        def wish(connection: apsw.Connection) -> Room | None:
            room = _live(connection, room_id, now_ms)
            if room is None or not room.has_member(user_id):
                return None
            room_key = first(
                connection, "SELECT room_key FROM rooms WHERE room_id = ?", (room_id,)
            )[0]
            connection.execute(
                "UPDATE members SET keep = ? WHERE room_key = ? AND user_id = ?",
                (on, room_key, user_id),
            )
            if on and all(member.keep or member.user_id == user_id for member in room.members):
                connection.execute("UPDATE members SET keep = 0 WHERE room_key = ?", (room_key,))
                connection.execute(
                    "UPDATE rooms SET expires_ms = expires_ms + ? WHERE room_key = ?",
                    (extend_ms, room_key),
                )
            return _live(connection, room_id, now_ms)

        return await self._database.write(wish)

    async def remove(self, room_id: RoomId) -> bool:
        room_key = await self._database.write(lambda c: retire_room(c, "room_id = ?", room_id))
        if room_key is None:
            return False
        await erase_room(self._database.write, room_key)
        return True

    async def advance(self, marks: Iterable[Watermark]) -> list[Watermark]:
        # One row for each member, or SQLite would apply any one of several.
        wanted: dict[tuple[RoomId, UserId], tuple[int, int]] = {}
        for mark in marks:
            delivered, read = wanted.get((mark.room_id, mark.user_id), (0, 0))
            wanted[mark.room_id, mark.user_id] = (
                max(delivered, mark.delivered_seq),
                max(read, mark.read_seq),
            )
        asked = msgspec.json.encode([(*who, *far) for who, far in wanted.items()]).decode()
        moved = await self._database.write(lambda c: every(c, _ADVANCE, (asked,)))
        return [Watermark(*row) for row in moved]
