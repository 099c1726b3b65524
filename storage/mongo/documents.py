"""How what the ports speak of becomes a document and back.

Ids and sealed text are text, times are integer milliseconds under the names of the ports. What a
TTL index is to delete also has a `Date`, which nothing else reads.
"""

import asyncio
from contextlib import AsyncExitStack
from typing import Any, TypeVar
from weakref import WeakValueDictionary

import msgspec
from bson.datetime_ms import DatetimeMS
from pymongo.errors import PyMongoError

from storage.mongo.client import Collection, Document, passes

INSERT_TRIES = 3

Value = TypeVar("Value")


def dump(value: Any, key: str) -> Document:
    """Return the document of a dataclass; its field `key` becomes the `_id`."""
    document: Document = msgspec.to_builtins(value)
    return {"_id": document.pop(key), **document}


def load(document: Document, kind: type[Value], key: str) -> Value:
    """Return the dataclass of a document; fields of the document's own are left out."""
    return msgspec.convert({**document, key: document["_id"]}, kind)


def date(at_ms: int) -> DatetimeMS:
    """Return the time as a `Date`, for a TTL index."""
    return DatetimeMS(at_ms)


async def is_there(collection: Collection, condition: Document) -> bool:
    """Tell whether a document meets the condition."""
    return await collection.find_one(condition, {"_id": True}) is not None


class Newcomers:
    """Documents that may meet others of their kind in a unique index.

    There are servers, DocumentDB among them, where two inserts that meet in an index other than the
    one of `_id` wait for each other until the database ends one of them, a second or more later. So
    those of this process that would meet go in one after the other, and one that was ended for
    another process's goes in again.
    """

    def __init__(self, collection: Collection, *unique: str) -> None:
        self._collection = collection
        self._unique = sorted(unique)  # everybody waits for them in one order
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def insert(self, document: Document) -> None:
        """Raises: DuplicateKeyError when another one has what is unique."""
        async with AsyncExitStack() as turns:
            for field in self._unique:
                turn = self._turns.setdefault(f"{field} {document[field]}", asyncio.Lock())
                await turns.enter_async_context(turn)
            for tries_left in reversed(range(INSERT_TRIES)):
                try:
                    await self._collection.insert_one(document)
                except PyMongoError as error:
                    if not (tries_left and passes(error)):
                        raise
                else:
                    return
