"""Waiting for a worker that has room: first come first served, bounded in number and in time.

Only a worker that is healthy and full is worth waiting for; when none is healthy, the answer is no
at once (R-24).
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Sequence

from lb.pool import Pool, Worker
from lb.settings import ServiceSettings


class Refused(Exception):
    """A client gets no worker; `reason` is what statistics call it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Queue:
    """Who waits for a worker of one service."""

    def __init__(self, pool: Pool, settings: ServiceSettings) -> None:
        self._pool = pool
        self._waiting: deque[asyncio.Future[None]] = deque()
        self.configure(settings)

    def __len__(self) -> int:
        return len(self._waiting)

    def configure(self, settings: ServiceSettings) -> None:
        """Take other bounds; who waits already keeps their place and their deadline."""
        self._size = settings.queue_size
        self._timeout_s = settings.queue_timeout_s

    async def turn(self, tried: Sequence[Worker]) -> list[Worker]:
        """Return the workers to choose from, at least one, as soon as it is this caller's turn.

        The caller adds its connection to the chosen one before it awaits anything, then calls
        `look` for the next in the queue.

        Args:
            tried: workers that the caller does not want.

        Raises: Refused
        """
        usable = self._pool.usable(tried)
        if usable and not self._waiting:
            return usable  # as nearly always, and without a timer
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._turn(tried)
        except TimeoutError as error:
            self.look()  # whoever gave up may just have been called
            raise Refused("waited too long") from error

    def look(self) -> None:
        """Call the first who waits when a worker has room, and everybody when none is healthy."""
        if self._waiting and not self._pool.is_any_healthy:
            while self._waiting:
                self._call()
        elif self._waiting and self._pool.usable():
            self._call()

    def _call(self) -> None:
        """Call the first who has not given up."""
        while self._waiting:
            called = self._waiting.popleft()
            # Who gave up is still in the queue until its task runs.
            if not called.done():
                called.set_result(None)
                return

    async def _turn(self, tried: Sequence[Worker]) -> list[Worker]:
        has_waited = False
        while True:
            usable = self._pool.usable(tried)
            if usable and (has_waited or not self._waiting):
                return usable
            if not any(worker.is_healthy and worker not in tried for worker in self._pool):
                raise Refused("no healthy worker")
            await self._wait(is_first=has_waited)
            has_waited = True

    async def _wait(self, *, is_first: bool) -> None:
        if len(self._waiting) >= self._size and not is_first:
            raise Refused("queue full")
        called = asyncio.get_running_loop().create_future()
        if is_first:
            self._waiting.appendleft(called)
        else:
            self._waiting.append(called)
        try:
            await called
        finally:
            with contextlib.suppress(ValueError):
                self._waiting.remove(called)
