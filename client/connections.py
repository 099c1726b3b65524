"""What carries frames to a server and back: a WebSocket, or lines over TCP (docs/messenger.md)."""

import asyncio
import ssl
from dataclasses import dataclass
from typing import Protocol, Self
from urllib.parse import urlsplit

import msgspec
from tornado.httpclient import HTTPRequest
from tornado.websocket import (
    WebSocketClientConnection,
    WebSocketClosedError,
    websocket_connect,
)

from client.errors import ConnectionLostError
from protocol.frames import ErrorFrame, Ping, dump

CONNECT_S = 30.0
PING_S = 20.0
"""A third of the silence after which the messenger closes."""
MAX_FRAME_BYTES = 16 * 1024 * 1024
"""A page of messages with the largest payloads."""

_error = msgspec.json.Decoder(ErrorFrame)


@dataclass(frozen=True, slots=True)
class Messenger:
    """Where a server takes lines."""

    host: str
    port: int
    with_tls: bool

    @classmethod
    def at(cls, address: str) -> Self:
        """Read `host:port`, or `tls://host:port`.

        Raises: ValueError
        """
        parts = urlsplit(address if "://" in address else f"tcp://{address}")
        if parts.scheme not in ("tcp", "tls") or not parts.hostname or not parts.port:
            raise ValueError("neither host:port nor tls://host:port")
        return cls(parts.hostname, parts.port, parts.scheme == "tls")


class Connection(Protocol):
    """One connection. `close_code` is why the server closed, or None."""

    @property
    def close_code(self) -> int | None: ...

    async def read(self) -> str | bytes | None:
        """The next frame, or None when there is none any more."""
        ...

    async def write(self, frame: bytes) -> None:
        """Send a frame.

        Raises: ConnectionLostError
        """
        ...

    def close(self) -> None:
        """Say goodbye; `read` ends."""
        ...


class WebSocketConnection:
    """Frames over the server's WebSocket."""

    def __init__(self, connection: WebSocketClientConnection) -> None:
        self._connection = connection

    @classmethod
    async def open(cls, base_url: str) -> Self:
        """Connect as the server's own page would.

        Raises: OSError or tornado's HTTPError
        """
        url = "ws" + base_url.removeprefix("http") + "/ws"
        request = HTTPRequest(url, headers={"Origin": base_url}, connect_timeout=CONNECT_S)
        return cls(await websocket_connect(request, max_message_size=MAX_FRAME_BYTES))

    @property
    def close_code(self) -> int | None:
        return self._connection.close_code

    async def read(self) -> str | bytes | None:
        return await self._connection.read_message()

    async def write(self, frame: bytes) -> None:
        try:
            await self._connection.write_message(frame)
        except WebSocketClosedError as error:
            raise ConnectionLostError(self.close_code) from error

    def close(self) -> None:
        self._connection.close()


class LineConnection:
    """Frames as lines; pings by itself, so that the server does not take silence for absence."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.close_code: int | None = None
        self._reader = reader
        self._writer = writer
        self._now_s = asyncio.get_running_loop().time
        self._wrote_s = self._now_s()

    @classmethod
    async def open(cls, messenger: Messenger) -> Self:
        """Connect. Raises: OSError."""
        tls = ssl.create_default_context() if messenger.with_tls else None
        async with asyncio.timeout(CONNECT_S):
            reader, writer = await asyncio.open_connection(
                messenger.host, messenger.port, ssl=tls, limit=MAX_FRAME_BYTES
            )
        return cls(reader, writer)

    async def read(self) -> bytes | None:
        while True:
            left_s = self._wrote_s + PING_S - self._now_s()
            try:
                async with asyncio.timeout(max(left_s, 0)):
                    line = await self._reader.readuntil(b"\n")
                if not self._is_last(line):
                    return line
            except TimeoutError:
                if not await self._ping():
                    return None
            except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError):
                self._writer.close()
                return None

    async def write(self, frame: bytes) -> None:
        self._wrote_s = self._now_s()
        try:
            self._writer.write(frame + b"\n")
            await self._writer.drain()
        except OSError as error:
            raise ConnectionLostError(self.close_code) from error

    def close(self) -> None:
        self._writer.close()

    async def _ping(self) -> bool:
        try:
            await self.write(dump(Ping()))
        except ConnectionLostError:
            return False
        return True

    def _is_last(self, line: bytes) -> bool:
        """Note the close code of the line after which the server closes."""
        try:
            code = _error.decode(line).error.get("close")
        except msgspec.ValidationError:
            return False
        if isinstance(code, int):
            self.close_code = code
        return isinstance(code, int)
