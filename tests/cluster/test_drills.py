"""Something breaks under load: nothing acknowledged is lost, doubled or out of order.

What people noticed meanwhile is asserted too: a reconnect at most, and nobody but those concerned.
Everything is checked by the history of all clients, in `Crowd.talking`.
"""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from urllib.parse import urlsplit

import apsw
import pytest

from tests import mongo
from tests.cluster.conftest import NO_LIMITS
from tests.cluster.crowd import Crowd
from tests.cluster.errands import Errands
from tests.cluster.process import ClusterProcess, until
from tests.people import open_wire, random_text, sealed
from tests.process import ROOT, NatsProcess
from tests.storage.mongo.proxy import Proxy

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

SQLITE = pytest.mark.parametrize("cluster", ["sqlite"], indirect=True)
BOTH = pytest.mark.parametrize(
    "cluster", ["sqlite", pytest.param("mongo", marks=pytest.mark.mongo)], indirect=True
)
KILLS = {"sqlite": 20, "mongo": 6}
SAID_BETWEEN = 20
LARGE, LARGE_BYTES = 160, 200 * 1024  # together far more than all buffers on the way hold


def more_than_a_reconnect(crowd: Crowd) -> set[str]:
    """What people noticed besides reconnecting: being turned away and being refused.

    A send that waited for a busy disk until it was refused for now is repeated, like one that was
    cut off.
    """
    kinds = ("closed: 1006", "closed: 1012", "not connected: ", "refused: unavailable")
    turned_away = "not connected: InvalidStatus"
    return {n for n in crowd.notices if not n.startswith(kinds) or n == turned_away}


@BOTH
async def test_killing_workers_again_and_again(cluster: ClusterProcess, crowd: Crowd) -> None:
    """R-22, R-25."""
    async with crowd.talking(cluster.origin):
        for kill in range(KILLS["mongo" if cluster.database else "sqlite"]):
            await cluster.kill_child(f"worker-{kill % cluster.workers + 1}")
            await crowd.says(SAID_BETWEEN)
    assert more_than_a_reconnect(crowd) == set()


@BOTH
async def test_restarting_every_worker_in_turn(cluster: ClusterProcess, crowd: Crowd) -> None:
    """R-20, R-21: people reconnect when told to, and no other call fails.

    On a busy machine a send may be told to wait, which is a delay and no loss.
    """
    errands = Errands(crowd.talkers[0].peer)
    async with errands.running(cluster.origin), crowd.talking(cluster.origin):
        cluster.restart_workers()
        await cluster.prints("CLUSTER RESTARTED")
        await crowd.says(SAID_BETWEEN)
    assert {"closed: 1012"} <= set(crowd.notices) <= {"closed: 1012", "refused: unavailable"}
    assert set(errands.seen) == {"GET 200", "POST 200"}


@SQLITE
async def test_a_worker_that_accepts_and_never_answers_leaves_the_rotation(
    cluster: ClusterProcess, crowd: Crowd
) -> None:
    """R-22: a frozen process, whose kernel accepts; what it says afterwards deceives nobody."""
    frozen = cluster.process_of("worker-1")
    async with crowd.talking(cluster.origin):
        os.kill(frozen, signal.SIGSTOP)
        try:
            await cluster.shows(1, "unhealthy")
            await crowd.says(5 * SAID_BETWEEN)
        finally:
            os.kill(frozen, signal.SIGCONT)
        await cluster.until_whole()
        await crowd.says(SAID_BETWEEN)
    assert more_than_a_reconnect(crowd) == set()


@SQLITE
async def test_a_database_that_is_held_by_somebody_else(
    cluster: ClusterProcess, crowd: Crowd
) -> None:
    """R-30: a send is refused, never acknowledged, and repeated; nobody is even disconnected."""
    async with crowd.talking(cluster.origin):
        other = apsw.Connection(cluster.database_url.removeprefix("sqlite:///"))
        other.set_busy_timeout(60_000)
        other.execute("BEGIN IMMEDIATE")
        try:
            await crowd.until(lambda: all(talker.notices for talker in crowd.talkers))
        finally:
            other.execute("ROLLBACK")
            other.close()
        await crowd.says(SAID_BETWEEN)
    assert set(crowd.notices) == {"refused: unavailable"}


@SQLITE
async def test_a_bus_that_crashes_and_one_that_hangs(cluster: ClusterProcess, crowd: Crowd) -> None:
    """R-31: nobody notices anything, and everything arrives."""
    async with crowd.talking(cluster.origin):
        await cluster.kill_child("bus")
        await crowd.says(SAID_BETWEEN)
        os.kill(cluster.process_of("bus"), signal.SIGSTOP)
        try:
            await crowd.says(10 * SAID_BETWEEN)
        finally:
            os.kill(cluster.process_of("bus"), signal.SIGCONT)
        await crowd.says(SAID_BETWEEN)
    assert crowd.notices == {}


