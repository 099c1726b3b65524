"""The bytes of whole files on their way out, part by part, as long as they may be read."""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable

from models.blobs import BlobStore, Piece
from models.files import File
from protocol.errors import AppError, ErrorCode
from protocol.limits import FILE_PART_BYTES

_log = logging.getLogger(__name__)


class Downloads:
    """Reads what is stored of files."""

    def __init__(self, blobs: BlobStore) -> None:
        self._blobs = blobs

    async def read(
        self, file: File, start: int, end: int, still: Callable[[], Awaitable[object]]
    ) -> AsyncIterator[Piece]:
        """Give the bytes from `start` up to `end` of a whole file, in small pieces.

        Args:
            still: raises when its reader may not read it any more. A large file takes hours, so it
                is asked before each further part, and when one is gone.

        Raises: AppError(unavailable), also when a part is gone that should be there; what `still`
        raises
        """
        for number in range(start // FILE_PART_BYTES, -(-end // FILE_PART_BYTES)):
            offset = number * FILE_PART_BYTES
            if offset > start:
                await still()
            first = max(start - offset, 0)
            last = min(end - offset, file.part_bytes(number))
            digest = file.part_digest(number)
            try:
                async for piece in self._blobs.read(file.file_id, number, digest, first, last):
                    yield piece
            except AppError as error:
                if error.code is not ErrorCode.NOT_FOUND:
                    raise
                await still()  # or it has ended since, and a sweep was here before us
                _log.error("a part of a whole file is missing")
                raise AppError(ErrorCode.UNAVAILABLE, "part") from error
