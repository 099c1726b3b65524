"""Addresses that a server gives: used with nothing of a log-in, and not just any (S-44)."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
import pytest_asyncio

from client.bucket import BucketConnections
from protocol import bodies

FAR_MS = 2**50
SECRET = "X-Amz-Signature=5ec4e7"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\npart"


@dataclass
class Service:
    """Something that answers each request alike, and keeps what it heard."""

    answer: bytes = OK
    heard: list[bytes] = field(default_factory=list)
    port: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        self.heard.append(head)
        writer.write(self.answer)
        await writer.drain()
        writer.close()

    def address(self, place: str = "/bucket/part") -> bodies.GetAddress:
        url = f"http://127.0.0.1:{self.port}{place}?{SECRET}"
        return bodies.GetAddress(url=url, expires_ms=FAR_MS)


@pytest_asyncio.fixture
async def service() -> AsyncIterator[Service]:
    service = Service()
    server = await asyncio.start_server(service.serve, "127.0.0.1", 0)
    service.port = server.sockets[0].getsockname()[1]
    yield service
    server.close()


@pytest.fixture
def near() -> BucketConnections:
    """Of a client whose server is on this machine."""
    return BucketConnections("http://localhost:8888")


def get(url: str) -> bodies.GetAddress:
    return bodies.GetAddress(url=url, expires_ms=FAR_MS)


async def test_a_part_is_asked_for_with_nothing_but_its_address(
    service: Service, near: BucketConnections
) -> None:
    memory = memoryview(bytearray(4))
    assert await near.get(service.address(), memory)
    assert bytes(memory) == b"part"
    line, *headers = service.heard[0].decode().rstrip("\r\n").split("\r\n")
    assert line == f"GET /bucket/part?{SECRET} HTTP/1.1"
    names = {header.partition(":")[0].lower() for header in headers}
    assert names == {"host", "accept-encoding"}
    near.close()


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: http://localhost/\r\nContent-Length: 4\r\n\r\npart",
        b"HTTP/1.1 206 Partial\r\nContent-Length: 4\r\n\r\npart",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\npar",
        b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\npa",
        b"SSH-2.0-x\r\n\r\n",
    ],
)
async def test_anything_but_the_part_is_none(
    service: Service, near: BucketConnections, answer: bytes
) -> None:
    service.answer = answer
    assert not await near.get(service.address(), memoryview(bytearray(4)))
    assert len(service.heard) == 1, "no redirect is followed"
    near.close()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "bucket",
        "ftp://s3.example.org/part",
        "file:///etc/passwd",
        "https://",
        "https://name:word@s3.example.org/part",
        "https://s3.example.org:none/part",
        "https://[::1/part",
        "https://s3.example.org/a b",
        "https://s3.example.org/a\r\nX-Other: 1",
        "https://s3.example.org/ä",
        "http://s3.example.org/part",
        "http://10.0.0.1/part",
        "http://localhost.example.org/part",
    ],
)
async def test_what_is_no_address_of_a_bucket_is_not_gone_to(
    near: BucketConnections, url: str
) -> None:
    assert not await near.get(get(url), memoryview(bytearray(4)))
    assert near._connections is None


async def test_a_server_elsewhere_does_not_send_its_clients_to_their_own_machine(
    service: Service,
) -> None:
    far = BucketConnections("https://chat.example.org")
    assert not await far.get(service.address(), memoryview(bytearray(4)))
    assert service.heard == []


@pytest.mark.parametrize("header", ["Authorization", "Cookie", "Host", "X-Other", "x-amz-a\r\nB"])
async def test_a_server_chooses_no_headers_but_those_of_a_bucket(
    service: Service, near: BucketConnections, header: str
) -> None:
    address = bodies.PutAddress(url=service.address().url, headers={header: "x"}, expires_ms=FAR_MS)
    assert not await near.put(address, b"part")
    assert service.heard == []


async def test_headers_that_were_signed_go_along(service: Service, near: BucketConnections) -> None:
    headers = {"Content-Type": "application/octet-stream", "x-amz-checksum-sha256": "abc="}
    address = bodies.PutAddress(url=service.address().url, headers=headers, expires_ms=FAR_MS)
    assert await near.put(address, memoryview(b"part"))
    sent = service.heard[0].decode()
    for name, value in (headers | {"Content-Length": "4"}).items():
        assert f"\r\n{name}: {value}\r\n" in sent
    near.close()


async def test_a_bucket_that_moves_is_found(near: BucketConnections, service: Service) -> None:
    assert not await near.get(get("http://localhost:1/part"), memoryview(bytearray(4)))
    assert await near.get(service.address(), memoryview(bytearray(4)))
    near.close()
