"""The program itself: its command line, its signals, its limits, and its successor."""

import asyncio
import contextlib
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lb.load import example
from tests.lb.process import ROOT, BalancerProcess, worker_process
from tests.lb.world import until

WORKER = ["--listen", "127.0.0.1:0", "--worker", "127.0.0.1:1=3", "--worker", "127.0.0.1:2"]


@pytest.fixture
def workers() -> Iterator[list[str]]:
    with worker_process("a") as (first, _), worker_process("b") as (second, _):
        yield [first, second]


@pytest.fixture
def balancer(tmp_path: Path, workers: list[str]) -> Iterator[BalancerProcess]:
    made = BalancerProcess(tmp_path, workers)
    yield made
    made.kill()


def run(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "lb", *words]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=30
    )


class Client:
    """A connection that is used again and again."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def echo(self, word: bytes = b"hello") -> bool:
        async with asyncio.timeout(20):
            self._writer.write(word)
            try:
                return await self._reader.readexactly(len(word)) == word
            except (ConnectionError, asyncio.IncompleteReadError):
                return False

    async def name(self) -> bytes:
        """Ask who serves."""
        async with asyncio.timeout(20):
            self._writer.write(b"GET / HTTP/1.1\r\n\r\n")
            await self._reader.readuntil(b"\r\n\r\n")
            return await self._reader.readexactly(1)

    async def end(self) -> bytes:
        """Read to the end, and close."""
        async with asyncio.timeout(20):
            rest = await self._reader.read()
        await self.close()
        return rest

    async def close(self) -> None:
        self._writer.close()
        with contextlib.suppress(ConnectionError):
            await self._writer.wait_closed()


async def connect(port: int) -> Client:
    return Client(*await asyncio.open_connection("127.0.0.1", port))


def test_flags_make_a_service_without_a_file() -> None:
    flags = ["--policy", "ip_hash", "--proxy-protocol", "v2", "--health", "tcp"]
    done = run(*WORKER, *flags, "--check")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert 'policy = "ip_hash"' in lines
    assert 'proxy_protocol = "v2"' in lines
    assert 'check = "tcp"' in lines
    assert [line for line in lines if line.startswith("weight")] == ["weight = 3", "weight = 1"]


def test_the_example_is_printed() -> None:
    assert run("--example").stdout == example()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "the command line: service 1: listen: must be set."),
        (["--listen", "1"], "the command line: service 1: worker: must be at least one."),
        ([*WORKER, "--worker", "127.0.0.1:3=x"], "worker 3: weight = 'x': must be a whole"),
        ([*WORKER, "--config", "lb.toml"], "--config: must stand alone"),
        (["--config", "missing.toml"], "missing.toml: No such file or directory."),
        ([*WORKER, "--admin", "192.0.2.1:1"], "admin = '192.0.2.1:1': must be on loopback"),
    ],
)
def test_what_is_wrong_is_told_in_one_sentence_and_nothing_starts(
    words: list[str], sentence: str
) -> None:
    done = run(*words)
    assert done.returncode == 2
    assert sentence in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


async def test_sigterm_ends_it_when_the_last_connection_has_ended(
    balancer: BalancerProcess,
) -> None:
    balancer.start()
    client = await connect(balancer.port)
    assert await client.echo()
    balancer.tell(signal.SIGTERM)
    await refused(balancer.port)
    assert await client.echo()
    await client.close()
    assert await asyncio.to_thread(balancer.ended) == 0


async def refused(port: int) -> None:
    """Wait until nobody listens."""
    async with asyncio.timeout(20):
        with contextlib.suppress(ConnectionError):
            while True:
                await (await connect(port)).close()
                await asyncio.sleep(0.01)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1, signal.SIGINT])
async def test_a_connection_that_stays_is_cut_after_the_limit(
    balancer: BalancerProcess, number: signal.Signals
) -> None:
    balancer.whole = {"stop_timeout_s": 0.3, "drain_timeout_s": 0.3}
    balancer.start()
    client = await connect(balancer.port)
    assert await client.echo()
    balancer.tell(number)
    assert await client.end() == b""
    assert await asyncio.to_thread(balancer.ended) == 0


async def test_a_second_signal_ends_it_at_once(balancer: BalancerProcess) -> None:
    balancer.whole = {"stop_timeout_s": 3_600}
    balancer.start()
    client = await connect(balancer.port)
    assert await client.echo()
    balancer.tell(signal.SIGTERM)
    await refused(balancer.port)
    balancer.tell(signal.SIGTERM)
    assert await client.end() == b""
    assert await asyncio.to_thread(balancer.ended) == 0


async def test_sighup_reads_the_file_again_and_keeps_connections(
    balancer: BalancerProcess,
) -> None:
    first, second = balancer.workers
    balancer.workers = [first]
    balancer.start()
    client = await connect(balancer.port)
    assert await client.name() == b"a"
    balancer.workers = [second]
    balancer.write()
    balancer.tell(signal.SIGHUP)
    await until(lambda: "the settings were read again" in balancer.log.read_text())
    other = await connect(balancer.port)
    assert await other.name() == b"b"
    balancer.settings = {"policy": "guess"}
    balancer.write()
    balancer.tell(signal.SIGHUP)
    await until(lambda: "nothing was changed" in balancer.log.read_text())
    assert await client.name() == b"a"
    await client.close()
    await other.close()


async def test_a_successor_takes_over_without_a_refused_connection(
    balancer: BalancerProcess, tmp_path: Path
) -> None:
    """R-21."""
    balancer.start()
    current, lost, served = balancer, 0, 0
    is_over = False

    async def caller() -> None:
        nonlocal lost, served
        while not is_over:
            try:
                client = await connect(balancer.port)
            except ConnectionError:
                lost += 1
                continue
            served, lost = served + 1, lost + (not await client.echo())
            await client.close()

    callers = [asyncio.create_task(caller()) for _ in range(8)]
    for number in range(3):
        kept = await connect(balancer.port)
        assert await kept.echo()
        folder = tmp_path / str(number)
        folder.mkdir()
        successor = BalancerProcess(folder, balancer.workers, port=balancer.port)
        await asyncio.to_thread(successor.start)
        current.tell(signal.SIGUSR1)
        before = served
        await until(lambda: served > before + 100)  # noqa: B023 - awaited at once
        assert await kept.echo(), "old connections go on"
        await kept.close()
        assert await asyncio.to_thread(current.ended) == 0
        current = successor
    is_over = True
    await asyncio.gather(*callers)
    current.kill()
    assert lost == 0


async def test_a_worker_that_is_stopped_leaves_and_comes_back(tmp_path: Path) -> None:
    """R-22: a stopped process still accepts, for the system does it."""
    with worker_process("a") as (first, process), worker_process("b") as (second, _):
        made = BalancerProcess(tmp_path, [first, second])
        made.settings = {
            "check": "http",
            "check_interval_s": 0.1,
            "check_timeout_s": 1,
            "failures_down": 2,
            "slow_start_s": 0,
        }
        made.start()
        try:
            process.send_signal(signal.SIGSTOP)
            await until(lambda: "is unhealthy: no answer in time" in made.log.read_text())
            assert [await name_at(made.port) for _ in range(4)] == [b"b"] * 4
            process.send_signal(signal.SIGCONT)
            await until(lambda: made.log.read_text().count(f"{first} is healthy") == 2)
            assert {await name_at(made.port) for _ in range(2)} == {b"a", b"b"}
        finally:
            process.send_signal(signal.SIGCONT)
            made.kill()


async def name_at(port: int) -> bytes:
    client = await connect(port)
    name = await client.name()
    await client.close()
    return name


async def test_without_descriptors_new_ones_wait_and_old_ones_live(
    balancer: BalancerProcess,
) -> None:
    balancer.descriptors = 40
    balancer.settings = {"check_interval_s": 0.05, "failures_down": 1}
    balancer.start()
    kept = await connect(balancer.port)
    assert await kept.echo()
    crowd = [await connect(balancer.port) for _ in range(60)]
    await until(lambda: "no connection can be accepted" in balancer.log.read_text())
    for _ in range(10):
        assert await kept.echo()
    for client in crowd:
        await client.close()
    async with asyncio.timeout(20):
        while not await echoes(balancer.port):
            await asyncio.sleep(0.05)  # some of the crowd still hold descriptors there
    assert "is unhealthy" not in balancer.log.read_text(), "it is no worker's fault"
    await kept.close()


async def echoes(port: int) -> bool:
    """Whether a new connection is served."""
    client = await connect(port)
    is_served = await client.echo()
    await client.close()
    return is_served


@pytest.mark.slow
async def test_five_thousand_connections_at_the_same_time(balancer: BalancerProcess) -> None:
    balancer.start()
    crowd = await asyncio.create_subprocess_exec(
        sys.executable,
        str(Path(__file__).with_name("crowd.py")),
        str(balancer.port),
        "5000",
        stdout=subprocess.PIPE,
    )
    async with asyncio.timeout(100):
        told, _ = await crowd.communicate()
    assert told == b"5000\n"
    assert await name_at(balancer.port) in (b"a", b"b")
