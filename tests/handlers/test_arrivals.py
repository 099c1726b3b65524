"""Whose a connection is, over sockets: with a balancer before the server, and without."""

import asyncio
import logging
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from config.settings import Settings
from handlers import arrivals
from handlers.arrivals import Arrivals
from handlers.networks import Networks
from services import quotas
from tests.certificates import Certificate, make_certificate
from tests.handlers.test_proxy_protocol import REFUSED, VECTORS, header
from tests.harness import RunningServer
from tests.lines import open_lines
from tests.people import Peer

V1 = header(VECTORS[0])
V2 = header(VECTORS[5])
V6 = header(VECTORS[6])
GET = b"GET /api/rooms HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"

behind_balancer = pytest.mark.behind_balancer


@pytest.fixture
def settings(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> Settings:
    """Loopback is where the balancers of some tests are."""
    if request.node.get_closest_marker("behind_balancer"):
        settings = replace(
            settings, balancers=("127.0.0.0/8",), trusted_proxies=("203.0.113.0/24",)
        )
    if request.node.get_closest_marker("few_sockets"):
        monkeypatch.setitem(quotas.TABLE, "socket-open", quotas.Rate("address", 2, 0.001))  # type: ignore[index]
    if request.node.get_closest_marker("messenger_tls"):
        pem = str(make_certificate(Path(settings.data_dir)).path)
        settings = replace(settings, messenger_certificate_file=pem, messenger_key_file=pem)
    return settings


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, "sealroom")
    return caplog


def prefixes(log: pytest.LogCaptureFixture) -> list[str]:
    """The networks that requests came from."""
    return [vars(r)["address_prefix"] for r in log.records if r.name == "sealroom.access"]


