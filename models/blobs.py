"""Where ciphertext lies: parts of files, by file and number, written once and never changed."""

from collections.abc import AsyncIterator
from typing import Protocol

from protocol.ids import FileId

PIECE_BYTES = 512 * 1024  # what is in memory for each reader, and how often a thread is asked


class BlobStore(Protocol):
    """Every call raises AppError(unavailable) while the store is away."""

    async def put(self, file_id: FileId, number: int, data: bytes, digest: bytes) -> None:
        """Keep a part; it is durable when this returns. The same again changes nothing.

        Args:
            digest: SHA-256 of the data, for a store that can check it once more.

        Atomicity: a part is there whole or not at all, whatever dies meanwhile.
        Raises: AppError(storage_full)
        """
        ...

    def read(self, file_id: FileId, number: int, start: int, end: int) -> AsyncIterator[bytes]:
        """Give the bytes from `start` up to `end` of a part, in pieces of PIECE_BYTES at most.

        Raises: AppError(not_found) when the part is not there, or ends before `end`.
        """
        ...

    async def remove(self, file_id: FileId) -> None:
        """Delete every part of a file; twice is once."""
        ...

    def files(self) -> AsyncIterator[tuple[FileId, int]]:
        """Give each file that has parts here, with when one was last written (ms UTC)."""
        ...

    async def ping(self) -> None:
        """Show that the store answers."""
        ...

    async def close(self) -> None:
        """Let go of connections and threads; nothing may be called afterwards."""
        ...
