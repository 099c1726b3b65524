"""Deleting what has expired, in steps that each hold the write lock for a few milliseconds."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Protocol, TypeVar

import apsw

from protocol.limits import DAY_MS
from storage.sqlite.rows import every

ROWS_A_STEP = 256
MESSAGES_A_STEP = 32  # one may fill 64 pages, and each is overwritten with zeros

# Claims are remembered for a day after they were made; everything else names its own end.
_EXPIRING = (
    ("codes", "expires_ms", 0),
    ("logins", "expires_ms", 0),
    ("claims", "claimed_ms", DAY_MS),
    ("trusts", "expires_ms", 0),
)

Result = TypeVar("Result")


class Write(Protocol):
    """`SqliteDatabase.write`."""

    def __call__(self, action: Callable[[apsw.Connection], Result], /) -> Awaitable[Result]: ...


async def sweep(write: Write, now_ms: int) -> int:
    """Delete every expired row; returns how many rooms, codes, log-ins, claims and trusts."""
    deleted = 0
    for table, column, kept_ms in _EXPIRING:
        step = partial(_delete_some, table=table, column=column, until_ms=now_ms - kept_ms)
        while count := await write(step):
            deleted += count
    while (room_key := await write(lambda c: _expired_room(c, now_ms))) is not None:
        await erase_room(write, room_key)
        deleted += 1
    return deleted


async def erase_room(write: Write, room_key: int) -> None:
    """Delete a room that no read returns any more, messages and capsules first."""
    while await write(lambda c: _delete_messages(c, room_key)):
        pass


def _delete_some(connection: apsw.Connection, table: str, column: str, until_ms: int) -> int:
    connection.execute(
        f"DELETE FROM {table} WHERE rowid IN"
        f" (SELECT rowid FROM {table} WHERE {column} <= ? LIMIT ?)",
        (until_ms, ROWS_A_STEP),
    )
    return connection.changes()


def _expired_room(connection: apsw.Connection, now_ms: int) -> int | None:
    """Pick an expired room and end it for good: nobody can extend it while it is being erased."""
    rows = every(
        connection,
        "UPDATE rooms SET expires_ms = 0, pair = NULL WHERE room_key ="
        " (SELECT room_key FROM rooms WHERE expires_ms <= ? LIMIT 1) RETURNING room_key",
        (now_ms,),
    )
    if not rows:
        return None
    connection.execute("DELETE FROM members WHERE room_key = ?", rows[0])
    return int(rows[0][0])


def _delete_messages(connection: apsw.Connection, room_key: int) -> bool:
    """Delete some messages; False once the room itself is gone with the last of them."""
    connection.execute(
        "DELETE FROM messages WHERE message_key IN"
        " (SELECT message_key FROM messages WHERE room_key = ? LIMIT ?)",
        (room_key, MESSAGES_A_STEP),
    )
    if connection.changes() == MESSAGES_A_STEP:
        return True
    connection.execute("DELETE FROM rooms WHERE room_key = ?", (room_key,))
    return False
