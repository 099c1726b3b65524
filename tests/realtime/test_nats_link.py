"""The password of the bus goes to the bus alone."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from realtime.nats_link import BusAddress, NatsLink
from tests.certificates import make_certificate
from tests.cluster.process import until
from tests.process import NatsProcess

PASSWORD = "the-password-of-the-bus"
LinkTo = Callable[..., "Listener"]


class Listener:
    """Notes how a link is."""

    def __init__(self) -> None:
        self.ups = 0

    def received(self, subject: str, data: bytes) -> None:
        raise AssertionError

    def came_up(self) -> None:
        self.ups += 1

    def went_down(self) -> None:
        pass

    def overflowed(self) -> None:
        raise AssertionError


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate for loopback, signed by itself, and its key."""
    return make_certificate(tmp_path).path


@pytest_asyncio.fixture
async def link_to() -> AsyncIterator[LinkTo]:
    """Open a link to the bus at an address."""
    opened: list[NatsLink] = []

    def open_one(url: str, tls: ssl.SSLContext | None, password: str = PASSWORD) -> Listener:
        link, listener = NatsLink(BusAddress((url,), "sealroom", password, tls)), Listener()
        link.open(listener)
        opened.append(link)
        return listener

    yield open_one
    for link in opened:
        await link.close()


async def test_a_bus_with_a_certificate_we_trust_is_used_encrypted(
    tmp_path: Path, certificate: Path, link_to: LinkTo, caplog: pytest.LogCaptureFixture
) -> None:
    bus = NatsProcess(
        tmp_path,
        ("--tls", "--tlscert", str(certificate), "--tlskey", str(certificate)),
    )
    bus.start()
    try:
        trusting = ssl.create_default_context(cafile=str(certificate))
        listener = link_to(bus.url.replace("nats://", "tls://"), trusting, bus.password)
        await until(lambda: listener.ups == 1)
        stranger = link_to(bus.url, ssl.create_default_context(), bus.password)
        await until(lambda: "the bus is away" in caplog.text)
        assert stranger.ups == 0
    finally:
        bus.kill()


@pytest.mark.parametrize("offers_tls", [False, True])
async def test_whoever_strips_the_offer_of_encryption_is_told_no_password(
    link_to: LinkTo, offers_tls: bool
) -> None:
    """The first line of NATS is in the clear, so anybody in between can change it."""
    heard: list[bytes] = []
    connections = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        info = {"max_payload": 1_000_000, "auth_required": True, "tls_required": offers_tls}
        writer.write(b"INFO " + json.dumps(info).encode() + b"\r\n")
        heard.append(await reader.read(10_000))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    listener = link_to(f"tls://127.0.0.1:{port}", ssl.create_default_context())
    await until(lambda: connections >= 3)
    assert PASSWORD.encode() not in b"".join(heard)
    assert listener.ups == 0
    server.close()
