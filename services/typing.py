"""Who is typing: told to the others in the room, never stored, over after TYPING_TTL_MS."""

import asyncio

from models.events import EventSink, Told
from protocol.errors import AppError
from protocol.frames import TypingOf
from protocol.ids import RoomId, UserId
from protocol.limits import TYPING_TTL_MS
from services.rosters import Roster, Rosters


class TypingService:
    """Timers of those who type."""

    def __init__(self, events: EventSink, rosters: Rosters) -> None:
        self._events = events
        self._rosters = rosters
        self._ends: dict[tuple[RoomId, UserId], asyncio.TimerHandle] = {}

    def set(self, user_id: UserId, room_id: RoomId, *, on: bool) -> None:
        """Tell the others; returns at once. Rooms that are not the user's are passed over."""

        def tell(roster: Roster | AppError) -> None:
            if isinstance(roster, AppError) or user_id not in roster.members or roster.is_blocked:
                return
            was_on = self._cancel(room_id, user_id)
            if on:
                self._ends[room_id, user_id] = asyncio.get_running_loop().call_later(
                    TYPING_TTL_MS / 1_000, lambda: self.set(user_id, room_id, on=False)
                )
            if on or was_on:
                others = tuple(user for user in roster.members if user != user_id)
                self._events.publish(Told(others, TypingOf(room=room_id, user=user_id, on=on)))

        self._rosters.use(room_id, tell)

    def gone(self, user_id: UserId) -> None:
        """End all typing of someone whose last connection closed."""
        for room_id in [room for room, user in self._ends if user == user_id]:
            self.set(user_id, room_id, on=False)

    def _cancel(self, room_id: RoomId, user_id: UserId) -> bool:
        end = self._ends.pop((room_id, user_id), None)
        if end is not None:
            end.cancel()
        return end is not None
