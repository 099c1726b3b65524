"""The distributed adapter: MongoDB through PyMongo's own asynchronous client.

No multi-document transaction is used. Each promise of atomicity rests on one document, a unique
index, or an ordered write with one commit point; the store's module says which.
"""

from models.stores import Stores
from storage.mongo.accounts import MongoAccountStore
from storage.mongo.backups import MongoBackupStore
from storage.mongo.codes import MongoCodeStore
from storage.mongo.contacts import MongoContactStore
from storage.mongo.database import MongoDatabase
from storage.mongo.devices import MongoDeviceStore
from storage.mongo.files import MongoFileStore
from storage.mongo.keys import MongoKeyStore
from storage.mongo.logins import MongoLoginStore
from storage.mongo.messages import MongoMessageStore
from storage.mongo.reports import MongoReportStore
from storage.mongo.rooms import MongoRoomStore
from storage.mongo.transfers import MongoTransferStore


async def open_mongo(url: str) -> Stores:
    """Connect to the database that `url` names; the stores belong to the running event loop.

    Raises: StorageRefused; StorageUnreachable when it may answer later.
    """
    database = await MongoDatabase.open(url)
    documents = database.documents
    messages = MongoMessageStore(documents)
    database.finish_first(messages.close)
    return Stores(
        database=database,
        accounts=MongoAccountStore(documents),
        backups=MongoBackupStore(documents),
        codes=MongoCodeStore(documents),
        contacts=MongoContactStore(documents),
        devices=MongoDeviceStore(documents),
        files=MongoFileStore(documents),
        keys=MongoKeyStore(documents),
        logins=MongoLoginStore(documents),
        messages=messages,
        reports=MongoReportStore(documents),
        rooms=MongoRoomStore(documents),
        transfers=MongoTransferStore(documents),
    )
