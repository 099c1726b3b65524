"""Presigned addresses of parts, at a real S3 service: good for one thing, for a while (S-44)."""

import asyncio
import base64
import hashlib
import secrets
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest
from tornado.httpclient import AsyncHTTPClient, HTTPRequest

from protocol.encoding import b64url
from storage.blobs.s3 import Bucket, S3BlobStore
from storage.blobs.s3_addresses import S3PartAddresses

DATA = secrets.token_bytes(100_000)
OCTETS = "application/octet-stream"


def sha256(data):
    return hashlib.sha256(data).digest()


def checksum(data):
    return base64.b64encode(sha256(data)).decode()


@pytest.fixture
async def bucket(s3_service):
    await s3_service.ready()
    return replace(s3_service.bucket, prefix=f"addresses/{secrets.token_hex(8)}")


@pytest.fixture
async def store(bucket):
    opened = S3BlobStore(bucket)
    yield opened
    await opened.close()


@pytest.fixture
async def giving(store, bucket):
    """Make something that gives addresses."""
    made = []

    def make(**good):
        made.append(S3PartAddresses(store, bucket, bucket.endpoint, **good))
        return made[-1]

    yield make
    for each in made:
        await each.close()


@pytest.fixture
def addresses(giving):
    return giving()


@pytest.fixture
def file_id():
    return b64url(secrets.token_bytes(16))


async def http(method, url, body=None, headers=None):
    request = HTTPRequest(
        url, method=method, body=body, headers=headers or {}, allow_nonstandard_methods=True
    )
    return await AsyncHTTPClient().fetch(request, raise_error=False)


async def put(address, data, **changes):
    return (await http("PUT", address.url, data, {**address.headers, **changes})).code


async def is_stored(store, file_id, data=DATA):
    return await store.holds(file_id, 0, sha256(data), len(data))


async def test_what_is_put_at_its_address_is_the_part(addresses, store, file_id):
    address = await addresses.to_put(file_id, 0, sha256(DATA), len(DATA))
    assert not await addresses.has_come(file_id, 0, sha256(DATA), len(DATA))
    assert await put(address, DATA) == 200
    assert await addresses.has_come(file_id, 0, sha256(DATA), len(DATA))
    pieces = [piece async for piece in store.read(file_id, 0, sha256(DATA), 0, len(DATA))]
    assert b"".join(pieces) == DATA


async def test_what_is_got_at_an_address_is_the_part_and_no_page(addresses, store, file_id):
    await store.put(file_id, 0, DATA, sha256(DATA))
    answer = await http("GET", (await addresses.to_get(file_id, 0, sha256(DATA))).url)
    assert (answer.code, answer.body) == (200, DATA)
    assert answer.headers["Content-Type"] == OCTETS
    assert answer.headers["Content-Disposition"] == 'attachment; filename="blob"'


async def test_an_address_names_what_is_signed_and_for_how_long(addresses, file_id):
    up = await addresses.to_put(file_id, 0, sha256(DATA), len(DATA))
    down = await addresses.to_get(file_id, 0, sha256(DATA))
    signed, limited = [parse_qs(urlsplit(each.url).query) for each in (up, down)]
    assert signed["X-Amz-SignedHeaders"] == [
        "content-length;content-type;host;x-amz-checksum-sha256"
    ]
    assert (signed["X-Amz-Expires"], limited["X-Amz-Expires"]) == (["300"], ["60"])
    for each in (signed, limited):
        assert each["X-Amz-Algorithm"] == ["AWS4-HMAC-SHA256"]
    assert up.headers == {"Content-Type": OCTETS, "x-amz-checksum-sha256": checksum(DATA)}


@pytest.mark.parametrize("data", [DATA[:-1], DATA + b"x", b""])
async def test_a_part_of_another_size_is_refused(addresses, store, file_id, data):
    address = await addresses.to_put(file_id, 0, sha256(DATA), len(DATA))
    assert await put(address, data) == 403
    assert not await is_stored(store, file_id)


async def test_other_bytes_of_the_same_size_are_refused(addresses, store, file_id):
    address = await addresses.to_put(file_id, 0, sha256(DATA), len(DATA))
    other = secrets.token_bytes(len(DATA))
    assert await put(address, other) == 400
    assert await put(address, other, **{"x-amz-checksum-sha256": checksum(other)}) == 403
    assert not await is_stored(store, file_id)


async def test_headers_that_were_signed_must_come(addresses, store, file_id):
    address = await addresses.to_put(file_id, 0, sha256(DATA), len(DATA))
    assert (await http("PUT", address.url, DATA, {"Content-Type": OCTETS})).code == 403
    assert await put(address, DATA, **{"Content-Type": "text/html"}) == 403
    assert not await is_stored(store, file_id)


