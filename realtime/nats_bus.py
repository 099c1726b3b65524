"""The EventSink of several processes: at once in this one, over NATS in the others.

    MessageStored, Told ──▶ the subject of each user concerned   heard where that user is connected
    all other facts     ──▶ the subject of everybody, numbered   heard by every process

NATS loses packets without a word (F6). Whatever went missing of the numbered ones shows in the next
one or in a heartbeat, and so does what this process could not send: it skips a number. Then, and
after every interruption, subscribers get `EventsLost`; what a message's packet would have told is
found in the log by `services/catch_up.py`.
"""

import asyncio
import logging
from collections.abc import Callable

from models.events import (
    Event,
    EventSink,
    EventsLost,
    Kind,
    LogGrown,
    MessageStored,
    ProcessGone,
    ProcessId,
    Told,
)
from models.ports import Clock
from protocol.ids import UserId
from realtime.local_bus import LocalBus
from realtime.nats_link import NatsLink
from realtime.neighbours import Heard, Neighbours
from realtime.packets import (
    Carried,
    Fact,
    Goodbye,
    Heartbeat,
    Packet,
    Packets,
    joined,
    share,
)
from realtime.subjects import EVERYBODY, of_user, user_of

BEAT_S = 1.0
LOST_AGAIN_MS = 4_000  # S-12: with the time to notice an interruption, below 5 s
LEAVE_S = 5.0  # how long a user's subject is kept after the last connection, for a reload

_log = logging.getLogger(__name__)


