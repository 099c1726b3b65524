"""Lines over TCP as `tests.people.Wire` sees a socket: text in and out, a close code at the end."""

import asyncio
import json
import ssl
from typing import Any

from websockets.exceptions import ConnectionClosedError

from tests.people import Wire


class LineConnection:
    """One connection to the messenger; `last` is the line that said why it ended."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.last: dict[str, Any] = {}

    @property
    def close_code(self) -> int | None:
        code: int | None = self.last.get("error", {}).get("close")
        return code

    async def send(self, text: str) -> None:
        self.writer.write(text.encode() + b"\n")
        await self.writer.drain()

    async def recv(self) -> str:
        """Return the next frame; raises ConnectionClosedError when there is none."""
        try:
            line = await asyncio.wait_for(self.reader.readuntil(b"\n"), 30)
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            self.writer.close()
            raise ConnectionClosedError(None, None) from error
        frame = json.loads(line)
        if "close" in frame.get("error", {}):
            self.last = frame
            return await self.recv()
        return line.decode()

    async def wait_closed(self) -> None:
        """Read to the end."""
        try:
            while True:
                await self.recv()
        except ConnectionClosedError:
            pass

    async def close(self) -> None:
        self.writer.close()


async def open_lines(port: int, *, tls: ssl.SSLContext | None = None, **options: Any) -> Wire:
    """Connect to the messenger on this port of loopback."""
    where = {} if "sock" in options else {"host": "127.0.0.1", "port": port}
    options.setdefault("limit", 32 * 1024 * 1024)
    return Wire(LineConnection(*await asyncio.open_connection(**where, ssl=tls, **options)))
