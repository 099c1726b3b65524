"""The TCP messenger (S0-9, S0-28 … S0-30): what test_socket.py does not ask of both transports."""

import asyncio
import json
import secrets
import socket
import ssl
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from config.settings import Settings
from models.rooms import Room
from protocol import limits
from protocol.errors import AppError, ErrorCode
from services import quotas
from tests.certificates import Certificate, make_certificate
from tests.harness import Connect, Fetch, RunningServer
from tests.lines import open_lines
from tests.people import Peer, People, Wire, random_text, sealed


class RawLines:
    """A connection to the messenger, nothing but bytes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def open(cls, server: RunningServer) -> "RawLines":
        return cls(*await asyncio.open_connection("127.0.0.1", server.messenger_port))

    async def next(self) -> dict[str, Any]:
        line = await asyncio.wait_for(self.reader.readline(), 20)
        frame: dict[str, Any] = json.loads(line)
        return frame

    async def rest(self) -> list[dict[str, Any]]:
        """Read to the end, which the server makes."""
        text = await asyncio.wait_for(self.reader.read(), 20)
        self.writer.close()
        return [json.loads(line) for line in text.splitlines()]

    async def ended_by(self) -> tuple[str, int]:
        """Return error code and close code of the last line."""
        error = (await self.rest())[-1]["error"]
        return error["code"], error["close"]

    async def authenticate(self, peer: Peer, end: bytes = b"\n") -> dict[str, Any]:
        frame = {"type": "authenticate", "token": peer.token, "device_id": peer.device_id}
        self.writer.write(json.dumps(frame).encode() + end)
        answer = await self.next()
        assert answer["type"] == "authenticated"
        return answer


# ── lines ────────────────────────────────────────────────────────────────────────────────────────


async def test_crlf_is_a_line_end_too(server: RunningServer, alice: Peer) -> None:
    raw = await RawLines.open(server)
    await raw.authenticate(alice, b"\r\n")
    raw.writer.write(b'{"type":"ping","id":1}\r\n')
    assert (await raw.next())["id"] == 1
    raw.writer.close()


async def test_a_frame_may_come_byte_by_byte_and_several_at_once(
    server: RunningServer, alice: Peer
) -> None:
    raw = await RawLines.open(server)
    await raw.authenticate(alice)
    for byte in b'{"type":"ping","id":1}\n{"type":"ping",':
        raw.writer.write(bytes((byte,)))
        await raw.writer.drain()
    raw.writer.write(b'"id":2}\n{"type":"ping","id":3}\n')
    assert [(await raw.next())["id"] for _ in range(3)] == [1, 2, 3]
    raw.writer.close()


@pytest.mark.parametrize(
    ("sent", "end"),
    [
        pytest.param(b"x" * (limits.PRE_AUTH_FRAME_BYTES + 1), ("too_large", 1009), id="endless"),
        pytest.param(b'"\xff"\n', ("bad_request", 1007), id="no UTF-8"),
        pytest.param(b"\0\n" * limits.BAD_FRAMES, ("bad_request", 4400), id="NUL"),
        pytest.param(b"\n" * limits.BAD_FRAMES, ("bad_request", 4400), id="empty lines"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: a\r\n" * 3, ("bad_request", 4400), id="HTTP"),
        pytest.param(b"EHLO a\r\n" * limits.BAD_FRAMES, ("bad_request", 4400), id="SMTP"),
        pytest.param(b"[" * 10_000 + b"\n", None, id="nested"),
    ],
)
async def test_what_is_no_frame_is_told_and_costs_its_own_connection_at_most(
    server: RunningServer, ws: Connect, alice: Peer, sent: bytes, end: tuple[str, int] | None
) -> None:
    wire, raw = await ws(alice), await RawLines.open(server)
    raw.writer.write(sent)
    if end is None:
        assert (await raw.next())["error"]["code"] == "bad_request"
        await raw.authenticate(alice)
        raw.writer.close()
    else:
        assert await raw.ended_by() == end
    assert await wire.quiet() == []


async def test_a_tls_greeting_on_a_port_without_tls_is_garbage(server: RunningServer) -> None:
    raw = await RawLines.open(server)
    raw.writer.write(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + secrets.token_bytes(40_000))
    assert (await raw.ended_by())[1] in (1007, 1009, 4400)


async def test_random_bytes_are_survived(server: RunningServer, ws: Connect, alice: Peer) -> None:
    wire = await ws(alice)
    for _ in range(50):
        raw = await RawLines.open(server)
        raw.writer.write(secrets.token_bytes(3_000))
        raw.writer.write_eof()
        await raw.rest()
    assert await wire.quiet() == []


# ── the end ──────────────────────────────────────────────────────────────────────────────────────


async def test_whoever_shuts_their_sending_half_is_answered_and_closed(
    server: RunningServer, people: People, room: Room, alice: Peer, bob: Peer
) -> None:
    """So `printf … | nc -N` prints what it asked for."""
    raw = await RawLines.open(server)
    await raw.authenticate(alice)
    versions = await people.versions(alice, bob)
    for number in range(1, 6):
        body = sealed([bob], versions)
        frame = {"type": "message.send", "id": number, "room": room.room_id, **body}
        raw.writer.write(json.dumps(frame).encode() + b"\n")
    raw.writer.write(b'{"type":"sync","id":6,"room":"' + room.room_id.encode() + b'","after":0}\n')
    raw.writer.write_eof()
    frames = [frame for frame in await raw.rest() if frame["type"] != "presence"]
    assert [frame["id"] for frame in frames] == [1, 2, 3, 4, 5, 6]
    assert len(frames[5]["messages"]) == 5


async def test_an_end_without_a_word_gets_none(server: RunningServer) -> None:
    raw = await RawLines.open(server)
    raw.writer.write_eof()
    assert await raw.rest() == []


async def test_a_line_without_its_end_is_not_a_frame(server: RunningServer, alice: Peer) -> None:
    raw = await RawLines.open(server)
    await raw.authenticate(alice)
    raw.writer.write(b'{"type":"ping","id":1}')
    raw.writer.write_eof()
    assert await raw.rest() == []


@pytest.mark.parametrize("first", [b"", b'{"type":"ping"}\n'])
async def test_whoever_does_not_say_who_they_are_is_closed(
    monkeypatch: pytest.MonkeyPatch, server: RunningServer, first: bytes
) -> None:
    monkeypatch.setattr("handlers.conversation.AUTHENTICATE_MS", 200)
    monkeypatch.setattr("handlers.arrivals.ARRIVAL_S", 0.1)
    raw = await RawLines.open(server)
    raw.writer.write(first)
    assert await raw.ended_by() == ("unauthenticated", 4408)


async def test_a_silent_connection_is_closed_and_one_that_pings_is_not(
    monkeypatch: pytest.MonkeyPatch, server: RunningServer, alice: Peer, bob: Peer
) -> None:
    monkeypatch.setattr("handlers.lines.SILENCE_MS", 2_000)
    silent, pinging = await RawLines.open(server), await RawLines.open(server)
    await silent.authenticate(alice)
    await pinging.authenticate(bob)
    closing = asyncio.ensure_future(silent.ended_by())
    while not closing.done():
        pinging.writer.write(b'{"type":"ping","id":1}\n')
        while (await pinging.next())["type"] != "pong":
            pass
        await asyncio.sleep(0.1)
    assert await closing == ("unavailable", 4409)
    pinging.writer.write(b'{"type":"ping","id":2}\n')
    while (frame := await pinging.next())["type"] != "pong":
        pass
    assert frame["id"] == 2
    pinging.writer.close()


async def test_a_stop_tells_everybody_and_answers_what_was_asked(
    server: RunningServer, people: People, room: Room, alice: Peer, bob: Peer
) -> None:
    wire, nobody = await open_lines(server.messenger_port), await RawLines.open(server)
    await wire.authenticate(alice)
    nobody.writer.write(b'{"type":"ping"}\n')
    await nobody.next()
    versions = await people.versions(alice, bob)
    for number in range(1, 51):
        await wire.send("message.send", id=number, room=room.room_id, **sealed([bob], versions))
    await wire.expect("message.accepted", id=1)
    stopping = asyncio.ensure_future(server.lifecycle.stop())
    answered = [f["id"] for f in await wire.drained() if f["type"] == "message.accepted"]
    assert answered == list(range(2, len(answered) + 2))
    assert await wire.closed() == 1012
    assert await nobody.ended_by() == ("unavailable", 1012)
    await stopping
    with pytest.raises(OSError):
        await RawLines.open(server)


# ── slow readers ─────────────────────────────────────────────────────────────────────────────────


async def test_a_reader_who_does_not_read_is_closed_and_nobody_waits_for_them(
    server: RunningServer, ws: Connect, people: People, room: Room, alice: Peer, bob: Peer
) -> None:
    phone = await people.another_device(bob)
    sender, reader = await ws(alice), await ws(phone)
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    connection.connect(("127.0.0.1", server.messenger_port))
    stuck = await open_lines(0, sock=connection)
    await stuck.authenticate(bob)
    stuck.socket.writer.transport.pause_reading()
    versions = await people.versions(alice, bob)
    payload = random_text(limits.PAYLOAD_BYTES)
    for number in range(1, 26):
        body = sealed([bob, phone], versions, payload=payload)
        await sender.send("message.send", id=number, room=room.room_id, **body)
        await sender.expect("message.accepted", id=number)
        await reader.expect("message.new")
    stuck.socket.writer.transport.resume_reading()
    seen = [frame for frame in await stuck.drained() if frame["type"] == "message.new"]
    assert await stuck.closed() in (4008, 1005)  # cut, when it took too long to read the reason
    assert len(seen) < 25


# ── waiting messages, quotas, health ─────────────────────────────────────────────────────────────


async def test_messages_for_someone_away_wait_and_come_when_they_connect(
    server: RunningServer, people: People, room: Room, alice: Peer, bob: Peer
) -> None:
    """S0-30, over TCP on both sides."""
    sender = await open_lines(server.messenger_port)
    await sender.authenticate(alice)
    bodies = [sealed([bob], await people.versions(alice, bob)) for _ in range(3)]
    for number, body in enumerate(bodies, 1):
        await sender.send("message.send", id=number, room=room.room_id, **body)
        await sender.expect("message.accepted", id=number)
    await sender.close()
    receiver = await open_lines(server.messenger_port)
    assert (await receiver.authenticate(bob))["rooms"] == [{"id": room.room_id, "last_seq": 3}]
    await receiver.send("sync", id=1, room=room.room_id, after=0)
    page = await receiver.expect("synced", id=1)
    assert [m["payload"] for m in page["messages"]] == [body["payload"] for body in bodies]
    await receiver.close()


@pytest.fixture
def settings(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> Settings:
    if request.node.get_closest_marker("few_sockets"):
        monkeypatch.setitem(quotas.TABLE, "socket-open", quotas.Rate("address", 2, 0.001))  # type: ignore[index]
    if request.node.get_closest_marker("messenger_tls"):
        pem = str(make_certificate(Path(settings.data_dir)).path)
        return replace(settings, messenger_certificate_file=pem, messenger_key_file=pem)
    return settings


@pytest.mark.few_sockets
async def test_one_address_cannot_open_connections_without_end(server: RunningServer) -> None:
    opened = [await RawLines.open(server) for _ in range(3)]
    for raw in opened:
        raw.writer.write(b"{}\n")
        last = await raw.next()
        raw.writer.close()
    assert (last["error"]["code"], last["error"]["close"]) == ("rate_limited", 4429)


async def test_health_tells_of_the_messenger_and_asking_leaves_nothing(
    server: RunningServer, fetch: Fetch, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        assert (await fetch("GET", "/health")).json["services"]["tcp_messenger"] == "up"
    assert not [r for r in caplog.records if r.name == "sealroom.arrivals"]
    server.lifecycle.messenger.stop()
    answer = await fetch("GET", "/health")
    assert (answer.status, answer.json["services"]["tcp_messenger"]) == (503, "down")


async def test_health_is_not_held_up_by_two_parts_that_are_away(
    server: RunningServer, fetch: Fetch, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = asyncio.Barrier(2)

    async def away() -> bool:
        await both.wait()
        raise AppError(ErrorCode.UNAVAILABLE)

    async def down() -> bool:
        await both.wait()
        return False

    monkeypatch.setattr(server.lifecycle.database, "ping", away)
    monkeypatch.setattr(server.lifecycle.messenger, "is_up", down)
    services = (await fetch("GET", "/health")).json["services"]
    assert services == {"database": "down", "files": "up", "tcp_messenger": "down"}


# ── TLS ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def trusting(settings: Settings) -> ssl.SSLContext:
    return Certificate(Path(settings.messenger_certificate_file)).trusting()


@pytest.mark.messenger_tls
async def test_with_tls_people_talk_as_without(
    server: RunningServer,
    trusting: ssl.SSLContext,
    people: People,
    room: Room,
    alice: Peer,
    bob: Peer,
) -> None:
    wires: list[Wire] = []
    for peer in (alice, bob):
        options = {"tls": trusting, "server_hostname": "localhost"}
        wires.append(await open_lines(server.messenger_port, **options))
        await wires[-1].authenticate(peer)
    payload = random_text(limits.PAYLOAD_BYTES)
    body = sealed([bob], await people.versions(alice, bob), payload=payload)
    await wires[0].send("message.send", id=1, room=room.room_id, **body)
    await wires[0].expect("message.accepted", id=1)
    assert (await wires[1].expect("message.new"))["message"]["payload"] == payload
    await wires[0].socket.send("\xff" * limits.FRAME_BYTES)
    assert await wires[0].closed() == 1009
    await wires[1].close()


@pytest.mark.messenger_tls
async def test_nothing_older_than_tls_1_2_is_spoken(
    server: RunningServer, trusting: ssl.SSLContext
) -> None:
    trusting.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        trusting.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises((ssl.SSLError, ConnectionError)):
        await open_lines(server.messenger_port, tls=trusting, server_hostname="localhost")


@pytest.mark.messenger_tls
async def test_where_tls_is_asked_for_plain_lines_get_nothing(
    server: RunningServer, fetch: Fetch, alice: Peer
) -> None:
    raw = await RawLines.open(server)
    raw.writer.write(b'{"type":"ping"}\n')
    with pytest.raises((ValueError, ConnectionError)):
        await raw.next()
    raw.writer.close()
    assert (await fetch("GET", "/health")).json["services"]["tcp_messenger"] == "up"
