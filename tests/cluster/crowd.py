"""Pairs of people who talk all the time while something is broken beneath them."""

import asyncio
import contextlib
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.history import History
from tests.cluster.talker import Talker
from tests.people import People, people_of

PATIENCE_S = 60.0  # for what takes seconds on a quiet machine


@dataclass
class Crowd:
    """Everybody who talks in one drill."""

    talkers: list[Talker]
    history: History

    @classmethod
    async def of_pairs(cls, data_dir: Path, database: str, count: int) -> "Crowd":
        """Write so many new pairs of contacts, each with a room, into a database."""
        crowd = cls([], History({}))
        async with people_of(data_dir, database) as people:
            for _ in range(count):
                await crowd._add_pair(people)
        return crowd

    async def _add_pair(self, people: People) -> None:
        names = (f"an-{secrets.token_hex(4)}", f"binh-{secrets.token_hex(4)}")
        one, other = [await people.new(name) for name in names]
        await people.befriend(one, other)
        room = (await people.room(one, other)).room_id
        self.history.members[room] = names
        for name, me, you in zip(names, (one, other), (other, one), strict=True):
            self.talkers.append(Talker(name, me, you, room, self.history))

    @contextlib.asynccontextmanager
    async def talking(self, origin: str) -> AsyncIterator[None]:
        """Let everybody talk meanwhile.

        At the end everybody finishes: what was written is acknowledged, both members of a room have
        been shown the same without asking anew, and the history has no violation.
        """
        loop = asyncio.get_running_loop()
        lives = [loop.create_task(talker.live(origin)) for talker in self.talkers]
        try:
            await self.says(len(self.talkers))
            yield
            await self.falls_silent()
        finally:
            for life in lives:
                life.cancel()
            ends = await asyncio.gather(*lives, return_exceptions=True)
        assert [e for e in ends if not isinstance(e, asyncio.CancelledError)] == []
        assert self.history.violations() == []

    async def falls_silent(self) -> None:
        """Wait until nobody has anything left to say and all have heard all; then talk on."""
        for talker in self.talkers:
            talker.is_writing = False
        await self.until(self._is_settled)
        for talker in self.talkers:
            talker.is_writing = True

    async def says(self, count: int) -> None:
        """Wait until so many more messages have been acknowledged."""
        enough = len(self.history.acknowledged) + count
        await self.until(lambda: len(self.history.acknowledged) >= enough)

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until something is so."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                while not holds():
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise AssertionError(f"it never came to that; noticed: {self.notices}") from None

    @property
    def notices(self) -> Counter[str]:
        """What anybody noticed besides messages."""
        return sum((talker.notices for talker in self.talkers), Counter[str]())

    def _is_settled(self) -> bool:
        cursors: dict[str, set[int]] = {}
        for talker in self.talkers:
            cursors.setdefault(talker.room, set()).add(talker.cursor)
        is_same = all(len(each) == 1 for each in cursors.values())
        return is_same and all(talker.is_done for talker in self.talkers)
