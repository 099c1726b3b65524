"""Order of work within a room on one connection (docs/protocol.md, Order and recovery).

Sends to a room run side by side, since the store keeps their order; a `sync` of that room waits for
the sends before it and holds up what comes after it. Rooms do not wait for each other.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from protocol.errors import AppError, ErrorCode
from protocol.ids import RoomId
from protocol.limits import OUTGOING_FRAMES

Run = Callable[[], object]


@dataclass(slots=True)
class _Lane:
    running: int = 0
    is_alone: bool = False
    is_advancing: bool = False
    waiting: deque[tuple[Run, bool]] = field(default_factory=deque)

    def admits(self, *, alone: bool) -> bool:
        return not self.is_alone and not (alone and self.running)


class Lanes:
    """Work under way, by room."""

    def __init__(self) -> None:
        self._lanes: dict[RoomId, _Lane] = {}

    @property
    def is_idle(self) -> bool:
        """Whether everything that was begun has been answered."""
        return not self._lanes

    def begin(self, room: RoomId, run: Run, *, alone: bool = False) -> None:
        """Call `run` as soon as it is its turn; its end is told by `end`.

        Raises: AppError(unavailable) when too much waits for this room already.
        """
        lane = self._lanes.get(room)
        if lane is None:
            lane = self._lanes[room] = _Lane()
        if not lane.waiting and lane.admits(alone=alone):
            lane.running += 1
            lane.is_alone = alone
            run()
        elif len(lane.waiting) < OUTGOING_FRAMES:
            lane.waiting.append((run, alone))
        else:
            raise AppError(ErrorCode.UNAVAILABLE, "too much waits for this room")

    def end(self, room: RoomId) -> None:
        """Note that one `run` of the room has been answered."""
        lane = self._lanes[room]
        lane.running -= 1
        lane.is_alone = False
        if lane.is_advancing:
            return
        lane.is_advancing = True
        while lane.waiting and lane.admits(alone=lane.waiting[0][1]):
            run, lane.is_alone = lane.waiting.popleft()
            lane.running += 1
            run()
        lane.is_advancing = False
        if not lane.running:
            del self._lanes[room]
