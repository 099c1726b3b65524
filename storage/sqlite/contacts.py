"""Relations, invitations and blocks in SQLite."""

import apsw

from models.contacts import Contact, Invite, State
from protocol.ids import UserId
from storage.sqlite.database import SqliteDatabase
from storage.sqlite.rows import every, first


def _state(connection: apsw.Connection, user_id: UserId, other: UserId) -> State | None:
    row = first(
        connection, "SELECT state FROM relations WHERE user_id = ? AND other = ?", (user_id, other)
    )
    return row[0] if row else None


def _add(
    connection: apsw.Connection,
    user_id: UserId,
    other: UserId,
    state: State,
    created_ms: int,
    by_email: str | None = None,
) -> None:
    connection.execute(
        "INSERT INTO relations (user_id, other, state, created_ms, by_email)"
        " VALUES (?, ?, ?, ?, ?)",
        (user_id, other, state, created_ms, by_email),
    )


def _accept(connection: apsw.Connection, user_id: UserId, other: UserId) -> None:
    connection.execute(
        "UPDATE relations SET state = 'accepted', by_email = NULL"
        " WHERE (user_id, other) IN (VALUES (?1, ?2), (?2, ?1))",
        (user_id, other),
    )


def _remove(connection: apsw.Connection, user_id: UserId, other: UserId) -> None:
    """End what is between two people; what `other` asked of an address stays asked."""
    connection.execute(
        "INSERT INTO invites (user_id, email, created_ms)"
        " SELECT user_id, by_email, created_ms FROM relations"
        " WHERE user_id = ? AND other = ? AND by_email IS NOT NULL ON CONFLICT DO NOTHING",
        (other, user_id),
    )
    connection.execute(
        "DELETE FROM relations WHERE (user_id, other) IN (VALUES (?1, ?2), (?2, ?1))",
        (user_id, other),
    )


def _keep_apart(
    connection: apsw.Connection, user_id: UserId, other: UserId, by_email: str | None, asked_ms: int
) -> None:
    """Let an address and an account stand side by side for who has asked both."""
    who = (user_id, other)
    if by_email is not None:
        connection.execute(
            "INSERT INTO invites (user_id, email, created_ms) SELECT user_id, ?, ? FROM relations"
            " WHERE user_id = ? AND other = ? AND by_email IS NULL ON CONFLICT DO NOTHING",
            (by_email, asked_ms, *who),
        )
        return
    connection.execute(
        "INSERT INTO invites (user_id, email, created_ms)"
        " SELECT user_id, by_email, created_ms FROM relations"
        " WHERE user_id = ? AND other = ? AND by_email IS NOT NULL ON CONFLICT DO NOTHING",
        who,
    )
    connection.execute(
        "UPDATE relations SET by_email = NULL, created_ms = ?"
        " WHERE user_id = ? AND other = ? AND by_email IS NOT NULL",
        (asked_ms, *who),
    )


def _request(
    connection: apsw.Connection,
    user_id: UserId,
    other: UserId,
    now_ms: int,
    by_email: str | None,
    asked_ms: int,
) -> State:
    mine, theirs = _state(connection, user_id, other), _state(connection, other, user_id)
    if mine in ("outgoing", "accepted"):
        _keep_apart(connection, user_id, other, by_email, asked_ms)
        return mine
    if theirs == "outgoing":
        # Also a request that was kept from me because I had blocked them: now both have asked.
        if mine is None:
            _add(connection, user_id, other, "incoming", now_ms)
        _accept(connection, user_id, other)
        return "accepted"
    # An invitation that a refusal left behind goes on as this request, and keeps its date.
    earlier = first(
        connection,
        "DELETE FROM invites WHERE user_id = ? AND email = ? RETURNING created_ms",
        (user_id, by_email),
    )
    _add(connection, user_id, other, "outgoing", earlier[0] if earlier else asked_ms, by_email)
    blocked = first(
        connection, "SELECT 1 FROM blocks WHERE user_id = ? AND other = ?", (other, user_id)
    )
    if not blocked:
        _add(connection, other, user_id, "incoming", now_ms)
    return "outgoing"


