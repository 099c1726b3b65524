"""A TCP proxy in front of a database, which can be cut, made to hang, and restored."""

import asyncio
from typing import Self
from urllib.parse import urlsplit

CHUNK_BYTES = 65_536


class Proxy:
    """Relays to `host:port` from a port of its own, which it keeps."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host, self._to = parts.hostname or "127.0.0.1", parts.port or 27_017
        self._server: asyncio.Server | None = None
        self._relays: set[asyncio.Task[None]] = set()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self.port = 0

    async def __aenter__(self) -> Self:
        await self.restore()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.cut()

    async def restore(self) -> None:
        """Take connections, and let everything flow."""
        self._flowing.set()
        if self._server is None:
            self._server = await asyncio.start_server(
                self._relay, "127.0.0.1", self.port, reuse_address=True
            )
            self.port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        """Break every connection and take no new one."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
        for relay in self._relays:
            relay.cancel()
        await asyncio.gather(*self._relays, return_exceptions=True)
        if server is not None:
            await server.wait_closed()

    def hang(self) -> None:
        """Keep connections and take new ones, but let nothing through."""
        self._flowing.clear()

    def hear(self, data: bytes) -> None:
        """Be told of what is about to pass, whichever way."""

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._relays.add(task)
        try:
            there = await asyncio.open_connection(self._host, self._to)
            try:
                async with asyncio.TaskGroup() as both:
                    both.create_task(self._pump(reader, there[1]))
                    both.create_task(self._pump(there[0], writer))
            finally:
                there[1].transport.abort()
        except* (OSError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort()
            self._relays.discard(task)

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while data := await source.read(CHUNK_BYTES):
            self.hear(data)
            await self._flowing.wait()
            sink.write(data)
            await sink.drain()
        raise ConnectionError("one end has closed")
