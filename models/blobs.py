"""Where ciphertext lies: parts of files, by file, number and SHA-256, written once, never changed.

The SHA-256 is part of the name, so that whoever reads by what was noted gets the bytes that were
noted, whatever else was put for the same number at the same moment.
"""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from protocol.ids import FileId

PIECE_BYTES = 512 * 1024  # what is in memory for each reader, and how often a thread is asked

Piece = bytes | memoryview


class BlobStore(Protocol):
    """Every call raises AppError(unavailable) while the store is away."""

    async def put(
        self, file_id: FileId, number: int, data: bytes | memoryview, digest: bytes
    ) -> None:
        """Keep a part; it is durable when this returns. The same again changes nothing.

        Args:
            data: not looked at any more when this has returned.
            digest: SHA-256 of the data, 32 bytes; a store that can checks it once more.

        Atomicity: a part is there whole or not at all, whatever dies meanwhile; other data for the
        same number stands beside it.
        Raises: AppError(storage_full)
        """
        ...

    def read(
        self, file_id: FileId, number: int, digest: bytes, start: int, end: int
    ) -> AsyncIterator[Piece]:
        """Give the bytes from `start` up to `end` of a part, in pieces of PIECE_BYTES at most.

        A piece may change when the next one is asked for.
        Raises: AppError(not_found) when the part is not there, or ends before `end`.
        """
        ...

    async def discard(self, file_id: FileId, number: int, digest: bytes) -> None:
        """Delete one part that nobody noted; twice is once."""
        ...

    async def remove(self, file_id: FileId) -> None:
        """Delete every part of a file; twice is once."""
        ...

    def files(self) -> AsyncIterator[tuple[FileId, int]]:
        """Give each file that has parts here, with when one was last written (ms UTC)."""
        ...

    async def tidy(self) -> None:
        """Delete what is left of parts whose way in was cut off more than an hour ago."""
        ...

    async def ping(self) -> None:
        """Show that the store answers."""
        ...

    async def close(self) -> None:
        """Let go of connections and threads; whoever comes afterwards is told `unavailable`."""
        ...


@dataclass(frozen=True, slots=True)
class PartAddress:
    """Where whoever knows it may do one thing with one part until `expires_ms` (ms UTC).

    The address is a secret as long as it is good, and cannot be taken back. `headers` go with what
    is put there, exactly as they are.
    """

    url: str = field(repr=False)
    expires_ms: int
    headers: Mapping[str, str] = field(default_factory=dict)


class PartAddresses(Protocol):
    """What a store has besides when clients can reach it themselves (S-44)."""

    async def to_put(
        self, file_id: FileId, number: int, digest: bytes, size_bytes: int
    ) -> PartAddress:
        """Return where exactly this part, of this size and hash, can be put; asks nobody."""
        ...

    async def to_get(self, file_id: FileId, number: int, digest: bytes) -> PartAddress:
        """Return where a part can be read, whether it is there or not; asks nobody."""
        ...

    async def has_come(self, file_id: FileId, number: int, digest: bytes, size_bytes: int) -> bool:
        """Tell whether this part is there, durable and of this size.

        Raises: AppError(unavailable)
        """
        ...

    async def close(self) -> None:
        """Let go of what it holds; nothing may be called afterwards."""
        ...
