"""Log-ins, their refresh tokens, and trusted browsers in SQLite."""

from collections.abc import Collection
from dataclasses import replace

import apsw
import msgspec

from models.logins import Login, Rotation
from protocol.ids import DeviceId, LoginId, UserId
from storage.sqlite.database import SqliteDatabase
from storage.sqlite.rows import every, first

_LOGIN = (
    "login_id, user_id, device_id, device_name, platform, address_prefix, created_ms, proven_ms,"
    " last_used_ms, expires_ms"
)
_LIVE_OF = """
    SELECT login_id FROM json_each(?) asked CROSS JOIN logins ON login_id = asked.value
    WHERE expires_ms > ?
"""


def _end(connection: apsw.Connection, condition: str, *values: str | None) -> list[LoginId]:
    rows = connection.execute(
        f"DELETE FROM logins WHERE {condition} RETURNING login_id",
        values,
    )
    return [row[0] for row in rows]


class SqliteLoginStore:
    """`models.logins.LoginStore` in SQLite."""

    def __init__(self, database: SqliteDatabase) -> None:
        self._database = database

    async def create(self, login: Login, token_hash: str) -> None:
        def add(connection: apsw.Connection) -> None:
            connection.execute(
                f"INSERT INTO logins ({_LOGIN}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    login.login_id,
                    login.user_id,
                    login.device_id,
                    login.device_name,
                    login.platform,
                    login.address_prefix,
                    login.created_ms,
                    login.proven_ms,
                    login.last_used_ms,
                    login.expires_ms,
                ),
            )
            connection.execute(
                "INSERT INTO refresh_tokens (token_hash, login_id, number) VALUES (?, ?, 0)",
                (token_hash, login.login_id),
            )

        await self._database.write(add)

    async def by_id(self, login_id: LoginId, now_ms: int) -> Login | None:
        query = f"SELECT {_LOGIN} FROM logins WHERE login_id = ? AND expires_ms > ?"
        row = await self._database.read(lambda c: first(c, query, (login_id, now_ms)))
        return Login(*row) if row else None

    async def live_of(self, login_ids: Collection[LoginId], now_ms: int) -> set[LoginId]:
        values = (msgspec.json.encode(list(login_ids)).decode(), now_ms)
        rows = await self._database.scan(lambda c: every(c, _LIVE_OF, values))
        return {row[0] for row in rows}

    async def of_user(self, user_id: UserId, now_ms: int) -> list[Login]:
        query = (
            f"SELECT {_LOGIN} FROM logins WHERE user_id = ? AND expires_ms > ?"
            " ORDER BY last_used_ms DESC, rowid DESC"
        )
        rows = await self._database.scan(lambda c: every(c, query, (user_id, now_ms)))
        return [Login(*row) for row in rows]

    async def rotate(
        self,
        token_hash: str,
        successor_hash: str,
        *,
        now_ms: int,
        grace_ms: int,
        expires_ms: int,
        address_prefix: str,
    ) -> Rotation | None:
        def exchange(connection: apsw.Connection) -> Rotation | None:
            row = first(
                connection,
                f"SELECT {_LOGIN}, number, replaced_ms,"
                " (SELECT max(number) FROM refresh_tokens n WHERE n.login_id = logins.login_id)"
                " FROM refresh_tokens JOIN logins USING (login_id)"
                " WHERE token_hash = ? AND expires_ms > ?",
                (token_hash, now_ms),
            )
            if row is None:
                return None
            login, (number, replaced_ms, current) = Login(*row[:10]), row[10:]
            if number == current:
                used = replace(
                    login,
                    last_used_ms=now_ms,
                    expires_ms=expires_ms,
                    address_prefix=address_prefix,
                )
                _succeed(connection, used, token_hash, successor_hash, number + 1)
                return Rotation("rotated", used)
            if number == current - 1 and now_ms - replaced_ms <= grace_ms:
                return Rotation("repeated", login)
            _end(connection, "login_id = ?", login.login_id)
            return Rotation("reused", login)

        return await self._database.write(exchange)

    async def bind_device(self, login_id: LoginId, device_id: DeviceId) -> None:
        def bind(connection: apsw.Connection) -> None:
            connection.execute(
                "UPDATE logins SET device_id = ? WHERE login_id = ?", (device_id, login_id)
            )

        await self._database.write(bind)

    async def end(self, login_id: LoginId) -> bool:
        return bool(await self._database.write(lambda c: _end(c, "login_id = ?", login_id)))

    async def end_all(self, user_id: UserId, *, keep: LoginId | None = None) -> list[LoginId]:
        return await self._database.write(
            lambda c: _end(c, "user_id = ? AND login_id IS NOT ?", user_id, keep)
        )

    async def end_of_device(self, user_id: UserId, device_id: DeviceId) -> list[LoginId]:
        return await self._database.write(
            lambda c: _end(c, "user_id = ? AND device_id = ?", user_id, device_id)
        )

    async def trust(
        self, token_hash: str, user_id: UserId, device_id: DeviceId, expires_ms: int
    ) -> None:
        def remember(connection: apsw.Connection) -> None:
            connection.execute(
                "INSERT OR REPLACE INTO trusts (user_id, device_id, token_hash, expires_ms)"
                " VALUES (?, ?, ?, ?)",
                (user_id, device_id, token_hash, expires_ms),
            )

        await self._database.write(remember)

    async def is_trusted(
        self, token_hash: str, user_id: UserId, device_id: DeviceId, now_ms: int
    ) -> bool:
        query = (
            "SELECT 1 FROM trusts"
            " WHERE user_id = ? AND device_id = ? AND token_hash = ? AND expires_ms > ?"
        )
        values = (user_id, device_id, token_hash, now_ms)
        return await self._database.read(lambda c: first(c, query, values)) is not None

    async def distrust(self, user_id: UserId, device_id: DeviceId | None = None) -> None:
        def forget(connection: apsw.Connection) -> None:
            connection.execute(
                "DELETE FROM trusts WHERE user_id = ?1 AND (?2 IS NULL OR device_id = ?2)",
                (user_id, device_id),
            )

        await self._database.write(forget)


def _succeed(
    connection: apsw.Connection, login: Login, token_hash: str, successor_hash: str, number: int
) -> None:
    connection.execute(
        "UPDATE refresh_tokens SET replaced_ms = ? WHERE token_hash = ?",
        (login.last_used_ms, token_hash),
    )
    connection.execute(
        "INSERT INTO refresh_tokens (token_hash, login_id, number) VALUES (?, ?, ?)",
        (successor_hash, login.login_id, number),
    )
    connection.execute(
        "UPDATE logins SET last_used_ms = ?, expires_ms = ?, address_prefix = ? WHERE login_id = ?",
        (login.last_used_ms, login.expires_ms, login.address_prefix, login.login_id),
    )
