"""Identity backups in MongoDB: a part of the user's document in `accounts`.

Compare-and-set is an update that only finds the document while it has the version before; backup
and verifier change in the one update (both or neither).
"""

from msgspec import convert, to_builtins

from models.accounts import Verifier
from models.backups import Backup
from protocol.errors import AppError, ErrorCode
from protocol.ids import UserId
from storage.mongo.client import Document, Documents, translates_errors


def before(backup: Backup) -> Document:
    """Return the condition under which a user's document takes this backup."""
    earlier = backup.version - 1
    return {"_id": backup.user_id, "backup.version": earlier if earlier else None}


@translates_errors
class MongoBackupStore:
    """`models.backups.BackupStore` in MongoDB."""

    def __init__(self, documents: Documents) -> None:
        self._accounts = documents["accounts"]

    async def of_user(self, user_id: UserId) -> Backup | None:
        document = await self._accounts.find_one({"_id": user_id}, {"backup": True})
        if document is None or "backup" not in document:
            return None
        return convert(document["backup"], Backup)

    async def put(self, backup: Backup) -> None:
        await self._replace(backup, {})

    async def put_with_verifier(self, backup: Backup, verifier: Verifier) -> None:
        await self._replace(backup, {"verifier": to_builtins(verifier)})

    async def _replace(self, backup: Backup, also: Document) -> None:
        changes = {"backup": to_builtins(backup), **also}
        result = await self._accounts.update_one(before(backup), {"$set": changes})
        if not result.matched_count:
            raise AppError(ErrorCode.CONFLICT, "backup version")
