"""What a process of several does because the bus may lose an event: it looks at the store itself.

    every CATCH_UP_MS ──▶ which logs grew? ── SETTLE_MS ──▶ those that somebody here was not told of
    LogGrown          ──▶ that log at once: its message was too large for the bus
    EventsLost        ──▶ which log-ins of connections here are over?

What is found missing is read for each connected device and handed out as if it had come by the bus.
A message may so be told twice, for devices know it by its number; none stays untold for longer than
CATCH_UP_MS and SETTLE_MS (architecture §4.5).
"""

import asyncio
import logging
from collections.abc import Iterable, Mapping
from typing import Protocol

from models.events import Bus, EventsLost, LogGrown, LoginsEnded, MessageStored, Told
from models.messages import Grown
from models.ports import Clock
from models.stores import Stores
from protocol.errors import AppError
from protocol.frames import Message, MessageNew
from protocol.ids import DeviceId, LoginId, RoomId, UserId
from protocol.limits import CATCH_UP_MS, SYNC_PAGE
from services.logins import LoginService
from services.messages import PAGE_BYTES
from services.tasks import spawn

SETTLE_MS = 500  # what is on its way by the bus arrives within this
MISSING = SYNC_PAGE  # of more, or of a log nobody here heard of, only the newest is told: the
# device sees the gap and asks

_log = logging.getLogger(__name__)


class Connected(Protocol):
    """Who is connected to this process."""

    def devices_of(self, user_id: UserId) -> list[DeviceId]: ...

    def logins(self) -> Mapping[LoginId, UserId]: ...


class CatchUpService:
    """Knows how far everybody who is connected here has been told of each log."""

    def __init__(
        self, stores: Stores, clock: Clock, bus: Bus, logins: LoginService, connected: Connected
    ) -> None:
        self._stores = stores
        self._clock = clock
        self._bus = bus
        self._logins = logins
        self._connected = connected
        self._told: dict[UserId, dict[RoomId, int]] = {}

    async def run(self) -> None:
        """Look for ever."""
        place: int | None = None
        while True:
            try:
                place = await self._look(place)
            except AppError as error:
                _log.warning("no look at the logs", extra={"code": error.code})
            except Exception:  # noqa: BLE001 - a bug costs one look, not all that follow
                _log.exception("a look at the logs failed")
            await asyncio.sleep(CATCH_UP_MS / 1_000)

    def told(self, event: MessageStored) -> None:
        """Note what connections here are being told."""
        room_id, seq = event.room_id, event.message.seq
        for user_id in event.recipients:
            if self._connected.devices_of(user_id):
                self._note(user_id, room_id, seq)

    def log_grew(self, event: LogGrown) -> None:
        """Tell at once what the bus could not carry."""
        spawn(self._tell_now(Grown(event.room_id, event.last_seq, event.members)))

    def events_lost(self, _event: EventsLost) -> None:
        """Close the connections whose log-in has ended unheard."""
        spawn(self._end_logins())

    async def _look(self, place: int | None) -> int:
        """Look once, and return where to go on; when it fails, from where it began."""
        grown, next_place = await self._stores.messages.grown(place)
        await asyncio.sleep(SETTLE_MS / 1_000)
        self._forget_who_left()
        for log in grown:
            await self._tell_missing(log)
        return next_place

    async def _tell_now(self, log: Grown) -> None:
        try:
            await self._tell_missing(log)
        except AppError as error:
            _log.warning("a log waits for the next look", extra={"code": error.code})

    async def _tell_missing(self, log: Grown) -> None:
        for user_id in log.members:
            devices = self._connected.devices_of(user_id)
            after = self._told.get(user_id, {}).get(log.room_id)
            if not devices or (after is not None and after >= log.last_seq):
                continue
            if after is None or log.last_seq - after > MISSING:
                after = log.last_seq - 1
            for device_id in devices:
                await self._tell_after(log, user_id, device_id, after)
            self._told.setdefault(user_id, {})[log.room_id] = log.last_seq

    async def _tell_after(
        self, log: Grown, user_id: UserId, device_id: DeviceId, after: int
    ) -> None:
        while after < log.last_seq:
            messages, _ = await self._stores.messages.page(
                log.room_id,
                (user_id, device_id),
                now_ms=self._clock.now_ms(),
                after=after,
                limit=MISSING,
                max_chars=PAGE_BYTES,
            )
            if not messages:  # the room has ended
                return
            for message in _not_from(messages, user_id, device_id):
                frame = MessageNew(room=log.room_id, message=message)
                self._bus.here.publish(Told((user_id,), frame, only=device_id))
            after = messages[-1].seq

    def _note(self, user_id: UserId, room_id: RoomId, seq: int) -> None:
        """Move on by one; what would leave a gap is left to the next look."""
        told = self._told.setdefault(user_id, {})
        if told.get(room_id, seq - 1) == seq - 1:
            told[room_id] = seq

    def _forget_who_left(self) -> None:
        for user_id in [one for one in self._told if not self._connected.devices_of(one)]:
            del self._told[user_id]

    async def _end_logins(self) -> None:
        try:
            logins = self._connected.logins()
            for login_id in await self._logins.ended_of(logins):
                self._bus.here.publish(LoginsEnded(logins[login_id], (login_id,)))
        except AppError as error:
            _log.warning("no look at the log-ins", extra={"code": error.code})


def _not_from(
    messages: Iterable[Message], user_id: UserId, device_id: DeviceId
) -> Iterable[Message]:
    """Leave out what a device sent itself: it has the acknowledgement."""
    return (m for m in messages if (m.sender, m.sender_device) != (user_id, device_id))
