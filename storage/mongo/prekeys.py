"""The pool of prekeys of one device: one document, so that each change of it is one operation.

A pool belongs to a device's entry in its user's document (`devices.py`), which names it and says
since which list version the device has been active. What the pool holds counts only while both
agree on that version: a device that left the list has lost its prekeys in the moment the list
changed, and does not get them back when it returns. The highest ids ever uploaded stay.

A prekey is taken together with a *mark* that says for which claim: a claim that is repeated, at
once or after a process died, finds its mark and takes nothing more.
"""

from dataclasses import dataclass
from typing import Any

from bson import ObjectId
from msgspec import convert, to_builtins

from models.keys import OneTimePrekey, PrekeyCount, SignedPrekey
from protocol.errors import AppError, ErrorCode
from protocol.ids import UserId
from protocol.limits import HOUR_MS, PREKEYS_STORED
from storage.mongo.client import Document, Documents

MARK_KEPT_MS = HOUR_MS  # far longer than a claim may take; then its answer is kept (`keys.py`)


@dataclass(frozen=True, slots=True)
class Pool:
    """Where the prekeys of an active device are: the pool's key, and since when it counts."""

    key: Any
    since: int


class Prekeys:
    """All pools."""

    def __init__(self, documents: Documents) -> None:
        self._pools = documents["prekeys"]

    async def make(
        self, user_id: UserId, since: int, spk: SignedPrekey, opks: list[OneTimePrekey]
    ) -> Pool:
        """Store a new pool, which nobody sees until a device names it."""
        _require_fit(opks)
        pool = Pool(ObjectId(), since)
        content = {"spk": to_builtins(spk), "opks": _sorted(opks), "marks": []}
        newest = {"newest_spk": spk.key_id, "newest_opk": max((o.key_id for o in opks), default=-1)}
        await self._pools.insert_one(
            {"_id": pool.key, "user_id": user_id, "since": since, **content, **newest}
        )
        return pool

    async def discard(self, pool: Pool) -> None:
        """Delete a pool that no device will ever name."""
        await self._pools.delete_one({"_id": pool.key})

    async def clear_away(
        self, user_id: UserId, version: int, named: list[Any], active: list[Any]
    ) -> None:
        """Delete what the list of this version has left to nobody.

        Nothing that a later version needs can be hit, however late this runs: a pool says for which
        version it was made or last filled.
        """
        old = {"user_id": user_id, "since": {"$lte": version}}
        await self._pools.delete_many({**old, "_id": {"$nin": named}})
        await self._pools.update_many({**old, "_id": {"$nin": active}}, {"$set": _EMPTY})

    async def add(self, pool: Pool, spk: SignedPrekey | None, opks: list[OneTimePrekey]) -> bool:
        """Replace the signed prekey and add one-time prekeys.

        Returns: False when device or pool changed meanwhile; the caller looks at the device again.
        Raises: as `KeyStore.upload`
        """
        _require_fit(opks)
        condition: Document = {"_id": pool.key, "since": pool.since}
        changes: Document = {}
        if spk is not None:
            condition["newest_spk"] = {"$lt": spk.key_id}
            changes |= {"spk": to_builtins(spk), "newest_spk": spk.key_id}
        if opks:
            condition["newest_opk"] = {"$lt": min(opk.key_id for opk in opks)}
            # That place in the list is taken only if there is too little room.
            condition[f"opks.{PREKEYS_STORED - len(opks)}"] = {"$exists": False}
            changes["newest_opk"] = max(opk.key_id for opk in opks)
        if not changes:
            return True
        update = {"$set": changes, "$push": {"opks": {"$each": _sorted(opks)}}}
        if (await self._pools.update_one(condition, update)).matched_count:
            return True
        await self._explain(pool, spk, opks)
        return False

    async def _explain(
        self, pool: Pool, spk: SignedPrekey | None, opks: list[OneTimePrekey]
    ) -> None:
        """Raise why the pool does not take the prekeys, or make it ready to be tried again."""
        found = await self._pools.find_one(
            {"_id": pool.key},
            {"since": 1, "newest_spk": 1, "newest_opk": 1, "held": {"$size": "$opks"}},
        )
        if found is None:
            return
        if spk is not None and spk.key_id <= found["newest_spk"]:
            raise AppError(ErrorCode.PREKEY_REUSED, "signed prekey")
        if any(opk.key_id <= found["newest_opk"] for opk in opks):
            raise AppError(ErrorCode.PREKEY_REUSED, "one-time prekey")
        if found["since"] < pool.since:
            await self._pools.update_one(
                {"_id": pool.key, "since": found["since"]},
                {"$set": {**_EMPTY, "since": pool.since}},
            )
        elif found["since"] == pool.since and found["held"] + len(opks) > PREKEYS_STORED:
            raise AppError(ErrorCode.CONFLICT, "too many one-time prekeys")

    async def take(self, pool: Pool, claim: str, now_ms: int) -> None:
        """Move the lowest one-time prekey, if there is one, to a mark of the claim, once."""
        condition = {
            "_id": pool.key,
            "since": pool.since,
            "marks": {"$not": _mark_of(claim, now_ms)},
            "opks.0": {"$exists": True},
        }
        recent = {"$gt": ["$$this.claimed_ms", now_ms - MARK_KEPT_MS]}
        mark = {
            "claim": {"$literal": claim},
            "claimed_ms": {"$literal": now_ms},
            "opk": {"$first": "$opks"},
        }
        marks = [{"$filter": {"input": "$marks", "cond": recent}}, [mark]]
        taken = {
            "marks": {"$concatArrays": marks},
            "opks": {"$slice": ["$opks", 1, PREKEYS_STORED]},
        }
        await self._pools.update_one(condition, [{"$set": taken}])

    async def taken(
        self, pool: Pool, claim: str, now_ms: int
    ) -> tuple[SignedPrekey, OneTimePrekey | None] | None:
        """Return the signed prekey and what the claim has taken; None for a device without any."""
        found = await self._pools.find_one(
            {"_id": pool.key, "since": pool.since},
            {"spk": True, "marks": _mark_of(claim, now_ms)},
        )
        if found is None or found["spk"] is None:
            return None
        marks = found.get("marks")
        opk = convert(marks[0]["opk"], OneTimePrekey) if marks else None
        return convert(found["spk"], SignedPrekey), opk

    async def count(self, pool: Pool) -> PrekeyCount | None:
        """Return what the pool holds; None when it has no signed prekey."""
        found = await self._pools.find_one(
            {"_id": pool.key, "since": pool.since}, {"spk": True, "held": {"$size": "$opks"}}
        )
        if found is None or found["spk"] is None:
            return None
        return PrekeyCount(found["held"], convert(found["spk"], SignedPrekey))


_EMPTY: Document = {"spk": None, "opks": []}


def _mark_of(claim: str, now_ms: int) -> Document:
    return {"$elemMatch": {"claim": claim, "claimed_ms": {"$gt": now_ms - MARK_KEPT_MS}}}


def _sorted(opks: list[OneTimePrekey]) -> list[Document]:
    """Return them lowest id first; every later upload has higher ones, so the pool is sorted."""
    return [to_builtins(opk) for opk in sorted(opks, key=lambda opk: opk.key_id)]


def _require_fit(opks: list[OneTimePrekey]) -> None:
    if len({opk.key_id for opk in opks}) < len(opks):
        raise AppError(ErrorCode.PREKEY_REUSED, "one-time prekey")
    if len(opks) > PREKEYS_STORED:
        raise AppError(ErrorCode.CONFLICT, "too many one-time prekeys")
