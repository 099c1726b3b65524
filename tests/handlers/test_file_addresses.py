"""Parts past the server: an address in the bucket for a grant, put, said, fetched (S-44)."""

import asyncio
import hashlib
import json
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
from tornado.httpclient import AsyncHTTPClient, HTTPRequest, HTTPResponse

from config.settings import Settings
from protocol.encoding import b64url
from protocol.limits import DAY_MS, FILE_PART_BYTES, HOUR_MS
from storage.blobs.s3 import S3BlobStore
from tests.handlers.conftest import Browser
from tests.handlers.sending import begun, call, enrolled, log_in_again, offer
from tests.handlers.test_files import Courier, code
from tests.handlers.test_people import befriend
from tests.harness import Answer, Fetch, MovableClock, RunningServer
from tests.people import random_text
from tests.s3 import S3Process

Stored = Callable[[], Awaitable[list[str]]]
CONTENT = secrets.token_bytes(FILE_PART_BYTES + 1_000)


@pytest.fixture
async def service(s3_service: S3Process) -> S3Process:
    await s3_service.ready()
    return s3_service


@pytest.fixture
def settings(settings: Settings, service: S3Process) -> Settings:
    bucket = service.bucket
    return replace(
        settings,
        files=f"s3://{bucket.name}/{secrets.token_hex(8)}",
        s3_endpoint=bucket.endpoint,
        s3_access_key=bucket.access_key,
        s3_secret_key=bucket.secret_key,
        s3_presigned="on",
    )


@pytest.fixture
async def stored(service: S3Process, settings: Settings) -> AsyncIterator[Stored]:
    """Look which files have parts in the bucket."""
    store = S3BlobStore(replace(service.bucket, prefix=settings.files.rpartition("/")[2]))

    async def found() -> list[str]:
        return [file_id async for file_id, _ in store.files()]

    yield found
    await store.close()


@pytest.fixture
async def sender(an: Browser, clock: MovableClock, server: RunningServer) -> Courier:
    return await enrolled(an, clock, server)


@pytest.fixture
async def reader(
    sender: Courier, binh: Browser, clock: MovableClock, server: RunningServer
) -> Courier:
    await befriend(sender.browser, binh)
    return await enrolled(binh, clock, server)


@pytest.fixture
async def room(sender: Courier, reader: Courier) -> str:
    body = {"kind": "dm", "peer": reader.browser.user_id, "nonce": random_text(16)}
    return str((await sender.browser.call("POST", "/api/rooms", body)).json["id"])


def part(number: int, content: bytes = CONTENT) -> bytes:
    return content[number * FILE_PART_BYTES : (number + 1) * FILE_PART_BYTES]


def digest(data: bytes) -> str:
    return b64url(hashlib.sha256(data).digest())


async def bucket(method: str, address: Any, body: bytes | None = None) -> HTTPResponse:
    """Go to an address as a stranger would, with nothing but what it says."""
    request = HTTPRequest(
        address["url"], method=method, body=body, headers=address.get("headers", {})
    )
    return await AsyncHTTPClient().fetch(request, raise_error=False)


@dataclass
class Upload:
    """A file that is being sent past the server."""

    courier: Courier
    file_id: str
    token: str

    async def ask(self, what: str, number: int, data: bytes, token: str | None = None) -> Answer:
        return await self.courier.browser.call(
            "POST",
            f"/api/files/{self.file_id}/parts/{number}/{what}",
            {"hash": digest(data)},
            **{"X-File-Grant": self.token if token is None else token},
        )

    async def address(self, number: int, data: bytes) -> Any:
        answer = await self.ask("address", number, data)
        assert answer.status == 200, answer.text
        return answer.json

    async def put(self, number: int, data: bytes) -> None:
        assert (await bucket("PUT", await self.address(number, data), data)).code == 200
        assert (await self.ask("arrived", number, data)).status == 200

    async def received(self) -> list[int]:
        answer = await self.courier.browser.call("GET", f"/api/files/{self.file_id}")
        found: list[int] = answer.json["received"]
        return found


async def begin(courier: Courier, room: str | None, **changes: Any) -> Upload:
    started = await courier.start(room, CONTENT, **changes)
    assert started.status == 201, started.text
    file_id = str(started.json["id"])
    return Upload(courier, file_id, await courier.grant(file_id, "put"))


@pytest.fixture
async def upload(sender: Courier, room: str) -> Upload:
    return await begin(sender, room)


@pytest.fixture
async def whole(upload: Upload) -> str:
    """The id of a file that went past the server."""
    for number in range(2):
        await upload.put(number, part(number))
    assert (await upload.courier.commit(upload.file_id)).json["state"] == "committed"
    return upload.file_id


async def where(courier: Courier, file_id: str, number: int, token: str) -> HTTPResponse:
    return await courier.raw("GET", f"/api/files/{file_id}/parts/{number}/address", token)


