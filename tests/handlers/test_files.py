"""Files over HTTP: announced, granted, sent in parts, read, gone with their room."""

import asyncio
import hashlib
import json
import os
import secrets
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from tornado.httpclient import AsyncHTTPClient, HTTPRequest, HTTPResponse
from tornado.simple_httpclient import HTTPStreamClosedError

from client.seal.encoding import t
from client.seal.labels import Purpose
from config.settings import Settings
from handlers import files as files_handler
from models.blobs import Piece
from protocol import limits
from protocol.encoding import b64url, parse_b64url
from protocol.errors import AppError
from protocol.file_sizes import sealed_bytes
from protocol.limits import FILE_PART_BYTES
from services import receiving
from services.quotas import Rate
from services.receiving import PARTS_PER_USER
from tests.handlers.conftest import Browser
from tests.handlers.test_keys import plain
from tests.handlers.test_people import befriend
from tests.harness import Answer, MovableClock, RunningServer
from tests.house import Seal
from tests.people import random_text

OCTETS = "application/octet-stream"


@dataclass
class Courier:
    """Somebody whose device sends and reads files."""

    browser: Browser
    seal: Seal
    origin: str

    async def start(self, room: str | None, content: bytes, **changes: Any) -> Answer:
        body = {
            "id": random_text(16),
            "room": room,
            "size_bytes": len(content),
        }
        return await self.browser.call("POST", "/api/files", body | changes)

    def sign(self, file_id: str, purpose: str, issued_ms: int) -> str:
        device = self.seal.devices[-1]
        fields = (parse_b64url(file_id), purpose.encode(), self.seal.user, device.device_id)
        signed = t("", *fields, issued_ms.to_bytes(8, "big"))
        return b64url(device.signing_key.sign(Purpose.FILE_GRANT, signed))

    async def ask(self, file_id: str, purpose: str, **changes: Any) -> Answer:
        issued_ms = self.seal.now_ms
        body = {
            "purpose": purpose,
            "issued_ms": issued_ms,
            "sig": self.sign(file_id, purpose, issued_ms),
        }
        return await self.browser.call("POST", f"/api/files/{file_id}/grant", body | changes)

    async def grant(self, file_id: str, purpose: str) -> str:
        answer = await self.ask(file_id, purpose)
        assert answer.status == 200, answer.text
        return str(answer.json["token"])

    async def put(
        self, file_id: str, number: int, data: bytes, token: str, **changes: str
    ) -> HTTPResponse:
        return await self.put_at(f"/api/files/{file_id}/parts/{number}", data, token, **changes)

    async def put_at(self, path: str, data: bytes, token: str, **changes: str) -> HTTPResponse:
        digest = b64url(hashlib.sha256(data).digest())
        headers = {"Content-Type": OCTETS, "X-Part-Hash": digest} | changes
        return await self.raw("PUT", path, token, data, **headers)

    async def raw(
        self, method: str, path: str, token: str, body: bytes | None = None, **headers: str
    ) -> HTTPResponse:
        request = HTTPRequest(
            self.origin + path,
            method=method,
            headers={**self.browser.headers, "X-File-Grant": token, **headers},
            body=body,
            decompress_response=False,
        )
        return await AsyncHTTPClient().fetch(request, raise_error=False)

    async def content(self, file_id: str, token: str, **headers: str) -> HTTPResponse:
        return await self.raw("GET", f"/api/files/{file_id}/content", token, **headers)

    async def send(self, room: str | None, content: bytes, **changes: Any) -> str:
        """Send a whole file; returns its id."""
        started = await self.start(room, content, **changes)
        assert started.status == 201, started.text
        file_id = str(started.json["id"])
        token = await self.grant(file_id, "put")
        for number in range(started.json["parts"]):
            part = content[number * FILE_PART_BYTES : (number + 1) * FILE_PART_BYTES]
            answer = await self.put(file_id, number, part, token)
            assert answer.code == 200, answer.body
        assert (await self.commit(file_id)).json["state"] == "committed"
        return file_id

    async def commit(self, file_id: str) -> Answer:
        return await self.browser.call("POST", f"/api/files/{file_id}/commit", {})


def code(answer: HTTPResponse) -> str:
    return str(json.loads(answer.body)["error"]["code"])


