"""Uploading, claiming and counting prekeys in MongoDB.

An upload is one conditional update of the device's pool (`prekeys.py`). A claim is a row of steps,
each of which is one operation that does nothing when it is done again:

    share       what the claimer may take is written into the document of its share
    take        of each such target one prekey moves to a mark of this claim
    give back   what was allowed and not there is taken out of the share again
    remember    the answer is stored under the claim's name; who stores it first is right

So a claim that is made twice at once takes once and has one answer, and one whose process died is
finished by its repetition.
"""

import asyncio
from dataclasses import dataclass

import msgspec
from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from models.keys import Bundle, ClaimShare, OneTimePrekey, PrekeyCount, SignedPrekey, Target
from protocol.errors import AppError, ErrorCode
from protocol.ids import ClaimId, DeviceId, UserId
from protocol.limits import DAY_MS
from storage.mongo.client import Document, Documents, translates_errors
from storage.mongo.documents import date
from storage.mongo.prekeys import Pool, Prekeys

CLAIM_KEPT_MS = DAY_MS  # how long a repeated claim gets its first answer; the port names it
TRIES = 100  # each after another process was faster
PAUSE_S = 0.01


@dataclass(frozen=True, slots=True)
class _Claim:
    """`name` is what makes it the same claim as another."""

    name: str
    user_id: UserId
    now_ms: int


@translates_errors
class MongoKeyStore:
    """`models.keys.KeyStore` in MongoDB."""

    def __init__(self, documents: Documents) -> None:
        self._accounts = documents["accounts"]
        self._claims = documents["claims"]
        self._shares = documents["shares"]
        self._prekeys = Prekeys(documents)

    async def upload(
        self,
        user_id: UserId,
        device_id: DeviceId,
        spk: SignedPrekey | None,
        opks: list[OneTimePrekey],
    ) -> None:
        for _ in range(TRIES):
            active = await self._active([Target(user_id, device_id)])
            if not active:
                raise AppError(ErrorCode.NOT_FOUND, "device")
            ((_, pool),) = active.values()
            if await self._prekeys.add(pool, spk, opks):
                return
        raise AppError(ErrorCode.UNAVAILABLE, "upload")

    async def count(self, user_id: UserId, device_id: DeviceId) -> PrekeyCount | None:
        active = await self._active([Target(user_id, device_id)])
        for _, pool in active.values():
            return await self._prekeys.count(pool)
        return None

    async def claim(
        self,
        claimer: Target,
        claim_id: ClaimId,
        targets: list[Target],
        share: ClaimShare,
        now_ms: int,
    ) -> list[Bundle]:
        name = f"{claimer.user_id} {claimer.device_id} {claim_id}"
        claim = _Claim(name, claimer.user_id, now_ms)
        if (earlier := await self._earlier(claim)) is not None:
            return earlier
        active = await self._active(list(dict.fromkeys(targets)))
        allowed = await self._allow(claim, [target.device_id for target in active], share)
        bundles = []
        for target, (cert_hash, pool) in active.items():
            if target.device_id in allowed:
                await self._prekeys.take(pool, name, now_ms)
            if taken := await self._prekeys.taken(pool, name, now_ms):
                bundles.append(Bundle(target, cert_hash, *taken))
        await self._give_back(claim, allowed - {b.target.device_id for b in bundles if b.opk})
        return await self._remember(claim, bundles)

    async def _active(self, targets: list[Target]) -> dict[Target, tuple[str, Pool]]:
        """Return certificate hash and pool of those that are active devices, in their order."""
        users = self._accounts.find(
            {"_id": {"$in": list({target.user_id for target in targets})}},
            {
                "device_list.active": True,
                **{f"devices.{name}": True for name in ("device_id", "cert_hash", "pool", "since")},
            },
        )
        found = {
            Target(user["_id"], device["device_id"]): (
                device["cert_hash"],
                Pool(device["pool"], device["since"]),
            )
            async for user in users
            for device in user.get("devices", ())
            if device["device_id"] in user["device_list"]["active"]
        }
        return {target: found[target] for target in targets if target in found}

    async def _allow(
        self, claim: _Claim, devices: list[DeviceId], share: ClaimShare
    ) -> set[DeviceId]:
        """Write what the claimer may take into its share; returns of which devices."""
        if not devices:
            return set()
        after = await self._shares.find_one_and_update(
            {"_id": claim.user_id},
            _taking(claim, devices, share),
            upsert=True,
            return_document=ReturnDocument.AFTER,
        )
        taken = after["taken"] if after else ()
        return {one["device_id"] for one in taken if one["claim"] == claim.name}

    async def _give_back(self, claim: _Claim, devices: set[DeviceId]) -> None:
        if devices:
            unused = {"claim": claim.name, "device_id": {"$in": list(devices)}}
            await self._shares.update_one({"_id": claim.user_id}, {"$pull": {"taken": unused}})

    async def _earlier(self, claim: _Claim) -> list[Bundle] | None:
        kept = {"_id": claim.name, "claimed_ms": {"$gt": claim.now_ms - CLAIM_KEPT_MS}}
        document = await self._claims.find_one(kept)
        return msgspec.json.decode(document["bundles"], type=list[Bundle]) if document else None

    async def _remember(self, claim: _Claim, bundles: list[Bundle]) -> list[Bundle]:
        """Store the answer; returns the one that was stored first."""
        expired = {"_id": claim.name, "claimed_ms": {"$lte": claim.now_ms - CLAIM_KEPT_MS}}
        answer = {
            "claimed_ms": claim.now_ms,
            "expires": date(claim.now_ms + CLAIM_KEPT_MS),
            "bundles": msgspec.json.encode(bundles).decode(),
        }
        for _ in range(TRIES):
            try:
                await self._claims.replace_one(expired, answer, upsert=True)
            except DuplicateKeyError:
                if (earlier := await self._earlier(claim)) is not None:
                    return earlier
                await asyncio.sleep(PAUSE_S)
            else:
                return bundles
        raise AppError(ErrorCode.UNAVAILABLE, "claim")


def _taking(claim: _Claim, devices: list[DeviceId], share: ClaimShare) -> list[Document]:
    """Return the update that adds to a share what still fits into it, once for each claim."""
    recent = {"$gt": ["$$this.claimed_ms", claim.now_ms - share.window_ms]}
    of_device = {
        "$filter": {
            "input": "$$value",
            "as": "one",
            "cond": {"$eq": ["$$one.device_id", "$$this"]},
        }
    }
    fits = [
        {"$lt": [{"$size": "$$value"}, share.by_one_claimer]},
        {"$lt": [{"$size": of_device}, share.of_one_device]},
    ]
    one = {
        "claim": {"$literal": claim.name},
        "device_id": "$$this",
        "claimed_ms": {"$literal": claim.now_ms},
    }
    with_one = {"$concatArrays": ["$$value", [one]]}
    with_fitting = {
        "$reduce": {
            "input": {"$literal": devices},
            "initialValue": "$taken",
            "in": {"$cond": [{"$and": fits}, with_one, "$$value"]},
        }
    }
    is_there = {"$in": [{"$literal": claim.name}, "$taken.claim"]}
    known = {"$filter": {"input": {"$ifNull": ["$taken", []]}, "cond": recent}}
    return [
        {"$set": {"taken": known, "expires": date(claim.now_ms + DAY_MS)}},
        {"$set": {"taken": {"$cond": [is_there, "$taken", with_fitting]}}},
    ]
