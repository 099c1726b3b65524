"""A worker is well when it answers 200 in time, and gets connections only while it is well."""

import asyncio

import pytest

from lb.health import CheckFailed, check
from lb.pool import Worker
from lb.settings import ServiceSettings, WorkerSettings
from tests.lb.world import Serve, World, free_address, named, says, silent, until

FAST = {"check_interval_s": 0.05, "check_timeout_s": 20, "slow_start_s": 0}
SOON_S = 0.3  # for workers that never answer
BODY = '{"status":"%s","services":{}}'


def answer(status: int, body: str = "", head: str = "") -> Serve:
    """Answer a request as a worker does that keeps the connection open."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        length = f"Content-Length: {len(body)}\r\n"
        writer.write(f"HTTP/1.1 {status} Word\r\n{length}{head}\r\n{body}".encode())
        await reader.read()

    return serve


async def ask(address: str, **settings: object) -> None:
    """Ask once. Raises: CheckFailed."""
    values = {"name": "web", "listen": "1", "check_timeout_s": 20} | settings
    service = ServiceSettings(**values)  # type: ignore[arg-type]
    await check(Worker(WorkerSettings(address), service), service)


@pytest.mark.parametrize("status", ["healthy", "degraded"])
async def test_an_answer_200_is_good_whatever_it_says(world: World, status: str) -> None:
    await ask(await world.worker(answer(200, BODY % status)))


async def test_an_answer_without_a_length_is_read_to_its_end(world: World) -> None:
    await ask(await world.worker(says("HTTP/1.0 200 OK\r\n\r\nfine")))


@pytest.mark.parametrize(
    ("serve", "reason", "is_final"),
    [
        (answer(503, BODY % "unhealthy"), "status 503", False),
        (answer(503, BODY % "draining"), "status 503", True),
        (answer(500, BODY % "draining"), "status 500", False),
        (answer(301, head="Location: /\r\n"), "status 301", False),
        (answer(204), "status 204", False),
        (says("SSH-2.0-OpenSSH\r\n\r\n"), "not an answer in HTTP", False),
        (says("HTTP/1.1 2000 OK\r\n\r\n"), "not an answer in HTTP", False),
        (says("HTTP/1.1 200 OK\r\nX: " + "x" * 70_000), "not an answer in HTTP", False),
        (says("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort"), "not an answer in HTTP", False),
        (says(""), "not an answer in HTTP", False),
        (silent, "no answer in time", False),
    ],
)
async def test_any_other_answer_is_a_failure(
    world: World, serve: Serve, reason: str, is_final: bool
) -> None:
    timeout_s = SOON_S if serve is silent else 20
    with pytest.raises(CheckFailed) as failed:
        await ask(await world.worker(serve), check_timeout_s=timeout_s)
    assert (failed.value.reason, failed.value.is_final) == (reason, is_final)


async def test_an_answer_that_trickles_is_too_late(world: World) -> None:
    async def trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for byte in b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1_000:
            writer.write(bytes([byte]))
            await asyncio.sleep(0.02)

    with pytest.raises(CheckFailed, match="no answer in time"):
        await ask(await world.worker(trickle), check_timeout_s=SOON_S)


async def test_a_connection_that_is_not_accepted_is_a_failure(world: World) -> None:
    with pytest.raises(CheckFailed, match="Connection refused"):
        await ask(free_address())


async def test_check_tcp_wants_no_more_than_a_connection(world: World) -> None:
    await ask(await world.worker(silent), check="tcp")
    with pytest.raises(CheckFailed, match="Connection refused"):
        await ask(free_address(), check="tcp")


@pytest.mark.parametrize(("version", "begins"), [("v1", b"PROXY TCP4 "), ("v2", b"\r\n\r\n\0")])
async def test_a_check_begins_as_every_connection_of_the_service_does(
    world: World, version: str, begins: bytes
) -> None:
    heard: list[bytes] = []

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readuntil(b"GET /well HTTP/1.1\r\n"))
        heard.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    address = await world.worker(listen)
    await ask(address, proxy_protocol=version, check_path="/well", check_host="chat.example.org")
    assert heard[0].startswith(begins)
    assert b"Host: chat.example.org\r\n" in heard[1]


async def test_health_can_be_asked_elsewhere(world: World) -> None:
    """The messenger's health is that of the web worker in the same process."""
    messenger, web = await world.worker(named("a")), await world.worker(answer(200))
    await world.balance({"address": messenger, "check_address": web}, check="http", **FAST)
    reader, _ = await world.connect()
    assert await reader.readline() == b"a\n"
    await world.stop_worker(web)
    await until(lambda: not world.target(messenger).is_healthy)


async def test_a_worker_leaves_the_rotation_and_comes_back(world: World) -> None:
    """S0-54: failover."""
    first, second = await world.worker(named("a")), await world.worker(named("b"))
    await world.balance(first, second, check="tcp", **FAST)
    assert {worker.state(0.0) for worker in world.service.pool} == {"healthy"}
    await world.stop_worker(first)
    await until(lambda: world.target(first).last_error)
    await until(lambda: not world.target(first).is_healthy)
    assert [await name(world) for _ in range(4)] == ["b"] * 4
    await world.worker(named("a"), first)
    await until(lambda: world.target(first).is_healthy)
    assert {await name(world) for _ in range(4)} == {"a", "b"}


async def test_a_worker_that_accepts_and_never_answers_leaves_the_rotation(world: World) -> None:
    """R-22."""
    hung, well = await world.worker(silent), await world.worker(answer(200))
    await world.balance(hung, well, check="http", **FAST | {"check_timeout_s": SOON_S})
    assert not world.target(hung).is_healthy, "it never was"
    assert world.target(hung).last_error == "no answer in time"
    await until(lambda: world.target(well).is_healthy)


async def test_a_worker_that_drains_gets_no_more_connections_at_once(world: World) -> None:
    """R-20."""
    is_draining = False

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await answer(503 if is_draining else 200, BODY % "draining")(reader, writer)

    address = await world.worker(serve)
    await world.balance(address, check="http", **FAST | {"failures_down": 100})
    assert world.target(address).is_healthy
    is_draining = True
    await until(lambda: not world.target(address).is_healthy)
    assert world.target(address).failures == 1


async def name(world: World) -> str:
    reader, writer = await world.connect()
    said = (await reader.readline()).decode().strip()
    writer.close()
    return said
