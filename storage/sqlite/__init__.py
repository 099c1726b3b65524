"""The embedded adapter: one SQLite file in WAL mode, through apsw."""

from pathlib import Path

from models.stores import Stores
from storage.sqlite.accounts import SqliteAccountStore
from storage.sqlite.backups import SqliteBackupStore
from storage.sqlite.codes import SqliteCodeStore
from storage.sqlite.contacts import SqliteContactStore
from storage.sqlite.database import SqliteDatabase
from storage.sqlite.devices import SqliteDeviceStore
from storage.sqlite.files import SqliteFileStore
from storage.sqlite.keys import SqliteKeyStore
from storage.sqlite.logins import SqliteLoginStore
from storage.sqlite.messages import SqliteMessageStore
from storage.sqlite.reports import SqliteReportStore
from storage.sqlite.rooms import SqliteRoomStore
from storage.sqlite.transfers import SqliteTransferStore


async def open_sqlite(path: Path) -> Stores:
    """Open or create the file at `path`; the stores belong to the running event loop."""
    database = await SqliteDatabase.open(path)
    return Stores(
        database=database,
        accounts=SqliteAccountStore(database),
        backups=SqliteBackupStore(database),
        codes=SqliteCodeStore(database),
        contacts=SqliteContactStore(database),
        devices=SqliteDeviceStore(database),
        files=SqliteFileStore(database),
        keys=SqliteKeyStore(database),
        logins=SqliteLoginStore(database),
        messages=SqliteMessageStore(database),
        reports=SqliteReportStore(database),
        rooms=SqliteRoomStore(database),
        transfers=SqliteTransferStore(database),
    )