class NatsBus:
    """Tells other processes, and notices what it was not told."""

    def __init__(self, link: NatsLink, process: ProcessId, key: bytes, clock: Clock) -> None:
        """Args: key: 32 bytes that every process of this server has, and nobody else."""
        self.process = process
        self.refused = 0  # packets that none of our processes can have written
        self.dropped = 0  # packets that could not be sent
        self._link = link
        self._local = LocalBus()
        self._packets = Packets(process, key)
        self._clock = clock
        self._neighbours = Neighbours()
        self._number = 0
        self._leaving: dict[UserId, asyncio.TimerHandle] = {}
        self._lost_ms = 0
        self._is_lost = False
        self._beating: asyncio.TimerHandle | None = None

    @property
    def is_up(self) -> bool:
        return self._link.is_up

    @property
    def here(self) -> EventSink:
        """What only this process needs to know is published here."""
        return self._local

    def open(self) -> None:
        """Begin to connect; until then, and in between, the others hear nothing."""
        self._link.want(EVERYBODY)
        self._link.open(self)
        self._lost_ms = self._clock.monotonic_ms()
        self._beat()

    async def close(self) -> None:
        """Say goodbye, send what is waiting, and hang up."""
        if self._beating is not None:
            self._beating.cancel()
        for timer in self._leaving.values():
            timer.cancel()
        self._tell_everybody(Goodbye())
        await self._link.close()

    def subscribe(self, kind: type[Kind], call: Callable[[Kind], None]) -> None:
        """Have `call` called with every event of this kind; what it raises is logged."""
        self._local.subscribe(kind, call)

    def publish(self, event: Event) -> None:
        self._local.publish(event)
        if isinstance(event, MessageStored):
            self._share(event)
        elif isinstance(event, Told):
            for user in event.users:
                self._tell(user, Told((user,), event.frame, event.not_to, event.only))
        elif not isinstance(event, EventsLost | ProcessGone):
            self._tell_everybody(event)

    # ── who is connected here ────────────────────────────────────────────────────────────────────

    def came(self, user_id: UserId) -> None:
        """Hear what is told to a user."""
        leaving = self._leaving.pop(user_id, None)
        if leaving is None:
            self._link.want(of_user(user_id))
        else:
            leaving.cancel()

    def went(self, user_id: UserId) -> None:
        """Hear it no longer, unless the user is back within LEAVE_S."""
        self._leaving[user_id] = asyncio.get_running_loop().call_later(
            LEAVE_S, self._leave, user_id
        )

    def _leave(self, user_id: UserId) -> None:
        del self._leaving[user_id]
        self._link.unwant(of_user(user_id))

    # ── what leaves ──────────────────────────────────────────────────────────────────────────────

    def _share(self, event: MessageStored) -> None:
        if not self._link.is_up:
            self._drop()
            return
        for user, fact in share(event):
            subject = of_user(user)
            packet = self._packets.write(subject, fact)
            if len(packet) > self._link.max_bytes:
                hint = LogGrown(event.room_id, event.message.seq, (user,))
                packet = self._packets.write(subject, hint)
            if not self._link.send(subject, packet):
                self._drop()

    def _tell(self, user: UserId, fact: Told) -> None:
        subject = of_user(user)
        if not self._link.is_up or not self._send(subject, self._packets.write(subject, fact)):
            self._drop()

    def _tell_everybody(self, fact: Fact) -> None:
        self._number += 1
        if not self._link.is_up or not self._send(
            EVERYBODY, self._packets.write(EVERYBODY, fact, self._number)
        ):
            self.dropped += 1

    def _send(self, subject: str, packet: bytes) -> bool:
        return len(packet) <= self._link.max_bytes and self._link.send(subject, packet)

    def _drop(self) -> None:
        self.dropped += 1
        self._number += 1  # never given to a packet, so that the others notice

    def _beat(self) -> None:
        self._beating = asyncio.get_running_loop().call_later(BEAT_S, self._beat)
        now_ms = self._clock.monotonic_ms()
        if self._link.is_up:
            self._send(EVERYBODY, self._packets.write(EVERYBODY, Heartbeat(), self._number))
            for process in self._neighbours.take_silent(now_ms):
                self._local.publish(ProcessGone(process))
            if self._is_lost:
                self._tell_lost(is_over=True)
        elif now_ms - self._lost_ms >= LOST_AGAIN_MS:
            self._tell_lost(is_over=False)

    # ── what arrives ─────────────────────────────────────────────────────────────────────────────

    def received(self, subject: str, data: bytes) -> None:
        """Hand out what one of our processes wrote, and pass over everything else."""
        packet = self._packets.read(subject, data)
        if packet is None:
            if not self.refused:
                _log.warning("a packet on the bus is not ours: do all have the same master key?")
            self.refused += 1
        elif packet.process == self.process:
            return
        elif subject == EVERYBODY:
            self._note(packet)
        else:
            self._hand_out(subject, packet.fact)

    def came_up(self) -> None:
        self._neighbours.pardon(self._clock.monotonic_ms())
        self._tell_lost(is_over=True)

    def went_down(self) -> None:
        self._number += 1  # what was on its way may be lost: the others shall notice
        self._tell_lost(is_over=False)

    def overflowed(self) -> None:
        self._is_lost = True

    def _note(self, packet: Packet) -> None:
        process, now_ms = packet.process, self._clock.monotonic_ms()
        if isinstance(packet.fact, Goodbye):
            if self._neighbours.left(process):
                self._local.publish(ProcessGone(process))
            return
        if isinstance(packet.fact, Heartbeat):
            heard = self._neighbours.beat(process, packet.number, now_ms)
        else:
            heard = self._neighbours.told(process, packet.number, now_ms)
            if heard is not Heard.REPEATED:
                self._hand_out(EVERYBODY, packet.fact)
        if heard is Heard.MISSED:
            self._is_lost = True  # told with the next beat, however many are missed until then

    def _hand_out(self, subject: str, fact: Fact) -> None:
        if isinstance(fact, Carried):
            self._local.publish(joined(user_of(subject), fact))
        elif not isinstance(fact, Heartbeat | Goodbye):
            self._local.publish(fact)

    def _tell_lost(self, *, is_over: bool) -> None:
        self._is_lost = False
        self._lost_ms = self._clock.monotonic_ms()
        self._local.publish(EventsLost(is_over))
