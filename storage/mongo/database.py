"""The open database: what is asked of it as a whole."""

from collections.abc import Awaitable, Callable
from typing import Self

from pymongo import AsyncMongoClient
from pymongo.errors import PyMongoError

from storage.mongo.client import (
    DEFAULT_DATABASE,
    Document,
    Documents,
    connect,
    opening_refusal,
    translates_errors,
)
from storage.mongo.indexes import create_indexes
from storage.mongo.migrations import migrate
from storage.mongo.sweep import sweep


@translates_errors
class MongoDatabase:
    """`models.stores.Database`, and the collections the stores share."""

    def __init__(self, client: AsyncMongoClient[Document], documents: Documents) -> None:
        self._client = client
        self._finishing: list[Callable[[], Awaitable[None]]] = []
        self.documents = documents

    @classmethod
    async def open(cls, url: str) -> Self:
        """Connect, and bring schema and indexes up to date.

        Raises: StorageRefused; StorageUnreachable when it may answer later.
        """
        client = connect(url)
        documents = client.get_default_database(DEFAULT_DATABASE)
        try:
            await migrate(documents)
            await create_indexes(documents)
        except PyMongoError as error:
            await client.close()
            raise opening_refusal(error, url) from error
        except BaseException:
            await client.close()
            raise
        return cls(client, documents)

    async def ping(self) -> None:
        await self.documents["rooms"].find_one({}, {"_id": 1})

    async def sweep(self, now_ms: int) -> int:
        return await sweep(self.documents, now_ms)

    def finish_first(self, finish: Callable[[], Awaitable[None]]) -> None:
        """Let `close` wait for a store that still has something to write."""
        self._finishing.append(finish)

    async def close(self) -> None:
        while self._finishing:
            await self._finishing.pop()()
        await self._client.close()
