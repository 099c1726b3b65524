"""What a stream does with bodies: into memory that somebody lends, and not a byte further."""

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest

from handlers.streams import RECEIVE_BYTES, Stream

HEAD = b"PUT / HTTP/1.1\r\n\r\n"
END_OF_HEAD = rb"\r?\n\r?\n"

Ends = tuple[Stream, socket.socket]


@pytest.fixture
async def ends() -> AsyncIterator[Ends]:
    """A stream, and the socket at its other end."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    stream = Stream(ours)
    yield stream, theirs
    stream.close()
    theirs.close()


async def body(stream: Stream, size_bytes: int) -> list[Any]:
    """What has come of a body, read as Tornado reads it."""
    chunks: list[Any] = []
    async with asyncio.timeout(10):
        while rest := size_bytes - sum(map(len, chunks)):
            chunks.append(await stream.read_bytes(min(rest, RECEIVE_BYTES), partial=True))
    return chunks


def lent(stream: Stream, size_bytes: int) -> bytearray:
    """Memory that is lent to a stream; every chunk begins where the one before it ended."""
    memory, used = bytearray(size_bytes), 0

    def room() -> memoryview:
        return memoryview(memory)[used:]

    read_bytes = stream.read_bytes

    async def counted(num_bytes: int, partial: bool = False) -> bytes:
        nonlocal used
        chunk = await read_bytes(num_bytes, partial)
        used += len(chunk)
        return chunk

    stream.receive_into(room)
    cast(Any, stream).read_bytes = counted
    return memory


async def test_a_body_lands_where_there_is_room_for_it(ends: Ends) -> None:
    stream, other = ends
    data = bytes(range(256)) * 4_096
    sent = asyncio.create_task(asyncio.to_thread(other.sendall, HEAD + data))
    assert await stream.read_until_regex(END_OF_HEAD) == HEAD
    memory = lent(stream, len(data))
    assert all(chunk.obj is memory for chunk in await body(stream, len(data)))
    await sent
    assert memory == data


async def test_what_follows_a_body_stays_for_who_reads_next(ends: Ends) -> None:
    stream, other = ends
    other.sendall(HEAD + b"body" + HEAD + b"next")
    await stream.read_until_regex(END_OF_HEAD)
    memory = lent(stream, 100)
    await body(stream, 4)
    stream.receive_into(None)
    assert await stream.read_until_regex(END_OF_HEAD) == HEAD
    assert b"".join(await body(stream, 4)) == b"next"
    assert memory == b"body" + bytes(96)


async def test_what_finds_no_room_is_read_all_the_same(ends: Ends) -> None:
    stream, other = ends
    other.sendall(b"there is too much")
    memory = lent(stream, 5)
    assert b"".join(await body(stream, 17)) == b"there is too much"
    assert memory == b"there"


async def test_only_bodies_land_there(ends: Ends) -> None:
    """The length of a chunk, and what ends it, are read whole and by the same stream."""
    stream, other = ends
    other.sendall(b"4\r\nbody\r\n")
    memory = lent(stream, 10)
    assert await stream.read_until(b"\r\n") == b"4\r\n"
    await body(stream, 4)
    assert await stream.read_bytes(2) == b"\r\n"
    assert memory == b"body" + bytes(6)
