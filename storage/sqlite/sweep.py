"""Deleting what has expired, in steps that each hold the write lock for a few milliseconds."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Protocol, TypeVar

import apsw

from protocol.limits import DAY_MS, REPORT_TTL_MS
from storage.sqlite.rows import first

MESSAGES_A_STEP = 32  # one may fill 64 pages, and each is overwritten with zeros
RETIRED_MS = 0  # the end of a room that nobody can reach any more

# Table, the column that tells its end, how long after that it is kept, and rows a step: log-ins
# have hundreds of refresh tokens, claims up to 64 prekeys that go with them.
_EXPIRING = (
    ("codes", "expires_ms", 0, 256),
    ("logins", "expires_ms", 0, 4),
    ("claims", "claimed_ms", DAY_MS, 32),
    ("trusts", "expires_ms", 0, 256),
    ("reports", "created_ms", REPORT_TTL_MS, 256),
)

_REMEMBER_HIGHEST = """
    UPDATE erased
    SET highest_key = max(highest_key, (SELECT coalesce(max(message_key), 0) FROM messages))
    WHERE one = 1
"""

Result = TypeVar("Result")


class Write(Protocol):
    """`SqliteDatabase.write`."""

    def __call__(self, action: Callable[[apsw.Connection], Result], /) -> Awaitable[Result]: ...


async def sweep(write: Write, now_ms: int) -> int:
    """Delete every expired row; returns how many, as `models.stores.Database.sweep` counts."""
    deleted = 0
    for table, column, kept_ms, rows in _EXPIRING:
        step = partial(
            _delete_some, table=table, column=column, until_ms=now_ms - kept_ms, rows=rows
        )
        while count := await write(step):
            deleted += count
    # Retired first: from then on nobody can extend the room that is being erased.
    while (key := await write(lambda c: retire_room(c, "expires_ms <= ?", now_ms))) is not None:
        deleted += await erase_room(write, key)
    while await write(lambda c: end_transfer(c, "ends_ms <= ?", now_ms)):
        deleted += 1
    return deleted


def retire_room(connection: apsw.Connection, condition: str, value: str | int) -> int | None:
    """Take a room, its id, members and files out of every reader's sight, in one short step.

    Returns: its key, for `erase_room`; None when there was none.
    """
    row = first(
        connection, f"SELECT room_key, room_id FROM rooms WHERE {condition} LIMIT 1", (value,)
    )
    if row is None:
        return None
    room_key, room_id = row
    connection.execute(
        "UPDATE rooms SET room_id = CAST(room_key AS TEXT), expires_ms = ?, pair = NULL"
        " WHERE room_key = ?",
        (RETIRED_MS, room_key),
    )
    connection.execute("DELETE FROM members WHERE room_key = ?", (room_key,))
    connection.execute("UPDATE files SET state = 'ended' WHERE room_id = ?", (room_id,))
    return int(room_key)


def end_transfer(connection: apsw.Connection, condition: str, value: str | int) -> bool:
    """End a transfer with its files, and delete all else that is kept of it, in one step.

    Returns: False when there was none.
    """
    row = first(
        connection, f"SELECT transfer_id FROM transfers WHERE {condition} LIMIT 1", (value,)
    )
    if row is None:
        return False
    connection.execute(
        "UPDATE files SET state = 'ended'"
        " WHERE transfer_id = ? AND state IN ('pending', 'committed')",
        row,
    )
    connection.execute("DELETE FROM transfers WHERE transfer_id = ?", row)
    return True


async def erase_room(write: Write, room_key: int) -> bool:
    """Delete a retired room, messages and capsules first.

    Returns: False when somebody else was faster.
    """
    while await write(lambda c: _delete_messages(c, room_key)):
        pass
    return await write(lambda c: _delete_room(c, room_key))


def _delete_some(
    connection: apsw.Connection, table: str, column: str, until_ms: int, rows: int
) -> int:
    connection.execute(
        f"DELETE FROM {table} WHERE rowid IN"
        f" (SELECT rowid FROM {table} WHERE {column} <= ? LIMIT ?)",
        (until_ms, rows),
    )
    return connection.changes()


def _delete_messages(connection: apsw.Connection, room_key: int) -> bool:
    connection.execute(_REMEMBER_HIGHEST)
    connection.execute(
        "DELETE FROM messages WHERE message_key IN"
        " (SELECT message_key FROM messages WHERE room_key = ? LIMIT ?)",
        (room_key, MESSAGES_A_STEP),
    )
    return connection.changes() > 0


def _delete_room(connection: apsw.Connection, room_key: int) -> bool:
    connection.execute("DELETE FROM rooms WHERE room_key = ?", (room_key,))
    return connection.changes() > 0
