"""Parts on their way in: how many are in memory at once, of one person and of everybody.

A body may take PART_SECONDS to arrive, so neither quotas nor the disk bound what has arrived of it.
"""

from collections import Counter

from protocol.errors import AppError, ErrorCode, RateLimited
from protocol.ids import UserId

PARTS_PER_USER = 8  # twice what a client of ours sends side by side
PARTS_AT_ONCE = 64  # 256 MiB in a process
RETRY_MS = 1_000


class Receiving:
    """Counts parts from their first byte until they are stored or given up."""

    def __init__(self) -> None:
        self._parts: Counter[UserId] = Counter()

    def begin(self, user_id: UserId) -> None:
        """Count one in.

        Raises: RateLimited when this person sends too many side by side, AppError(unavailable) when
        everybody together does
        """
        if self._parts[user_id] >= PARTS_PER_USER:  # a Counter keeps nothing that is only read
            raise RateLimited(RETRY_MS, "parts")
        if self._parts.total() >= PARTS_AT_ONCE:
            raise AppError(ErrorCode.UNAVAILABLE, "parts")
        self._parts[user_id] += 1

    def end(self, user_id: UserId) -> None:
        """Count one out."""
        self._parts[user_id] -= 1
        if not self._parts[user_id]:
            del self._parts[user_id]
