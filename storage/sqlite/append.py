"""Numbering and storing a batch of messages, inside the write transaction (R-04, R-05).

The whole batch takes a handful of statements whatever its length: on every return from SQLite the
writer thread has to win the interpreter back from a busy loop, which takes up to a switch interval.
Measured with a loop that does 40 µs of work and socket calls for each message, in messages a second
relative to this way:

    a statement at a time in the thread            0.70-0.85
    executemany for each table in the thread       0.80-0.97
    all on the loop, BEGIN and COMMIT in a thread  0.93-1.03, with 0.93 of the processor time, but
                                                   the loop stands still for 2 ms a batch
    this way with a switch interval of 1 ms        0.86-0.98
"""

import logging
from collections.abc import Iterator, Sequence
from typing import Any

import apsw
import msgspec

from models.messages import Appended, NewMessage
from protocol.errors import AppError, ErrorCode
from protocol.ids import DeviceId, MsgId, RoomId, UserId
from storage.sqlite.connection import is_statement_fault
from storage.sqlite.rows import every

ROWS_A_STATEMENT = (64, 16, 4, 1)  # few sizes, so that each statement is prepared once

_FIND_ROOMS = """
    SELECT json_group_array(json_array(r.room_id, m.user_id, r.room_key, r.last_seq, r.expires_ms))
    FROM json_each(?) asked
    CROSS JOIN rooms r ON r.room_id = asked.value ->> 0
    CROSS JOIN members m ON m.room_key = r.room_key AND m.user_id = asked.value ->> 1
"""
_FIND_REPEATED = """
    SELECT max((SELECT coalesce(max(message_key), 0) FROM messages),
               (SELECT highest_key FROM erased WHERE one = 1)),
           json_group_array(json_array(asked.key, m.seq, m.server_ms, m.frank))
    FROM json_each(?) asked
    CROSS JOIN messages m ON m.room_key = asked.value ->> 0
        AND m.sender_device = asked.value ->> 1 AND m.msg_id = asked.value ->> 2
"""
_MOVE_LAST_SEQ = """
    UPDATE rooms SET last_seq = moved.value ->> 1
    FROM json_each(?) moved WHERE room_key = moved.value ->> 0
"""
_MESSAGE_COLUMNS = (
    "messages (message_key, room_key, seq, msg_id, sender, sender_device, epoch, roster_hash,"
    " payload, c2, frank, server_ms)"
)

_CAPSULE_COLUMNS = "capsules (message_key, device_id, user_id, capsule)"
_PENDING = AppError(ErrorCode.INTERNAL, "not run")

_log = logging.getLogger(__name__)

Outcome = Appended | AppError
MessageRow = tuple[int, int, int, MsgId, UserId, DeviceId, int, str, str, str, str, int]
CapsuleRow = tuple[int, DeviceId, UserId, bytes]
Row = MessageRow | CapsuleRow


class Entry:
    """A message in the queue, and what became of it."""

    __slots__ = ("message", "now_ms", "outcome", "size_bytes")

    def __init__(self, message: NewMessage, now_ms: int) -> None:
        self.message = message
        self.now_ms = now_ms
        self.size_bytes = len(message.payload) + sum(map(len, message.capsules.values()))
        self.outcome: Outcome = _PENDING

    def refuse(self, error: AppError) -> None:
        """Settle the entry before its turn, and let go of its ciphertext."""
        self.outcome = error
        self.size_bytes = 0


def append_batch(connection: apsw.Connection, entries: list[Entry]) -> None:
    """Store what is accepted and give every entry its outcome; a refused one disturbs no other."""
    waiting = [entry for entry in entries if entry.outcome is _PENDING]
    connection.execute("SAVEPOINT append")
    try:
        _Appending(connection, waiting).run()
    except Exception as error:
        if isinstance(error, apsw.Error) and not is_statement_fault(error):
            raise
        connection.execute("ROLLBACK TO append")
        _isolate(connection, waiting)
    connection.execute("RELEASE append")


