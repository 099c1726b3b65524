"""Files: ciphertext in parts, which belong to a room or a transfer and go with it (SEAL1 §4.12).

    begin ──▶ pending ── every part received ──▶ commit ──▶ committed ──▶ expired ──▶ forgotten
                └─ a day without a part ──────────────────────────────────▲

The record is written first, then the parts; it is forgotten last, after them (R-40). So whatever
dies in between leaves only parts that a record names, or parts that none names and a sweep deletes.
"""

from dataclasses import dataclass
from typing import Literal, Protocol

from protocol.ids import DeviceId, FileId, RoomId, TransferId, UserId
from protocol.limits import FILE_PART_BYTES

DIGEST_BYTES = 32


@dataclass(frozen=True, slots=True)
class File:
    """`size_bytes` is that of the ciphertext; `hashes` of a whole file the SHA-256 of its parts.

    They stand one after another. The server knows neither name nor type nor the size of what is
    inside. Exactly one of `room_id` and `transfer_id` is set: what it belongs to.
    """

    file_id: FileId
    owner: UserId
    device_id: DeviceId
    room_id: RoomId | None
    size_bytes: int
    created_ms: int
    transfer_id: TransferId | None = None
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
        belongs_to = self.room_id, self.transfer_id
        return self.file_id, self.owner, self.device_id, belongs_to, self.size_bytes

    def part_bytes(self, number: int) -> int:
        """Return the size of a part, numbered from 0."""
        return min(FILE_PART_BYTES, self.size_bytes - number * FILE_PART_BYTES)

    def part_digest(self, number: int) -> bytes:
        """Return the SHA-256 of a part of a whole file."""
        return self.hashes[number * DIGEST_BYTES : (number + 1) * DIGEST_BYTES]


@dataclass(frozen=True, slots=True)
class Allowance:
    """What one person may keep here: bytes at a time, bytes begun in a day, uploads under way."""

    stored_bytes: int
    daily_bytes: int
    pending_files: int


class FileStore(Protocol):
    """A pending file lives as long as parts come, a committed one as long as its home.

    Each is noted within FILE_PENDING_TTL_MS of the one before, or of `begin`, and no upload takes
    longer than FILE_UPLOAD_TTL_MS. The home is a room or a transfer; a draft lives as long as
    each of its pending files.
    """

    async def begin(self, file: File, allowance: Allowance, now_ms: int) -> File:
        """Add a pending file, or return the live one that the same device began alike.

        Atomicity: the allowance holds however many calls run at once.
        Raises: AppError(not_found) when its room is not live, or its transfer is not a live draft
        of the same owner; AppError(quota_full); AppError(conflict) when there is a record of
        another file, or of one that has ended, with this id.
        """
        ...

    async def by_id(self, file_id: FileId, now_ms: int) -> File | None:
        """Return a live file."""
        ...

    async def received(self, file_id: FileId) -> list[int]:
        """Return which parts of a file are here, in ascending order."""
        ...

    async def expect_part(self, file_id: FileId, number: int, digest: bytes, now_ms: int) -> bool:
        """Note the SHA-256 of a part of a pending file that is still to come; twice is once.

        Atomicity: as `add_part`, and the two together; a part that is here stays here.
        Returns: as `add_part`.
        Raises: AppError(conflict) when another hash is noted.
        """
        ...

    async def add_part(self, file_id: FileId, number: int, digest: bytes, now_ms: int) -> bool:
        """Note that a part of a pending file is durable, and its SHA-256; twice is once.

        That puts off the end of the file, and of its draft, as expecting one does.

        Atomicity: of several hashes for one part, one is noted, and stays.
        Returns: False when the file is not pending, or has ended.
        Raises: AppError(conflict) when another hash is noted.
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