async def exchange(port: int, *chunks: bytes) -> bytes:
    """Send chunks one after another; return all that comes back until the end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for chunk in chunks:
            writer.write(chunk)
            await writer.drain()
            await asyncio.sleep(0.002)
        return await asyncio.wait_for(reader.read(), 20)
    except ConnectionError:
        return b""
    finally:
        writer.close()


def http_port(server: RunningServer) -> int:
    return int(server.origin.rpartition(":")[2])


@behind_balancer
@pytest.mark.parametrize("sent", [V1, V2], ids=["v1", "v2"])
async def test_the_address_in_the_header_counts_wherever_the_header_is_cut(
    server: RunningServer, log: pytest.LogCaptureFixture, sent: bytes
) -> None:
    whole = sent + GET + b"\r\n"
    for cut in range(1, len(sent) + 1):
        answer = await exchange(http_port(server), whole[:cut], whole[cut:])
        assert answer.startswith(b"HTTP/1.1 401"), cut
    assert prefixes(log) == ["203.0.113.0/24"] * len(sent)


@behind_balancer
async def test_the_header_may_come_byte_by_byte(
    server: RunningServer, log: pytest.LogCaptureFixture
) -> None:
    chunks = [bytes((byte,)) for byte in V6]
    answer = await exchange(http_port(server), *chunks, GET + b"\r\n")
    assert answer.startswith(b"HTTP/1.1 401")
    assert prefixes(log) == ["2001:db8::/48"]


@behind_balancer
@pytest.mark.parametrize(
    ("sent", "prefix"),
    [
        (b"PROXY UNKNOWN\r\n", "127.0.0.0/24"),
        (header(next(v for v in VECTORS if v["name"] == "v2, LOCAL")), "127.0.0.0/24"),
        (b"", "127.0.0.0/24"),
    ],
    ids=["UNKNOWN", "LOCAL", "no header"],
)
async def test_a_balancer_may_speak_for_itself(
    server: RunningServer, log: pytest.LogCaptureFixture, sent: bytes, prefix: str
) -> None:
    answer = await exchange(http_port(server), sent + GET + b"\r\n")
    assert answer.startswith(b"HTTP/1.1 401")
    assert prefixes(log) == [prefix]


@behind_balancer
async def test_a_trusted_proxy_is_the_one_in_the_header_not_the_balancer(
    server: RunningServer, log: pytest.LogCaptureFixture
) -> None:
    told = b"X-Forwarded-For: 198.51.100.9\r\n\r\n"
    await exchange(http_port(server), V1 + GET + told)
    await exchange(http_port(server), V6 + GET + told)
    assert prefixes(log) == ["198.51.100.0/24", "2001:db8::/48"]


@behind_balancer
async def test_a_client_cannot_add_a_header_of_its_own(
    server: RunningServer, log: pytest.LogCaptureFixture
) -> None:
    forged = b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n"
    assert (await exchange(http_port(server), V1 + forged + GET + b"\r\n")).startswith(
        b"HTTP/1.1 400"
    )
    assert "192.0.2.0/24" not in prefixes(log)


@pytest.mark.parametrize(
    "sent", [V1, V2, V1[:8], V2[:12]], ids=["v1", "v2", "a bit of v1", "a bit of v2"]
)
@pytest.mark.parametrize("kind", ["http", "messenger"])
async def test_from_anywhere_else_a_header_closes_the_connection_and_is_logged(
    server: RunningServer, log: pytest.LogCaptureFixture, kind: str, sent: bytes
) -> None:
    port = http_port(server) if kind == "http" else server.messenger_port
    assert await exchange(port, sent + GET + b"\r\n") == b""
    (record,) = [r for r in log.records if r.name == "sealroom.arrivals"]
    assert record.getMessage().startswith("A PROXY header was refused: ")
    assert vars(record)["address_prefix"] == "127.0.0.0/24"
    assert prefixes(log) == []


@behind_balancer
@pytest.mark.parametrize("kind", ["http", "messenger"])
async def test_a_malformed_header_closes_the_connection_and_the_log_says_why_but_not_who(
    server: RunningServer, log: pytest.LogCaptureFixture, kind: str
) -> None:
    whole = [v for v in REFUSED if "truncated" not in v["reason"]]
    port = http_port(server) if kind == "http" else server.messenger_port
    for vector in whole:
        assert await exchange(port, header(vector) + GET + b"\r\n") == b"", vector["name"]
    told = [r.getMessage() for r in log.records if r.name == "sealroom.arrivals"]
    assert len(told) == len(whole)
    assert not [line for line in told if "203.0.113" in line or "2001" in line]
    assert prefixes(log) == []


@behind_balancer
async def test_a_header_that_does_not_come_whole_in_time_closes_the_connection(
    monkeypatch: pytest.MonkeyPatch, server: RunningServer, log: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("handlers.arrivals.ARRIVAL_S", 0.1)
    for sent in (V1[:20], V2[:14], V2[:3], b""):
        assert await exchange(http_port(server), sent) == b""
        assert await exchange(server.messenger_port, sent) == b""
    told = [r.getMessage() for r in log.records if r.name == "sealroom.arrivals"]
    assert told == ["No PROXY header in time"] * 8


async def test_three_bytes_that_stay_alone_cost_a_few_looks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """S-26: with a look every few milliseconds, they would cost more than a TLS handshake."""
    looks, look = [], arrivals._peek
    monkeypatch.setattr(arrivals, "_peek", lambda one: looks.append(1) or look(one))
    monkeypatch.setattr(arrivals, "ARRIVAL_S", 1.0)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        theirs.send(b"PRO")
        assert await Arrivals(Networks()).client(ours, "192.0.2.1") == "192.0.2.1"
    assert len(looks) <= 8


async def test_a_stranger_may_take_their_time(
    monkeypatch: pytest.MonkeyPatch, server: RunningServer
) -> None:
    monkeypatch.setattr("handlers.arrivals.ARRIVAL_S", 0.01)
    reader, writer = await asyncio.open_connection("127.0.0.1", http_port(server))
    await asyncio.sleep(0.1)
    writer.write(GET + b"\r\n")
    assert (await asyncio.wait_for(reader.read(), 20)).startswith(b"HTTP/1.1 401")
    writer.close()


@behind_balancer
@pytest.mark.few_sockets
async def test_each_client_behind_a_balancer_has_quotas_of_its_own(server: RunningServer) -> None:
    outcomes = []
    for address in ("192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.2"):
        proxy = f"PROXY TCP4 {address} 198.51.100.1 1 2\r\n".encode()
        outcomes.append(
            b'"close":4429' in await exchange(server.messenger_port, proxy + b"{}\n" * 5)
        )
    assert outcomes == [False, False, True, False]


@behind_balancer
async def test_the_messenger_takes_a_header_and_then_frames(
    server: RunningServer, alice: Peer
) -> None:
    wire = await open_lines(server.messenger_port)
    wire.socket.writer.write(V2)
    await wire.authenticate(alice)
    await wire.close()


@behind_balancer
@pytest.mark.messenger_tls
@pytest.mark.parametrize("sent", [V1, V2, b""], ids=["v1", "v2", "no header"])
async def test_the_header_stands_before_tls(
    server: RunningServer, settings: Settings, alice: Peer, sent: bytes
) -> None:
    trusting = Certificate(Path(settings.messenger_certificate_file)).trusting()
    wire = await open_lines(server.messenger_port)
    wire.socket.writer.write(sent)
    await wire.socket.writer.start_tls(trusting, server_hostname="localhost")
    await wire.authenticate(alice)
    await wire.close()


async def test_a_stop_does_not_wait_for_whoever_is_silent(server: RunningServer) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", http_port(server))
    await asyncio.sleep(0.05)
    await asyncio.wait_for(server.lifecycle.stop(), 20)
    assert await asyncio.wait_for(reader.read(), 4) == b""
    writer.close()
