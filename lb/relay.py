"""Two joined connections: every byte in order, nothing of it understood.

    client ──▶ up ──▶ worker        read ≤ READ_BYTES, write, and while more than HIGH_BYTES
    client ◀── down ◀── worker      wait to be taken, read no more from the other side

    one side ends its direction ──▶ the other side is told (half-close), the rest flows on
    both directions have ended  ──▶ both connections are closed
    one connection is lost      ──▶ the other is closed after what waits for it
    `Watch` says so             ──▶ both are cut

A direction keeps at most HIGH_BYTES + READ_BYTES, 192 KiB, in this process (S-53). TLS cannot end
one direction alone, so there the end of one is the end of both.
"""

import asyncio
from collections.abc import Callable
from typing import cast

from lb.pool import Worker
from lb.watch import Counts, Watch

READ_BYTES = 64 * 1024
HIGH_BYTES = 128 * 1024

# What was read is copied out before the loop reads again, so all connections can share one buffer.
# A view, since asyncio's TLS slices it, and the slice of a bytearray would be a copy.
_buffer = memoryview(bytearray(READ_BYTES))


class Side(asyncio.BufferedProtocol):
    """One of the two connections; what comes before it is joined is kept, at most one read."""

    __slots__ = ("_early", "has_ended", "is_lost", "other", "received", "relay", "transport")

    def __init__(self) -> None:
        self.other: Side
        self.relay: Relay | None = None
        self.received = 0
        self.has_ended = False
        self.is_lost = True  # until it is made
        self._early = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: asyncio.Transport = cast(asyncio.Transport, transport)
        self.is_lost = False
        self.transport.set_write_buffer_limits(high=HIGH_BYTES)

    def get_buffer(self, sizehint: int) -> memoryview:
        return _buffer

    def buffer_updated(self, nbytes: int) -> None:
        data = bytes(_buffer[:nbytes])
        self.received += nbytes
        if self.relay is not None:
            self.other.transport.write(data)
        else:
            # uvloop begins to read after `connection_made`, whatever that says.
            self._early += data
            self.transport.pause_reading()

    def flow(self) -> None:
        """Pass on what was kept, and from now on what comes."""
        self.other.transport.write(self._early)
        self._early = b""
        if self.is_lost:
            self.other.transport.close()
        elif self.has_ended:
            self._end()
        elif self.can_read:
            self.transport.resume_reading()

    def eof_received(self) -> bool:
        if not self.has_ended:
            self.has_ended = True
            if self.relay is not None:
                self._end()
        return self.transport.can_write_eof()

    def _end(self) -> None:
        both = self.transport, self.other.transport
        if self.other.has_ended or not all(transport.can_write_eof() for transport in both):
            # uvloop ends the process when both sides were half-closed and are never closed (F15).
            self.transport.close()
            self.other.transport.close()
        else:
            self.other.transport.write_eof()

    def pause_writing(self) -> None:
        if self.other.can_read:
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.other.can_read:
            self.other.transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_lost = True
        if self.relay is not None:
            self.relay.side_lost(self)

    def cut(self) -> None:
        """End it at once, whatever waits."""
        if not self.is_lost:
            self.transport.abort()

    @property
    def can_read(self) -> bool:
        """Whether more may come from it."""
        return not (self.has_ended or self.transport.is_closing())

    @property
    def waiting(self) -> int:
        """Bytes that are to be sent and were not taken yet."""
        return 0 if self.is_lost else self.transport.get_write_buffer_size()


class Relay:
    """A client and a worker, joined until both are gone; then `on_end` is called once."""

    __slots__ = (
        "_counted",
        "_on_end",
        "_period_s",
        "_target",
        "_timer",
        "_watch",
        "client",
        "cut_for",
        "worker",
    )

    def __init__(
        self,
        client: Side,
        worker: Side,
        target: Worker,
        watch: Watch,
        on_end: Callable[["Relay"], None],
        *,
        period_s: float,
    ) -> None:
        """Join both; nothing flows before `start`.

        Args:
            target: whose bytes are counted.
            period_s: how often `watch` is asked.
        """
        self.client, self.worker = client, worker
        self.cut_for = ""
        self._target = target
        self._watch = watch
        self._on_end = on_end
        self._period_s = period_s
        self._counted = (0, 0)
        client.other, worker.other = worker, client
        client.relay = worker.relay = self

    def start(self) -> None:
        """Let them flow."""
        self._timer = asyncio.get_running_loop().call_later(self._period_s, self._check)
        self.client.flow()
        self.worker.flow()

    def cut(self, reason: str) -> None:
        """End both at once, whatever waits; the first reason is kept."""
        self.cut_for = self.cut_for or reason
        self.client.cut()
        self.worker.cut()

    def side_lost(self, side: Side) -> None:
        """Close the other side after what waits for it."""
        if not side.other.is_lost:
            side.other.transport.close()
            return
        self._timer.cancel()
        self._count()
        self._on_end(self)

    def _check(self) -> None:
        self._count()
        loop = asyncio.get_running_loop()
        up = Counts(self.client.received, self.worker.waiting)
        down = Counts(self.worker.received, self.client.waiting)
        reason = self._watch.verdict(loop.time(), up, down)
        if reason:
            self.cut(reason)
        else:
            self._timer = loop.call_later(self._period_s, self._check)

    def _count(self) -> None:
        """Add what has come since the last time to the worker's bytes."""
        up, down = self.client.received, self.worker.received
        self._target.bytes_up += up - self._counted[0]
        self._target.bytes_down += down - self._counted[1]
        self._counted = up, down
