"""A TCP gate in front of a server: what goes through it can be cut and let through again."""

import asyncio
import contextlib


class Gate:
    """Relays every connection to one port of loopback while it is open; `port` is its own."""

    def __init__(self, to_port: int) -> None:
        self._to_port = to_port
        self._server: asyncio.Server | None = None
        self._relayed: set[asyncio.Task[None]] = set()
        self.port = 0

    async def open(self) -> None:
        """Let connections in, on the same port as before."""
        self._server = await asyncio.start_server(self._relay, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def shut(self) -> None:
        """Refuse new connections and cut those there are."""
        if self._server is not None:
            self._server.close()
        for task in list(self._relayed):
            task.cancel()
        await asyncio.gather(*self._relayed, return_exceptions=True)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._relayed.add(task)
        try:
            there = await asyncio.open_connection("127.0.0.1", self._to_port)
            with contextlib.closing(there[1]):
                await asyncio.gather(_pump(reader, there[1]), _pump(there[0], writer))
        except (OSError, asyncio.CancelledError):
            writer.transport.abort()
        finally:
            writer.close()
            self._relayed.discard(task)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65_536):
        writer.write(data)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()
