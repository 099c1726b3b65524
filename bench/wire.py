"""A WebSocket client that costs little, so that the load beside a server disturbs it little.

It speaks only what the bench needs: the opening handshake, masked text frames out, whole text
frames in (RFC 6455 §5.2), pings answered.
"""

import asyncio
from collections.abc import Callable
from typing import cast

TEXT, CLOSE, PING, PONG = 0x1, 0x8, 0x9, 0xA
_ZERO_MASK = bytes(4)  # a mask of zeros is a valid mask and leaves the bytes as they are


def frame(payload: bytes, opcode: int = TEXT) -> bytes:
    """Build one masked frame."""
    size = len(payload)
    if size < 126:
        head = bytes((0x80 | opcode, 0x80 | size))
    elif size < 65_536:
        head = bytes((0x80 | opcode, 0x80 | 126)) + size.to_bytes(2, "big")
    else:
        head = bytes((0x80 | opcode, 0x80 | 127)) + size.to_bytes(8, "big")
    return head + _ZERO_MASK + payload


class Wire(asyncio.Protocol):
    """One connection; `on_text` is called with each text frame's bytes."""

    def __init__(self, origin: str, on_text: Callable[[bytes], None]) -> None:
        self._origin = origin
        self._on_text = on_text
        self._buffer = bytearray()
        self._transport: asyncio.WriteTransport | None = None
        self._opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @classmethod
    async def open(
        cls, origin: str, on_text: Callable[[bytes], None], source: str = "127.0.0.1"
    ) -> "Wire":
        """Connect from a loopback address and shake hands."""
        host, port = origin.removeprefix("http://").split(":")
        loop = asyncio.get_running_loop()
        _, wire = await loop.create_connection(
            lambda: cls(origin, on_text), host, int(port), local_addr=(source, 0)
        )
        await wire._opened
        return wire

    def send(self, *payloads: bytes) -> None:
        """Send text frames, all in one write."""
        if self._transport is not None:
            self._transport.write(b"".join(map(frame, payloads)))

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports have the methods and not the base class.
        self._transport = cast(asyncio.WriteTransport, transport)
        host = self._origin.removeprefix("http://")
        self._transport.write(
            (
                f"GET /ws HTTP/1.1\r\nHost: {host}\r\nOrigin: {self._origin}\r\n"
                "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                "Sec-WebSocket-Key: c2VhbHJvb20tYmVuY2ghIQ==\r\n\r\n"
            ).encode("ascii")
        )

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._opened.done():
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            if not self._buffer.startswith(b"HTTP/1.1 101"):
                self._opened.set_exception(ConnectionError(bytes(self._buffer[:80])))
                return
            del self._buffer[: end + 4]
            self._opened.set_result(None)
        self._read_frames()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._opened.done():
            self._opened.set_exception(exc or ConnectionError("closed"))

    def _read_frames(self) -> None:
        buffer = self._buffer
        at = 0
        while len(buffer) - at >= 2:
            size, start = buffer[at + 1] & 0x7F, at + 2
            if size >= 126:
                width = 2 if size == 126 else 8
                size, start = int.from_bytes(buffer[start : start + width], "big"), start + width
            if len(buffer) < start + size:
                break
            payload, opcode = bytes(buffer[start : start + size]), buffer[at] & 0x0F
            at = start + size
            if opcode == TEXT:
                self._on_text(payload)
            elif opcode == PING and self._transport is not None:
                self._transport.write(frame(payload, PONG))
        del buffer[:at]