async def test_a_file_goes_past_the_server_and_comes_back_byte_for_byte(
    whole: str, reader: Courier
) -> None:
    token = await reader.grant(whole, "get")
    came = b""
    for number in range(2):
        answer = await where(reader, whole, number, token)
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        address = json.loads(answer.body)
        assert set(address) == {"url", "expires_ms"}
        came += (await bucket("GET", address)).body
    assert came == CONTENT
    through = await reader.content(whole, token)
    assert through.body == CONTENT, "clients that know no addresses read on"


async def test_a_grant_says_that_parts_may_go_past_the_server(
    upload: Upload, whole: str, reader: Courier
) -> None:
    for grant in (await upload.courier.ask(whole, "put"), await reader.ask(whole, "get")):
        assert grant.json["direct"] is True


async def test_both_ways_may_be_mixed(upload: Upload) -> None:
    await upload.put(0, part(0))
    address = await upload.address(1, part(1))
    through = await upload.courier.put(upload.file_id, 1, part(1), upload.token)
    assert through.code == 200
    assert await upload.received() == [0, 1]
    assert (await bucket("PUT", address, part(1))).code == 200
    assert (await upload.courier.commit(upload.file_id)).json["state"] == "committed"


async def test_what_has_an_address_is_not_here_until_it_has_come(upload: Upload) -> None:
    address = await upload.address(0, part(0))
    early = await upload.ask("arrived", 0, part(0))
    assert (early.status, early.code) == (422, "bad_part")
    assert await upload.received() == []
    await upload.put(1, part(1))
    assert (await upload.courier.commit(upload.file_id)).code == "incomplete"
    assert (await bucket("PUT", address, part(0))).code == 200
    assert await upload.received() == [1], "nobody has looked yet"
    for _ in range(2):
        assert (await upload.ask("arrived", 0, part(0))).status == 200
    assert await upload.received() == [0, 1]


async def test_one_part_has_addresses_for_one_hash(upload: Upload) -> None:
    first = await upload.address(0, part(0))
    other = secrets.token_bytes(FILE_PART_BYTES)
    for answer in (
        await upload.ask("address", 0, other),
        await upload.ask("address", 0, part(1)),
    ):
        assert (answer.status, answer.code) == (409, "conflict")
    through = await upload.courier.put(upload.file_id, 0, other, upload.token)
    assert (through.code, code(through)) == (409, "conflict")
    again = await upload.address(0, part(0))
    assert again["url"].partition("?")[0] == first["url"].partition("?")[0]


async def test_only_what_was_announced_fits_at_an_address(upload: Upload) -> None:
    address = await upload.address(1, part(1))
    for data in (part(1) + b"x", part(1)[:-1]):
        assert (await bucket("PUT", address, data)).code == 403
    assert (await bucket("PUT", address, secrets.token_bytes(1_000))).code == 400
    assert (await upload.ask("arrived", 1, part(1))).code == "bad_part"


@pytest.mark.parametrize("what", ["address", "arrived"])
async def test_a_number_beyond_the_file_is_no_part(upload: Upload, what: str) -> None:
    for number in (2, 999_999):
        answer = await upload.ask(what, number, b"x")
        assert (answer.status, answer.code) == (422, "bad_part")


async def test_a_file_has_no_address_beyond_its_end(whole: str, reader: Courier) -> None:
    token = await reader.grant(whole, "get")
    for number in (2, 999_999):
        answer = await where(reader, whole, number, token)
        assert (answer.code, code(answer)) == (416, "bad_range")


@pytest.mark.parametrize("hash_", ["", "A" * 42, "A" * 44, "=" * 43, 7, None])
async def test_a_hash_has_the_documented_form(upload: Upload, hash_: Any) -> None:
    answer = await upload.courier.browser.call(
        "POST",
        f"/api/files/{upload.file_id}/parts/0/address",
        {"hash": hash_},
        **{"X-File-Grant": upload.token},
    )
    assert (answer.status, answer.code) == (400, "bad_request")


async def test_without_the_right_grant_there_is_no_address(
    upload: Upload, whole: str, reader: Courier, sender: Courier, clock: MovableClock
) -> None:
    other = await begin(sender, None, transfer=await begun(sender, kind="link"))
    get = await reader.grant(whole, "get")
    wrong = [
        await where(reader, whole, 0, ""),
        await where(reader, whole, 0, upload.token),
        await where(sender, whole, 0, get),
        await where(reader, other.file_id, 0, get),
    ]
    assert [(answer.code, code(answer)) for answer in wrong] == [(403, "bad_grant")] * 4
    for what in ("address", "arrived"):
        for token in ("", get, upload.token):
            answer = await other.ask(what, 0, part(0), token=token)
            assert (answer.status, answer.code) == (403, "bad_grant")
    clock.advance(11 * 60_000)
    late = await where(reader, whole, 0, get)
    assert (late.code, code(late)) == (403, "bad_grant")


async def test_who_has_lost_access_gets_no_more_addresses(
    whole: str, room: str, reader: Courier, sender: Courier
) -> None:
    token = await reader.grant(whole, "get")
    assert (await where(reader, whole, 0, token)).code == 200
    await sender.browser.call("DELETE", f"/api/rooms/{room}")
    gone = await where(reader, whole, 0, token)
    assert (gone.code, code(gone)) == (404, "not_found")


