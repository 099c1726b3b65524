"""Two joined connections carry every byte, every end and no more than they may hold."""

import asyncio
import contextlib
import hashlib
import random
import socket
import struct

import pytest

from lb.relay import HIGH_BYTES, READ_BYTES
from tests.lb.world import World, echo, silent, until


def chunks(data: bytes, chance: random.Random) -> list[bytes]:
    """Cut into pieces of one byte up to more than a read takes."""
    pieces = []
    while data:
        length = int(2 ** chance.uniform(0, 17))
        pieces.append(data[:length])
        data = data[length:]
    return pieces


async def send(writer: asyncio.StreamWriter, pieces: list[bytes]) -> None:
    for piece in pieces:
        writer.write(piece)
        await writer.drain()
    writer.write_eof()


async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send for ever, as fast as it is taken."""
    while True:
        writer.write(bytes(READ_BYTES))
        await writer.drain()


@pytest.mark.parametrize("seed", range(5))
async def test_every_byte_arrives_in_order_whatever_the_chunks(world: World, seed: int) -> None:
    """S0-56."""
    await world.balance(await world.worker())
    chance = random.Random(seed)

    async def one(size: int) -> None:
        data = chance.randbytes(size)
        reader, writer = await world.connect()
        back, _ = await asyncio.gather(reader.read(), send(writer, chunks(data, chance)))
        assert hashlib.sha256(back).digest() == hashlib.sha256(data).digest()

    await asyncio.gather(*(one(size) for size in (0, 1, READ_BYTES, 300_000, 1_500_000)))
    await until(lambda: world.service.connections == 0)


async def test_the_bytes_of_both_directions_are_counted(world: World) -> None:
    async def doubled(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.read() * 2)

    address = await world.worker(doubled)
    await world.balance(address)
    assert await world.ask(b"x" * 100_000) == b"x" * 200_000
    await until(lambda: world.service.connections == 0)
    worker = world.target(address)
    assert (worker.bytes_up, worker.bytes_down) == (100_000, 200_000)
    assert (worker.connections, worker.connections_total) == (0, 1)


async def test_a_client_that_ends_first_still_gets_the_answer(world: World) -> None:
    """S-53: half-close."""

    async def reply(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received = await reader.read()
        await asyncio.sleep(0.05)
        writer.write(b"got %d" % len(received))

    await world.balance(await world.worker(reply))
    assert await world.ask(bytes(5_000_000)) == b"got 5000000"


async def test_a_worker_that_ends_first_still_gets_the_rest(world: World) -> None:
    """S-53: half-close."""
    received: list[bytes] = []

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"that is all")
        writer.write_eof()
        received.append(await reader.read())

    await world.balance(await world.worker(greet))
    reader, writer = await world.connect()
    assert await reader.read() == b"that is all"
    writer.write(bytes(1_000_000))
    await writer.drain()
    writer.write_eof()
    await until(lambda: received == [bytes(1_000_000)])
    await until(lambda: world.service.connections == 0)


async def test_many_half_closed_connections_end_and_leave_nothing(world: World) -> None:
    """F15: uvloop aborts the process when such connections are never closed."""

    async def ends(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write_eof()
        await reader.read()

    address = await world.worker(ends)
    await world.balance(address)
    for _ in range(10):
        await asyncio.gather(*(world.ask(b"x") for _ in range(20)))
    await until(lambda: world.service.connections == 0)
    assert world.target(address).connections == 0


async def test_what_the_client_sends_before_it_is_joined_arrives_first(world: World) -> None:
    busy = await world.worker()
    await world.balance({"address": busy, "max_connections": 1})
    _, first = await world.connect()
    await until(lambda: world.target(busy).connections == 1)
    asking = asyncio.create_task(world.ask(b"early" * 50_000))
    await until(lambda: len(world.service.queue) == 1)
    first.close()
    assert await asking == b"early" * 50_000


async def test_a_reader_that_pauses_stops_the_sender_and_loses_nothing(world: World) -> None:
    """S-53: bounded memory, back-pressure from end to end."""
    sent = 0

    async def count(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65_536)
        for number in range(2_000):
            writer.write(struct.pack(">I", number) * 4_096)
            await writer.drain()
            sent = number + 1

    await world.balance(await world.worker(count), slow_reader_timeout_s=0)
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
    client.setblocking(False)
    await asyncio.get_running_loop().sock_connect(client, ("127.0.0.1", world.port))
    before = -1
    while sent != before or not sent:
        before = sent
        await asyncio.sleep(0.3)
    assert 0 < sent < 2_000
    (relay,) = world.service._relays
    assert 0 < relay.client.waiting <= HIGH_BYTES + READ_BYTES
    reader, _ = await world.connect(sock=client)
    everything = b"".join(struct.pack(">I", number) * 4_096 for number in range(2_000))
    assert await reader.read() == everything


async def test_a_reader_that_never_goes_on_is_cut(world: World) -> None:
    await world.balance(await world.worker(flood), slow_reader_timeout_s=0.3)
    _, writer = await world.connect(limit=1)
    await until(lambda: world.service.cuts["slow reader"] == 1)
    await until(lambda: world.service.connections == 0)
    assert not writer.is_closing()


async def test_a_worker_that_never_reads_is_cut(world: World) -> None:
    await world.balance(await world.worker(silent), slow_reader_timeout_s=0.3, answer_timeout_s=0)
    _, writer = await world.connect()
    with pytest.raises(ConnectionError):
        await flood(asyncio.StreamReader(), writer)
    assert world.service.cuts["slow reader"] == 1


async def test_a_client_that_says_nothing_is_cut(world: World) -> None:
    """S-56: slowloris."""
    await world.balance(await world.worker(), first_byte_timeout_s=0.2)
    reader, _ = await world.connect()
    assert await reader.read() == b""
    assert world.service.cuts["first byte"] == 1


async def test_a_client_that_trickles_is_cut(world: World) -> None:
    """S-56: slowloris."""
    await world.balance(await world.worker(silent), answer_timeout_s=0.5)
    reader, writer = await world.connect()
    for byte in b"GET / HTTP/1.1\r\n" * 100:
        if world.service.cuts["answer"]:
            break
        writer.write(bytes([byte]))
        await asyncio.sleep(0.02)
    assert world.service.cuts["answer"] == 1
    with contextlib.suppress(ConnectionError):
        assert await reader.read() == b""
    await until(lambda: world.service.connections == 0)


async def test_a_connection_that_is_used_stays_and_one_that_is_not_is_cut(world: World) -> None:
    await world.balance(await world.worker(), idle_timeout_s=1.5)
    reader, writer = await world.connect()
    for _ in range(10):
        writer.write(b"x")
        assert await reader.readexactly(1) == b"x"
        await asyncio.sleep(0.2)
    assert await reader.read() == b""
    assert world.service.cuts["idle"] == 1


def reset(writer: asyncio.StreamWriter) -> None:
    """Let a connection end as that of a process that was killed."""
    opened = writer.get_extra_info("socket")
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def test_a_client_that_is_gone_takes_its_connection_to_the_worker_along(
    world: World,
) -> None:
    ended = asyncio.Event()

    async def wait_for_end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"!")
        await reader.read()
        ended.set()

    await world.balance(await world.worker(wait_for_end))
    reader, writer = await world.connect()
    assert await reader.readexactly(1) == b"!"
    reset(writer)
    async with asyncio.timeout(20):
        await ended.wait()
    await until(lambda: world.service.connections == 0)


async def test_a_worker_that_is_gone_takes_the_client_s_connection_along(world: World) -> None:
    async def die(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.readexactly(1))
        await reader.readexactly(1)
        reset(writer)

    await world.balance(await world.worker(die))
    reader, writer = await world.connect()
    writer.write(b"x")
    assert await reader.readexactly(1) == b"x"
    writer.write(b"y")
    assert await reader.read() == b""
    await until(lambda: world.service.connections == 0)


async def test_a_drained_balancer_lets_connections_end_and_cuts_the_rest(world: World) -> None:
    await world.balance(await world.worker(echo))
    (first_reader, first), (second_reader, _) = await world.connect(), await world.connect()
    await until(lambda: world.service.connections == 2)
    loop = asyncio.get_running_loop()
    world.balancer.end_by(loop.time() + 3_600)
    first.write(b"still here")
    assert await first_reader.readexactly(10) == b"still here"
    first.write_eof()
    await until(lambda: world.service.connections == 1)
    world.balancer.end_by(loop.time() + 7_200)
    world.balancer.end_by(loop.time() + 0.01)
    await world.balancer.ended()
    assert await second_reader.read() == b""
    assert world.service.cuts["drained"] == 1


async def test_whoever_still_waits_for_a_worker_is_closed_at_the_end(world: World) -> None:
    address = await world.worker()
    await world.balance({"address": address, "max_connections": 1})
    await world.connect()
    await until(lambda: world.target(address).connections == 1)
    waiting = asyncio.create_task(world.ask())
    await until(lambda: len(world.service.queue) == 1)
    world.balancer.end_by(asyncio.get_running_loop().time())
    assert await waiting == b""
    assert len(world.service.queue) == 0