@pytest.fixture
async def sender(an: Browser, seal: Seal, server: RunningServer) -> Courier:
    await an.call("POST", "/api/e2ee/devices", plain(seal.enrolment()))
    return Courier(an, seal, server.origin)


@pytest.fixture
async def reader(sender: Courier, binh: Browser, clock: MovableClock) -> Courier:
    theirs = Seal(binh.user_id, clock.now_ms())
    await binh.call("POST", "/api/e2ee/devices", plain(theirs.enrolment()))
    await befriend(sender.browser, binh)
    return Courier(binh, theirs, sender.origin)


@pytest.fixture
async def stranger(browser: Any, sender: Courier, clock: MovableClock) -> Courier:
    cuc = await browser("cuc@example.org").sign_up()
    theirs = Seal(cuc.user_id, clock.now_ms())
    await cuc.call("POST", "/api/e2ee/devices", plain(theirs.enrolment()))
    return Courier(cuc, theirs, sender.origin)


@pytest.fixture
async def room(sender: Courier, reader: Courier) -> str:
    """The room of the two."""
    body = {"kind": "dm", "peer": reader.browser.user_id, "nonce": random_text(16)}
    return str((await sender.browser.call("POST", "/api/rooms", body)).json["id"])


@pytest.fixture
def blobs(settings: Settings) -> Path:
    return Path(settings.data_dir) / "files"


def names_below(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if "sealroom.db" not in path.name}


def stored(blobs: Path) -> list[Path]:
    return [path for path in blobs.rglob("*") if path.is_file()]


async def test_a_file_of_three_parts_arrives_byte_for_byte(
    sender: Courier, reader: Courier, room: str
) -> None:
    content = secrets.token_bytes(2 * FILE_PART_BYTES + 1_234)
    file_id = await sender.send(room, content)
    token = await reader.grant(file_id, "get")
    answer = await reader.content(file_id, token)
    assert (answer.code, answer.body) == (200, content)
    hashes = await reader.raw("GET", f"/api/files/{file_id}/hashes", token)
    assert hashes.body == b"".join(
        hashlib.sha256(content[at : at + FILE_PART_BYTES]).digest()
        for at in range(0, len(content), FILE_PART_BYTES)
    )


async def test_what_is_downloaded_is_no_page(sender: Courier, reader: Courier, room: str) -> None:
    file_id = await sender.send(room, b"<svg onload=alert(1)>")
    answer = await reader.content(file_id, await reader.grant(file_id, "get"))
    assert {
        name: answer.headers[name]
        for name in (
            "Content-Type",
            "Content-Disposition",
            "Content-Security-Policy",
            "X-Content-Type-Options",
            "Cross-Origin-Resource-Policy",
            "Cache-Control",
        )
    } == {
        "Content-Type": OCTETS,
        "Content-Disposition": 'attachment; filename="blob"',
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "X-Content-Type-Options": "nosniff",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cache-Control": "no-store",
    }


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [
        ("bytes=0-0", 0, 1),
        (
            f"bytes={FILE_PART_BYTES - 1}-{FILE_PART_BYTES}",
            FILE_PART_BYTES - 1,
            FILE_PART_BYTES + 1,
        ),
        (f"bytes={FILE_PART_BYTES}-", FILE_PART_BYTES, FILE_PART_BYTES + 500),
        ("bytes=-7", FILE_PART_BYTES + 493, FILE_PART_BYTES + 500),
        (f"bytes=10-{10**14}", 10, FILE_PART_BYTES + 500),
    ],
)
async def test_any_range_can_be_read(
    sender: Courier, reader: Courier, room: str, asked: str, start: int, end: int
) -> None:
    content = secrets.token_bytes(FILE_PART_BYTES + 500)
    file_id = await sender.send(room, content)
    token = await reader.grant(file_id, "get")
    answer = await reader.content(file_id, token, Range=asked)
    assert (answer.code, answer.body) == (206, content[start:end])
    assert answer.headers["Content-Range"] == f"bytes {start}-{end - 1}/{len(content)}"


@pytest.mark.parametrize(
    "asked", ["bytes=100-", "bytes=-", "bytes=5-2", "bytes=0-1,3-4", "lines=1-2", "bytes=-0"]
)
async def test_a_range_that_is_not_there_is_refused(
    sender: Courier, reader: Courier, room: str, asked: str
) -> None:
    file_id = await sender.send(room, b"x" * 100)
    answer = await reader.content(file_id, await reader.grant(file_id, "get"), Range=asked)
    assert (answer.code, code(answer)) == (416, "bad_range")