async def test_a_bus_that_is_stopped_and_started(tmp_path: Path) -> None:
    """R-31: everything arrives without it, health says so, and afterwards nothing comes twice."""
    bus = NatsProcess(tmp_path)
    bus.start()
    cluster = ClusterProcess(tmp_path, NO_LIMITS | bus.settings, options=("--bus", bus.url))
    cluster.start()
    try:
        crowd = await Crowd.of_pairs(cluster.data_dir, cluster.database_url, 3)
        async with crowd.talking(cluster.origin):
            bus.stop()
            await until(lambda: cluster.health()["status"] == "degraded")
            await crowd.falls_silent()
            bus.start()
            await until(lambda: cluster.health()["status"] == "healthy")
            await crowd.says(SAID_BETWEEN)
        assert crowd.notices == {}
    finally:
        assert cluster.stop() == 0
        bus.stop()
    assert cluster.errors == []


@pytest.mark.mongo
async def test_a_database_that_is_away(tmp_path: Path) -> None:
    """R-30: it answers nobody until everybody has noticed."""
    with mongo.database_of_today() as url:
        async with Proxy(url) as proxy:
            through = urlsplit(url)._replace(netloc=f"127.0.0.1:{proxy.port}").geturl()
            cluster = ClusterProcess(tmp_path, NO_LIMITS, database=through)
            await asyncio.to_thread(cluster.start)
            try:
                crowd = await Crowd.of_pairs(cluster.data_dir, url, 3)
                async with crowd.talking(cluster.origin):
                    await proxy.cut()
                    await crowd.until(lambda: all(talker.notices for talker in crowd.talkers))
                    await proxy.restore()
                    await crowd.says(SAID_BETWEEN)
            finally:
                assert await asyncio.to_thread(cluster.stop) == 0


@SQLITE
async def test_a_new_balancer_takes_over_from_the_old_one(
    cluster: ClusterProcess, crowd: Crowd
) -> None:
    """R-21: nobody who comes is refused, and nobody who is there is cut."""
    errands = Errands(crowd.talkers[0].peer, keeps_connections=False)
    old = cluster.process_of("balancer")
    async with errands.running(cluster.origin):
        async with crowd.talking(cluster.origin):
            successor = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "lb", "--config", cluster.data_dir / "balancer.toml"),
                cwd=ROOT,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
            )
            assert successor.stdout is not None
            assert b"web is balanced" in await successor.stdout.readline()
            os.kill(old, signal.SIGUSR1)
            await crowd.says(SAID_BETWEEN)
            await errands.calls(SAID_BETWEEN)
        # The last conversation over the old one has ended, and so it ends; the launcher follows.
        await cluster.serves_again("balancer", old)
        successor.terminate()
        assert await successor.wait() == 0
        await errands.calls(SAID_BETWEEN)
    assert crowd.notices == {}
    assert set(errands.seen) == {"GET 200", "POST 200"}


@SQLITE
async def test_a_reader_that_stops_reading(cluster: ClusterProcess, crowd: Crowd) -> None:
    """S-26: it is cut off, comes back for everything, and nobody else notices."""
    pair = await Crowd.of_pairs(cluster.data_dir, cluster.database_url, 1)
    (one, other), room = [talker.peer for talker in pair.talkers], pair.talkers[0].room
    versions = {one.user_id: 1, other.user_id: 1}
    async with crowd.talking(cluster.origin):
        deaf = await open_wire(cluster.origin, max_queue=1, ping_interval=None)
        await deaf.authenticate(other)
        loud = await open_wire(cluster.origin)
        await loud.authenticate(one)
        for number in range(1, LARGE + 1):
            body = sealed([other], versions, payload=random_text(LARGE_BYTES))
            await loud.send("message.send", id=number, room=room, **body)
            await loud.expect("message.accepted", id=number)
        heard = [f for f in await deaf.drained() if f["type"] == "message.new"]
        assert len(heard) < LARGE
        again = await open_wire(cluster.origin)
        await again.authenticate(other)
        seen: list[int] = []
        while len(seen) < LARGE:
            await again.send("sync", id=len(seen) + 1, room=room, after=len(seen), limit=4)
            page = await again.expect("synced")
            seen += [message["seq"] for message in page["messages"]]
        assert seen == list(range(1, LARGE + 1))
        for wire in (deaf, loud, again):
            await wire.close()
    assert crowd.notices == {}


@SQLITE
async def test_a_client_that_closes_its_half(cluster: ClusterProcess, crowd: Crowd) -> None:
    """It is answered what it had asked, and nothing of it is left (F15)."""
    peer = crowd.talkers[0].peer
    async with crowd.talking(cluster.origin):
        for _ in range(SAID_BETWEEN):
            port = cluster.ports["--tcp-port"]
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            hello = {"type": "authenticate", "token": peer.token, "device_id": peer.device_id}
            writer.write(json.dumps(hello).encode() + b"\n")
            assert b'"authenticated"' in await reader.readline()
            writer.write(b'{"type":"ping","id":7}\n')
            writer.write_eof()
            types = [json.loads(line)["type"] for line in (await reader.read()).splitlines()]
            assert types.count("pong") == 1
            writer.close()
            await writer.wait_closed()
        await until(lambda: cluster.connections("messenger") == 0)
    assert crowd.notices == {}
