"""Frames as lines over TCP: a conversation without HTTP, for programs and shells (S0-9).

    client ──▶ one JSON object, UTF-8, LF      (a CR before it is white space to JSON)
    server ──▶ the same; the last line of a connection that the server ends is an `error` that
               holds the close code a WebSocket would get: {"type":"error","error":{…,"close":1012}}

There are no pings of the server's: a connection without a whole line for SILENCE_MS is closed, so
whoever has nothing to say sends `ping` now and then. A client that shuts its sending half is
answered what it has asked, and then closed.
"""

import asyncio
from collections.abc import Callable, Iterator
from typing import cast

from handlers.framing import INVALID_DATA, NORMAL, TOO_BIG, FramingError, check_utf8
from handlers.transport import Receiver, SocketProtocol, Transport
from protocol.errors import AppError, CloseCode, ErrorCode
from protocol.frames import ErrorFrame, dump
from protocol.limits import SILENCE_MS

CLOSE_S = 5.0  # for the other end to read the last line and close
_REASONS: dict[int, ErrorCode] = {
    CloseCode.COME_BACK: ErrorCode.UNAVAILABLE,
    CloseCode.BAD_FRAMES: ErrorCode.BAD_REQUEST,
    CloseCode.SESSION_ENDED: ErrorCode.SESSION_REVOKED,
    CloseCode.AUTHENTICATION_TIMEOUT: ErrorCode.UNAUTHENTICATED,
    CloseCode.SILENT: ErrorCode.UNAVAILABLE,
    CloseCode.TOO_SLOW: ErrorCode.UNAVAILABLE,
    CloseCode.TOO_MANY: ErrorCode.RATE_LIMITED,
    TOO_BIG: ErrorCode.TOO_LARGE,
    INVALID_DATA: ErrorCode.BAD_REQUEST,
}


def last_line(code: int, connection_id: str) -> bytes:
    """Return the line that says why the connection ends."""
    body = AppError(_REASONS[code]).body(connection_id)
    return dump(ErrorFrame(error={**body, "close": int(code)})) + b"\n"


class LineReader:
    """Splits a client's stream into lines."""

    __slots__ = ("_rest", "max_bytes")

    def __init__(self, max_bytes: int) -> None:
        """Args: max_bytes: of a line without its LF."""
        self.max_bytes = max_bytes
        self._rest = bytearray()

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Yield every line that `chunk` completes, without its LF and valid UTF-8.

        Raises: FramingError
        """
        start = 0
        while (end := chunk.find(b"\n", start)) >= 0:
            line = chunk[start:end]
            start = end + 1
            if self._rest:
                self._rest += line
                line = bytes(self._rest)
                self._rest.clear()
            self._check_size(line)
            if not line.isascii():
                check_utf8(line)
            yield line
        self._rest += chunk[start:]
        self._check_size(self._rest)

    def _check_size(self, line: bytes | bytearray) -> None:
        if len(line) > self.max_bytes:
            self._rest.clear()  # whoever goes on sending is read until the socket is closed
            raise FramingError(TOO_BIG)


class LineSocket(SocketProtocol):
    """One connection: a `Transport`."""

    def __init__(
        self, attend: Callable[[Transport], Receiver], connection_id: str, max_line_bytes: int
    ) -> None:
        """Args: attend: makes the one who gets what arrives."""
        self.is_closing = False
        self._id = connection_id
        self._reader = LineReader(max_line_bytes)
        self._receiver = attend(self)
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._heard_s = 0.0
        self._has_ended = False  # the other end has shut its sending half

    # ── the conversation's side ──────────────────────────────────────────────────────────────────

    def write(self, frames: list[bytes]) -> None:
        if self._transport is not None and not self.is_closing:
            self._transport.write(b"\n".join((*frames, b"")))

    def close(self, code: int) -> None:
        if self._transport is None or self.is_closing:
            return
        self.is_closing = True
        if code != NORMAL:
            self._transport.write(last_line(code, self._id))
        self._after(CLOSE_S, self._transport.abort)
        # A socket that is closed with unread input is reset, which would take the last line with
        # it; so only our half is shut, and the other end closes.
        if self._transport.can_write_eof() and not self._has_ended:
            self._transport.write_eof()
        else:
            self._transport.close()

    def allow(self, frame_bytes: int) -> None:
        self._reader.max_bytes = frame_bytes

    # ── the event loop's side ────────────────────────────────────────────────────────────────────

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        # With next to no room `pause_writing` tells at once that somebody does not read; with none
        # a TLS transport takes an empty buffer for a full one.
        self._transport.set_write_buffer_limits(high=1, low=0)
        self._heard_s = self._loop.time()
        self._after(SILENCE_MS / 1_000, self._listen)
        self._receiver.on_open()

    def data_received(self, data: bytes) -> None:
        try:
            for line in self._reader.feed(data):
                if self.is_closing:
                    return
                self._heard_s = self._loop.time()
                self._receiver.on_text(line)
        except FramingError as error:
            self._receiver.on_broken(error.code)

    def eof_received(self) -> bool:
        self._has_ended = True
        is_half_open = not self.is_closing and self._can_half_close()
        if is_half_open:
            self._receiver.on_end()
        return is_half_open

    def _can_half_close(self) -> bool:
        return self._transport is not None and self._transport.can_write_eof()

    def _listen(self) -> None:
        """Close when nothing has been said for too long; else look again when that could be."""
        left_s = self._heard_s + SILENCE_MS / 1_000 - self._loop.time()
        if left_s > 0:
            self._after(left_s, self._listen)
        else:
            self._receiver.on_broken(CloseCode.SILENT)

    def _after(self, delay_s: float, call: Callable[[], None]) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(delay_s, call)
