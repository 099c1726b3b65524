"""One command starts a cluster, and leaves nothing behind however it ends (S0-61, R-25)."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest

from tests.cluster.process import ClusterProcess, free_ports, until
from tests.process import ROOT

pytestmark = [pytest.mark.slow]

CHILDREN = ("bus", "worker-1", "worker-2", "balancer")


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[ClusterProcess]:
    """A cluster of two workers of this test's own."""
    cluster = ClusterProcess(tmp_path, workers=2)
    cluster.start()
    yield cluster
    if cluster.is_running:
        cluster.stop()


def lives(pid: int) -> bool:
    """Whether a process runs; one that has ended and waits for its parent does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except FileNotFoundError:
        return False


async def health(origin: str) -> int:
    async with aiohttp.ClientSession() as session, session.get(f"{origin}/health") as answer:
        return answer.status


async def test_a_ready_cluster_answers_on_its_one_page_and_on_its_tcp_port(
    pair: ClusterProcess,
) -> None:
    assert await health(pair.origin) == 200
    reader, writer = await asyncio.open_connection("127.0.0.1", pair.ports["--tcp-port"])
    writer.write(b'{"type":"ping"}\n')
    assert b'"unauthenticated"' in await reader.readline()
    writer.close()
    await writer.wait_closed()


async def test_ctrl_c_ends_every_process_in_order(pair: ClusterProcess) -> None:
    pids = [pair.process_of(child) for child in CHILDREN]
    assert pair.interrupt() == 0
    assert not any(map(lives, pids))
    ends = [line.split()[0] for line in pair.printed.splitlines() if "ended with" in line]
    assert sorted(ends) == sorted(CHILDREN)
    assert ends[-1] == "bus"
    assert pair.printed.count("ended with status 0") == len(CHILDREN)


async def test_a_launcher_that_is_killed_takes_everything_with_it(pair: ClusterProcess) -> None:
    pids = [pair.process_of(child) for child in CHILDREN]
    pair.kill()
    await until(lambda: not any(map(lives, pids)))


@pytest.mark.parametrize("child", CHILDREN)
async def test_a_child_that_dies_is_replaced_and_the_page_stays_open(
    pair: ClusterProcess, child: str
) -> None:
    await pair.kill_child(child)
    assert await health(pair.origin) == 200


async def test_a_crash_loop_is_slowed_down_and_the_others_go_on(pair: ClusterProcess) -> None:
    """The worker's port is taken while it is away, so it cannot come back (R-25)."""
    port = pair.ports["--worker-port"]
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        dead = pair.process_of("worker-1")
        os.kill(dead, signal.SIGSTOP)
        os.kill(dead, signal.SIGKILL)
        await until(lambda: _bound(taken, port))
        taken.listen()
        await pair.prints("worker-1  | ended with status 2; starts again in 1 s")
        assert await health(pair.origin) == 200
    last = pair.process_of("worker-1")
    await pair.serves_again("worker-1", last)


def _bound(taken: socket.socket, port: int) -> bool:
    try:
        taken.bind(("127.0.0.1", port))
    except OSError:
        return False
    return True


def test_a_port_that_is_taken_stops_the_start_and_is_named(tmp_path: Path) -> None:
    first = free_ports(1)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", first))
        taken.listen()
        options = ["--worker-port", str(first), "--workers", "1", "--data-dir", str(tmp_path)]
        ended = start(*options, "--bus", "nats://127.0.0.1:9")
    assert ended.returncode == 1
    assert f"worker-1  | port = {first}: Address already in use." in ended.stdout
    assert "worker-1 ended before it served. Everything has been stopped." in ended.stdout


def test_a_wrong_option_starts_nothing(tmp_path: Path) -> None:
    ended = start("--workers", "0", "--data-dir", str(tmp_path))
    assert ended.returncode == 2
    assert "--workers 0: must be from 1 to 16." in ended.stderr
    assert list(tmp_path.iterdir()) == []


def start(*options: str) -> subprocess.CompletedProcess[str]:
    """Run the launcher to its end."""
    command = [sys.executable, "-m", "lb", "cluster", *options]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
