"""Connections for bytes: kept, given up in time, and cut short by nobody unnoticed."""

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from client import octets
from client.octets import OctetConnections


class Stage:
    """A server that says, to each request, the next line of a script."""

    def __init__(self) -> None:
        self.script: list[bytes] = []
        self.connections = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        while self.script and await reader.readuntil(b"\r\n\r\n"):
            answer = self.script.pop(0)
            writer.write(answer)
            await writer.drain()
            if answer.endswith(b"cut"):
                break
        writer.close()


@pytest_asyncio.fixture
async def stage() -> AsyncIterator[tuple[Stage, OctetConnections]]:
    stage = Stage()
    server = await asyncio.start_server(stage.serve, "127.0.0.1", 0)
    connections = OctetConnections(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    yield stage, connections
    connections.close()
    server.close()


def answer(body: bytes, status: int = 200, length: int | None = None) -> bytes:
    size = len(body) if length is None else length
    return b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%b" % (status, size, body)


async def get(connections: OctetConnections, size_bytes: int) -> tuple[int, bytes]:
    status, body = await connections.call("GET", "/x", {}, None, memoryview(bytearray(size_bytes)))
    return status, bytes(body)


async def test_one_connection_serves_one_call_after_another(
    stage: tuple[Stage, OctetConnections],
) -> None:
    server, connections = stage
    server.script = [answer(b"one"), answer(b"other"), answer(b"")]
    assert await get(connections, 3) == (200, b"one")
    assert await get(connections, 100) == (200, b"other")
    assert await get(connections, 100) == (200, b"")
    assert server.connections == 1


async def test_a_connection_that_was_idle_for_long_is_not_used_again(
    stage: tuple[Stage, OctetConnections], monkeypatch: pytest.MonkeyPatch
) -> None:
    server, connections = stage
    server.script = [answer(b"one"), answer(b"other")]
    await get(connections, 3)
    monkeypatch.setattr(octets, "IDLE_S", 0)
    assert await get(connections, 5) == (200, b"other")
    assert server.connections == 2


async def test_an_answer_that_ends_too_early_is_none(
    stage: tuple[Stage, OctetConnections],
) -> None:
    server, connections = stage
    server.script = [answer(b"cut", length=100)]
    with pytest.raises(ConnectionError):
        await get(connections, 100)


async def test_of_an_answer_that_is_too_long_only_the_beginning_is_read(
    stage: tuple[Stage, OctetConnections],
) -> None:
    server, connections = stage
    server.script = [answer(b"x" * 100), answer(b"next")]
    assert await get(connections, 10) == (200, b"x" * 10)
    assert await get(connections, 4) == (200, b"next")
    assert server.connections == 2


async def test_an_error_does_not_come_where_bytes_were_expected(
    stage: tuple[Stage, OctetConnections],
) -> None:
    server, connections = stage
    server.script = [answer(b'{"error": 1}', status=404)]
    memory = bytearray(4)
    status, body = await connections.call("GET", "/x", {}, None, memoryview(memory))
    assert (status, bytes(body), bytes(memory)) == (404, b'{"error": 1}', bytes(4))


@pytest.mark.parametrize("said", [b"SSH-2.0 nothing of HTTP\r\n\r\ncut", b"cut"])
async def test_what_is_no_http_is_a_connection_that_failed(
    stage: tuple[Stage, OctetConnections], said: bytes
) -> None:
    server, connections = stage
    server.script = [said]
    with pytest.raises(ConnectionError):
        await get(connections, 100)


async def test_closing_ends_a_call_that_waits() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        connections = OctetConnections(f"http://127.0.0.1:{silent.getsockname()[1]}")
        call = asyncio.ensure_future(get(connections, 1))
        accepted = await asyncio.to_thread(silent.accept)
        with accepted[0]:
            await asyncio.to_thread(accepted[0].recv, 1_000)
            connections.close()
            with pytest.raises(OSError):
                await asyncio.wait_for(call, 10)
