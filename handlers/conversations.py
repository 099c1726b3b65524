"""Every conversation of this process, to end or renew them all without a stampede (R-20)."""

import asyncio
import math
import random
from typing import Protocol

from models.events import EventsLost
from services.tasks import spawn

SPREAD_S = 3.0  # at most, from the first one that is closed to the last
CLOSED_PER_S = 1_000  # so that few are closed at once, and many do not come back together
STEP_S = 0.05
RENEWED_PER_S = 200  # each reads rooms and contacts


class Finishing(Protocol):
    """A conversation, as one of many."""

    def finish(self, code: int) -> None:
        """Take no more frames, and close with this code once everything has been answered."""
        ...

    def renew(self) -> None:
        """Tell the other end how everything stands, as if it had just connected."""
        ...


class Conversations:
    """Those that are open, whether or not they have said who they are.

    `last_code` is what ends all there are, and whoever still comes.
    """

    def __init__(self) -> None:
        self.last_code: int | None = None
        self._open: set[Finishing] = set()
        self._emptied = asyncio.Event()
        self._is_renewing = False
        self._is_stale = False

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
        self.last_code = code
        waiting = list(self._open)
        random.shuffle(waiting)
        steps = math.ceil(min(SPREAD_S, len(waiting) / CLOSED_PER_S) / STEP_S)
        for step in range(steps):
            if step:
                await asyncio.sleep(STEP_S)
            for conversation in waiting[step::steps]:
                conversation.finish(code)

    def renew_all(self, event: EventsLost) -> None:
        """Renew every one, RENEWED_PER_S at most, once events arrive again."""
        if event.is_over:
            self._is_stale = True
            if not self._is_renewing:
                self._is_renewing = True
                spawn(self._renew())

    async def _renew(self) -> None:
        try:
            while self._is_stale:
                self._is_stale = False
                for conversation in list(self._open):
                    conversation.renew()
                    await asyncio.sleep(1 / RENEWED_PER_S)
        finally:
            self._is_renewing = False

    async def empty(self) -> None:
        """Wait until all are gone."""
        while self._open:
            self._emptied.clear()
            await self._emptied.wait()
