"""Copying, then reading everything back: the count and a hash of each collection must agree."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

import bson

from storage.errors import StorageRefused
from storage.mongo.client import Collection, Document, Documents
from storage.mongo.indexes import create_indexes
from storage.mongo.migrations import begin_copy, finish_copy
from tools.migrate.documents import COLLECTIONS
from tools.migrate.source import Source

BATCH_DOCUMENTS = 200  # a message has up to half a megabyte; a command may have 48
BATCH_BYTES = 8 * 1024 * 1024


@dataclass(slots=True)
class Sum:
    """What a collection holds, in whatever order: how many documents, and a hash of them all."""

    count: int = 0
    hash: int = 0

    def add(self, document: Document) -> bytes:
        """Count a document; returns its bytes."""
        encoded = bson.encode(document)
        self.count += 1
        self.hash ^= int.from_bytes(hashlib.sha256(encoded).digest())
        return encoded


async def copy(source: Source, documents: Documents, say: Callable[[str], None]) -> None:
    """Copy everything and verify it; until the end no server opens the database.

    Interrupted, it is done again from the beginning.
    Raises: StorageRefused when the database is not empty, or not what was written to it.
    """
    await begin_copy(documents)
    for name, make in COLLECTIONS.items():
        # What an interrupted copy has left, and indexes by which a database would clear away.
        await documents.drop_collection(name)
        written = await _write(documents[name], make(source))
        if written != await _read(documents[name]):
            raise StorageRefused(f"What was written to {name} is not what is there: try again.")
        say(f"{name:<13}{written.count:>12,}  copied and verified")
    await create_indexes(documents)
    await finish_copy(documents)


async def _write(collection: Collection, documents: Iterator[Document]) -> Sum:
    written = Sum()
    while batch := _batch(documents, written):
        await collection.insert_many(batch)
    return written


def _batch(documents: Iterator[Document], written: Sum) -> list[Document]:
    batch, size_bytes = [], 0
    for document in islice(documents, BATCH_DOCUMENTS):
        size_bytes += len(written.add(document))
        batch.append(document)
        if size_bytes > BATCH_BYTES:
            break
    return batch


async def _read(collection: Collection) -> Sum:
    there = Sum()
    async for document in collection.find():
        there.add(document)
    return there
