"""What lies between the bytes of a connection and its conversation, whatever carries them.

socket ──▶ Transport ── what arrives ──▶ Receiver
           Transport ◀── frames, close ── hub
"""

import asyncio
from typing import Protocol

from realtime.hub import Wire


class Receiver(Protocol):
    """Who gets what arrives; called in order, and must not wait."""

    def on_open(self) -> None:
        """Note that frames can come and go from now on."""
        ...

    def on_text(self, payload: bytes) -> None:
        """Take one frame, valid UTF-8."""
        ...

    def on_other(self, *, is_ping: bool) -> None:
        """Note a ping (already answered) or a binary message."""
        ...

    def on_broken(self, code: int) -> None:
        """Close with this code: the client broke the rules of the transport."""
        ...

    def on_end(self) -> None:
        """Note that the other end has said all it will: answer it, then close."""
        ...

    def on_pause(self, *, is_paused: bool) -> None:
        """Note that what was written last waits for the other end to read, or no longer does."""
        ...

    def on_lost(self) -> None:
        """Note that the connection is gone."""
        ...


class SocketProtocol(asyncio.Protocol):
    """What every transport over a socket passes on of the event loop."""

    is_closing: bool
    _receiver: Receiver
    _transport: asyncio.Transport | None
    _timer: asyncio.TimerHandle | None

    def pause_writing(self) -> None:
        self._receiver.on_pause(is_paused=True)

    def resume_writing(self) -> None:
        self._receiver.on_pause(is_paused=False)

    def connection_lost(self, _error: Exception | None) -> None:
        self.is_closing = True
        self._transport = None
        if self._timer is not None:
            self._timer.cancel()
        self._receiver.on_lost()


class Transport(Wire, Protocol):
    """A connection as its conversation sees it."""

    is_closing: bool

    def allow(self, frame_bytes: int) -> None:
        """Take frames up to this size from now on."""
        ...