async def test_a_whole_file_takes_no_more_parts(upload: Upload, whole: str) -> None:
    for what in ("address", "arrived"):
        assert (await upload.ask(what, 0, part(0))).code == "conflict"


async def test_a_file_that_has_ended_has_no_addresses(upload: Upload) -> None:
    await upload.courier.browser.call("DELETE", f"/api/files/{upload.file_id}")
    for what in ("address", "arrived"):
        assert (await upload.ask(what, 0, part(0))).code == "not_found"


async def test_what_is_put_after_the_end_is_an_orphan_and_goes(
    upload: Upload,
    server: RunningServer,
    clock: MovableClock,
    stored: Stored,
) -> None:
    address = await upload.address(1, part(1))
    await upload.courier.browser.call("DELETE", f"/api/files/{upload.file_id}")
    await server.lifecycle.files.sweep()
    assert (await bucket("PUT", address, part(1))).code == 200
    assert await stored() == [upload.file_id]
    assert await server.lifecycle.files.sweep_orphans() == 0
    clock.advance(HOUR_MS + 60_000)
    assert await server.lifecycle.files.sweep_orphans() == 1
    assert await stored() == []


async def test_an_upload_that_was_given_up_takes_its_parts_with_it(
    upload: Upload,
    server: RunningServer,
    clock: MovableClock,
    stored: Stored,
) -> None:
    await upload.put(0, part(0))
    assert (await bucket("PUT", await upload.address(1, part(1)), part(1))).code == 200
    clock.advance(DAY_MS + 60_000)
    await log_in_again(upload.courier)
    assert await server.lifecycle.files.sweep() == 1
    assert await stored() == []


async def test_many_addresses_at_once_end_in_one_file(upload: Upload) -> None:
    await asyncio.gather(*(upload.put(n % 2, part(n % 2)) for n in range(8)))
    assert await upload.received() == [0, 1]
    assert (await upload.courier.commit(upload.file_id)).json["state"] == "committed"


async def test_a_link_leads_to_its_parts_in_the_bucket(
    sender: Courier, fetch: Fetch, clock: MovableClock
) -> None:
    auth = secrets.token_bytes(32)
    link = offer(auth_hash=b64url(hashlib.sha256(auth).digest()))
    transfer_id = await begun(sender, kind="link")
    upload = await begin(sender, None, transfer=transfer_id)
    for number in range(2):
        await upload.put(number, part(number))
    await sender.commit(upload.file_id)
    sent = {"files": [upload.file_id], "link": link}
    assert (await call(sender, "POST", f"{transfer_id}/send", sent)).status == 200
    one = f"/api/links/{transfer_id}"
    grant = await fetch(
        "POST",
        f"{one}/downloads",
        body={"id": random_text(16)},
        headers={"X-Link-Auth": b64url(auth)},
    )
    assert grant.json["direct"] is True
    shown = {"X-File-Grant": grant.json["token"]}
    file = f"{one}/files/{upload.file_id}"
    came = b""
    for number in range(2):
        answer = await fetch("GET", f"{file}/parts/{number}/address", headers=shown)
        assert answer.status == 200, answer.text
        came += (await bucket("GET", answer.json)).body
    assert came == CONTENT
    assert (await fetch("GET", f"{file}/parts/0/address")).code == "bad_grant"
    assert (await fetch("GET", f"{file}/parts/2/address", headers=shown)).code == "bad_range"
    foreign = f"{one}/files/{random_text(16)}/parts/0/address"
    assert (await fetch("GET", foreign, headers=shown)).code == "not_found"
    await call(sender, "DELETE", transfer_id)
    assert (await fetch("GET", f"{file}/parts/0/address", headers=shown)).code == "not_found"


async def test_the_pages_may_connect_to_the_bucket(fetch: Fetch, service: S3Process) -> None:
    for page in ("/", "/t/x"):
        policy = (await fetch("GET", page)).headers["content-security-policy"]
        assert f"; connect-src 'self' {service.bucket.endpoint}; " in policy


class TestInAFolder:
    """Without a bucket every part goes through the server."""

    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return replace(settings, files="", s3_presigned="off")

    async def test_nothing_is_direct(
        self, sender: Courier, reader: Courier, room: str, fetch: Fetch
    ) -> None:
        upload = await begin(sender, room)
        assert (await sender.ask(upload.file_id, "put")).json["direct"] is False
        for what in ("address", "arrived"):
            answer = await upload.ask(what, 0, part(0))
            assert (answer.status, answer.code) == (404, "not_found")
        assert await upload.received() == []
        file_id = await sender.send(room, b"x")
        answer = await where(reader, file_id, 0, await reader.grant(file_id, "get"))
        assert (answer.code, code(answer)) == (404, "not_found")
        policy = (await fetch("GET", "/")).headers["content-security-policy"]
        assert "; connect-src 'self'; " in policy