async def test_an_interrupted_upload_goes_on_where_it_was(
    sender: Courier, reader: Courier, room: str
) -> None:
    content = secrets.token_bytes(FILE_PART_BYTES + 10)
    started = await sender.start(room, content)
    file_id = started.json["id"]
    token = await sender.grant(file_id, "put")
    await sender.put(file_id, 1, content[FILE_PART_BYTES:], token)
    early = await sender.commit(file_id)
    assert (early.status, early.code) == (409, "incomplete")
    again = await sender.browser.call("GET", f"/api/files/{file_id}")
    assert (again.json["received"], again.json["state"]) == ([1], "pending")
    await sender.put(file_id, 0, content[:FILE_PART_BYTES], token)
    for _ in range(2):
        assert (await sender.commit(file_id)).json["received"] == [0, 1]


async def test_announcing_again_tells_what_is_here(sender: Courier, room: str) -> None:
    first = (await sender.start(room, b"x" * 10)).json
    assert (await sender.start(room, b"x" * 10, id=first["id"])).json == first
    other = await sender.start(room, b"x" * 11, id=first["id"])
    assert (other.status, other.code) == (409, "conflict")


@pytest.mark.parametrize(
    ("data", "digest"),
    [(b"x" * 99, None), (b"x" * 101, None), (b"", None), (b"x" * 100, bytes(32))],
)
async def test_a_part_that_is_not_what_its_sender_says_is_not_kept(
    sender: Courier, room: str, blobs: Path, data: bytes, digest: bytes | None
) -> None:
    file_id = (await sender.start(room, b"x" * 100)).json["id"]
    token = await sender.grant(file_id, "put")
    changes = {} if digest is None else {"X-Part-Hash": b64url(digest)}
    answer = await sender.put(file_id, 0, data, token, **changes)
    assert (answer.code, code(answer)) == (422, "bad_part")
    assert stored(blobs) == []


@pytest.mark.parametrize("digest", ["", "short", "*" * 43])
async def test_a_part_without_a_hash_is_refused(sender: Courier, room: str, digest: str) -> None:
    file_id = (await sender.start(room, b"x" * 100)).json["id"]
    token = await sender.grant(file_id, "put")
    answer = await sender.put(file_id, 0, b"x" * 100, token, **{"X-Part-Hash": digest})
    assert (answer.code, code(answer)) == (400, "bad_request")


async def test_of_different_contents_for_one_part_one_stays_and_is_the_one_that_is_noted(
    sender: Courier, reader: Courier, room: str, blobs: Path
) -> None:
    """R-40: what is stored and the hash that is told of it agree, whoever sends what at once."""
    contents = [secrets.token_bytes(300_000) for _ in range(PARTS_PER_USER)]
    for _ in range(5):
        file_id = str((await sender.start(room, contents[0])).json["id"])
        token = await sender.grant(file_id, "put")
        answers = await asyncio.gather(*(sender.put(file_id, 0, c, token) for c in contents))
        (kept,) = [c for c, answer in zip(contents, answers, strict=True) if answer.code == 200]
        refusals = {(a.code, code(a)) for a in answers if a.code != 200}
        assert refusals == {(409, "conflict")}
        assert (await sender.put(file_id, 0, kept, token)).code == 200, "the same again"
        await sender.commit(file_id)
        get = await reader.grant(file_id, "get")
        assert (await reader.content(file_id, get)).body == kept
        hashes = await reader.raw("GET", f"/api/files/{file_id}/hashes", get)
        assert hashes.body == hashlib.sha256(kept).digest()
    assert len(stored(blobs)) == 5, "nothing of what was refused is left"


async def test_a_part_with_another_number_is_refused(sender: Courier, room: str) -> None:
    file_id = (await sender.start(room, b"x" * 100)).json["id"]
    answer = await sender.put(file_id, 1, b"x" * 100, await sender.grant(file_id, "put"))
    assert (answer.code, code(answer)) == (422, "bad_part")


