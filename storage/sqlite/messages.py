"""The message log in SQLite."""

import logging
from collections import deque
from collections.abc import Iterable
from typing import Any

import apsw
import msgspec

from models.messages import EVERYTHING, AppendDone, Grown, NewMessage
from protocol.errors import AppError, ErrorCode
from protocol.frames import Capsule, Message
from protocol.ids import DeviceId, MsgId, RoomId, UserId
from storage.sqlite.append import Entry, append_batch
from storage.sqlite.database import SqliteDatabase
from storage.sqlite.rows import every, first

WAITING_BYTES = 64 * 1024 * 1024  # ciphertext held while the disk is slow; more is refused
LAST_SEQ = 2**63 - 1

_log = logging.getLogger(__name__)
_capsule = msgspec.json.Decoder(Capsule)

_PAGE = """
    SELECT m.seq, m.msg_id, m.sender, m.sender_device, m.epoch, m.roster_hash, m.payload, m.c2,
           c.capsule, m.frank, m.server_ms
    FROM rooms r JOIN messages m USING (room_key)
    LEFT JOIN capsules c
        ON c.message_key = m.message_key AND c.device_id = :device AND c.user_id = :user
    WHERE r.room_id = :room AND r.expires_ms > :now AND m.seq > :after AND m.seq < :before
    ORDER BY m.seq {direction} LIMIT :limit
"""
_LAST_OF_DEVICE = """
    SELECT r.room_id, m.msg_id FROM messages m JOIN rooms r USING (room_key)
    WHERE m.message_key = (
        SELECT max(mine.message_key)
        FROM members u JOIN rooms live USING (room_key) JOIN messages mine USING (room_key)
        WHERE u.user_id = ? AND live.expires_ms > ? AND mine.sender_device = ?
    )
"""
# One writer at a time gives out the keys, in the transaction that makes them visible: whoever sees
# a key sees every lower one.
_PLACE = "SELECT coalesce(max(message_key), 0) FROM messages"
_GROWN = """
    SELECT r.room_id, r.last_seq, json_group_array(u.user_id)
    FROM (SELECT DISTINCT room_key FROM messages NOT INDEXED WHERE message_key > ?) grown
    CROSS JOIN rooms r USING (room_key) CROSS JOIN members u USING (room_key)
    GROUP BY r.room_key
"""


def _message(row: Any) -> Message:
    return Message(
        seq=row[0],
        msg_id=row[1],
        sender=row[2],
        sender_device=row[3],
        epoch=row[4],
        roster_hash=row[5],
        payload=row[6],
        c2=row[7],
        capsule=None if row[8] is None else _capsule.decode(row[8]),
        frank=row[9],
        server_ms=row[10],
    )


def _fitting(messages: Iterable[Message], limit: int, max_chars: int) -> tuple[list[Message], bool]:
    """Take what a page may hold, and say whether there is more."""
    kept: list[Message] = []
    for message in messages:
        max_chars -= len(message.payload)
        if len(kept) == limit or (kept and max_chars < 0):
            return kept, True
        kept.append(message)
    return kept, False


class SqliteMessageStore:
    """`models.messages.MessageStore` in SQLite."""

    def __init__(self, database: SqliteDatabase) -> None:
        self._database = database
        self._waiting: deque[tuple[Entry, AppendDone]] = deque()
        self._waiting_bytes = 0
        self._has_job = False

    def append(self, message: NewMessage, now_ms: int, done: AppendDone) -> None:
        entry = Entry(message, now_ms)
        if self._waiting_bytes + entry.size_bytes > WAITING_BYTES:
            # Refused in its turn, so that the order of `done` holds.
            entry.refuse(AppError(ErrorCode.UNAVAILABLE, "too much is waiting"))
        self._waiting_bytes += entry.size_bytes
        self._waiting.append((entry, done))
        if not self._has_job:
            self._has_job = True
            self._database.submit(_Batch(self))

    def take_waiting(self) -> list[tuple[Entry, AppendDone]]:
        """Empty the queue; called in the writer thread."""
        # First, so that whoever appends from now on submits a batch of their own.
        self._has_job = False
        return [self._waiting.popleft() for _ in range(len(self._waiting))]

    def release(self, size_bytes: int) -> None:
        """Count what is no longer waiting; called on the loop."""
        self._waiting_bytes -= size_bytes

    async def page(
        self,
        room_id: RoomId,
        reader: tuple[UserId, DeviceId],
        *,
        now_ms: int,
        after: int | None = None,
        before: int | None = None,
        limit: int,
        max_chars: int = EVERYTHING,
    ) -> tuple[list[Message], bool]:
        upwards = after is not None
        query = _PAGE.format(direction="ASC" if upwards else "DESC")
        values = {
            "room": room_id,
            "user": reader[0],
            "device": reader[1],
            "now": now_ms,
            "after": 0 if after is None else after,
            "before": LAST_SEQ if before is None else before,
            "limit": limit + 1,
        }
        messages, has_more = await self._database.scan(
            lambda c: _fitting(map(_message, c.execute(query, values)), limit, max_chars)
        )
        return (messages if upwards else messages[::-1]), has_more

    async def last_of_device(
        self, user_id: UserId, device_id: DeviceId, now_ms: int
    ) -> tuple[RoomId, MsgId] | None:
        values = (user_id, now_ms, device_id)
        row = await self._database.scan(lambda c: first(c, _LAST_OF_DEVICE, values))
        return (row[0], row[1]) if row else None

    async def grown(self, since: int | None) -> tuple[list[Grown], int]:
        def look(connection: apsw.Connection) -> tuple[list[Grown], int]:
            # The place first: what is committed in between is told again, not left out.
            place = first(connection, _PLACE)[0]
            rows = [] if since is None else every(connection, _GROWN, (since,))
            grown = [Grown(room, seq, tuple(msgspec.json.decode(who))) for room, seq, who in rows]
            return grown, place

        return await self._database.scan(look)


class _Batch:
    """Everything that waits when the writer comes to it."""

    def __init__(self, store: SqliteMessageStore) -> None:
        self._store = store
        self._entries: list[tuple[Entry, AppendDone]] = []

    def run(self, connection: apsw.Connection) -> None:
        self._entries = self._store.take_waiting()
        append_batch(connection, [entry for entry, _ in self._entries])

    def settle(self, failure: AppError | None) -> None:
        if not self._entries:  # given up before its turn came
            self._entries = self._store.take_waiting()
        for entry, done in self._entries:
            self._store.release(entry.size_bytes)
            try:
                done(failure or entry.outcome)
            except Exception:  # noqa: BLE001 - one listener must not cost the others theirs
                _log.exception("telling the outcome of an append failed")
