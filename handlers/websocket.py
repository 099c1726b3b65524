"""A strict WebSocket connection on a socket of its own.

    Tornado: HTTP request ─▶ checks ─▶ 101 ─▶ Upgrade hands the socket over
    WebSocket: data_received ─▶ FrameReader ─▶ Receiver        Hub ─▶ write ─▶ the event loop

Tornado does the handshake only. Afterwards the event loop's own transport reads and writes: that
costs less than Tornado's stream, and an idle connection keeps neither buffers nor coroutines
(architecture §7). What a client may not send fails the connection with the code RFC 6455 gives it;
extensions are never agreed to (F4, F10).
"""

import asyncio
import base64
from collections.abc import Callable
from typing import cast

from tornado.httputil import HTTPServerRequest
from tornado.iostream import StreamClosedError
from tornado.websocket import WebSocketHandler, WebSocketProtocol13, _WebSocketParams

from handlers.framing import CLOSE, PING, PONG, TEXT, FrameReader, FramingError, frame_head
from handlers.transport import Receiver, SocketProtocol, Transport
from protocol.errors import AppError, ErrorCode
from protocol.limits import PING_INTERVAL_MS, PONG_TIMEOUT_MS

KEY_BYTES = 16
CLOSE_S = 5.0  # for the other end to answer a close frame
_PING = frame_head(0, PING)


def check_handshake(request: HTTPServerRequest) -> None:
    """Refuse what is not the opening handshake of RFC 6455 §4.2.1, to the letter (S-20).

    Raises: AppError(bad_request)
    """
    headers = request.headers
    wishes = [word.strip().lower() for word in headers.get("Connection", "").split(",")]
    try:
        key = base64.b64decode(headers.get("Sec-WebSocket-Key", ""), validate=True)
    except ValueError:
        key = b""
    if (
        request.version != "HTTP/1.1"
        or headers.get("Upgrade", "").lower() != "websocket"
        or "upgrade" not in wishes
        or headers.get("Sec-WebSocket-Version") != "13"
        or len(key) != KEY_BYTES
    ):
        raise AppError(ErrorCode.BAD_REQUEST, "not a WebSocket handshake")


class WebSocket(SocketProtocol):
    """One connection: a `Transport`."""

    def __init__(self, attend: Callable[[Transport], Receiver], max_frame_bytes: int) -> None:
        """Args: attend: makes the one who gets what arrives."""
        self.is_closing = False
        self._reader = FrameReader(max_frame_bytes)
        self._receiver = attend(self)
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._has_answered = False
        self._is_deaf = False  # the other end has said all that we will listen to

    # ── the hub's side ───────────────────────────────────────────────────────────────────────────

    def write(self, frames: list[bytes]) -> None:
        if self._transport is None or self.is_closing:
            return
        parts = []
        for frame in frames:
            parts.append(frame_head(len(frame)))
            parts.append(frame)
        self._transport.write(b"".join(parts))

    def close(self, code: int | None = None) -> None:
        if self._transport is None or self.is_closing:
            return
        self.is_closing = True
        self._transport.write(_close_frame(code))
        self._after(CLOSE_S, self._transport.abort)

    def allow(self, frame_bytes: int) -> None:
        self._reader.max_bytes = frame_bytes

    def abort(self) -> None:
        """Cut the connection."""
        self.is_closing = self._is_deaf = True
        if self._transport is not None:
            self._transport.abort()

    # ── the event loop's side ────────────────────────────────────────────────────────────────────

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        # With no room at all `pause_writing` tells at once that somebody does not read.
        self._transport.set_write_buffer_limits(high=0)
        self._after(PING_INTERVAL_MS / 1_000, self._ping)
        self._receiver.on_open()

    def data_received(self, data: bytes) -> None:
        try:
            for opcode, payload in self._reader.feed(data):
                if self._is_deaf:
                    return
                self._dispatch(opcode, payload)
        except FramingError as error:
            if not self._is_deaf:
                self._fail(error.code)

    # ── what it means ────────────────────────────────────────────────────────────────────────────

    def _dispatch(self, opcode: int, payload: bytes) -> None:
        if opcode == CLOSE:
            self._is_deaf = True
            self.close(int.from_bytes(payload[:2], "big") if payload else None)
            if self._transport is not None:
                self._transport.close()
        elif opcode == PONG:
            self._has_answered = True
        elif self.is_closing:
            pass
        elif opcode == TEXT:
            self._receiver.on_text(payload)
        else:
            if opcode == PING and self._transport is not None:
                self._transport.write(frame_head(len(payload), PONG) + payload)
            self._receiver.on_other(is_ping=opcode == PING)

    def _fail(self, code: int) -> None:
        """Say why, and listen no more (RFC 6455 §7.1.7).

        Our half is closed first: a socket that is closed with unread input is reset, which would
        take the close frame with it.
        """
        self._is_deaf = True
        self._receiver.on_broken(code)
        if self._transport is not None and self._transport.can_write_eof():
            self._transport.write_eof()

    def _ping(self) -> None:
        if self._transport is not None:
            self._has_answered = False
            self._transport.write(_PING)
            self._after(PONG_TIMEOUT_MS / 1_000, self._expect_pong)

    def _expect_pong(self) -> None:
        """Cut a connection whose other end has gone without a word (R-11)."""
        if self._has_answered:
            self._after((PING_INTERVAL_MS - PONG_TIMEOUT_MS) / 1_000, self._ping)
        else:
            self.abort()

    def _after(self, delay_s: float, call: Callable[[], None]) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(delay_s, call)


def _close_frame(code: int | None) -> bytes:
    payload = b"" if code is None else code.to_bytes(2, "big")
    return frame_head(len(payload), CLOSE) + payload


class Upgrade(WebSocketProtocol13):
    """Tornado's part: the handshake, and letting go of the socket."""

    def __init__(self, handler: WebSocketHandler, socket: WebSocket) -> None:
        super().__init__(handler, False, _WebSocketParams())
        self._request = handler
        self._socket = socket

    async def _receive_frame_loop(self) -> None:
        try:
            await self.stream.write(b"")
            early = bytes(self.stream._read_buffer)
            connection = self.stream.socket.dup()
            self.stream.close()
            loop = asyncio.get_running_loop()
            await loop.connect_accepted_socket(lambda: self._socket, connection)
            if early:
                self._socket.data_received(early)
        except (StreamClosedError, OSError):  # gone as soon as it came
            self._socket.connection_lost(None)
        finally:
            self._let_go()

    def _let_go(self) -> None:
        """Leave nothing of the request in memory while the connection lives."""
        self._request.ws_connection = None
        self._request.on_ws_connection_close()

    def start_pinging(self) -> None:
        """Leave it to the socket's new owner."""

    def close(self, code: int | None = None, reason: str | None = None) -> None:
        self._socket.close(code)

    def is_closing(self) -> bool:
        return self._socket.is_closing

    def _abort(self) -> None:
        self._socket.abort()
