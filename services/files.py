"""Files: announced, received part by part, whole, read by who is in the room, and gone with it.

    begin ─▶ grant "put" ─▶ put_part … ─▶ commit        grant "get" ─▶ open ─▶ read

The record comes before the parts and goes after them, so that nothing that dies in between leaves
what no sweep can find (R-40). A part is acknowledged only when it is durable and noted as such.
"""

import asyncio
import hashlib
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass

from models.blobs import BlobStore
from models.files import Allowance, File
from models.ports import Clock
from models.stores import Stores
from protocol.bodies import GrantRequest, StartFileRequest
from protocol.errors import AppError, ErrorCode
from protocol.ids import FileId
from protocol.limits import FILE_PART_BYTES, HOUR_MS
from services.access import Access
from services.grants import Grants, Purpose
from services.logins import Principal
from services.quotas import Quotas
from services.receiving import Receiving

SWEEP_FILES = 64  # that have ended, at a time
ORPHAN_MS = HOUR_MS  # longer than any part is under way before its file's record would be found
KNOWN_AT_ONCE = 256

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class FileLimits:
    """What the operator allows."""

    file_bytes: int
    allowance: Allowance


class FileService:
    """Use cases of files; the server sees ciphertext only."""

    def __init__(
        self,
        stores: Stores,
        blobs: BlobStore,
        clock: Clock,
        *,
        access: Access,
        quotas: Quotas,
        grants: Grants,
        limits: FileLimits,
    ) -> None:
        self._files = stores.files
        self._logins = stores.logins
        self._blobs = blobs
        self._clock = clock
        self._access = access
        self._quotas = quotas
        self._grants = grants
        self._limits = limits
        self._receiving = Receiving()

    async def begin(self, principal: Principal, asked: StartFileRequest) -> tuple[File, list[int]]:
        """Announce a file of a room; the same again returns it as `state` does.

        Raises: AppError(not_enrolled), AppError(not_found), AppError(too_large),
        AppError(bad_request), AppError(conflict), AppError(quota_full), RateLimited
        """
        device_id = principal.require_device()
        self._quotas.take("file", principal.user_id)
        self._quotas.take("file-call", principal.user_id)
        await self._access.room(principal.user_id, asked.room)
        if asked.size_bytes > self._limits.file_bytes:
            raise AppError(ErrorCode.TOO_LARGE, "file")
        now_ms = self._clock.now_ms()
        file = File(
            file_id=asked.id,
            owner=principal.user_id,
            device_id=device_id,
            room_id=asked.room,
            size_bytes=asked.size_bytes,
            created_ms=now_ms,
        )
        return await self._with_parts(await self._files.begin(file, self._limits.allowance, now_ms))

    async def grant(
        self, principal: Principal, file_id: FileId, asked: GrantRequest
    ) -> tuple[File, str, int]:
        """Exchange a device's signature for a token.

        Returns: the file, the token and when it expires (ms UTC).
        Raises: AppError(not_found), AppError(not_enrolled), AppError(bad_signature),
        AppError(bad_grant), RateLimited
        """
        self._quotas.take("file-grant", principal.user_id)
        file = await self._find(principal, file_id, asked.purpose)
        device = await self._access.device(principal)
        key = await self._access.signing_key(device)
        self._grants.require_signed(
            key, asked.sig, file_id, asked.purpose, device, issued_ms=asked.issued_ms
        )
        token, expires_ms = self._grants.issue(file_id, asked.purpose, principal.login_id)
        return file, token, expires_ms

    async def for_part(
        self, principal: Principal, file_id: FileId, number: int, token: str
    ) -> File:
        """Return a pending file that may get this part now.

        Raises: AppError(bad_grant), AppError(not_found), AppError(conflict) when it is whole,
        AppError(bad_part) when it has no such part, RateLimited
        """
        self._grants.require(token, file_id, "put", principal.login_id)
        self._quotas.take("file-part", principal.user_id)
        file = await self._find(principal, file_id, "put")
        if file.state != "pending":
            raise AppError(ErrorCode.CONFLICT, "the file is whole")
        if number >= file.parts:
            raise AppError(ErrorCode.BAD_PART, "number")
        return file

    def begin_part(self, principal: Principal) -> None:
        """Take room in memory for a part; `end_part` gives it back, however the part ends.

        Raises: RateLimited, AppError(unavailable) when too many are on their way
        """
        self._receiving.begin(principal.user_id)

    def end_part(self, principal: Principal) -> None:
        """Give back what `begin_part` took."""
        self._receiving.end(principal.user_id)

    async def put_part(self, file: File, number: int, data: bytes, digest: bytes) -> None:
        """Keep a part; it is durable when this returns, and may come again.

        Args:
            digest: the SHA-256 that its sender gives it

        Raises: AppError(bad_part), AppError(not_found) when the file has ended meanwhile,
        AppError(storage_full), AppError(unavailable)
        """
        if len(data) != file.part_bytes(number):
            raise AppError(ErrorCode.BAD_PART, "size")
        if await asyncio.to_thread(lambda: hashlib.sha256(data).digest()) != digest:
            raise AppError(ErrorCode.BAD_PART, "hash")
        await self._blobs.put(file.file_id, number, data, digest)
        if not await self._files.add_part(file.file_id, number, digest):
            raise AppError(ErrorCode.NOT_FOUND, "file")

    async def state(self, principal: Principal, file_id: FileId) -> tuple[File, list[int]]:
        """Return one's own file and which parts of it are here.

        Raises: AppError(not_found), RateLimited
        """
        self._quotas.take("file-call", principal.user_id)
        return await self._with_parts(await self._find(principal, file_id, "put"))

    async def _with_parts(self, file: File) -> tuple[File, list[int]]:
        if file.state == "committed":
            return file, list(range(file.parts))
        return file, await self._files.received(file.file_id)

    async def commit(self, principal: Principal, file_id: FileId) -> File:
        """Make a file whole; twice is once.

        Raises: AppError(not_found), AppError(incomplete), RateLimited
        """
        self._quotas.take("file-call", principal.user_id)
        await self._find(principal, file_id, "put")
        file = await self._files.commit(file_id, self._clock.now_ms())
        if file is None:
            raise AppError(ErrorCode.NOT_FOUND, "file")
        return file

    async def remove(self, principal: Principal, file_id: FileId) -> None:
        """End one's own file now; its parts go with the next sweep.

        Raises: AppError(not_found), RateLimited
        """
        self._quotas.take("file-call", principal.user_id)
        await self._find(principal, file_id, "put")
        if not await self._files.expire(file_id):
            raise AppError(ErrorCode.NOT_FOUND, "file")

    async def readable(self, principal: Principal, file_id: FileId, token: str) -> File:
        """Return a whole file that may be read now.

        Raises: AppError(bad_grant), AppError(not_found), RateLimited
        """
        self._grants.require(token, file_id, "get", principal.login_id)
        self._quotas.take("file-read", principal.user_id)
        return await self._find(principal, file_id, "get")

    async def read(
        self, principal: Principal, file: File, start: int, end: int
    ) -> AsyncIterator[bytes]:
        """Give the bytes from `start` up to `end` of a `readable` file, in small pieces.

        A large file takes hours; who may not read it any more gets no further part.
        Raises: AppError(unavailable), also when a part is gone that should be there;
        AppError(not_found), AppError(session_revoked)
        """
        for number in range(start // FILE_PART_BYTES, -(-end // FILE_PART_BYTES)):
            offset = number * FILE_PART_BYTES
            if offset > start:
                await self._require_still_readable(principal, file)
            first = max(start - offset, 0)
            last = min(end - offset, file.part_bytes(number))
            try:
                async for piece in self._blobs.read(file.file_id, number, first, last):
                    yield piece
            except AppError as error:
                if error.code is ErrorCode.NOT_FOUND:
                    _log.error("a part of a whole file is missing")
                    raise AppError(ErrorCode.UNAVAILABLE, "part") from error
                raise

    async def _require_still_readable(self, principal: Principal, file: File) -> None:
        await self._find(principal, file.file_id, "get")
        if await self._logins.by_id(principal.login_id, self._clock.now_ms()) is None:
            raise AppError(ErrorCode.SESSION_REVOKED)

    async def sweep(self) -> int:
        """Delete the parts of what has ended, then its record; returns how many files.

        Raises: AppError(unavailable) when one could not be deleted, after others have been; the
        next sweep tries again.
        """
        count = 0
        while ended := await self._files.ended(self._clock.now_ms(), SWEEP_FILES):
            failures = [error for file_id in ended if (error := await self._delete(file_id))]
            if failures:
                raise failures[0]
            count += len(ended)
        return count

    async def _delete(self, file_id: FileId) -> AppError | None:
        """Delete a file that has ended; returns why it could not be."""
        try:
            await self._blobs.remove(file_id)
            await self._files.forget(file_id)
        except AppError as error:
            return error
        return None

    async def sweep_orphans(self) -> int:
        """Delete parts that no record names; returns of how many files.

        A part is never older than its record, so what has none for an hour never had one, or
        outlived it.
        """
        until_ms = self._clock.now_ms() - ORPHAN_MS
        count = 0
        batch: set[FileId] = set()
        async for file_id, written_ms in self._blobs.files():
            if written_ms <= until_ms:
                batch.add(file_id)
            if len(batch) >= KNOWN_AT_ONCE:
                count += await self._remove_unknown(frozenset(batch))
                batch = set()
        return count + await self._remove_unknown(frozenset(batch))

    async def _remove_unknown(self, file_ids: frozenset[FileId]) -> int:
        orphans = file_ids - await self._files.known(file_ids)
        for file_id in orphans:
            await self._blobs.remove(file_id)
        return len(orphans)

    async def _find(self, principal: Principal, file_id: FileId, purpose: Purpose) -> File:
        """Return a file to put to, which is one's own, or one to get, which is whole."""
        file = await self._files.by_id(file_id, self._clock.now_ms())
        if file is None:
            raise AppError(ErrorCode.NOT_FOUND, "file")
        await self._access.room(principal.user_id, file.room_id)
        is_allowed = (
            file.owner == principal.user_id if purpose == "put" else file.state == "committed"
        )
        if not is_allowed:
            raise AppError(ErrorCode.NOT_FOUND, "file")
        return file
