"""A server that is told to stop finishes what it has begun (R-20)."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tornado.httpclient import AsyncHTTPClient

from config.settings import Settings
from models.rooms import Room
from models.transfers import Transfer
from protocol.errors import AppError, ErrorCode
from protocol.ids import TransferId, UserId
from protocol.limits import DAY_MS
from tests.harness import Connect, Fetch, MovableClock, RunningServer
from tests.lines import open_lines
from tests.people import Peer, People, open_wire, sealed
from tests.process import ROOT, ServerProcess


async def test_connections_are_told_to_come_back(
    ws: Connect, server: RunningServer, alice: Peer
) -> None:
    wire = await ws(alice)
    waiting = asyncio.ensure_future(wire.closed())
    await server.lifecycle.stop()
    assert await waiting == 1012


async def test_what_was_sent_before_the_stop_is_answered_and_kept(
    ws: Connect, server: RunningServer, people: People, room: Room, alice: Peer, bob: Peer
) -> None:
    wire = await ws(alice)
    versions = await people.versions(alice, bob)
    for number in range(1, 51):
        await wire.send("message.send", id=number, room=room.room_id, **sealed([bob], versions))
    await wire.expect("message.accepted", id=1)
    stopping = asyncio.ensure_future(server.lifecycle.stop())
    frames = await wire.drained()
    await stopping
    answered = [frame["id"] for frame in frames if frame["type"] == "message.accepted"]
    assert answered == list(range(2, len(answered) + 2))
    assert await wire.closed() == 1012


async def test_a_mail_that_is_claimed_leaves_before_the_mailer_closes(
    server: RunningServer, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    claimed, may_go_on = asyncio.Event(), asyncio.Event()
    now_ms = server.lifecycle.clock.now_ms()

    async def slow(*_: object) -> bool:
        claimed.set()
        await may_go_on.wait()
        return True

    notices = server.lifecycle.notices
    monkeypatch.setattr(notices._transfers, "claim_mail", slow)
    transfer = Transfer(
        transfer_id=TransferId("t" * 22),
        sender=UserId("u" * 22),
        kind="address",
        created_ms=now_ms,
        expires_ms=now_ms + DAY_MS,
        email="nobody@example.org",
        state="open",
        opened_ms=now_ms,
        mail_due_ms=now_ms,
    )
    notices.sent(transfer)
    await claimed.wait()
    asyncio.get_running_loop().call_later(0.3, may_go_on.set)
    await server.lifecycle.stop()
    assert len(list(Path(settings.data_dir).glob("outbox/*-nobody@example.org.eml"))) == 1


async def test_what_is_being_swept_is_left_before_the_stores_close(
    server: RunningServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    begun, order = asyncio.Event(), []
    close = server.lifecycle.database.close

    async def sweep_orphans() -> int:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            order.append("sweep")
        return 0

    async def remembered_close() -> None:
        order.append("close")
        await close()

    monkeypatch.setattr("handlers.lifecycle.SWEEP_S", 0)
    monkeypatch.setattr(server.lifecycle.files, "sweep_orphans", sweep_orphans)
    monkeypatch.setattr(server.lifecycle.database, "close", remembered_close)
    server.lifecycle.start()
    await begun.wait()
    await server.lifecycle.stop()
    assert order[:2] == ["sweep", "close"]
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


async def test_a_cancellation_that_a_driver_loses_does_not_hold_the_stop_up(
    server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = asyncio.Event()

    async def sweep_orphans() -> int:
        begun.set()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        return 0

    monkeypatch.setattr("handlers.lifecycle.SWEEP_S", 0.001)
    monkeypatch.setattr(server.lifecycle.files, "sweep_orphans", sweep_orphans)
    server.lifecycle.start()
    await begun.wait()
    async with asyncio.timeout(10):
        await server.lifecycle.stop()


async def test_connections_of_both_kinds_are_told_whoever_they_are(server: RunningServer) -> None:
    wires = [await open_wire(server.origin) for _ in range(60)]
    for _ in range(60):
        wires.append(await open_lines(server.messenger_port))
        await wires[-1].send("ping")
        await wires[-1].expect("error")
    stopping = asyncio.ensure_future(server.lifecycle.stop())
    assert {await wire.closed() for wire in wires} == {1012}
    await stopping


async def test_a_request_under_way_is_finished(
    fetch: Fetch,
    server: RunningServer,
    alice: Peer,
    monkeypatch: pytest.MonkeyPatch,
    clock: MovableClock,
) -> None:
    ping = server.lifecycle.database.ping

    asked = asyncio.Event()

    async def slow() -> None:
        asked.set()
        await asyncio.sleep(0.3)
        await ping()

    monkeypatch.setattr(server.lifecycle.database, "ping", slow)
    asking = asyncio.ensure_future(fetch("GET", "/health"))
    await asked.wait()
    await server.lifecycle.stop()
    assert (await asking).json["services"] == {
        "database": "up",
        "files": "up",
        "tcp_messenger": "up",
    }


async def test_an_upload_that_was_refused_before_it_had_come_is_not_waited_for(
    server: RunningServer,
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    place = f"/api/files/{'A' * 22}/parts/0"
    writer.write(f"PUT {place} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\n\r\n".encode())
    assert b"401" in await reader.readuntil(b"\r\n")
    writer.close()
    await server.lifecycle.listener.close_all_connections()
    async with asyncio.timeout(5):
        await server.lifecycle.application.idle()


async def test_a_connection_that_is_kept_open_ends_with_its_next_answer_or_without_one(
    server: RunningServer,
) -> None:
    """R-21: nobody who asks during a restart is told 503."""
    server.lifecycle.drain_wait_s = 0.5
    ask = b"GET /api/rooms HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    busy, idle = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(2)]
    for reader, writer in (busy, idle):
        writer.write(ask)
        assert b"401" in await reader.readuntil(b"\r\n")
    stopping = asyncio.ensure_future(server.lifecycle.stop())
    await asyncio.sleep(0)
    busy[1].write(ask)
    answers = [await reader.read() for reader, _ in (busy, idle)]
    await stopping
    assert answers[0].count(b"HTTP/1.1 401") == 1
    assert answers[0].count(b"Connection: close") == 1
    assert b"HTTP/1.1" not in answers[1]
    for _, writer in (busy, idle):
        writer.close()
        await writer.wait_closed()


async def test_a_conversation_may_begin_until_the_port_is_closed(
    server: RunningServer, ws: Connect, alice: Peer
) -> None:
    server.lifecycle.drain_wait_s = 0.5
    stopping = asyncio.ensure_future(server.lifecycle.stop())
    await asyncio.sleep(0)
    wire = await ws(alice)
    assert await wire.closed() == 1012
    await stopping


@pytest.mark.parametrize("transport", ["lines", "socket"])
async def test_whoever_is_let_in_while_the_others_are_told_is_told_too(
    server: RunningServer, fetch: Fetch, monkeypatch: pytest.MonkeyPatch, transport: str
) -> None:
    asked, may_answer, told = asyncio.Event(), asyncio.Event(), asyncio.Event()
    finish_all = server.lifecycle.conversations.finish_all

    async def ping() -> None:
        asked.set()
        await may_answer.wait()

    async def tell(code: int) -> None:
        await finish_all(code)
        told.set()

    monkeypatch.setattr(server.lifecycle.database, "ping", ping)
    monkeypatch.setattr(server.lifecycle.conversations, "finish_all", tell)
    port = server.port if transport == "socket" else server.messenger_port
    place = socket.create_connection(("127.0.0.1", port))
    place.setblocking(False)
    asking = asyncio.ensure_future(fetch("GET", "/health"))
    await asked.wait()
    stopping = asyncio.ensure_future(server.lifecycle.stop())
    await told.wait()
    if transport == "socket":
        wire = await open_wire(server.origin, sock=place)
    else:
        wire = await open_lines(server.messenger_port, sock=place)
        await wire.send("ping")
    assert await wire.closed() == 1012
    may_answer.set()
    await asking
    await stopping


async def test_a_store_that_is_away_at_the_end_is_no_bug(
    server: RunningServer, caplog: pytest.LogCaptureFixture
) -> None:
    async def away() -> None:
        raise AppError(ErrorCode.UNAVAILABLE)

    server.lifecycle.last_words.insert(0, away)
    await server.lifecycle.stop()
    [left] = [r for r in caplog.records if r.message == "something was left undone"]
    assert left.levelname == "WARNING"


async def test_nobody_new_is_let_in(server: RunningServer) -> None:
    await server.lifecycle.stop()
    with pytest.raises(OSError, match=r"refused|failed"):
        await open_wire(server.origin)


async def test_whoever_was_here_was_last_seen_now(
    ws: Connect, server: RunningServer, people: People, alice: Peer
) -> None:
    await ws(alice)
    seen: dict[str, int] = {}

    async def remember(last_seen_ms: dict[str, int]) -> None:
        seen.update(last_seen_ms)

    people.stores.accounts.set_last_seen = remember  # type: ignore[method-assign]
    await server.lifecycle.stop()
    assert abs(seen[alice.user_id] - people.clock.now_ms()) < 5_000


@pytest.fixture
def process(tmp_path: Path) -> Iterator[ServerProcess]:
    server = ServerProcess(tmp_path)
    server.start()
    yield server
    if server.is_running:
        server.kill()


def test_sigterm_ends_the_process_well_within_ten_seconds(process: ServerProcess) -> None:
    began = time.monotonic()
    assert process.stop() == 0
    assert time.monotonic() - began < 10


async def test_an_open_connection_does_not_keep_it(process: ServerProcess) -> None:
    wire = await open_wire(process.origin)
    began = time.monotonic()
    assert await asyncio.to_thread(process.stop) == 0
    assert time.monotonic() - began < 10
    assert await wire.closed() == 1012


async def test_a_second_signal_ends_it_at_once(tmp_path: Path) -> None:
    process = ServerProcess(tmp_path, {"SEALROOM_DRAIN_WAIT_S": "30"})
    process.start()
    os.kill(process.pid, signal.SIGTERM)
    await asyncio.sleep(0.5)
    assert process.is_running
    assert process.stop() == -signal.SIGTERM


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "server.py", *arguments],
        cwd=ROOT,
        env=os.environ | {"SEALROOM_MESSENGER_PORT": "0"} | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )


def test_a_wrong_setting_stops_the_start_with_one_sentence() -> None:
    done = run(SEALROOM_PORT="70000")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "port = 70000: must be from 0 to 65535.\n"


@pytest.mark.parametrize("name", ["port", "messenger_port"])
def test_a_taken_port_stops_the_start_with_one_sentence(process: ServerProcess, name: str) -> None:
    taken = process.origin if name == "port" else process.messenger
    port = taken.rpartition(":")[2]
    ports = {"SEALROOM_PORT": "0", f"SEALROOM_{name.upper()}": port}
    done = run(SEALROOM_DATA_DIR=str(process.data_dir / "other"), **ports)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"{name} = {port}: Address already in use.\n"


def test_a_certificate_that_is_none_stops_the_start_with_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "none.pem").write_text("none")
    pem = str(tmp_path / "none.pem")
    done = run(
        SEALROOM_DATA_DIR=str(tmp_path),
        SEALROOM_PORT="0",
        SEALROOM_MESSENGER_CERTIFICATE_FILE=pem,
        SEALROOM_MESSENGER_KEY_FILE=pem,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"messenger_certificate_file = '{pem}': ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(("host", "warnings"), [("0.0.0.0", 1), ("127.0.0.1", 0)])
def test_a_messenger_without_tls_off_loopback_is_warned_of(
    tmp_path: Path, host: str, warnings: int
) -> None:
    process = ServerProcess(tmp_path, {"SEALROOM_HOST": host, "SEALROOM_TEST_CLOCK_FILE": ""})
    process.start()
    assert process.stop() == 0
    assert process.log.read_text().count("the messenger has no TLS") == warnings


async def test_a_messenger_that_is_off_is_not_spoken_of(tmp_path: Path) -> None:
    process = ServerProcess(tmp_path, {"SEALROOM_MESSENGER_PORT": "-1"})
    process.start()
    answer = await AsyncHTTPClient().fetch(f"{process.origin}/health")
    assert "tcp_messenger" not in json.loads(answer.body)["services"]
    assert process.messenger == ""
    assert process.stop() == 0


def test_a_key_that_others_can_read_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "master.key").write_text("A" * 43)
    (tmp_path / "master.key").chmod(0o644)
    done = run(SEALROOM_DATA_DIR=str(tmp_path), SEALROOM_PORT="0")
    assert done.returncode == 2
    assert "chmod 600" in done.stderr


def test_check_prints_what_is_in_force_and_no_secret(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("hunter2\n")
    done = run("--check", SEALROOM_SMTP_PASSWORD_FILE=str(secret), SEALROOM_PORT="9001")
    assert done.returncode == 0
    assert "port = 9001\n" in done.stdout
    assert 'smtp_password = "•••"' in done.stdout
    assert "hunter2" not in done.stdout


def test_example_prints_the_example() -> None:
    assert run("--example").stdout == (ROOT / "config/sealroom.example.toml").read_text()


def test_files_are_for_their_owner_only(process: ServerProcess) -> None:
    for name in ("master.key", "sealroom.db"):
        assert (process.data_dir / name).stat().st_mode & 0o077 == 0, name


def test_the_log_is_lines_of_json(process: ServerProcess) -> None:
    process.stop()
    for line in process.log.read_text().splitlines():
        assert {"time", "level", "logger", "message"} <= json.loads(line).keys()
