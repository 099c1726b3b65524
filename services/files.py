"""Files: announced, received part by part, whole, read by whom they are for, and gone.

    begin ─▶ grant "put" ─▶ put_part … ─▶ commit        grant "get" ─▶ open ─▶ read

The record comes before the parts and goes after them, so that nothing that dies in between leaves
what no sweep can find (R-40). A part is acknowledged only when it is durable and noted as such.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

from models.blobs import BlobStore, Piece
from models.files import Allowance, File
from models.ports import Clock
from models.stores import Stores
from protocol.bodies import GrantRequest, StartFileRequest
from protocol.errors import AppError, ErrorCode
from protocol.file_sizes import sealed_bytes
from protocol.ids import DeviceId, FileId, TransferId
from protocol.limits import HOUR_MS
from services.access import Access
from services.downloads import Downloads
from services.grants import Grants
from services.logins import Principal
from services.quotas import Quotas
from services.receiving import Arriving, Receiving

SWEEP_FILES = 64  # that have ended, at a time
ORPHAN_MS = HOUR_MS  # longer than any part is under way before its file's record would be found
KNOWN_AT_ONCE = 256


@dataclass(frozen=True, slots=True)
class FileLimits:
    """What the operator allows; `file_bytes` is the largest file before it is sealed."""

    file_bytes: int
    allowance: Allowance


class FileService:
    """Use cases of files; the server sees ciphertext only.

    `is_direct` tells clients that parts also go the way of `services/file_addresses.py`.
    """

    def __init__(
        self,
        stores: Stores,
        blobs: BlobStore,
        clock: Clock,
        *,
        access: Access,
        quotas: Quotas,
        grants: Grants,
        downloads: Downloads,
        limits: FileLimits,
        is_direct: bool = False,
    ) -> None:
        self.is_direct = is_direct
        self._files = stores.files
        self._transfers = stores.transfers
        self._logins = stores.logins
        self._blobs = blobs
        self._clock = clock
        self._access = access
        self._quotas = quotas
        self._grants = grants
        self._downloads = downloads
        self._limits = limits
        self._receiving = Receiving()

    async def begin(self, principal: Principal, asked: StartFileRequest) -> tuple[File, list[int]]:
        """Announce a file of a room, or of one's own draft; the same again returns it as `state`.

        Raises: AppError(not_enrolled), AppError(not_found), AppError(too_large),
        AppError(bad_request) unless it belongs to exactly one of them, AppError(conflict),
        AppError(quota_full), RateLimited
        """
        device_id = principal.require_device()
        self._quotas.take("file", principal.user_id)
        self._quotas.take("file-call", principal.user_id)
        if (asked.room is None) == (asked.transfer is None):
            raise AppError(ErrorCode.BAD_REQUEST, "room or transfer")
        if asked.room is not None:
            await self._access.room(principal.user_id, asked.room)
        if asked.size_bytes > sealed_bytes(self._limits.file_bytes):
            raise AppError(ErrorCode.TOO_LARGE, "file")
        now_ms = self._clock.now_ms()
        file = File(
            file_id=asked.id,
            owner=principal.user_id,
            device_id=device_id,
            room_id=asked.room,
            transfer_id=asked.transfer,
            size_bytes=asked.size_bytes,
            created_ms=now_ms,
        )
        return await self._with_parts(await self._files.begin(file, self._limits.allowance, now_ms))

    async def grant(
        self, principal: Principal, file_id: FileId, asked: GrantRequest
    ) -> tuple[File, str, int]:
        """Exchange a device's signature for a token.

        Of a transfer, the first token to get a file of it counts as the device's download.
        Returns: the file, the token and when it expires (ms UTC).
        Raises: AppError(not_found), AppError(not_enrolled), AppError(bad_signature),
        AppError(bad_grant), AppError(used_up), RateLimited
        """
        self._quotas.take("file-grant", principal.user_id)
        file = await self._access.file(principal.user_id, file_id, asked.purpose)
        device = await self._access.device(principal)
        key = await self._access.signing_key(device)
        self._grants.require_signed(
            key, asked.sig, file_id, asked.purpose, device, issued_ms=asked.issued_ms
        )
        if file.transfer_id is not None and asked.purpose == "get":
            await self._take_download(file.transfer_id, device.device_id)
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
        file = await self._access.file(principal.user_id, file_id, "put")
        if file.state != "pending":
            raise AppError(ErrorCode.CONFLICT, "the file is whole")
        if number >= file.parts:
            raise AppError(ErrorCode.BAD_PART, "number")
        return file

    def begin_part(self, principal: Principal) -> Arriving:
        """Take room in memory for a part; `end_part` gives it back, however the part ends.

        Raises: RateLimited, AppError(unavailable) when too many are on their way
        """
        return self._receiving.begin(principal.user_id)

    def end_part(self, part: Arriving) -> None:
        """Give back what `begin_part` took, once and when nothing reads it any more."""
        self._receiving.end(part)

    async def put_part(self, file: File, number: int, part: Arriving, digest: bytes) -> None:
        """Keep a part; it is durable when this returns, and may come again.

        Args:
            digest: the SHA-256 that its sender gives it

        Raises: AppError(bad_part), AppError(conflict) when the part is here with other content,
        AppError(not_found) when the file has ended meanwhile, AppError(storage_full),
        AppError(unavailable)
        """
        data = part.data()
        if len(data) != file.part_bytes(number):
            raise AppError(ErrorCode.BAD_PART, "size")
        if await asyncio.to_thread(lambda: hashlib.sha256(data).digest()) != digest:
            raise AppError(ErrorCode.BAD_PART, "hash")
        await self._blobs.put(file.file_id, number, data, digest)
        try:
            is_noted = await self._files.add_part(
                file.file_id, number, digest, self._clock.now_ms()
            )
        except AppError as error:
            # What is noted stays noted, so nobody will ever read this.
            if error.code is ErrorCode.CONFLICT:
                await self._blobs.discard(file.file_id, number, digest)
            raise
        if not is_noted:
            raise AppError(ErrorCode.NOT_FOUND, "file")

    async def state(self, principal: Principal, file_id: FileId) -> tuple[File, list[int]]:
        """Return one's own file and which parts of it are here.

        Raises: AppError(not_found), RateLimited
        """
        self._quotas.take("file-call", principal.user_id)
        return await self._with_parts(await self._access.file(principal.user_id, file_id, "put"))

    async def _with_parts(self, file: File) -> tuple[File, list[int]]:
        if file.state == "committed":
            return file, list(range(file.parts))
        return file, await self._files.received(file.file_id)

    async def commit(self, principal: Principal, file_id: FileId) -> File:
        """Make a file whole; twice is once.

        Raises: AppError(not_found), AppError(incomplete), RateLimited
        """
        self._quotas.take("file-call", principal.user_id)
        await self._access.file(principal.user_id, file_id, "put")
        file = await self._files.commit(file_id, self._clock.now_ms())
        if file is None:
            raise AppError(ErrorCode.NOT_FOUND, "file")
        return file

    async def remove(self, principal: Principal, file_id: FileId) -> None:
        """End one's own file now; its parts go with the next sweep.

        Raises: AppError(not_found), RateLimited
        """
        self._quotas.take("file-call", principal.user_id)
        await self._access.file(principal.user_id, file_id, "put")
        if not await self._files.expire(file_id):
            raise AppError(ErrorCode.NOT_FOUND, "file")

    async def readable(self, principal: Principal, file_id: FileId, token: str) -> File:
        """Return a whole file that may be read now.

        Raises: AppError(bad_grant), AppError(not_found), RateLimited
        """
        self._grants.require(token, file_id, "get", principal.login_id)
        self._quotas.take("file-read", principal.user_id)
        return await self._access.file(principal.user_id, file_id, "get")

    def read(self, principal: Principal, file: File, start: int, end: int) -> AsyncIterator[Piece]:
        """Give the bytes from `start` up to `end` of a `readable` file, in small pieces.

        Raises: what `Downloads.read` raises; AppError(not_found) or AppError(session_revoked) when
        what allowed it has ended meanwhile
        """
        return self._downloads.read(
            file, start, end, lambda: self._require_still_readable(principal, file)
        )

    async def _require_still_readable(self, principal: Principal, file: File) -> None:
        await self._access.file(principal.user_id, file.file_id, "get")
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
        outlived it. What a process that died left half put goes as well.
        """
        await self._blobs.tidy()
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

    async def _take_download(self, transfer_id: TransferId, device_id: DeviceId) -> None:
        if not await self._transfers.take_download(transfer_id, device_id, self._clock.now_ms()):
            raise AppError(ErrorCode.NOT_FOUND, "transfer")
