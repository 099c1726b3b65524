"""TLS ends at the balancer: modern versions only, renewed without a connection noticing."""

import asyncio
import ssl
from pathlib import Path

import pytest
from cryptography import x509

from lb.load import from_document
from lb.refusal import UNAVAILABLE
from lb.settings import SettingsError
from lb.tls import make_context
from tests.lb.certificates import write_certificate
from tests.lb.world import Wire, World, free_address, named, until


def trusting(tmp_path: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=tmp_path / "certificate.pem")


async def connect(world: World, context: ssl.SSLContext) -> Wire:
    return await world.connect(ssl=context, server_hostname="localhost")


def common_name(writer: asyncio.StreamWriter) -> str:
    der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    return str(x509.load_der_x509_certificate(der).subject.rdns[0].rfc4514_string())


async def test_a_worker_gets_the_plain_bytes_and_the_client_s_address(
    world: World, tmp_path: Path
) -> None:
    """S-59."""
    files = write_certificate(tmp_path, "first")
    await world.balance(await world.worker(), proxy_protocol="v1", **files)
    reader, writer = await connect(world, trusting(tmp_path))
    writer.write(b"x" * 1_000_000)
    host, port = writer.get_extra_info("sockname")
    line = f"PROXY TCP4 {host} 127.0.0.1 {port} {world.port}\r\n".encode()
    assert await reader.readline() == line
    assert await reader.readexactly(1_000_000) == b"x" * 1_000_000
    writer.close()
    await until(lambda: world.service.connections == 0)


async def test_the_end_of_one_direction_is_the_end_of_both(world: World, tmp_path: Path) -> None:
    async def farewell(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"x" * 300_000)
        writer.write_eof()
        await reader.read()

    await world.balance(await world.worker(farewell), **write_certificate(tmp_path, "first"))
    reader, _ = await connect(world, trusting(tmp_path))
    assert await reader.read() == b"x" * 300_000
    await until(lambda: world.service.connections == 0)


async def test_a_new_certificate_is_for_new_connections(world: World, tmp_path: Path) -> None:
    address = await world.worker()
    await world.balance(address, **write_certificate(tmp_path, "first"))
    reader, writer = await connect(world, trusting(tmp_path))
    await world.balance(address, **write_certificate(tmp_path, "second"))
    _, other = await connect(world, trusting(tmp_path))
    assert (common_name(writer), common_name(other)) == ("CN=first", "CN=second")
    writer.write(b"still here")
    assert await reader.readexactly(10) == b"still here"


async def test_a_browser_is_refused_over_tls_too(world: World, tmp_path: Path) -> None:
    files = write_certificate(tmp_path, "first")
    await world.balance(free_address(), protocol="http", **files)
    reader, _ = await connect(world, trusting(tmp_path))
    assert await reader.readexactly(len(UNAVAILABLE)) == UNAVAILABLE


async def test_who_does_not_shake_hands_is_closed(world: World, tmp_path: Path) -> None:
    address = await world.worker(named("a"))
    await world.balance(address, handshake_timeout_s=0.2, **write_certificate(tmp_path, "first"))
    silent, _ = await world.connect()
    with pytest.raises(ConnectionError):
        await gone(silent)
    garbage, writer = await world.connect()
    writer.write(b"GET / HTTP/1.1\r\n\r\n")
    with pytest.raises(ConnectionError):
        await gone(garbage)
    await until(lambda: world.service.connections == 0)
    assert world.service.refusals["handshake"] == 2
    assert world.target(address).connections_total == 0


async def gone(reader: asyncio.StreamReader) -> None:
    """Read to the end, which may come as one or as a reset. Raises: ConnectionError."""
    async with asyncio.timeout(20):
        await reader.read()
    raise ConnectionResetError


@pytest.mark.parametrize("version", ["TLSv1", "TLSv1_1"])
def test_old_versions_and_weak_ciphers_are_not_offered(tmp_path: Path, version: str) -> None:
    """S-59."""
    worker = {"address": free_address()}
    service = {"name": "web", "listen": "1", "worker": [worker]}
    files = write_certificate(tmp_path, "first")
    settings = from_document({"service": [service | files]}, "the test").services[0]
    context = make_context(settings)
    assert context is not None
    assert context.minimum_version > ssl.TLSVersion[version]
    assert all(
        cipher["aead"] and ("ECDHE" in cipher["name"] or cipher["protocol"] == "TLSv1.3")
        for cipher in context.get_ciphers()
    )


@pytest.mark.parametrize(
    ("certificate", "reason"),
    [
        ("key.pem", "not a certificate chain"),
        ("missing.pem", "No such file"),
        ("locked", "not a certificate chain"),
    ],
)
def test_files_that_cannot_be_used_are_named(tmp_path: Path, certificate: str, reason: str) -> None:
    files = write_certificate(tmp_path, "first", b"secret" if certificate == "locked" else b"")
    if certificate != "locked":
        files["certificate_file"] = str(tmp_path / certificate)
    service = {"name": "web", "listen": "1", "worker": [{"address": free_address()}]} | files
    settings = from_document({"service": [service]}, "the test").services[0]
    with pytest.raises(SettingsError, match="service web: certificate_file = ") as refused:
        make_context(settings)
    assert reason in str(refused.value)