async def test_a_part_beyond_its_size_is_refused_unread(sender: Courier, room: str) -> None:
    file_id = (await sender.start(room, b"x" * 100)).json["id"]
    token = await sender.grant(file_id, "put")
    answer = await sender.put(file_id, 0, bytes(FILE_PART_BYTES + 1), token)
    assert (answer.code, code(answer)) == (413, "too_large")


async def test_a_part_is_sent_as_bytes(sender: Courier, room: str) -> None:
    file_id = (await sender.start(room, b"x" * 100)).json["id"]
    token = await sender.grant(file_id, "put")
    answer = await sender.put(file_id, 0, b"x" * 100, token, **{"Content-Type": "text/html"})
    assert (answer.code, code(answer)) == (415, "unsupported_media_type")


async def test_a_whole_file_takes_no_more_parts(sender: Courier, room: str) -> None:
    file_id = await sender.send(room, b"x" * 100)
    answer = await sender.put(file_id, 0, b"x" * 100, await sender.grant(file_id, "put"))
    assert (answer.code, code(answer)) == (409, "conflict")


async def test_a_log_in_alone_moves_no_byte(sender: Courier, reader: Courier, room: str) -> None:
    file_id = await sender.send(room, b"x" * 100)
    right = await reader.grant(file_id, "get")
    expires_ms, _, tag = right.partition(".")
    forged = ["", "x", right[:-1], f"{int(expires_ms) + 1}.{tag}", f"٣.{tag}", "9" * 80, f".{tag}"]
    for token in forged:
        answer = await reader.content(file_id, token.encode().decode("latin-1"))
        assert (answer.code, code(answer)) == (403, "bad_grant"), token


async def test_a_grant_is_for_one_file_one_purpose_and_one_log_in(
    sender: Courier, reader: Courier, room: str
) -> None:
    one, other = [await sender.send(room, b"x" * 100) for _ in range(2)]
    token = await reader.grant(one, "get")
    assert (await reader.content(one, token)).code == 200
    assert code(await reader.content(other, token)) == "bad_grant"
    assert code(await sender.content(one, token)) == "bad_grant"
    assert code(await sender.put(one, 0, b"x" * 100, await sender.grant(one, "get"))) == "bad_grant"


async def test_a_grant_expires(
    sender: Courier, reader: Courier, room: str, clock: MovableClock
) -> None:
    file_id = await sender.send(room, b"x" * 100)
    token = await reader.grant(file_id, "get")
    clock.advance(limits.FILE_GRANT_TTL_MS)
    assert code(await reader.content(file_id, token)) == "bad_grant"


async def test_only_the_key_of_the_device_gets_a_grant(
    sender: Courier, reader: Courier, room: str
) -> None:
    file_id = await sender.send(room, b"x" * 100)
    other_key = Seal(reader.seal.user_id, reader.seal.now_ms)
    other_key.new_device()
    now_ms = reader.seal.now_ms
    forger = replace(reader, seal=other_key)
    wrong = {
        "another key": forger.sign(file_id, "get", now_ms),
        "another purpose": reader.sign(file_id, "put", now_ms),
        "another time": reader.sign(file_id, "get", now_ms + 1),
        "another file": reader.sign(random_text(16), "get", now_ms),
        "another person": sender.sign(file_id, "get", now_ms),
    }
    for name, sig in wrong.items():
        answer = await reader.ask(file_id, "get", sig=sig)
        assert (answer.status, answer.code) == (400, "bad_signature"), name


async def test_an_old_signature_gets_no_grant(sender: Courier, reader: Courier, room: str) -> None:
    file_id = await sender.send(room, b"x" * 100)
    for step_ms in (-limits.FILE_GRANT_SKEW_MS - 60_000, limits.FILE_GRANT_SKEW_MS + 60_000):
        issued_ms = reader.seal.now_ms + step_ms
        sig = reader.sign(file_id, "get", issued_ms)
        answer = await reader.ask(file_id, "get", issued_ms=issued_ms, sig=sig)
        assert (answer.status, answer.code) == (403, "bad_grant")


