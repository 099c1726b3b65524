"""Every conversation of this process, so that a stop can end them without a stampede (R-20)."""

import asyncio
import math
import random
from typing import Protocol

SPREAD_S = 3.0  # at most, from the first one that is closed to the last
CLOSED_PER_S = 1_000  # so that few are closed at once, and many do not come back together
STEP_S = 0.05


class Finishing(Protocol):
    """A conversation, as a stop sees it."""

    def finish(self, code: int) -> None:
        """Take no more frames, and close with this code once everything has been answered."""
        ...


class Conversations:
    """Those that are open, whether or not they have said who they are."""

    def __init__(self) -> None:
        self._open: set[Finishing] = set()
        self._emptied = asyncio.Event()

    def add(self, conversation: Finishing) -> None:
        """Count one in."""
        self._open.add(conversation)

    def discard(self, conversation: Finishing) -> None:
        """Count one out; twice is once."""
        self._open.discard(conversation)
        if not self._open:
            self._emptied.set()

    async def finish_all(self, code: int) -> None:
        """Finish every one in random order, over SPREAD_S when there are many."""
        waiting = list(self._open)
        random.shuffle(waiting)
        steps = math.ceil(min(SPREAD_S, len(waiting) / CLOSED_PER_S) / STEP_S)
        for step in range(steps):
            if step:
                await asyncio.sleep(STEP_S)
            for conversation in waiting[step::steps]:
                conversation.finish(code)

    async def empty(self) -> None:
        """Wait until all are gone."""
        while self._open:
            self._emptied.clear()
            await self._emptied.wait()
