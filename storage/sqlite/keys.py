"""Uploading, claiming and counting prekeys in SQLite."""

import apsw
import msgspec

from models.keys import Bundle, ClaimShare, OneTimePrekey, PrekeyCount, SignedPrekey, Target
from protocol.ids import ClaimId, DeviceId, UserId
from protocol.limits import DAY_MS
from storage.sqlite.database import SqliteDatabase
from storage.sqlite.prekeys import add_prekeys
from storage.sqlite.rows import every, first

CLAIM_KEPT_MS = DAY_MS  # how long a repeated claim gets its first answer; the port names it

_ENROLLED = """
    SELECT d.device_key, d.cert_hash, s.key_id, s.pub, s.created_ms, s.expires_ms, s.sig
    FROM devices d JOIN signed_prekeys s USING (device_key)
    WHERE d.user_id = ? AND d.device_id = ? AND d.active
"""


class SqliteKeyStore:
    """`models.keys.KeyStore` in SQLite."""

    def __init__(self, database: SqliteDatabase) -> None:
        self._database = database

    async def upload(
        self,
        user_id: UserId,
        device_id: DeviceId,
        spk: SignedPrekey | None,
        opks: list[OneTimePrekey],
    ) -> None:
        await self._database.write(lambda c: add_prekeys(c, user_id, device_id, spk, opks))

    async def claim(
        self,
        claimer: Target,
        claim_id: ClaimId,
        targets: list[Target],
        share: ClaimShare,
        now_ms: int,
    ) -> list[Bundle]:
        def take(connection: apsw.Connection) -> list[Bundle]:
            if (earlier := _earlier(connection, claimer, claim_id, now_ms)) is not None:
                return earlier
            claim = _Claim(connection, claimer, share, now_ms)
            bundles = [b for b in map(claim.bundle, dict.fromkeys(targets)) if b is not None]
            claim.remember(claim_id, bundles)
            return bundles

        return await self._database.write(take)

    async def count(self, user_id: UserId, device_id: DeviceId) -> PrekeyCount | None:
        def count_held(connection: apsw.Connection) -> PrekeyCount | None:
            device = first(connection, _ENROLLED, (user_id, device_id))
            if device is None:
                return None
            held = first(
                connection,
                "SELECT count(*) FROM one_time_prekeys WHERE device_key = ?",
                (device[0],),
            )[0]
            return PrekeyCount(held, SignedPrekey(*device[2:]))

        return await self._database.read(count_held)


def _earlier(
    connection: apsw.Connection, claimer: Target, claim_id: ClaimId, now_ms: int
) -> list[Bundle] | None:
    row = first(
        connection,
        "SELECT bundles FROM claims"
        " WHERE user_id = ? AND device_id = ? AND claim_id = ? AND claimed_ms > ?",
        (claimer.user_id, claimer.device_id, claim_id, now_ms - CLAIM_KEPT_MS),
    )
    return msgspec.json.decode(row[0], type=list[Bundle]) if row else None


class _Claim:
    """One claim in the making; the claimer's share is counted over all devices of its user."""

    def __init__(
        self, connection: apsw.Connection, claimer: Target, share: ClaimShare, now_ms: int
    ) -> None:
        self._connection = connection
        self._claimer = claimer
        self._share = share
        self._now_ms = now_ms
        self._taken: list[DeviceId] = []

    def bundle(self, target: Target) -> Bundle | None:
        device = first(self._connection, _ENROLLED, (target.user_id, target.device_id))
        if device is None:
            return None
        opk = self._take(device[0]) if self._has_share(target.device_id) else None
        if opk is not None:
            self._taken.append(target.device_id)
        return Bundle(target, device[1], SignedPrekey(*device[2:]), opk)

    def remember(self, claim_id: ClaimId, bundles: list[Bundle]) -> None:
        user_id, device_id = self._claimer.user_id, self._claimer.device_id
        # An expired claim of the same id that has not been swept yet makes room for this one.
        self._connection.execute(
            "DELETE FROM claims WHERE user_id = ? AND device_id = ? AND claim_id = ?",
            (user_id, device_id, claim_id),
        )
        self._connection.execute(
            "INSERT INTO claims (user_id, device_id, claim_id, claimed_ms, bundles)"
            " VALUES (?, ?, ?, ?, ?)",
            (user_id, device_id, claim_id, self._now_ms, msgspec.json.encode(bundles).decode()),
        )
        claim_key = self._connection.last_insert_rowid()
        self._connection.executemany(
            "INSERT INTO claimed_prekeys (claim_key, user_id, target_device, claimed_ms)"
            " VALUES (?, ?, ?, ?)",
            [(claim_key, user_id, target, self._now_ms) for target in self._taken],
        )

    def _has_share(self, target_device: DeviceId) -> bool:
        by_claimer, of_device = first(
            self._connection,
            "SELECT count(*), count(*) FILTER (WHERE target_device = ?) FROM claimed_prekeys"
            " WHERE user_id = ? AND claimed_ms > ?",
            (target_device, self._claimer.user_id, self._now_ms - self._share.window_ms),
        )
        return bool(
            by_claimer + len(self._taken) < self._share.by_one_claimer
            and of_device < self._share.of_one_device
        )

    def _take(self, device_key: int) -> OneTimePrekey | None:
        row = every(
            self._connection,
            "DELETE FROM one_time_prekeys WHERE device_key = ?1 AND key_id ="
            " (SELECT min(key_id) FROM one_time_prekeys WHERE device_key = ?1)"
            " RETURNING key_id, pub, sig",
            (device_key,),
        )
        return OneTimePrekey(*row[0]) if row else None
