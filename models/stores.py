"""All stores of one database, opened together by `storage.open_stores`."""

from dataclasses import dataclass
from typing import Protocol

from models.accounts import AccountStore
from models.backups import BackupStore
from models.codes import CodeStore
from models.contacts import ContactStore
from models.devices import DeviceStore
from models.files import FileStore
from models.keys import KeyStore
from models.logins import LoginStore
from models.messages import MessageStore
from models.reports import ReportStore
from models.rooms import RoomStore
from models.transfers import TransferStore


class Database(Protocol):
    async def ping(self) -> None:
        """Read one row. Raises: AppError(unavailable)."""
        ...

    async def sweep(self, now_ms: int) -> int:
        """Delete what has expired, in steps short enough not to delay a write by 10 ms.

        Returns: the number of rooms, transfers, codes, log-ins, claims, trusts and reports deleted.
        """
        ...

    async def close(self) -> None:
        """Commit what is queued and close; later calls raise AppError(unavailable)."""
        ...


@dataclass(frozen=True, slots=True)
class Stores:
    database: Database
    accounts: AccountStore
    backups: BackupStore
    codes: CodeStore
    contacts: ContactStore
    devices: DeviceStore
    files: FileStore
    keys: KeyStore
    logins: LoginStore
    messages: MessageStore
    reports: ReportStore
    rooms: RoomStore
    transfers: TransferStore
