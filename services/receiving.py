"""Parts on their way in: how many are in memory at once, of one person and of everybody.

A body may take PART_SECONDS to arrive, so neither quotas nor the disk bound what has arrived of it.
Memory is used again: asking the system for 4 MiB and giving them back costs more than filling them.
"""

from collections import Counter

from protocol.errors import AppError, ErrorCode, RateLimited
from protocol.ids import UserId
from protocol.limits import FILE_PART_BYTES

PARTS_PER_USER = 8  # twice what a client of ours sends side by side
PARTS_AT_ONCE = 64  # 256 MiB in a process
KEPT = 4  # memories that wait for the next part: 16 MiB, and no disk does more side by side
RETRY_MS = 1_000


class Arriving:
    """One part as it comes in."""

    def __init__(self, user_id: UserId, memory: bytearray) -> None:
        self.user_id = user_id
        self.memory = memory
        self._view = memoryview(memory)
        self._size_bytes = 0

    def room(self) -> memoryview:
        """Return where the next bytes may be put before they are added; nothing when it is full."""
        return self._view[self._size_bytes :]

    def add(self, chunk: bytes | memoryview) -> None:
        """Take the next bytes; what is too much for a part is not kept.

        Args:
            chunk: bytes, or a view of the room in which they are.
        """
        start = self._size_bytes
        self._size_bytes += len(chunk)
        is_there = isinstance(chunk, memoryview) and chunk.obj is self.memory
        if self._size_bytes <= FILE_PART_BYTES and not is_there:
            self._view[start : self._size_bytes] = chunk

    def data(self) -> memoryview:
        """Return what has come; it is somebody else's after `Receiving.end`.

        Raises: AppError(bad_part) when that is more than a part
        """
        if self._size_bytes > FILE_PART_BYTES:
            raise AppError(ErrorCode.BAD_PART, "size")
        return self._view[: self._size_bytes]


class Receiving:
    """Counts parts from their first byte until they are stored or given up."""

    def __init__(self) -> None:
        self._parts: Counter[UserId] = Counter()
        self._free: list[bytearray] = []

    def begin(self, user_id: UserId) -> Arriving:
        """Count one in, and give it memory.

        Raises: RateLimited when this person sends too many side by side, AppError(unavailable) when
        everybody together does
        """
        if self._parts[user_id] >= PARTS_PER_USER:  # a Counter keeps nothing that is only read
            raise RateLimited(RETRY_MS, "parts")
        if self._parts.total() >= PARTS_AT_ONCE:
            raise AppError(ErrorCode.UNAVAILABLE, "parts")
        self._parts[user_id] += 1
        return Arriving(user_id, self._free.pop() if self._free else bytearray(FILE_PART_BYTES))

    def end(self, part: Arriving) -> None:
        """Count one out, once; nobody may use what came of it any more."""
        self._parts[part.user_id] -= 1
        if not self._parts[part.user_id]:
            del self._parts[part.user_id]
        if len(self._free) < KEPT:
            self._free.append(part.memory)
