"""A client gets a worker, waits for one, or is told no; it never notices a worker that is away."""

import asyncio
import contextlib
import socket
from collections import Counter
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from lb.refusal import UNAVAILABLE
from tests.lb.world import World, free_address, named, silent, until


async def name_of(world: World) -> str:
    """Who serves a new connection, which ends again."""
    reader, writer = await world.connect()
    name = (await reader.readline()).decode().strip()
    writer.close()
    return name


@pytest_asyncio.fixture
async def deaf() -> AsyncIterator[str]:
    """A worker that is so busy that the system does not even answer for it."""
    with contextlib.ExitStack() as opened:
        listening = opened.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        address = listening.getsockname()
        for _ in range(4):
            filler = opened.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(address)
        yield f"127.0.0.1:{address[1]}"


async def test_connections_follow_the_weights(world: World) -> None:
    """S0-52."""
    addresses = [await world.worker(named(name)) for name in "abc"]
    weighted = [{"address": a, "weight": w} for a, w in zip(addresses, (3, 2, 1), strict=True)]
    await world.balance(*weighted)
    assert Counter([await name_of(world) for _ in range(12)]) == {"a": 6, "b": 4, "c": 2}


async def test_a_connection_that_is_refused_is_made_elsewhere_unnoticed(world: World) -> None:
    away = free_address()
    await world.balance(away, await world.worker(named("b")))
    assert [await name_of(world) for _ in range(4)] == ["b"] * 4
    assert world.target(away).connect_failures == 2
    assert world.target(away).connections == 0


async def test_a_worker_that_does_not_accept_in_time_is_passed_over(
    world: World, deaf: str
) -> None:
    await world.balance(deaf, await world.worker(named("b")), connect_timeout_s=1)
    assert await name_of(world) == "b"
    assert world.target(deaf).last_error == ""
    assert world.target(deaf).connect_failures == 1


async def test_what_was_sent_at_once_reaches_the_worker_that_was_tried_second(
    world: World,
) -> None:
    await world.balance(free_address(), await world.worker())
    assert await world.ask(b"POST / HTTP/1.1\r\n\r\n") == b"POST / HTTP/1.1\r\n\r\n"