async def test_a_file_of_others_is_not_there(
    sender: Courier, reader: Courier, stranger: Courier, room: str
) -> None:
    file_id = await sender.send(room, b"x" * 100)
    pending = (await sender.start(room, b"y" * 100)).json["id"]
    refused = [
        await stranger.ask(file_id, "get"),
        await stranger.ask(random_text(16), "get"),
        await stranger.start(room, b"x"),
        await reader.ask(pending, "get"),  # not whole yet
        await reader.ask(file_id, "put"),  # not theirs to write
        await reader.browser.call("GET", f"/api/files/{file_id}"),
        await reader.browser.call("DELETE", f"/api/files/{file_id}"),
        await reader.commit(pending),
    ]
    assert [(answer.status, answer.code) for answer in refused] == [(404, "not_found")] * 8
    own_grant = await reader.grant(file_id, "get")
    assert code(await stranger.content(file_id, own_grant)) == "bad_grant"


async def test_a_grant_ends_with_the_room(sender: Courier, reader: Courier, room: str) -> None:
    file_id = await sender.send(room, b"x" * 100)
    token = await reader.grant(file_id, "get")
    await sender.browser.call("DELETE", f"/api/rooms/{room}")
    answer = await reader.content(file_id, token)
    assert (answer.code, code(answer)) == (404, "not_found")


async def test_a_file_that_is_ended_is_gone_from_the_disk_with_the_next_sweep(
    sender: Courier, reader: Courier, room: str, blobs: Path, server: RunningServer
) -> None:
    file_id = await sender.send(room, b"x" * 100)
    stays = await sender.send(room, b"y" * 100)
    assert (await sender.browser.call("DELETE", f"/api/files/{file_id}")).status == 200
    token = await reader.grant(stays, "get")
    await server.lifecycle.files.sweep()
    assert [path.read_bytes() for path in stored(blobs)] == [b"y" * 100]
    assert (await reader.content(stays, token)).body == b"y" * 100


