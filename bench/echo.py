"""A TCP server that does next to nothing, so that what stands in front of it is what costs.

first byte E     everything is sent back
first byte B     BULK_BYTES are sent as fast as they are taken, then the connection ends
"""

import asyncio
import sys
from typing import cast

import uvloop

BULK_BYTES = 512 * 1024 * 1024
_CHUNK = bytes(256 * 1024)


class Echo(asyncio.Protocol):
    """One connection."""

    def __init__(self) -> None:
        self._is_echo = False
        self._left = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._is_paused = False

    def data_received(self, data: bytes) -> None:
        if not self._is_echo and data.startswith(b"B"):
            self._left = BULK_BYTES
            self._pour()
        else:
            self._is_echo = True
            self._transport.write(data)

    def pause_writing(self) -> None:
        self._is_paused = True

    def resume_writing(self) -> None:
        self._is_paused = False
        self._pour()

    def _pour(self) -> None:
        while self._left and not self._is_paused:
            self._left -= len(_CHUNK)
            self._transport.write(_CHUNK)
            if not self._left:
                self._transport.close()


async def serve() -> None:
    """Serve on a free port of loopback, which is printed, until killed."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Echo, "127.0.0.1", 0, backlog=1_024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    sys.exit(uvloop.run(serve()))