class SqliteContactStore:
    """`models.contacts.ContactStore` in SQLite."""

    def __init__(self, database: SqliteDatabase) -> None:
        self._database = database

    async def request(
        self, user_id: UserId, other: UserId, now_ms: int, by_email: str | None = None
    ) -> State:
        return await self._database.write(
            lambda c: _request(c, user_id, other, now_ms, by_email, now_ms)
        )

    async def accept(self, user_id: UserId, other: UserId) -> bool:
        def accept_incoming(connection: apsw.Connection) -> bool:
            if _state(connection, user_id, other) != "incoming":
                return False
            _accept(connection, user_id, other)
            return True

        return await self._database.write(accept_incoming)

    async def remove(self, user_id: UserId, other: UserId) -> bool:
        def remove_known(connection: apsw.Connection) -> bool:
            if _state(connection, user_id, other) is None:
                return False
            _remove(connection, user_id, other)
            return True

        return await self._database.write(remove_known)

    async def state(self, user_id: UserId, other: UserId) -> State | None:
        return await self._database.read(lambda c: _state(c, user_id, other))

    async def of_user(self, user_id: UserId) -> list[Contact]:
        query = (
            "SELECT other, state, created_ms, by_email FROM relations WHERE user_id = ?"
            " ORDER BY created_ms, relation_key"
        )
        rows = await self._database.scan(lambda c: every(c, query, (user_id,)))
        return [Contact(*row) for row in rows]

    async def accepted(self, user_id: UserId) -> frozenset[UserId]:
        query = "SELECT other FROM relations WHERE user_id = ? AND state = 'accepted'"
        rows = await self._database.scan(lambda c: every(c, query, (user_id,)))
        return frozenset(row[0] for row in rows)

    async def invite(self, user_id: UserId, email: str, now_ms: int) -> None:
        def remember(connection: apsw.Connection) -> None:
            connection.execute(
                "INSERT INTO invites (user_id, email, created_ms) VALUES (?, ?, ?)"
                " ON CONFLICT DO NOTHING",
                (user_id, email, now_ms),
            )

        await self._database.write(remember)

    async def invites(self, user_id: UserId) -> list[Invite]:
        query = (
            "SELECT email, created_ms FROM invites WHERE user_id = ?"
            " ORDER BY created_ms, invite_key"
        )
        rows = await self._database.scan(lambda c: every(c, query, (user_id,)))
        return [Invite(*row) for row in rows]

    async def withdraw_invite(self, user_id: UserId, email: str) -> None:
        def withdraw(connection: apsw.Connection) -> None:
            connection.execute(
                "DELETE FROM invites WHERE user_id = ? AND email = ?", (user_id, email)
            )
            asked = every(
                connection,
                "SELECT other FROM relations"
                " WHERE user_id = ? AND by_email = ? AND state = 'outgoing'",
                (user_id, email),
            )
            for (other,) in asked:
                _remove(connection, user_id, other)

        await self._database.write(withdraw)

    async def fulfil_invites(self, email: str, user_id: UserId, now_ms: int) -> list[UserId]:
        def fulfil(connection: apsw.Connection) -> list[UserId]:
            invites = every(
                connection,
                "DELETE FROM invites WHERE email = ? RETURNING user_id, created_ms, invite_key",
                (email,),
            )
            invites.sort(key=lambda row: row[2])
            for asker, created_ms, _ in invites:
                # For the asker it stays the request of that day, or its date would tell that the
                # address has an account now.
                _request(connection, asker, user_id, now_ms, email, created_ms)
            return [asker for asker, _, _ in invites]

        return await self._database.write(fulfil)

    async def block(self, user_id: UserId, other: UserId, now_ms: int) -> None:
        def block_and_end(connection: apsw.Connection) -> None:
            connection.execute(
                "INSERT INTO blocks (user_id, other, created_ms) VALUES (?, ?, ?)"
                " ON CONFLICT DO NOTHING",
                (user_id, other, now_ms),
            )
            _remove(connection, user_id, other)

        await self._database.write(block_and_end)

    async def unblock(self, user_id: UserId, other: UserId) -> bool:
        def unblock_known(connection: apsw.Connection) -> bool:
            connection.execute(
                "DELETE FROM blocks WHERE user_id = ? AND other = ?", (user_id, other)
            )
            return connection.changes() > 0

        return await self._database.write(unblock_known)

    async def blocked(self, user_id: UserId) -> list[UserId]:
        query = "SELECT other FROM blocks WHERE user_id = ? ORDER BY created_ms, block_key"
        rows = await self._database.scan(lambda c: every(c, query, (user_id,)))
        return [row[0] for row in rows]

    async def is_blocked(self, user_id: UserId, other: UserId) -> bool:
        query = "SELECT 1 FROM blocks WHERE (user_id, other) IN (VALUES (?1, ?2), (?2, ?1)) LIMIT 1"
        row = await self._database.read(lambda c: first(c, query, (user_id, other)))
        return row is not None