def _isolate(connection: apsw.Connection, entries: list[Entry]) -> None:
    """One of the entries is one that the database cannot take: find it and keep the others."""
    if len(entries) == 1:
        _log.exception("a message could not be stored")
        entries[0].outcome = AppError(ErrorCode.INTERNAL, "append")
        return
    for entry in entries:
        entry.outcome = _PENDING
        append_batch(connection, [entry])


class _Appending:
    """One pass over a batch: look up, number, insert."""

    def __init__(self, connection: apsw.Connection, entries: list[Entry]) -> None:
        self._connection = connection
        self._entries = entries
        self._last_seq: dict[int, int] = {}
        self._messages: list[MessageRow] = []
        self._capsules: list[CapsuleRow] = []

    def run(self) -> None:
        accepted = self._with_room()
        if accepted:
            self._number(accepted)
        if self._messages:
            self._insert(_MESSAGE_COLUMNS, self._messages)
            self._insert(_CAPSULE_COLUMNS, self._capsules)
            self._ask(_MOVE_LAST_SEQ, list(self._last_seq.items()))

    def _ask(self, query: str, values: object) -> list[Any]:
        parameter = msgspec.json.encode(values).decode()
        return every(self._connection, query, (parameter,))

    def _with_room(self) -> list[tuple[Entry, int]]:
        """Return the entries whose sender is in a live room, with its key; refuse the others."""
        wanted = {(entry.message.room_id, entry.message.sender) for entry in self._entries}
        found: list[tuple[RoomId, UserId, int, int, int]] = msgspec.json.decode(
            self._ask(_FIND_ROOMS, list(wanted))[0][0]
        )
        rooms = {}
        for room_id, user_id, room_key, last_seq, expires_ms in found:
            rooms[room_id, user_id] = room_key, expires_ms
            self._last_seq[room_key] = last_seq
        accepted = []
        for entry in self._entries:
            room_key, expires_ms = rooms.get((entry.message.room_id, entry.message.sender), (0, 0))
            if expires_ms > entry.now_ms:
                accepted.append((entry, room_key))
            else:
                entry.outcome = AppError(ErrorCode.NOT_FOUND, "room")
        return accepted

    def _number(self, accepted: list[tuple[Entry, int]]) -> None:
        """Give each message its number, or the result it had the first time."""
        names = [
            (room_key, entry.message.sender_device, entry.message.msg_id)
            for entry, room_key in accepted
        ]
        message_key, repeated = self._ask(_FIND_REPEATED, names)[0]
        earlier = {
            names[index]: Appended(seq, server_ms, frank, fresh=False)
            for index, seq, server_ms, frank in msgspec.json.decode(repeated)
        }
        for (entry, room_key), name in zip(accepted, names, strict=True):
            if name in earlier:
                entry.outcome = earlier[name]
                continue
            message = entry.message
            message_key += 1
            seq = self._last_seq[room_key] = self._last_seq[room_key] + 1
            entry.outcome = Appended(seq, message.server_ms, message.frank, fresh=True)
            earlier[name] = Appended(seq, message.server_ms, message.frank, fresh=False)
            self._messages.append(_message_row(message, message_key, room_key, seq))
            self._capsules += (
                (message_key, device_id, user_id, capsule)
                for (user_id, device_id), capsule in message.capsules.items()
            )

    def _insert(self, columns: str, rows: Sequence[Row]) -> None:
        if not rows:
            return
        one = "(" + ", ".join("?" * len(rows[0])) + ")"
        for chunk in _chunks(rows):
            query = f"INSERT INTO {columns} VALUES {', '.join([one] * len(chunk))}"
            self._connection.execute(query, [value for row in chunk for value in row])


def _message_row(message: NewMessage, message_key: int, room_key: int, seq: int) -> MessageRow:
    return (
        message_key,
        room_key,
        seq,
        message.msg_id,
        message.sender,
        message.sender_device,
        message.epoch,
        message.roster_hash,
        message.payload,
        message.c2,
        message.frank,
        message.server_ms,
    )


def _chunks(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    at = 0
    for size in ROWS_A_STATEMENT:
        while len(rows) - at >= size:
            yield rows[at : at + size]
            at += size
