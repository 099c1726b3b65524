"""The password of the bus goes to the bus alone, and no way to lose a connection is the last."""

import asyncio
import contextlib
import gc
import json
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from realtime.nats_link import BusAddress, NatsLink
from tests.certificates import make_certificate
from tests.cluster.process import until
from tests.process import NatsProcess

PASSWORD = "the-password-of-the-bus"
ABORT_AT_CLOSE = struct.pack("ii", 1, 0)  # struct linger, socket(7): on, for no time
LinkTo = Callable[..., "Listener"]


class Listener:
    """Notes how a link is."""

    def __init__(self) -> None:
        self.ups = 0
        self.link: NatsLink

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

    def open_one(url: str, tls: ssl.SSLContext | None = None, password: str = PASSWORD) -> Listener:
        link, listener = NatsLink(BusAddress((url,), "sealroom", password, tls)), Listener()
        listener.link = link
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


@pytest.mark.parametrize("then_resets", [True, False], ids=["resets", "hangs"])
async def test_a_bus_that_takes_nothing_more_is_left_and_found_again(
    link_to: LinkTo, no_errors: None, then_resets: bool
) -> None:
    """The driver would wait for ever, or end in an error of a task that nobody waits for."""
    over = asyncio.Event()
    serving: list[asyncio.Task[None] | None] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.append(asyncio.current_task())
        writer.write(b'INFO {"max_payload": 1000000}\r\n')
        with contextlib.suppress(OSError, EOFError):
            for _ in range(3):  # one when it connects, two before it is up
                await reader.readuntil(b"PING\r\n")
                writer.write(b"PONG\r\n")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.2 if then_resets else None):
                    await over.wait()
            connection = writer.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT_AT_CLOSE)
        writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    listener = link_to(f"nats://127.0.0.1:{server.sockets[0].getsockname()[1]}")

    def is_there_again() -> bool:
        while listener.link.send("a.subject", bytes(100_000)):
            pass
        return listener.ups == 2

    await until(is_there_again)
    await listener.link.close()
    over.set()
    await asyncio.gather(*filter(None, serving))
    server.close()
    gc.collect()  # an exception that nobody has asked for is logged now
