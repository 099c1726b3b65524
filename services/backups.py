"""The identity backup: ciphertext under the password and the recovery code (SEAL1 §4.11)."""

from models.backups import Backup
from models.stores import Stores
from protocol.errors import AppError, ErrorCode
from protocol.ids import UserId
from services.hashing import require_strong


def require_sound(backup: Backup) -> None:
    """Refuse a backup that its owner could not open with what they have.

    Raises: AppError(weak_kdf) when guessing the password would be cheap, AppError(bad_request) when
    a way to open it is missing, doubled, or lacks what it needs
    """
    methods = [wrap.method for wrap in backup.wraps]
    if not methods or len(set(methods)) != len(methods) or backup.version < 1:
        raise AppError(ErrorCode.BAD_REQUEST, "wraps or version")
    for wrap in backup.wraps:
        needs_kdf = wrap.method == "password"
        if (wrap.kdf is not None) != needs_kdf or (wrap.salt is not None) != needs_kdf:
            raise AppError(ErrorCode.BAD_REQUEST, "wrap parameters")
        if wrap.kdf is not None:
            require_strong(wrap.kdf)


class BackupService:
    """Keeps one backup a person, each write following the one before."""

    def __init__(self, stores: Stores) -> None:
        self._backups = stores.backups

    async def of_user(self, user_id: UserId) -> Backup:
        """Return the newest backup.

        Raises: AppError(not_found)
        """
        backup = await self._backups.of_user(user_id)
        if backup is None:
            raise AppError(ErrorCode.NOT_FOUND, "backup")
        return backup

    async def put(self, backup: Backup) -> Backup:
        """Replace the backup; the same write again changes nothing.

        Raises: AppError(conflict) unless its version is one more than the stored one
        """
        require_sound(backup)
        try:
            await self._backups.put(backup)
        except AppError as error:
            if error.code is not ErrorCode.CONFLICT or backup != await self._backups.of_user(
                backup.user_id
            ):
                raise
        return backup
