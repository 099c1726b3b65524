"""E-mailed codes in SQLite."""

import hmac
from typing import Any

import apsw
import msgspec

from models.codes import Attempt, PendingCode, Purpose, Registration
from storage.sqlite.database import SqliteDatabase
from storage.sqlite.rows import every, first

_COLUMNS = "purpose, email, ticket_hash, code_hash, sent_ms, expires_ms, user_id, registration"


def _code(row: Any) -> PendingCode:
    registration = msgspec.json.decode(row[7], type=Registration) if row[7] is not None else None
    return PendingCode(*(*row[:7], registration))


class SqliteCodeStore:
    """`models.codes.CodeStore` in SQLite."""

    def __init__(self, database: SqliteDatabase) -> None:
        self._database = database

    async def put(self, code: PendingCode) -> None:
        registration = code.registration and msgspec.json.encode(code.registration).decode()

        def store(connection: apsw.Connection) -> None:
            # A row that had expired when this code was sent is one that could have been swept.
            row = first(
                connection,
                "SELECT failed FROM codes WHERE ticket_hash = ? AND expires_ms > ?",
                (code.ticket_hash, code.sent_ms),
            )
            connection.execute(
                f"INSERT OR REPLACE INTO codes ({_COLUMNS}, failed)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    code.purpose,
                    code.email,
                    code.ticket_hash,
                    code.code_hash,
                    code.sent_ms,
                    code.expires_ms,
                    code.user_id,
                    registration,
                    row[0] if row else 0,
                ),
            )

        await self._database.write(store)

    async def of_ticket(self, ticket_hash: str, now_ms: int) -> PendingCode | None:
        query = f"SELECT {_COLUMNS} FROM codes WHERE ticket_hash = ? AND expires_ms > ?"
        row = await self._database.read(lambda c: first(c, query, (ticket_hash, now_ms)))
        return _code(row) if row else None

    async def of_email(self, purpose: Purpose, email: str, now_ms: int) -> list[PendingCode]:
        query = (
            f"SELECT {_COLUMNS} FROM codes WHERE purpose = ? AND email = ? AND expires_ms > ?"
            " ORDER BY sent_ms DESC, rowid DESC"
        )
        rows = await self._database.read(lambda c: every(c, query, (purpose, email, now_ms)))
        return [_code(row) for row in rows]

    async def attempt(self, ticket_hash: str, code_hash: str, now_ms: int, tries: int) -> Attempt:
        def compare(connection: apsw.Connection) -> Attempt:
            row = first(
                connection,
                f"SELECT {_COLUMNS}, failed FROM codes WHERE ticket_hash = ? AND expires_ms > ?",
                (ticket_hash, now_ms),
            )
            if row is None or row[8] >= tries:
                return Attempt("gone")
            code = _code(row)
            if hmac.compare_digest(code.code_hash, code_hash):
                connection.execute("DELETE FROM codes WHERE ticket_hash = ?", (ticket_hash,))
                return Attempt("right", code)
            connection.execute(
                "UPDATE codes SET failed = failed + 1 WHERE ticket_hash = ?", (ticket_hash,)
            )
            return Attempt("wrong", code)

        return await self._database.write(compare)