async def test_a_file_that_is_swept_before_it_could_be_read_is_not_there(
    sender: Courier,
    reader: Courier,
    room: str,
    server: RunningServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file_id = await sender.send(room, b"x" * 100)
    token = await reader.grant(file_id, "get")
    store = server.lifecycle.files._blobs
    read = store.read

    async def late(*part: Any) -> AsyncIterator[Piece]:
        await sender.browser.call("DELETE", f"/api/files/{file_id}")
        await server.lifecycle.files.sweep()
        async for piece in read(*part):
            yield piece

    monkeypatch.setattr(store, "read", late)
    answer = await reader.content(file_id, token)
    assert (answer.code, code(answer)) == (404, "not_found")


async def test_one_file_that_cannot_be_deleted_keeps_no_other(
    sender: Courier, room: str, blobs: Path, server: RunningServer
) -> None:
    """R-41"""
    ids = [await sender.send(room, b"x" * 100) for _ in range(3)]
    [stuck] = [path.parent for path in stored(blobs) if path.parent.name == _folder(ids[0])]
    (stuck / "1").mkdir()
    for file_id in ids:
        await sender.browser.call("DELETE", f"/api/files/{file_id}")
    with pytest.raises(AppError, match="unavailable"):
        await server.lifecycle.files.sweep()
    assert {path.parent for path in stored(blobs)} <= {stuck}
    (stuck / "1").rmdir()
    assert await server.lifecycle.files.sweep() == 1
    assert stored(blobs) == []


def _folder(file_id: str) -> str:
    return parse_b64url(file_id).hex()


async def test_the_files_of_an_expired_room_are_gone_from_the_disk(
    sender: Courier,
    room: str,
    blobs: Path,
    server: RunningServer,
    clock: MovableClock,
) -> None:
    await sender.send(room, b"x" * 100)
    clock.advance(limits.ROOM_TTL_MS)
    await server.lifecycle.database.sweep(clock.now_ms())
    await server.lifecycle.files.sweep()
    assert stored(blobs) == []


async def test_parts_that_no_record_names_are_swept_after_an_hour(
    sender: Courier, room: str, blobs: Path, server: RunningServer, clock: MovableClock
) -> None:
    await sender.send(room, b"x" * 100)
    orphan = blobs / "00" / ("00" * 16)
    orphan.mkdir(parents=True)
    (orphan / "0").write_bytes(b"nobody's")
    draft = blobs / "incoming" / "cut off"
    draft.write_bytes(b"half")
    os.utime(draft, (0, 0))
    assert await server.lifecycle.files.sweep_orphans() == 0
    assert not draft.exists()
    clock.advance(limits.HOUR_MS + 60_000)
    assert await server.lifecycle.files.sweep_orphans() == 1
    assert [path.read_bytes() for path in stored(blobs)] == [b"x" * 100]


async def test_a_file_may_not_be_larger_than_the_operator_allows(
    sender: Courier, room: str
) -> None:
    """S-42, S1-37: what is measured is the content, however much larger it is when sealed."""
    terms = (await sender.browser.call("GET", "/api/users/me")).json["server"]
    assert terms == {"file_bytes": 100 * 2**20, "links": True}
    largest = sealed_bytes(terms["file_bytes"])
    answer = await sender.start(room, b"", size_bytes=largest + 1)
    assert (answer.status, answer.code) == (413, "too_large")
    assert (await sender.start(room, b"", size_bytes=largest)).status == 201


async def test_uploads_that_are_never_finished_are_limited(sender: Courier, room: str) -> None:
    """S-42"""
    for _ in range(20):
        assert (await sender.start(room, b"x")).status == 201
    answer = await sender.start(room, b"x")
    assert (answer.status, answer.code) == (403, "quota_full")
    assert answer.json["error"]["limit"] == "pending"


@pytest.mark.parametrize(
    "change",
    [
        {"size_bytes": 0},
        {"size_bytes": -1},
        {"size_bytes": True},
        {"size_bytes": limits.FILE_BYTES + 1},
        {"size_bytes": {"$ne": 1}},
        {"id": "../../../../etc/passwd"},
        {"id": "A" * 21 + "B"},
    ],
)
async def test_a_wrong_announcement_begins_nothing(
    sender: Courier, room: str, blobs: Path, change: dict[str, Any]
) -> None:
    answer = await sender.start(room, b"x" * 100, **change)
    assert (answer.status, answer.code) == (400, "bad_request")
    assert stored(blobs) == []


TRAVERSALS = [
    f"{dots}{slash}{target}"
    for dots in ("..", "%2e%2e", "..%00", "%c0%ae%c0%ae", "．．", "....//..", "%252e%252e", "..;")
    for slash in ("/", "%2f", "\\", "%5c", "%252f", "／")
    for target in ("master.key", "sealroom.db", "etc/passwd", "0", "incoming/x")
]


async def test_no_path_leads_out_of_the_folder(
    sender: Courier, room: str, blobs: Path, tmp_path: Path
) -> None:
    """S-40: more than two hundred ways to write a path, to read and to write."""
    file_id = await sender.send(room, b"x" * 100)
    read = await sender.grant(file_id, "get")
    pending_id = str((await sender.start(room, b"y" * 100)).json["id"])
    write = await sender.grant(pending_id, "put")
    before, outside = stored(blobs), names_below(tmp_path)
    assert len(TRAVERSALS) >= 200
    for text in TRAVERSALS:
        quoted = text.encode().decode("latin-1").replace(" ", "%20")
        path = "".join(c if ord(c) < 128 else f"%{ord(c):02x}" for c in quoted)
        answer = await sender.raw("GET", f"/api/files/{path}/content", read)
        assert answer.code in (400, 404, 405), path
        for place in (f"{pending_id}/parts/{path}", f"{path}/parts/0"):
            answer = await sender.put_at(f"/api/files/{place}", b"y" * 100, write)
            assert answer.code in (400, 403, 404, 405), place
    assert stored(blobs) == before
    assert names_below(tmp_path) == outside
    assert (await sender.put(pending_id, 0, b"y" * 100, write)).code == 200


@pytest.mark.parametrize("action", ["file-call", "file-grant", "file-part", "file-read"])
async def test_no_call_about_a_file_is_free(
    sender: Courier,
    room: str,
    server: RunningServer,
    monkeypatch: pytest.MonkeyPatch,
    action: str,
) -> None:
    """S-09: none is without a rate."""
    file_id = await sender.send(room, b"x")
    put, get = [await sender.grant(file_id, purpose) for purpose in ("put", "get")]
    path = f"/api/files/{file_id}"
    taken = server.lifecycle.files._quotas
    monkeypatch.setattr(taken, "_table", {**taken._table, action: Rate("user", 0, 1)})
    statuses = {
        "file-call": [
            (await sender.browser.call("GET", path)).status,
            (await sender.commit(file_id)).status,
            (await sender.browser.call("DELETE", path)).status,
        ],
        "file-grant": [(await sender.ask(file_id, "get")).status],
        "file-part": [(await sender.put(file_id, 0, b"x", put)).code],
        "file-read": [
            (await sender.content(file_id, get)).code,
            (await sender.raw("GET", f"{path}/hashes", get)).code,
        ],
    }
    assert set(statuses[action]) == {429}


def slow_reader(
    origin: str, path: str, headers: dict[str, str], buffer_bytes: int = 4_096
) -> socket.socket:
    parts = urlsplit(origin)
    lines = [f"GET {path} HTTP/1.1", f"Host: {parts.netloc}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer_bytes)
    connection.connect((parts.hostname, parts.port))
    connection.sendall("\r\n".join([*lines, "", ""]).encode())
    return connection


async def test_a_reader_that_does_not_read_is_cut(
    sender: Courier, room: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files_handler, "PIECE_READ_SECONDS", 0.2)
    file_id = await sender.send(room, secrets.token_bytes(3 * FILE_PART_BYTES))
    headers = {**sender.browser.headers, "X-File-Grant": await sender.grant(file_id, "get")}
    reading = slow_reader(sender.origin, f"/api/files/{file_id}/content", headers)
    with closing(reading):
        await asyncio.sleep(1)
        received = await asyncio.to_thread(lambda: sum(map(len, rest(reading))))
    assert received < 3 * FILE_PART_BYTES


async def begin_part(courier: Courier, file_id: str, token: str) -> asyncio.StreamWriter:
    """Send the head of a part, and wait until the server wants the rest."""
    parts = urlsplit(courier.origin)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    wanted = {"Expect": "100-continue", "Content-Type": OCTETS, "X-File-Grant": token}
    headers = {**courier.browser.headers, **wanted, "Content-Length": str(FILE_PART_BYTES)}
    lines = [f"PUT /api/files/{file_id}/parts/0 HTTP/1.1", f"Host: {parts.netloc}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    writer.write("\r\n".join([*lines, "", ""]).encode())
    assert b"100" in await reader.readuntil(b"\r\n\r\n")
    return writer


async def put_when_there_is_room(courier: Courier, file_id: str, data: bytes, token: str) -> None:
    async with asyncio.timeout(30):
        while (await courier.put(file_id, 0, data, token)).code in (429, 503):
            await asyncio.sleep(0.05)


async def test_a_part_may_come_in_chunks_and_the_next_request_with_its_end(
    sender: Courier, reader: Courier, room: str
) -> None:
    data = secrets.token_bytes(FILE_PART_BYTES)
    file_id = str((await sender.start(room, data)).json["id"])
    parts = urlsplit(sender.origin)
    connection, writer = await asyncio.open_connection(parts.hostname, parts.port)
    headers = {
        **sender.browser.headers,
        "Host": parts.netloc,
        "Content-Type": "application/octet-stream",
        "X-File-Grant": await sender.grant(file_id, "put"),
        "X-Part-Hash": b64url(hashlib.sha256(data).digest()),
        "Transfer-Encoding": "chunked",
    }
    lines = [f"PUT /api/files/{file_id}/parts/0 HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    writer.write("\r\n".join([*lines, "", ""]).encode())
    at = 0
    for size in (1, 5_000, 65_536, 3, 1_048_576, 700_000, 7, FILE_PART_BYTES):
        chunk = data[at : at + size]
        writer.write(f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n")
        await writer.drain()
        at += len(chunk)
    writer.write(b"0\r\n\r\nGET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
    async with asyncio.timeout(30):
        for _ in range(2):
            assert b" 200 " in (await connection.readuntil(b"\r\n\r\n")).splitlines()[0]
            await connection.readuntil(b"}")
    writer.close()
    assert (await sender.commit(file_id)).json["state"] == "committed"
    got = await reader.content(file_id, await reader.grant(file_id, "get"))
    assert got.body == data


async def test_what_one_person_sends_side_by_side_is_bounded(
    sender: Courier, reader: Courier, room: str
) -> None:
    """S-26: bodies that do not end are in memory; whoever hangs up gives the room back."""
    data = secrets.token_bytes(FILE_PART_BYTES)
    file_id = str((await sender.start(room, data)).json["id"])
    token = await sender.grant(file_id, "put")
    slow = [await begin_part(sender, file_id, token) for _ in range(PARTS_PER_USER)]
    refused = await sender.put(file_id, 0, data, token)
    assert (refused.code, code(refused)) == (429, "rate_limited")
    await reader.send(room, b"somebody else is not in the way")
    for writer in slow:
        writer.write(b"x" * 65_536)
        writer.close()
    await put_when_there_is_room(sender, file_id, data, token)
    assert (await sender.commit(file_id)).json["state"] == "committed"


async def test_what_everybody_sends_side_by_side_is_bounded(
    sender: Courier, reader: Courier, room: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receiving, "PARTS_AT_ONCE", 2)
    data = secrets.token_bytes(FILE_PART_BYTES)
    file_id = str((await sender.start(room, data)).json["id"])
    token = await sender.grant(file_id, "put")
    slow = [await begin_part(sender, file_id, token) for _ in range(2)]
    other = str((await reader.start(room, b"x")).json["id"])
    refused = await reader.put(other, 0, b"x", await reader.grant(other, "put"))
    assert (refused.code, code(refused)) == (503, "unavailable")
    for writer in slow:
        writer.close()
    await put_when_there_is_room(reader, other, b"x", await reader.grant(other, "put"))
    assert (await reader.commit(other)).json["state"] == "committed"


async def test_parts_that_were_refused_or_kept_take_no_room(sender: Courier, room: str) -> None:
    file_id = str((await sender.start(room, b"x" * 100)).json["id"])
    token = await sender.grant(file_id, "put")
    wrong = {"X-Part-Hash": "x"}, {"X-Part-Hash": b64url(bytes(32))}
    for _ in range(PARTS_PER_USER):
        for change in wrong:
            assert (await sender.put(file_id, 0, b"x" * 100, token, **change)).code in (400, 422)
        assert (await sender.put(file_id, 0, b"x" * 100, token)).code == 200


async def test_a_reader_that_hangs_up_is_no_error(sender: Courier, room: str) -> None:
    file_id = await sender.send(room, secrets.token_bytes(2 * FILE_PART_BYTES))
    headers = {**sender.browser.headers, "X-File-Grant": await sender.grant(file_id, "get")}
    reading = slow_reader(sender.origin, f"/api/files/{file_id}/content", headers)
    with closing(reading):
        await asyncio.to_thread(reading.recv, 1_024)
    await asyncio.sleep(0.5)


@pytest.mark.parametrize("end", ["the room", "the log-in"])
async def test_a_download_ends_with_what_allowed_it(
    sender: Courier, reader: Courier, room: str, end: str
) -> None:
    """S2-6: no part is begun for somebody who may not read it any more."""
    size_bytes = 4 * FILE_PART_BYTES  # of which sockets hold less than two
    file_id = await sender.send(room, secrets.token_bytes(size_bytes))
    headers = {**reader.browser.headers, "X-File-Grant": await reader.grant(file_id, "get")}
    reading = slow_reader(reader.origin, f"/api/files/{file_id}/content", headers, 262_144)
    with closing(reading):
        assert b"200 OK" in await asyncio.to_thread(reading.recv, 1_024)
        if end == "the room":
            ended = await sender.browser.call("DELETE", f"/api/rooms/{room}")
        else:
            ended = await reader.browser.call("POST", "/api/auth/logout")
        assert ended.status == 200, ended.text
        received = await asyncio.to_thread(lambda: sum(map(len, rest(reading))))
    assert received <= size_bytes - FILE_PART_BYTES


def rest(connection: socket.socket) -> Iterator[bytes]:
    try:
        while data := connection.recv(65_536):
            yield data
    except ConnectionResetError:
        return


async def test_a_part_that_is_gone_breaks_the_download_and_nothing_else(
    sender: Courier, room: str, blobs: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file_id = await sender.send(room, secrets.token_bytes(2 * FILE_PART_BYTES))
    token = await sender.grant(file_id, "get")
    [second] = [path for path in stored(blobs) if path.name.startswith("1-")]
    os.truncate(second, 10)
    with pytest.raises(HTTPStreamClosedError):
        await sender.content(file_id, token)
    answer = await sender.content(file_id, token, Range=f"bytes={FILE_PART_BYTES}-")
    assert (answer.code, code(answer)) == (503, "unavailable")
    assert "a part of a whole file is missing" in caplog.text
    caplog.clear()
    assert (await sender.content(file_id, token, Range="bytes=0-9")).code == 206
