"""A strict WebSocket connection on Tornado's stream.

Tornado does the HTTP upgrade; from then on frames are read by `FrameReader` in whole chunks and
handed over synchronously, and written many at a time. What a client may not send fails the
connection with the code RFC 6455 gives it; extensions are never agreed to (F4, F10).
"""

import asyncio
import base64
import socket
from collections.abc import Callable
from typing import Protocol, cast

from tornado.httputil import HTTPServerRequest
from tornado.iostream import StreamClosedError
from tornado.websocket import WebSocketHandler, WebSocketProtocol13, _WebSocketParams

from handlers.framing import CLOSE, PING, PONG, TEXT, FrameReader, FramingError, frame_head
from protocol.errors import AppError, ErrorCode
from protocol.limits import PING_INTERVAL_MS, PONG_TIMEOUT_MS

READ_CHUNK_BYTES = 64 * 1024
KEY_BYTES = 16


class Receiver(Protocol):
    """Who gets what arrives; both are called in order and must not wait."""

    def on_text(self, payload: bytes) -> None: ...

    def on_other(self, *, is_ping: bool) -> None:
        """Note a ping (already answered) or a binary message."""
        ...

    def on_broken(self, code: int) -> None:
        """Close with this code: the client broke the rules of RFC 6455."""
        ...


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


class StrictWebSocket(WebSocketProtocol13):
    """One connection; also the hub's `Wire`."""

    def __init__(
        self, handler: WebSocketHandler, receiver: Receiver, *, max_frame_bytes: int
    ) -> None:
        super().__init__(handler, False, _WebSocketParams())
        self.reader = FrameReader(max_frame_bytes)
        self._receiver = receiver
        self._beat: asyncio.TimerHandle | None = None

    # ── the hub's side ───────────────────────────────────────────────────────────────────────────

    def write(self, frames: list[bytes], taken: Callable[[], None]) -> bool:
        if self.server_terminated:
            return True
        parts = []
        for frame in frames:
            parts.append(frame_head(len(frame)))
            parts.append(frame)
        try:
            written = self.stream.write(b"".join(parts))
        except StreamClosedError:
            return True
        if written.done():
            return True

        def settled(done: asyncio.Future[None]) -> None:
            if done.exception() is None:
                taken()

        written.add_done_callback(settled)
        return False

    # ── Tornado's side ───────────────────────────────────────────────────────────────────────────

    async def _receive_frame_loop(self) -> None:
        try:
            while not self.client_terminated:
                chunk = cast(
                    "asyncio.Future[bytes]", self.stream.read_bytes(READ_CHUNK_BYTES, partial=True)
                )
                if chunk.done():
                    # A stream that always has more would never let anybody else have a turn.
                    await asyncio.sleep(0)
                self._take(await chunk)
            await self._let_go()
        except (StreamClosedError, OSError):
            self._abort()
        finally:
            self.handler.on_ws_connection_close(self.close_code, self.close_reason)

    async def _let_go(self) -> None:
        """Let the other end read our close frame; what it still sends is not looked at.

        A socket closed with unread input is reset, which would take the close frame with it
        (RFC 6455 §7.1.1). The time is bounded by Tornado's own, five seconds after `close`.
        """
        await self.stream.write(b"")
        self.stream.socket.shutdown(socket.SHUT_WR)
        while True:
            await self.stream.read_bytes(READ_CHUNK_BYTES, partial=True)

    def _take(self, chunk: bytes) -> None:
        try:
            for opcode, payload in self.reader.feed(chunk):
                self._dispatch(opcode, payload)
                if self.client_terminated:
                    break
        except FramingError as error:
            # What still arrives is not looked at any more (RFC 6455 §7.1.7).
            self._receiver.on_broken(error.code)
            self.client_terminated = True

    def _dispatch(self, opcode: int, payload: bytes) -> None:
        if opcode == CLOSE:
            self.client_terminated = True
            self.close_code = int.from_bytes(payload[:2], "big") if payload else None
            self.close(self.close_code)
        elif opcode == PONG:
            self._received_pong = True
        elif self.server_terminated:
            pass
        elif opcode == TEXT:
            self._receiver.on_text(payload)
        else:
            if opcode == PING:
                self._send_pong(payload)
            self._receiver.on_other(is_ping=opcode == PING)

    def start_pinging(self) -> None:
        self._beat = asyncio.get_running_loop().call_later(PING_INTERVAL_MS / 1000, self._ping)

    def close(self, code: int | None = None, reason: str | None = None) -> None:
        super().close(code, reason)
        if self._beat is not None:
            self._beat.cancel()
            self._beat = None

    def _ping(self) -> None:
        self._received_pong = False
        self._beat = asyncio.get_running_loop().call_later(
            PONG_TIMEOUT_MS / 1000, self._expect_pong
        )
        try:
            self.write_ping(b"")
        except StreamClosedError:
            self._abort()

    def _expect_pong(self) -> None:
        """Cut a connection whose other end has gone without a word (R-11)."""
        if not self._received_pong:
            self._abort()
            return
        rest_ms = PING_INTERVAL_MS - PONG_TIMEOUT_MS
        self._beat = asyncio.get_running_loop().call_later(rest_ms / 1000, self._ping)
