"""Files: ciphertext in parts, which belong to a room and go with it (SEAL1 §4.12).

    begin ──▶ pending ── every part received ──▶ commit ──▶ committed ──▶ expired ──▶ forgotten
                └─ a day without commit ──────────────────────────────────▲

The record is written first, then the parts; it is forgotten last, after them (R-40). So whatever
dies in between leaves only parts that a record names, or parts that none names and a sweep deletes.
"""

from dataclasses import dataclass
from typing import Literal, Protocol

from protocol.ids import DeviceId, FileId, RoomId, UserId
from protocol.limits import FILE_PART_BYTES


@dataclass(frozen=True, slots=True)
class File:
    """`size_bytes` is that of the ciphertext; `hashes` of a whole file the SHA-256 of its parts.

    They stand one after another. The server knows neither name nor type nor the size of what is
    inside.
    """

    file_id: FileId
    owner: UserId
    device_id: DeviceId
    room_id: RoomId
    size_bytes: int
    created_ms: int
    state: Literal["pending", "committed"] = "pending"
    hashes: bytes = b""

    @property
    def parts(self) -> int:
        return -(-self.size_bytes // FILE_PART_BYTES)

    def is_alike(self, other: "File") -> bool:
        """Whether the two were announced alike, at whatever time."""
        return self._announced == other._announced

    @property
    def _announced(self) -> tuple[object, ...]:
        return self.file_id, self.owner, self.device_id, self.room_id, self.size_bytes

    def part_bytes(self, number: int) -> int:
        """Return the size of a part, numbered from 0."""
        return min(FILE_PART_BYTES, self.size_bytes - number * FILE_PART_BYTES)


@dataclass(frozen=True, slots=True)
class Allowance:
    """What one person may keep here: bytes at a time, bytes begun in a day, uploads under way."""

    stored_bytes: int
    daily_bytes: int
    pending_files: int


class FileStore(Protocol):
    """A pending file lives for FILE_PENDING_TTL_MS at most, a committed one as long as its room."""

    async def begin(self, file: File, allowance: Allowance, now_ms: int) -> File:
        """Add a pending file, or return the live one that the same device began alike.

        Atomicity: the allowance holds however many calls run at once.
        Raises: AppError(not_found) when its room is not live; AppError(quota_full);
        AppError(conflict) when there is a record of another file, or
        of one that has ended, with this id.
        """
        ...

    async def by_id(self, file_id: FileId, now_ms: int) -> File | None:
        """Return a live file."""
        ...

    async def received(self, file_id: FileId) -> list[int]:
        """Return which parts of a file are here, in ascending order."""
        ...

    async def add_part(self, file_id: FileId, number: int, digest: bytes) -> bool:
        """Note that a part of a pending file is durable, and its SHA-256; the last word counts.

        Returns: False when the file is not pending (any more).
        """
        ...

    async def commit(self, file_id: FileId, now_ms: int) -> File | None:
        """Make a file whole for everybody who may read it; twice is once.

        Returns: the file with its hashes; None when it is not live.
        Raises: AppError(incomplete) while parts are missing.
        """
        ...

    async def expire(self, file_id: FileId) -> bool:
        """End a file now, so that nobody finds it; False when it was not live."""
        ...

    async def ended(self, now_ms: int, limit: int) -> list[FileId]:
        """Return files that live no more and are not forgotten; none of them comes to life again.

        Returns: at most `limit`.
        """
        ...

    async def forget(self, file_id: FileId) -> None:
        """Let go of a file that has ended and whose parts are gone; twice is once.

        Until a day has passed since it was begun it counts for the day's allowance.
        """
        ...

    async def known(self, file_ids: frozenset[FileId]) -> frozenset[FileId]:
        """Return those of which there is a record, ended or not, but not forgotten."""
        ...
