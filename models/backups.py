"""The identity backup: ciphertext that only password or recovery code opens (SEAL1 §4.11)."""

from dataclasses import dataclass
from typing import Literal, Protocol

from models.accounts import KdfParams, Verifier
from protocol.ids import UserId


@dataclass(frozen=True, slots=True)
class Wrap:
    """The backup root key under one secret; `kdf` and `salt` only for the password method."""

    method: Literal["password", "recovery"]
    wrap: str
    kdf: KdfParams | None = None
    salt: str | None = None


@dataclass(frozen=True, slots=True)
class Backup:
    """`version` starts at 1 and counts writes."""

    user_id: UserId
    version: int
    brk_id: str
    wraps: tuple[Wrap, ...]
    identity: str


class BackupStore(Protocol):
    """Backups of accounts that exist."""

    async def of_user(self, user_id: UserId) -> Backup | None: ...

    async def put(self, backup: Backup) -> None:
        """Replace the backup.

        Atomicity: compare-and-set, `backup.version` must be one more than the stored one (or 1).
        Raises: AppError(conflict) otherwise.
        """
        ...

    async def put_with_verifier(self, backup: Backup, verifier: Verifier) -> None:
        """Replace backup and password verifier in one step, for a change of password.

        Atomicity: both or neither; compare-and-set as `put`.
        Raises: AppError(conflict)
        """
        ...
