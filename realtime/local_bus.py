"""The EventSink of a single process: whoever subscribed is called at once."""

import logging
from collections import deque
from collections.abc import Callable

from models.events import Event, Kind, ProcessId
from protocol.ids import UserId

_log = logging.getLogger(__name__)


class LocalBus:
    """Calls subscribers in the order they subscribed, event by event.

    Order: an event published while another is being handed out waits until everyone had that one.
    """

    process = ProcessId("")  # the only one needs no name
    is_up: bool | None = None  # there is no other one to be told

    def __init__(self) -> None:
        self._subscribers: dict[type, list[Callable[..., None]]] = {}
        self._waiting: deque[Event] = deque()
        self._is_handing_out = False

    @property
    def here(self) -> "LocalBus":
        """What only this process needs to know is published here: there is no other one."""
        return self

    def subscribe(self, kind: type[Kind], call: Callable[[Kind], None]) -> None:
        """Have `call` called with every event of this kind; what it raises is logged."""
        self._subscribers.setdefault(kind, []).append(call)

    def publish(self, event: Event) -> None:
        self._waiting.append(event)
        if self._is_handing_out:
            return
        self._is_handing_out = True
        try:
            while self._waiting:
                self._hand_out(self._waiting.popleft())
        finally:
            self._is_handing_out = False

    def _hand_out(self, event: Event) -> None:
        for call in self._subscribers.get(type(event), ()):
            try:
                call(event)
            except Exception:  # noqa: BLE001 - one subscriber's bug is not the publisher's
                _log.exception("an event was not handled")

    def open(self) -> None:
        """There is nothing to connect to."""

    async def close(self) -> None:
        """There is nobody to leave."""

    def came(self, user_id: UserId) -> None:
        """Everything is heard here anyway."""

    def went(self, user_id: UserId) -> None:
        """Nobody else could be told."""