async def test_when_nobody_is_there_a_browser_is_told_when_to_come_back(world: World) -> None:
    """S0-55, R-24."""
    await world.balance(free_address(), free_address(), protocol="http")
    request = b"POST / HTTP/1.1\r\nContent-Length: 100000\r\n\r\n" + bytes(100_000)
    answer = await world.ask(request)
    assert answer == UNAVAILABLE
    head, body = answer.split(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert lines[0] == b"HTTP/1.1 503 Service Unavailable"
    assert {b"Retry-After: 2", b"Connection: close", b"Content-Length: %d" % len(body)} < set(lines)
    assert world.service.refusals == {"no healthy worker": 1}
    await until(lambda: world.service.connections == 0)


async def test_when_nobody_is_there_others_are_closed(world: World) -> None:
    await world.balance(free_address())
    assert await world.ask() == b""
    assert world.service.refusals == {"no healthy worker": 1}


async def test_a_client_that_reads_no_refusal_is_dropped_all_the_same(world: World) -> None:
    await world.balance(free_address(), protocol="http")
    reader, _ = await world.connect()
    assert await reader.readexactly(len(UNAVAILABLE)) == UNAVAILABLE
    assert await reader.read() == b"", "it says nothing and does not close; the linger ends it"


async def test_waiting_clients_are_served_in_their_order(world: World) -> None:
    address = await world.worker(named("a"))
    await world.balance({"address": address, "max_connections": 1})
    served: list[int] = []

    async def client(number: int) -> None:
        reader, writer = await world.connect()
        assert await reader.readline() == b"a\n"
        served.append(number)
        writer.close()

    holder_reader, holder = await world.connect()
    await holder_reader.readline()
    tasks = []
    for number in range(5):
        tasks.append(asyncio.create_task(client(number)))
        await until(lambda: len(world.service.queue) == len(tasks))
    assert world.target(address).connections == 1
    holder.close()
    await asyncio.gather(*tasks)
    assert served == list(range(5))


async def test_a_full_queue_says_no_at_once(world: World) -> None:
    address = await world.worker()
    await world.balance({"address": address, "max_connections": 1}, protocol="http", queue_size=1)
    await world.connect()
    await until(lambda: world.target(address).connections == 1)
    await world.connect()
    await until(lambda: len(world.service.queue) == 1)
    assert await world.ask() == UNAVAILABLE
    assert world.service.refusals == {"queue full": 1}


async def test_nobody_waits_longer_than_the_limit(world: World) -> None:
    address = await world.worker()
    await world.balance(
        {"address": address, "max_connections": 1}, protocol="http", queue_timeout_s=0.1
    )
    await world.connect()
    await until(lambda: world.target(address).connections == 1)
    assert await world.ask() == UNAVAILABLE
    assert world.service.refusals == {"waited too long": 1}
    assert len(world.service.queue) == 0


async def test_who_waits_is_told_when_there_is_nothing_left_to_wait_for(world: World) -> None:
    address = await world.worker()
    await world.balance({"address": address, "max_connections": 1}, protocol="http")
    await world.connect()
    await until(lambda: world.target(address).connections == 1)
    waiting = [asyncio.create_task(world.ask()) for _ in range(3)]
    await until(lambda: len(world.service.queue) == 3)
    world.target(address).is_draining = True
    world.service.queue.look()
    assert await asyncio.gather(*waiting) == [UNAVAILABLE] * 3


async def test_who_waits_is_served_when_another_worker_comes(world: World) -> None:
    full, other = await world.worker(), await world.worker(named("b"))
    await world.balance({"address": full, "max_connections": 1})
    await world.connect()
    await until(lambda: world.target(full).connections == 1)
    waiting = asyncio.create_task(name_of(world))
    await until(lambda: len(world.service.queue) == 1)
    await world.balance({"address": full, "max_connections": 1}, other)
    assert await waiting == "b"


async def test_a_client_that_leaves_while_it_waits_costs_its_worker_nothing(world: World) -> None:
    address = await world.worker(named("a"))
    await world.balance({"address": address, "max_connections": 1})
    holder_reader, holder = await world.connect()
    await holder_reader.readline()
    _, leaving = await world.connect()
    await until(lambda: len(world.service.queue) == 1)
    leaving.transport.abort()
    holder.close()
    assert await name_of(world) == "a"
    await until(lambda: world.service.connections == 0)
    assert world.target(address).connections == 0


async def test_a_draining_worker_keeps_its_connections_and_gets_no_more(world: World) -> None:
    first, second = await world.worker(named("a")), await world.worker(named("b"))
    await world.balance(first, second)
    reader, writer = await world.connect()
    assert await reader.readline() == b"a\n"
    world.target(first).is_draining = True
    assert [await name_of(world) for _ in range(3)] == ["b"] * 3
    writer.write(b"still here\n")
    assert await reader.readline() == b"still here\n"


async def test_no_more_connections_than_the_limit(world: World) -> None:
    """S-56."""
    await world.balance(await world.worker(), protocol="http", max_connections=2)
    for _ in range(2):
        await world.connect()
    await until(lambda: world.service.connections == 2)
    assert await world.ask() == UNAVAILABLE
    assert world.service.refusals == {"connections": 1}


@pytest.mark.parametrize(
    ("limit", "reason"),
    [
        ("max_connections_per_address", "connections of one address"),
        ("connection_rate_per_address", "rate of one address"),
    ],
)
async def test_one_address_gets_no_more_than_its_share(
    world: World, limit: str, reason: str
) -> None:
    """S-56."""
    address = await world.worker()
    await world.balance(address, exempt_networks=[], **{limit: 1})
    for _ in range(3):
        await world.connect()
    await until(lambda: world.service.refusals[reason])
    assert world.service.refusals.total() + world.service.connections == 3
    await world.balance(address, **{limit: 1})
    assert await world.ask(b"loopback is exempt") == b"loopback is exempt"


@pytest.mark.parametrize("version", ["v1", "v2"])
async def test_a_worker_is_told_who_the_client_is_before_its_first_byte(
    world: World, version: str
) -> None:
    await world.balance(await world.worker(), proxy_protocol=version)
    reader, writer = await world.connect()
    host, port = writer.get_extra_info("sockname")
    writer.write(b"hello")
    if version == "v1":
        line = f"PROXY TCP4 {host} 127.0.0.1 {port} {world.port}\r\nhello".encode()
        assert await reader.readexactly(len(line)) == line
    else:
        header = await reader.readexactly(28)
        assert header[:16] == b"\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c"
        assert header[16:20] == socket.inet_aton(host)
        assert int.from_bytes(header[24:26]) == port
        assert await reader.readexactly(5) == b"hello"


async def test_a_worker_that_never_answers_holds_a_client_no_longer_than_the_limit(
    world: World,
) -> None:
    await world.balance(await world.worker(silent), answer_timeout_s=0.2)
    assert await world.ask(b"GET / HTTP/1.1\r\n\r\n") == b""
    assert world.service.cuts["answer"] == 1


async def test_the_same_client_stays_with_its_worker(world: World) -> None:
    """S0-57."""
    addresses = [await world.worker(named(name)) for name in "ab"]
    for policy in ("sticky", "ip_hash"):
        await world.balance(*addresses, policy=policy)
        assert len({await name_of(world) for _ in range(6)}) == 1
    await world.balance(*addresses, policy="round_robin")
    assert await name_of(world) != await name_of(world)


async def test_least_connections_choose_the_idle_worker(world: World) -> None:
    addresses = [await world.worker(named(name)) for name in "ab"]
    await world.balance(*addresses, policy="least_connections")
    held = []
    for _ in range(3):
        reader, _ = held_one = await world.connect()
        held.append((await reader.readline(), held_one))
    assert [name for name, _ in held] == [b"a\n", b"b\n", b"a\n"]
    assert await name_of(world) == "b"
