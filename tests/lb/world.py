"""A balancer and its workers inside a test, and workers that behave in every way."""

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from lb.balancer import Balancer
from lb.load import from_document
from lb.pool import Worker
from lb.service import Service

# Of the loop, until what has just been connected is in the hands of `served`, which closes it; what
# asyncio is still accepting when its server closes is closed by nobody.
ACCEPTING_TURNS = 10

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Wire = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send back what comes, to its end."""
    while data := await reader.read(65_536):
        writer.write(data)
        await writer.drain()


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Accept, read nothing and say nothing."""
    await asyncio.get_running_loop().create_future()


def says(text: str | bytes) -> Serve:
    """Answer this to whatever comes first, then end."""
    data = text.encode() if isinstance(text, str) else text

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(65_536)
        writer.write(data)
        await writer.drain()

    return serve


def named(name: str) -> Serve:
    """Say a name at once, then echo."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(f"{name}\n".encode())
        await echo(reader, writer)

    return serve


async def until(condition: Callable[[], object]) -> None:
    """Wait for what is bound to happen."""
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.005)


def free_address() -> str:
    """An address where nothing listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{taken.getsockname()[1]}"


@dataclass
class World:
    """One service "web" over plain TCP whose health nobody asks, unless told otherwise."""

    balancer: Balancer
    _servers: list[asyncio.Server] = field(default_factory=list)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _writers: list[asyncio.StreamWriter] = field(default_factory=list)

    async def worker(self, serve: Serve = echo, address: str = "127.0.0.1:0") -> str:
        """Start a worker; returns its address."""

        async def served(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            self._tasks.add(task)
            try:
                await serve(reader, writer)
                writer.close()
                await writer.wait_closed()
            except (ConnectionError, asyncio.CancelledError):
                writer.transport.abort()

        host, _, port = address.rpartition(":")
        server = await asyncio.start_server(served, host, int(port))
        self._servers.append(server)
        return f"127.0.0.1:{server.sockets[0].getsockname()[1]}"

    async def stop_worker(self, address: str) -> None:
        """Close the port of a worker; its connections go on."""
        for server in self._servers:
            if server.sockets and f"127.0.0.1:{server.sockets[0].getsockname()[1]}" == address:
                server.close()

    async def balance(self, *workers: str | dict[str, Any], **settings: Any) -> Service:
        """Begin to balance, or go over to other settings."""
        document = {
            "name": "web",
            "listen": "127.0.0.1:0",
            "protocol": "tcp",
            "check": "none",
            "worker": [one if isinstance(one, dict) else {"address": one} for one in workers],
        } | settings
        await self.balancer.apply(from_document({"service": [document]}, "the test"))
        return self.service

    @property
    def service(self) -> Service:
        return self.balancer.services[0]

    def target(self, address: str) -> Worker:
        """What the balancer knows of a worker."""
        worker = self.service.pool.find(address)
        assert worker is not None
        return worker

    @property
    def port(self) -> int:
        return self.balancer.port("web")

    async def connect(self, **options: Any) -> Wire:
        """Connect to the balancer, unless `options` hold a connected socket."""
        where = {"host": "127.0.0.1", "port": self.port} if "sock" not in options else {}
        reader, writer = await asyncio.open_connection(**where, **options)
        self._writers.append(writer)
        return reader, writer

    async def ask(self, data: bytes = b"?") -> bytes:
        """Connect, send, end, and return all that comes back."""
        reader, writer = await self.connect()
        with contextlib.suppress(ConnectionError):
            writer.write(data)
            writer.write_eof()
            async with asyncio.timeout(20):
                return await reader.read()
        return b""

    async def close(self) -> None:
        """End everything, and wait for it."""
        self.balancer.end_by(asyncio.get_running_loop().time())
        await self.balancer.ended()
        for _ in range(ACCEPTING_TURNS):
            await asyncio.sleep(0)
        for server in self._servers:
            server.close()
        for writer in self._writers:
            writer.transport.abort()
        for task in self._tasks:
            task.cancel()
        closing = (*(writer.wait_closed() for writer in self._writers), *self._tasks)
        await asyncio.gather(*closing, return_exceptions=True)
        await asyncio.sleep(0)
