"""Loads on a TCP server that echoes: new connections, one long stream, and paced small messages."""

import asyncio
import socket
import time
from typing import cast

MESSAGE = b"E" + bytes(399)
AT_ONCE = 16
LINGER_NONE = b"\x01\x00\x00\x00\x00\x00\x00\x00"  # struct linger {1, 0}: no TIME_WAIT at our end


async def connection_rate(port: int, seconds: float) -> float:
    """Return how many connections a second are made, used for one echo, and ended."""
    loop = asyncio.get_running_loop()
    end_s, made = loop.time() + seconds, 0

    async def one_after_the_other() -> None:
        nonlocal made
        while loop.time() < end_s:
            with socket.socket() as client:
                client.setblocking(False)
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NONE)
                await loop.sock_connect(client, ("127.0.0.1", port))
                await loop.sock_sendall(client, b"E")
                await loop.sock_recv(client, 1)
            made += 1

    began_s = time.perf_counter()
    await asyncio.gather(*(one_after_the_other() for _ in range(AT_ONCE)))
    return made / (time.perf_counter() - began_s)


async def bulk_rate(port: int) -> float:
    """Return how many MiB a second one connection carries."""
    loop = asyncio.get_running_loop()
    total, buffer = 0, bytearray(1024 * 1024)
    with socket.socket() as client:
        client.setblocking(False)
        await loop.sock_connect(client, ("127.0.0.1", port))
        await loop.sock_sendall(client, b"B")
        began_s = time.perf_counter()
        while count := await loop.sock_recv_into(client, buffer):
            total += count
    return total / (time.perf_counter() - began_s) / 1024**2


class _Pinger(asyncio.Protocol):
    """One connection on which messages go out and come back in order."""

    def __init__(self, times_s: list[float]) -> None:
        self._times_s = times_s
        self._sent_s: list[float] = []
        self._received = 0
        self.keeps_one_out = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def send(self) -> None:
        self._sent_s.append(time.perf_counter())
        self.transport.write(MESSAGE)

    def data_received(self, data: bytes) -> None:
        before, self._received = self._received, self._received + len(data)
        now_s = time.perf_counter()
        for _ in range(self._received // len(MESSAGE) - before // len(MESSAGE)):
            self._times_s.append(now_s - self._sent_s.pop(0))
            if self.keeps_one_out:
                self.send()


async def echo_rate(port: int, connections: int, seconds: float) -> float:
    """Return how many messages a second come back with one under way on each connection."""
    times_s: list[float] = []
    pingers = await _open(port, connections, times_s)
    for pinger in pingers:
        pinger.keeps_one_out = True
        pinger.send()
    await asyncio.sleep(seconds)
    for pinger in pingers:
        pinger.transport.abort()
    return len(times_s) / seconds


async def latencies_ms(port: int, connections: int, rate: float, seconds: float) -> list[float]:
    """Return how long messages took at this many a second in all, sorted."""
    times_s: list[float] = []
    pingers = await _open(port, connections, times_s)
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    for number in range(int(rate * seconds)):
        due_s = began_s + number / rate
        if due_s > loop.time():
            await asyncio.sleep(due_s - loop.time())
        pingers[number % connections].send()
    await asyncio.sleep(0.2)
    for pinger in pingers:
        pinger.transport.abort()
    return sorted(time_s * 1_000 for time_s in times_s)


async def _open(port: int, connections: int, times_s: list[float]) -> list[_Pinger]:
    loop = asyncio.get_running_loop()
    made = [
        await loop.create_connection(lambda: _Pinger(times_s), "127.0.0.1", port)
        for _ in range(connections)
    ]
    return [pinger for _, pinger in made]
