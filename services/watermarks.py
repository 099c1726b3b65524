"""How far each member has received and read, gathered before it is stored and told.

A reader of a busy room moves its mark with every message; one write and one frame for what came
within FLUSH_MS say the same. A mark lost in a crash is moved again by the next message or sync.
"""

import asyncio
import logging

from models.events import EventSink, Told
from models.rooms import Watermark
from models.stores import Stores
from protocol.errors import AppError
from protocol.frames import Watermark as WatermarkFrame
from protocol.ids import RoomId, UserId
from services.rosters import Roster, Rosters
from services.tasks import spawn

FLUSH_MS = 50  # what a tick may be late so that a burst of messages costs one write
RETRY_MS = 1_000

_log = logging.getLogger(__name__)


class WatermarkService:
    """Marks on their way to the store."""

    def __init__(self, stores: Stores, events: EventSink, rosters: Rosters) -> None:
        self._stores = stores
        self._events = events
        self._rosters = rosters
        self._pending: dict[tuple[RoomId, UserId], Watermark] = {}
        self._private: set[tuple[RoomId, UserId]] = set()  # whose reading nobody else is told
        self._is_flushing = False
        self._storing = asyncio.Lock()  # who flushes last waits for what is on its way

    def delivered(self, user_id: UserId, room_id: RoomId, seq: int) -> None:
        """Note that one of the user's devices has everything up to `seq`; returns at once.

        Rooms that are not the user's are passed over, and those with a block between members.
        """
        self._gather(Watermark(room_id, user_id, seq, 0))

    def read(self, user_id: UserId, room_id: RoomId, seq: int) -> None:
        """Note that the user has read everything up to `seq`; returns at once."""
        self._gather(Watermark(room_id, user_id, seq, seq))

    async def flush(self) -> None:
        """Store and tell what has been gathered.

        Raises: AppError(unavailable); then nothing is lost.
        """
        async with self._storing:
            pending, self._pending = self._pending, {}
            private, self._private = self._private, set()
            if not pending:
                return
            try:
                await self._advance_received([pending[key] for key in private])
                changed = await self._stores.rooms.advance(pending.values())
            except AppError:
                for mark in pending.values():
                    self._merge(mark)
                self._private |= private
                raise
        for mark in changed:
            self._tell(mark)

    async def _advance_received(self, private: list[Watermark]) -> None:
        """Move and tell first what others may know of those who hide their reading.

        By itself, so that the store says whether it is news: a frame that says nothing new would
        give away that somebody reads, and another process may have told it before.
        """
        if private:
            received = [Watermark(m.room_id, m.user_id, m.delivered_seq, 0) for m in private]
            for mark in await self._stores.rooms.advance(received):
                self._tell_received(mark)

    def _gather(self, mark: Watermark) -> None:
        def take(roster: Roster | AppError) -> None:
            if isinstance(roster, AppError) or mark.user_id not in roster.members:
                return
            # Whoever is blocked must not see that the other one is here and reads.
            if not roster.is_blocked:
                self._merge(mark)
                if mark.user_id in roster.hiding:
                    self._private.add((mark.room_id, mark.user_id))
                if not self._is_flushing:
                    self._is_flushing = True
                    spawn(self._flush_until_empty())

        self._rosters.use(mark.room_id, take)

    def _merge(self, mark: Watermark) -> None:
        key = (mark.room_id, mark.user_id)
        known = self._pending.get(key)
        if known is None:
            self._pending[key] = mark
        elif mark.delivered_seq > known.delivered_seq or mark.read_seq > known.read_seq:
            self._pending[key] = Watermark(
                *key,
                max(known.delivered_seq, mark.delivered_seq),
                max(known.read_seq, mark.read_seq),
            )

    async def _flush_until_empty(self) -> None:
        try:
            while self._pending:
                await asyncio.sleep(FLUSH_MS / 1_000)
                try:
                    await self.flush()
                except AppError as error:
                    _log.warning("watermarks wait for the store", extra={"code": error.code})
                    await asyncio.sleep(RETRY_MS / 1_000)
        finally:
            self._is_flushing = False

    def _tell(self, mark: Watermark) -> None:
        def tell(roster: Roster | AppError) -> None:
            if isinstance(roster, AppError):
                return
            is_private = mark.user_id in roster.hiding
            to = (mark.user_id,) if is_private else roster.members
            self._events.publish(Told(to, _frame(mark, mark.read_seq)))

        self._rosters.use(mark.room_id, tell)

    def _tell_received(self, mark: Watermark) -> None:
        def tell(roster: Roster | AppError) -> None:
            if isinstance(roster, Roster):
                self._events.publish(Told(roster.members, _frame(mark, 0)))

        self._rosters.use(mark.room_id, tell)


def _frame(mark: Watermark, read_seq: int) -> WatermarkFrame:
    return WatermarkFrame(
        room=mark.room_id, user=mark.user_id, delivered_seq=mark.delivered_seq, read_seq=read_seq
    )
