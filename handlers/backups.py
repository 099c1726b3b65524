"""The identity backup."""

from tornado.routing import URLSpec

from handlers.accounts import kdf_body, kdf_params
from handlers.base import BaseHandler
from models.backups import Backup, Wrap
from protocol import bodies
from protocol.frames import Sealed
from protocol.ids import UserId
from services.backups import BackupService
from services.logins import LoginService

BACKUP_BODY_BYTES = 512 * 1024  # identity and wraps at their limits, in base64url


def to_backup(user_id: UserId, body: bodies.Backup) -> Backup:
    """Return the stored form of a backup."""
    wraps = (
        Wrap(wrap.method, wrap.wrap, kdf_params(wrap.kdf) if wrap.kdf else None, wrap.salt)
        for wrap in body.wraps
    )
    return Backup(user_id, body.version, body.brk_id, tuple(wraps), body.identity)


def backup_body(backup: Backup) -> bodies.Backup:
    """Return a backup as a body."""
    return bodies.Backup(
        version=backup.version,
        brk_id=backup.brk_id,
        wraps=[
            bodies.Wrap(
                method=wrap.method,
                kdf=kdf_body(wrap.kdf) if wrap.kdf else None,
                salt=wrap.salt,
                wrap=Sealed(wrap.wrap),
            )
            for wrap in backup.wraps
        ],
        identity=Sealed(backup.identity),
    )


class BackupHandler(BaseHandler):
    """One's own backup."""

    body_limit_bytes = BACKUP_BODY_BYTES

    def initialize(self, *, logins: LoginService, backups: BackupService) -> None:
        self.logins = logins
        self._backups = backups

    async def get(self) -> None:
        self.answer(backup_body(await self._backups.of_user(self.principal.user_id)))

    async def put(self) -> None:
        backup = to_backup(self.principal.user_id, self.read(bodies.Backup))
        self.answer(backup_body(await self._backups.put(backup)))


def routes(*, logins: LoginService, backups: BackupService) -> list[URLSpec]:
    """Return the route of `/api/e2ee/backup`."""
    return [URLSpec(r"/api/e2ee/backup", BackupHandler, {"logins": logins, "backups": backups})]
