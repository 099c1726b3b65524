"""Bringing a database to the schema of this program (R-43).

One document holds the schema's version. A step leads from one version to the next; it must be
idempotent, because a process that dies in the middle leaves it to another to be done again. Of
several processes that start at once one leads and the others wait: the lead is a lease by the
database's clock, given and taken in one atomic update. A new database begins at the newest version.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from protocol.limits import FILE_PENDING_TTL_MS
from storage.errors import StorageRefused
from storage.mongo.client import Collection, Documents

Step = Callable[[Documents], Awaitable[None]]


async def _let_uploads_end(documents: Documents) -> None:
    ends = {"$set": {"ends_ms": {"$add": ["$created_ms", FILE_PENDING_TTL_MS]}}}
    endless = {"state": {"$in": ["asked", "pending"]}, "ends_ms": None}
    await documents["files"].update_many(endless, [ends])


async def _order_messages_by_call(documents: Documents) -> None:
    """Drop the index that put a device's messages in the order of `_id`; its heir is by `call`."""
    messages = documents["messages"]
    earlier = "sender_device_1_server_ms_-1__id_-1"
    if earlier in await messages.index_information():
        await messages.drop_index(earlier)


# The first leads from version 1 to 2; append only.
STEPS: Sequence[Step] = (_let_uploads_end, _order_messages_by_call)
LEASE_MS = 60_000  # how long a process that died in a step keeps the others waiting
POLL_S = 0.2

_SCHEMA = {"_id": "schema"}


async def _version(schema: Collection) -> int:
    document = await schema.find_one(_SCHEMA)
    if document and document.get("copying"):
        raise StorageRefused("The database is an unfinished copy: run the migration again.")
    return int(document["version"]) if document else 1


async def _take_lead(schema: Collection, version: int) -> bool:
    free = {"$lt": [{"$ifNull": ["$led_until", 0]}, "$$NOW"]}
    led = await schema.find_one_and_update(
        {**_SCHEMA, "version": version, "$expr": free},
        [{"$set": {"led_until": {"$add": ["$$NOW", LEASE_MS]}}}],
    )
    return led is not None


async def migrate(documents: Documents, steps: Sequence[Step] = STEPS) -> None:
    """Apply the steps the database does not have yet.

    Raises: StorageRefused when it was made by a newer program, or is a copy that was not finished;
    it is left as it is.
    """
    schema, newest = documents["schema"], 1 + len(steps)
    await schema.update_one(_SCHEMA, {"$setOnInsert": {"version": newest}}, upsert=True)
    while (found := await _version(schema)) < newest:
        if not await _take_lead(schema, found):
            await asyncio.sleep(POLL_S)
            continue
        await steps[found - 1](documents)
        await schema.update_one(
            {**_SCHEMA, "version": found}, {"$set": {"version": found + 1, "led_until": 0}}
        )
    if found > newest:
        raise StorageRefused(
            f"The database has schema {found}, this program knows {newest}: run a newer program."
        )


async def begin_copy(documents: Documents) -> None:
    """Say that the database is being filled with another one's content, so that nobody opens it.

    Raises: StorageRefused when it holds anything but an earlier, unfinished copy.
    """
    schema = documents["schema"]
    if not await schema.find_one({**_SCHEMA, "copying": True}):
        for name in await documents.list_collection_names():
            if name != schema.name and await documents[name].find_one({}, {"_id": True}):
                raise StorageRefused("The database is not empty: a copy needs one of its own.")
    begun = {"version": 1 + len(STEPS), "copying": True}
    await schema.replace_one(_SCHEMA, begun, upsert=True)


async def finish_copy(documents: Documents) -> None:
    """Say that the database is whole."""
    await documents["schema"].update_one(_SCHEMA, {"$unset": {"copying": ""}})
