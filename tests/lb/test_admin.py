"""The operator's port tells the state, and lets whoever knows the token drain a worker."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from tornado.httpclient import AsyncHTTPClient, HTTPRequest, HTTPResponse

from lb import admin
from lb.addresses import Address
from tests.lb.world import World, free_address, named, until

TOKEN = {"Authorization": "Bearer a word"}


@pytest_asyncio.fixture
async def origin(world: World) -> AsyncIterator[str]:
    address = Address("127.0.0.1", int(free_address().rpartition(":")[2]))
    server = admin.listen(address, world.balancer, "a word")
    yield f"http://{address}"
    server.stop()
    await server.close_all_connections()


async def call(
    url: str, method: str = "GET", headers: dict[str, str] | None = None
) -> HTTPResponse:
    body = "" if method == "POST" else None
    request = HTTPRequest(url, method=method, headers=headers, body=body)
    return await AsyncHTTPClient().fetch(request, raise_error=False)


async def test_the_status_tells_what_each_worker_does(world: World, origin: str) -> None:
    """S0-58."""
    well, away = await world.worker(named("a")), free_address()
    await world.balance({"address": well, "weight": 3}, away, check="tcp")
    reader, _ = await world.connect()
    await reader.readline()
    answer = await call(f"{origin}/status.json")
    (service,) = json.loads(answer.body)["services"]
    assert (service["name"], service["connections"], service["waiting"]) == ("web", 1, 0)
    first, second = service["workers"]
    assert (first["address"], first["state"], first["weight"]) == (well, "healthy", 3)
    assert (first["connections"], first["connections_total"]) == (1, 1)
    assert 0 <= first["checks_s"][0] < 20
    assert (second["state"], second["checks_s"]) == ("unhealthy", [None])
    assert second["last_error"] == "Connection refused"
    assert answer.headers["Cache-Control"] == "no-store"


async def test_metrics_are_in_the_form_that_prometheus_reads(world: World, origin: str) -> None:
    well, away = await world.worker(named("a")), free_address()
    await world.balance(well, away, check="tcp")
    world.service.refusals["queue full"] += 2
    answer = await call(f"{origin}/metrics")
    lines = answer.body.decode().splitlines()
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert f'sealroom_lb_worker_up{{service="web",worker="{well}"}} 1' in lines
    assert f'sealroom_lb_worker_up{{service="web",worker="{away}"}} 0' in lines
    assert 'sealroom_lb_refusals_total{service="web",reason="queue full"} 2' in lines
    samples = [line.partition("{")[0] for line in lines if not line.startswith("#")]
    types = [line.split()[2] for line in lines if line.startswith("# TYPE")]
    assert set(samples) <= set(types)
    assert len(types) == len(set(types))
    assert all(float(line.rpartition(" ")[2]) >= 0 for line in lines if line[0] != "#")


async def test_the_page_shows_the_same_without_a_script(world: World, origin: str) -> None:
    address = await world.worker(named("a"))
    await world.balance(address)
    answer = await call(f"{origin}/")
    page = answer.body.decode()
    assert f"<h3>{address}: healthy</h3>" in page
    assert "width=device-width" in page
    assert "<script" not in page
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'; style-src")


async def test_a_worker_is_drained_and_resumed(world: World, origin: str) -> None:
    first, second = await world.worker(named("a")), await world.worker(named("b"))
    await world.balance(first, second)
    path = f"{origin}/workers/web/{first}"
    drained = await call(f"{path}/drain", "POST", TOKEN)
    assert (drained.code, json.loads(drained.body)) == (200, {"state": "draining"})
    for _ in range(3):
        reader, writer = await world.connect()
        assert await reader.readline() == b"b\n"
        writer.close()
    resumed = await call(f"{path}/resume", "POST", TOKEN)
    assert json.loads(resumed.body) == {"state": "healthy"}


async def test_resuming_serves_who_waits(world: World, origin: str) -> None:
    full, drained = await world.worker(), await world.worker(named("b"))
    await world.balance({"address": full, "max_connections": 1}, drained)
    path = f"{origin}/workers/web/{drained}"
    await call(f"{path}/drain", "POST", TOKEN)
    await world.connect()
    await until(lambda: world.target(full).connections == 1)
    reader, _ = await world.connect()
    await until(lambda: len(world.service.queue) == 1)
    await call(f"{path}/resume", "POST", TOKEN)
    assert await reader.readline() == b"b\n"


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("POST", "/workers/web/ADDRESS/drain", {}, 403),
        ("POST", "/workers/web/ADDRESS/drain", {"Authorization": "Bearer another"}, 403),
        ("POST", "/workers/web/ADDRESS/drain", {"Authorization": "a word"}, 403),
        ("POST", "/workers/web/127.0.0.1:1/drain", TOKEN, 404),
        ("POST", "/workers/messenger/ADDRESS/drain", TOKEN, 404),
        ("POST", "/workers/web/ADDRESS/stop", TOKEN, 404),
        ("GET", "/workers/web/ADDRESS/drain", TOKEN, 405),
        ("GET", "/status.json", {"Host": "evil.example"}, 403),
        ("GET", "/status.json", {"Host": "evil.example"} | TOKEN, 200),
    ],
)
async def test_nobody_else_changes_or_reads_anything(
    world: World, origin: str, method: str, path: str, headers: dict[str, str], status: int
) -> None:
    """S-58."""
    address = await world.worker()
    await world.balance(address)
    answer = await call(origin + path.replace("ADDRESS", address), method, headers)
    assert answer.code == status
    assert world.target(address).is_healthy


async def test_without_a_token_nobody_changes_anything(world: World) -> None:
    """S-58."""
    address = await world.worker()
    await world.balance(address)
    where = Address("127.0.0.1", int(free_address().rpartition(":")[2]))
    server = admin.listen(where, world.balancer, "")
    for headers in ({}, {"Authorization": "Bearer "}):
        path = f"http://{where}/workers/web/{address}/drain"
        assert (await call(path, "POST", headers)).code == 403
    server.stop()
    await server.close_all_connections()
    await asyncio.sleep(0)
