"""The distributed adapter: MongoDB through PyMongo's own asynchronous client.

No multi-document transaction is used. Each promise of atomicity rests on one document, a unique
index, or an ordered write with one commit point; the store's module says which.
"""

from types import SimpleNamespace
from typing import cast

from models.stores import Stores
from storage.mongo.accounts import MongoAccountStore
from storage.mongo.backups import MongoBackupStore
from storage.mongo.database import MongoDatabase


async def open_mongo(url: str) -> Stores:
    """Connect to the database that `url` names; the stores belong to the running event loop.

    Raises: StorageRefused; StorageUnreachable when it may answer later.
    """
    database = await MongoDatabase.open(url)
    documents = database.documents
    return cast(
        Stores,
        SimpleNamespace(
            database=database,
            accounts=MongoAccountStore(documents),
            backups=MongoBackupStore(documents),
        ),
    )