def other_key(url):
    return url.replace("/0-", "/1-")


def more_time(url):
    return url.replace("X-Amz-Expires=", "X-Amz-Expires=9")


def other_signature(url):
    return url[:-1] + ("0" if url[-1] != "0" else "1")


def no_signature(url):
    return url.partition("?")[0]


def as_a_page(url):
    return f"{url}&response-content-type=text%2Fhtml"


@pytest.mark.parametrize("tamper", [other_key, more_time, other_signature, no_signature, as_a_page])
async def test_an_address_that_was_changed_is_refused(addresses, store, file_id, tamper):
    await store.put(file_id, 0, DATA, sha256(DATA))
    await store.put(file_id, 1, DATA, sha256(DATA))
    down = await addresses.to_get(file_id, 0, sha256(DATA))
    assert (await http("GET", tamper(down.url))).code == 403
    other = b"x" * 10
    up = await addresses.to_put(file_id, 0, sha256(other), len(other))
    assert await put(replace(up, url=tamper(up.url)), other) == 403
    assert not await is_stored(store, file_id, other)


async def test_an_address_is_good_for_its_host_only(addresses, store, file_id):
    await store.put(file_id, 0, DATA, sha256(DATA))
    address = await addresses.to_get(file_id, 0, sha256(DATA))
    assert (await http("GET", address.url, headers={"Host": "other.example.org"})).code == 403


async def test_an_address_is_good_for_its_method_only(addresses, store, file_id):
    await store.put(file_id, 0, DATA, sha256(DATA))
    down = await addresses.to_get(file_id, 0, sha256(DATA))
    up = await addresses.to_put(file_id, 0, sha256(DATA), len(DATA))
    for method, address in (("DELETE", down), ("PUT", down), ("GET", up), ("DELETE", up)):
        body = DATA if method == "PUT" else None
        assert (await http(method, address.url, body, dict(up.headers))).code == 403
    assert await is_stored(store, file_id)


async def test_an_address_expires(giving, store, file_id):
    await store.put(file_id, 0, DATA, sha256(DATA))
    other = b"x" * 10
    short = giving(put_ms=1_000, get_ms=1_000)
    down = await short.to_get(file_id, 0, sha256(DATA))
    up = await short.to_put(file_id, 0, sha256(other), len(other))
    async with asyncio.timeout(30):
        while (await http("GET", down.url)).code == 200:
            await asyncio.sleep(0.2)
    assert (await http("GET", down.url)).code == 403
    assert await put(up, other) == 403
    assert not await is_stored(store, file_id, other)


async def test_without_a_signature_there_is_nothing_and_no_list(bucket, store, file_id):
    await store.put(file_id, 0, DATA, sha256(DATA))
    place = f"{bucket.endpoint}/{bucket.name}"
    for url in (place, f"{place}?list-type=2", f"{place}/{store.key(file_id, 0, sha256(DATA))}"):
        assert (await http("GET", url)).code == 403


async def test_what_came_otherwise_has_not_come(bucket, addresses, store, file_id):
    client = await store._connected()
    place = {"Bucket": bucket.name, "Key": store.key(file_id, 0, sha256(DATA))}
    other = secrets.token_bytes(len(DATA))
    await client.put_object(**place, Body=DATA[:-1])
    assert not await addresses.has_come(file_id, 0, sha256(DATA), len(DATA))
    await client.put_object(**place, Body=other, ChecksumSHA256=checksum(other))
    assert not await addresses.has_come(file_id, 0, sha256(DATA), len(DATA))
    await client.put_object(**place, Body=DATA)
    assert await addresses.has_come(file_id, 0, sha256(DATA), len(DATA))


@pytest.mark.parametrize(
    ("addressing", "origin"),
    [
        ("path", "https://s3.example.org"),
        ("virtual", "https://sealroom.s3.example.org"),
    ],
)
async def test_addresses_are_where_clients_find_the_service(file_id, addressing, origin):
    inside = Bucket("sealroom", "a", "http://files:8333", "eu-central-1", addressing, "key", "s")
    store = S3BlobStore(inside)
    addresses = S3PartAddresses(store, inside, "https://s3.example.org")
    for address in (
        await addresses.to_put(file_id, 0, sha256(DATA), len(DATA)),
        await addresses.to_get(file_id, 0, sha256(DATA)),
    ):
        parts = urlsplit(address.url)
        assert f"{parts.scheme}://{parts.netloc}" == origin
        assert address.url not in repr(address)
    await addresses.close()
    await store.close()
