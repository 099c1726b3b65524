"""Accounts in SQLite."""

from typing import Any

import apsw

from models.accounts import Account, KdfParams, Preferences, Verifier
from protocol.errors import AppError, ErrorCode
from protocol.ids import UserId
from storage.sqlite.database import SqliteDatabase
from storage.sqlite.rows import first

_SELECT = """
    SELECT user_id, email, display_name, friend_code, salt, kdf_m_kib, kdf_t, kdf_p, password_hash,
           role, read_receipts, presence, created_ms, last_seen_ms
    FROM accounts
"""


def _account(row: Any) -> Account:
    return Account(
        user_id=row[0],
        email=row[1],
        display_name=row[2],
        friend_code=row[3],
        verifier=Verifier(row[4], KdfParams(*row[5:8]), row[8]),
        role=row[9],
        preferences=Preferences(bool(row[10]), bool(row[11])),
        created_ms=row[12],
        last_seen_ms=row[13],
    )


def replace_verifier(connection: apsw.Connection, user_id: UserId, verifier: Verifier) -> None:
    """Change what log-ins are checked against, inside the caller's transaction."""
    kdf = verifier.kdf
    connection.execute(
        "UPDATE accounts SET salt = ?, kdf_m_kib = ?, kdf_t = ?, kdf_p = ?, password_hash = ?"
        " WHERE user_id = ?",
        (verifier.salt, kdf.m_kib, kdf.t, kdf.p, verifier.password_hash, user_id),
    )


class SqliteAccountStore:
    """`models.accounts.AccountStore` in SQLite."""

    def __init__(self, database: SqliteDatabase) -> None:
        self._database = database

    async def create(self, account: Account) -> None:
        verifier, kdf, preferences = account.verifier, account.verifier.kdf, account.preferences

        def add(connection: apsw.Connection) -> None:
            for column in ("email", "friend_code", "user_id"):
                taken = first(
                    connection,
                    f"SELECT 1 FROM accounts WHERE {column} = ?",
                    (getattr(account, column),),
                )
                if taken:
                    raise AppError(ErrorCode.CONFLICT, column)
            connection.execute(
                "INSERT INTO accounts (user_id, email, display_name, friend_code, salt, kdf_m_kib,"
                " kdf_t, kdf_p, password_hash, role, read_receipts, presence, created_ms,"
                " last_seen_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    account.user_id,
                    account.email,
                    account.display_name,
                    account.friend_code,
                    verifier.salt,
                    kdf.m_kib,
                    kdf.t,
                    kdf.p,
                    verifier.password_hash,
                    account.role,
                    preferences.read_receipts,
                    preferences.presence,
                    account.created_ms,
                    account.last_seen_ms,
                ),
            )

        await self._database.write(add)

    async def by_id(self, user_id: UserId) -> Account | None:
        return await self._find("user_id", user_id)

    async def by_email(self, email: str) -> Account | None:
        return await self._find("email", email)

    async def by_friend_code(self, friend_code: str) -> Account | None:
        return await self._find("friend_code", friend_code)

    async def _find(self, column: str, value: str) -> Account | None:
        query = f"{_SELECT} WHERE {column} = ?"
        row = await self._database.read(lambda c: first(c, query, (value,)))
        return _account(row) if row else None

    async def set_profile(
        self, user_id: UserId, *, display_name: str | None, preferences: Preferences | None
    ) -> None:
        def change(connection: apsw.Connection) -> None:
            if display_name is not None:
                connection.execute(
                    "UPDATE accounts SET display_name = ? WHERE user_id = ?",
                    (display_name, user_id),
                )
            if preferences is not None:
                connection.execute(
                    "UPDATE accounts SET read_receipts = ?, presence = ? WHERE user_id = ?",
                    (preferences.read_receipts, preferences.presence, user_id),
                )

        await self._database.write(change)

    async def set_verifier(self, user_id: UserId, verifier: Verifier) -> None:
        await self._database.write(lambda c: replace_verifier(c, user_id, verifier))

    async def set_last_seen(self, seen_ms: dict[UserId, int]) -> None:
        rows = [(at_ms, user_id, at_ms) for user_id, at_ms in seen_ms.items()]

        def move(connection: apsw.Connection) -> None:
            connection.executemany(
                "UPDATE accounts SET last_seen_ms = ? WHERE user_id = ? AND last_seen_ms < ?", rows
            )

        await self._database.write(move)
