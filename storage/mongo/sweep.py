"""Ending rooms, and deleting what has expired (R-41).

A room is ended by one update that *retires* it: its id, its pair, its members and its end are taken
away, so that from then on nobody finds it, extends it or writes to it. What is left of it is only
its key, which its messages carry, and they are erased in steps.

A TTL index does for what goes alone (codes, log-ins, trusts, claims: `indexes.py`), hours after the
end and only if no process sweeps. Living rooms and messages have none: a room that agreed to stay
would have to move the date of every message in it, in more than one step, and a TTL that deleted
the room before its messages would leave them to nobody.

A process may have found a room alive, stand still, and store a message after the room was erased.
It learns that the room is gone when it commits (`append.py`) and takes the message back itself. In
case it dies first, the key of a retired room stays for those hours after it was erased, and every
sweep looks again.

A transfer ends in one step too, and goes after its files (`transfers.py`).
"""

from typing import Any

from storage.mongo.client import Collection, Document, Documents
from storage.mongo.documents import date

MESSAGES_A_STEP = 256
ROOMS_A_STEP = 64
ENDED_MS = 0  # the end of a transfer that nobody can reach any more

_EXPIRING = ("codes", "logins", "claims", "trusts", "reports")
_RETIREMENT = {
    "$unset": dict.fromkeys(("room_id", "pair", "members", "keep", "nonce", "expires_ms", "grown")),
    "$currentDate": {"retired": True},
}
LIVING_FILES = ["asked", "pending", "committed"]


async def sweep(documents: Documents, now_ms: int) -> int:
    """Delete what has expired; returns how many, as `models.stores.Database.sweep` counts."""
    deleted = 0
    for collection in _EXPIRING:
        ended = {"expires": {"$lte": date(now_ms)}}
        deleted += (await documents[collection].delete_many(ended)).deleted_count
    while await retire(documents["rooms"], {"expires_ms": {"$lte": now_ms}}) is not None:
        deleted += 1
    await _erase_retired(documents)
    transfers = documents["transfers"]
    while await end_transfer(transfers, {"ends_ms": {"$gt": ENDED_MS, "$lte": now_ms}}) is not None:
        deleted += 1
    gone = transfers.find({"ends_ms": ENDED_MS}, {"_id": True})
    await erase_transfers(documents, [transfer["_id"] async for transfer in gone])
    return deleted


async def end_transfer(transfers: Collection, condition: Document) -> Any:
    """End a transfer that meets the condition, in one step.

    Returns: its id, for `erase_transfers`; None when there was none, or somebody else was faster.
    """
    nothing = {"state": "ended", "ends_ms": ENDED_MS}
    ended = await transfers.find_one_and_replace(condition, nothing, {"_id": True})
    return ended and ended["_id"]


async def erase_transfers(documents: Documents, ids: list[Any]) -> None:
    """End the files of transfers that have ended, and then forget these."""
    await _end_files(documents, {"transfer_id": {"$in": ids}})
    await documents["transfers"].delete_many({"_id": {"$in": ids}, "ends_ms": ENDED_MS})


async def _end_files(documents: Documents, condition: Document) -> None:
    await documents["files"].update_many(
        {**condition, "state": {"$in": LIVING_FILES}}, {"$set": {"state": "ended"}}
    )


async def retire(rooms: Collection, condition: Document) -> Any:
    """End a room that meets the condition, in one step.

    Returns: its key, for `erase`; None when there was none, or somebody else was faster.
    """
    ended = await rooms.find_one_and_update(condition, _RETIREMENT, {"_id": True})
    return ended and ended["_id"]


async def erase(documents: Documents, keys: list[Any]) -> None:
    """End the files of retired rooms, and delete their messages, some at a time."""
    await _end_files(documents, {"room": {"$in": keys}})
    messages = documents["messages"]
    while True:
        some = messages.find({"room": {"$in": keys}}, {"_id": True}).limit(MESSAGES_A_STEP)
        ids = [message["_id"] async for message in some]
        if not ids:
            return
        await messages.delete_many({"_id": {"$in": ids}})


async def _erase_retired(documents: Documents) -> None:
    """Erase what retired rooms have left; the TTL index forgets them from then on."""
    rooms = documents["rooms"]
    retired = rooms.find({"retired": {"$exists": True}}, {"_id": True})
    keys = [room["_id"] async for room in retired]
    for start in range(0, len(keys), ROOMS_A_STEP):
        some = keys[start : start + ROOMS_A_STEP]
        await erase(documents, some)
        erased = {"$currentDate": {"expires": True}}
        await rooms.update_many({"_id": {"$in": some}, "expires": {"$exists": False}}, erased)
