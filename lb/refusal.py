"""Telling a client no, so that it understands and does not hang.

A browser gets an answer 503 that says when to come back; whoever speaks another protocol is closed.
"""

import asyncio
from collections.abc import Callable
from typing import cast

_BODY = b"All servers are busy or away. Please try again in a moment.\n"
_RETRY_AFTER_S = 2
_LINGER_S = 2.0

UNAVAILABLE = (
    b"HTTP/1.1 503 Service Unavailable\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\n"
    b"Content-Length: %d\r\n"
    b"Retry-After: %d\r\n"
    b"Cache-Control: no-store\r\n"
    b"Connection: close\r\n"
    b"\r\n" % (len(_BODY), _RETRY_AFTER_S)
) + _BODY


class Refusal(asyncio.Protocol):
    """Answers UNAVAILABLE to whatever comes, then closes once the client has.

    Closing with a request unread would make the system discard the answer (RFC 9112, section 9.6),
    so what comes is read and dropped, for at most `_LINGER_S`.
    """

    def __init__(self, lingering: set["Refusal"], ended: Callable[[], None]) -> None:
        """Stay in `lingering` from the connection's begin to its end."""
        self._lingering = lingering
        self._ended = ended

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._lingering.add(self)
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(UNAVAILABLE)
        if self._transport.can_write_eof():
            self._transport.write_eof()
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(_LINGER_S, self._transport.abort)

    def cut(self) -> None:
        """Wait no longer for the client."""
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Drop it."""

    def eof_received(self) -> None:
        """Let the transport close itself."""

    def connection_lost(self, exc: Exception | None) -> None:
        self._timer.cancel()
        self._lingering.discard(self)
        self._ended()
