"""Links over HTTP: looked at by anybody, opened by who shows the secret, read, reported, ended."""

import asyncio
import hashlib
import secrets
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest
from tornado.httpclient import HTTPResponse

from config.settings import Settings
from models.stores import Stores
from models.transfers import Link, Transfer
from protocol import limits
from protocol.encoding import b64url
from protocol.frames import Sealed
from protocol.ids import FileId, TransferId, UserId
from protocol.limits import FILE_PART_BYTES
from services.quotas import Rate
from tests.handlers.conftest import Browser
from tests.handlers.sending import (
    Sending,
    begin,
    begun,
    call,
    connected,
    enrolled,
    offer,
    send,
    sent,
    sweep,
)
from tests.handlers.test_files import Courier, code, rest, slow_reader
from tests.handlers.test_people import befriend
from tests.harness import Answer, Connect, Fetch, MovableClock, RunningServer
from tests.people import random_text

pytestmark = pytest.mark.every_database


@dataclass
class Visitor:
    """Somebody without an account, with a link and perhaps its secret."""

    fetch: Fetch
    transfer_id: str
    auth: str

    async def ask(self, method: str, path: str = "", body: Any = None, **headers: str) -> Answer:
        address = f"/api/links/{self.transfer_id}{path}"
        return await self.fetch(method, address, body=body, headers=headers)

    async def show(self, method: str, path: str, body: Any = None) -> Answer:
        return await self.ask(method, path, body, **{"X-Link-Auth": self.auth})

    async def look(self) -> Answer:
        return await self.ask("GET")

    async def contents(self) -> Answer:
        return await self.show("GET", "/contents")

    async def download(self) -> Answer:
        return await self.show("POST", "/downloads", {"id": random_text(16)})

    async def token(self) -> str:
        answer = await self.download()
        assert answer.status == 200, answer.text
        return str(answer.json["token"])

    async def report(self, **fields: Any) -> Answer:
        return await self.show("POST", "/reports", {"reason": "malware"} | fields)


@dataclass
class Sent:
    """A link that was sent, and whoever opens it."""

    sender: Courier
    sending: Sending
    visitor: Visitor
    link: dict[str, Any]

    async def content(
        self, token: str, file_id: str | None = None, what: str = "content", **headers: str
    ) -> HTTPResponse:
        path = f"/api/links/{self.visitor.transfer_id}/files/{file_id or self.sending.files[0]}"
        nobody = {"Authorization": ""}
        return await self.sender.raw("GET", f"{path}/{what}", token, **nobody, **headers)


@pytest.fixture
async def sender(an: Browser, clock: MovableClock, server: RunningServer) -> Courier:
    return await enrolled(an, clock, server)


@pytest.fixture
def share(sender: Courier, fetch: Fetch) -> Any:
    """Send files by link: `await share(b"…", max_downloads=2)`."""

    async def shared(*contents: bytes, **fields: Any) -> Sent:
        auth = secrets.token_bytes(32)
        link = offer(auth_hash=b64url(hashlib.sha256(auth).digest()), has_passphrase=True)
        given = list(contents or (b"x" * 100,))
        sending = await send(sender, given, link=link, **{"kind": "link"} | fields)
        return Sent(sender, sending, Visitor(fetch, sending.id, b64url(auth)), link)

    return shared


@contextmanager
def rate(server: RunningServer, action: str, capacity: float) -> Iterator[None]:
    """Let an action be done that often."""
    taken = server.lifecycle.files._quotas
    before = taken._table
    taken._table = {**before, action: Rate("address", capacity, 1e-9)}
    yield
    taken._table = before


async def test_whoever_has_a_link_reads_it_byte_for_byte_without_an_account(
    sender: Courier, share: Any, ws: Connect
) -> None:
    """S3-23: what it says first, what it leads to, one download of all its files."""
    contents = [secrets.token_bytes(FILE_PART_BYTES + 7), b"second"]
    wire = await connected(ws, sender)
    shared = await share(*contents)
    visitor = shared.visitor
    expires_ms = shared.sending.answer.json["expires_ms"]
    assert (await visitor.look()).json == {"has_passphrase": True, "expires_ms": expires_ms}
    opened = (await visitor.contents()).json
    assert opened == {
        "manifest": shared.link["manifest"],
        "files": [
            {"id": file_id, "size_bytes": len(content)}
            for file_id, content in zip(shared.sending.files, contents, strict=True)
        ],
        "expires_ms": expires_ms,
        "downloads_left": None,
    }
    token = await visitor.token()
    for file_id, content in zip(shared.sending.files, contents, strict=True):
        answer = await shared.content(token, file_id)
        assert (answer.code, answer.body) == (200, content)
        part = await shared.content(token, file_id, Range="bytes=1-3")
        assert (part.code, part.body) == (206, content[1:4])
        hashes = await shared.content(token, file_id, "hashes")
        assert hashes.body[:32] == hashlib.sha256(content[:FILE_PART_BYTES]).digest()
    await wire.expect("transfer.changed", transfer=shared.sending.id)
    assert (await sent(sender))[0]["downloads"] == 1


async def test_what_comes_by_link_is_no_page_and_is_not_kept(share: Any) -> None:
    """S-41"""
    shared = await share(b"<svg onload=alert(1)>")
    answer = await shared.content(await shared.visitor.token())
    wanted = {
        "Content-Type": "application/octet-stream",
        "Content-Disposition": 'attachment; filename="blob"',
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-store",
    }
    assert wanted.items() <= dict(answer.headers).items()
    assert "Set-Cookie" not in answer.headers


async def test_another_secret_opens_nothing(share: Any) -> None:
    one, other = await share(), await share()
    right = one.visitor.auth
    for wrong in ("", "x", right[:-1], right + "A", random_text(32), other.visitor.auth, "é" * 43):
        one.visitor.auth = wrong
        for answer in (
            await one.visitor.contents(),
            await one.visitor.download(),
            await one.visitor.report(),
        ):
            assert (answer.status, answer.code) == (403, "bad_link"), wrong
    one.visitor.auth = right
    assert (await one.visitor.contents()).status == 200
    assert (await sent(one.sender))[-1]["downloads"] == 0


async def test_a_link_that_is_not_there_looks_like_none(
    sender: Courier, share: Any, fetch: Fetch
) -> None:
    draft = await begun(sender, kind="link")
    for transfer_id in (draft, random_text(16)):
        visitor = Visitor(fetch, transfer_id, random_text(32))
        for answer in (
            await visitor.look(),
            await visitor.contents(),
            await visitor.download(),
            await visitor.report(),
        ):
            assert (answer.status, answer.code) == (404, "not_found")


async def test_a_transfer_to_a_person_is_no_link(
    sender: Courier, binh: Browser, fetch: Fetch
) -> None:
    await befriend(sender.browser, binh)
    sending = await send(sender, [b"x"], kind="person", user=binh.user_id)
    visitor = Visitor(fetch, sending.id, random_text(32))
    for answer in (await visitor.look(), await visitor.contents(), await visitor.download()):
        assert (answer.status, answer.code) == (404, "not_found")


async def test_a_token_is_for_one_link_and_cannot_be_made(share: Any, clock: MovableClock) -> None:
    one, other = await share(), await share()
    right = await one.visitor.token()
    expires_ms, holder, tag = right.split(".")
    forged = [
        "",
        "x",
        right[:-1],
        f"{int(expires_ms) + 1}.{holder}.{tag}",
        f"{expires_ms}.{random_text(16)}.{tag}",
        f"{expires_ms}.{tag}",
        f"{expires_ms}..{tag}",
        "9" * 200,
        await other.visitor.token(),
    ]
    for token in forged:
        for what in ("content", "hashes"):
            answer = await one.content(token, what=what)
            assert (answer.code, code(answer)) == (403, "bad_grant"), token
    assert (await one.content(right)).code == 200
    clock.advance(limits.LINK_GRANT_TTL_MS - limits.MINUTE_MS)
    assert (await one.content(right)).code == 200, "it goes on for a day"
    clock.advance(limits.MINUTE_MS)
    assert code(await one.content(right)) == "bad_grant"


async def test_a_token_of_a_link_is_none_of_a_device_and_the_reverse(
    sender: Courier, share: Any
) -> None:
    shared = await share()
    token = await shared.visitor.token()
    answer = await sender.content(shared.sending.files[0], token)
    assert (answer.code, code(answer)) == (403, "bad_grant")
    put = await sender.grant(shared.sending.files[0], "put")
    assert code(await shared.content(put)) == "bad_grant"


async def test_a_file_of_another_link_is_not_there(share: Any) -> None:
    one, other = await share(), await share()
    answer = await one.content(await one.visitor.token(), other.sending.files[0])
    assert (answer.code, code(answer)) == (404, "not_found")


async def test_a_link_is_used_as_often_as_its_sender_allows_and_no_oftener(share: Any) -> None:
    """A race of many takes exactly as many as there are; who has a token goes on."""
    shared = await share(max_downloads=3)
    answers = await asyncio.gather(*(shared.visitor.download() for _ in range(12)))
    assert sorted(answer.status for answer in answers) == [200] * 3 + [410] * 9
    assert {answer.code for answer in answers if answer.status == 410} == {"used_up"}
    assert (await shared.visitor.contents()).json["downloads_left"] == 0
    tokens = {answer.json["token"] for answer in answers if answer.status == 200}
    assert len(tokens) == 3
    for token in tokens:
        assert (await shared.content(token)).code == 200


@pytest.mark.parametrize("how", ["withdrawn", "expired"])
async def test_a_link_that_has_ended_is_gone_for_everybody(
    sender: Courier,
    share: Any,
    server: RunningServer,
    clock: MovableClock,
    how: str,
) -> None:
    """S-43"""
    shared = await share(lives_ms=limits.TRANSFER_MIN_TTL_MS)
    token = await shared.visitor.token()
    if how == "withdrawn":
        assert (await call(sender, "DELETE", shared.sending.id)).status == 200
    else:
        clock.advance(limits.TRANSFER_MIN_TTL_MS)
    for _ in range(2):
        visitor = shared.visitor
        for answer in (
            await visitor.look(),
            await visitor.contents(),
            await visitor.download(),
            await visitor.report(),
        ):
            assert (answer.status, answer.code) == (404, "not_found")
        for what in ("content", "hashes"):
            answer = await shared.content(token, what=what)
            assert (answer.code, code(answer)) == (404, "not_found")
        await sweep(server, clock)


async def test_a_download_by_link_ends_with_the_link(sender: Courier, share: Any) -> None:
    """S-43: no part is begun of what was withdrawn."""
    size_bytes = 4 * FILE_PART_BYTES
    shared = await share(secrets.token_bytes(size_bytes))
    path = f"/api/links/{shared.sending.id}/files/{shared.sending.files[0]}/content"
    headers = {"X-File-Grant": await shared.visitor.token()}
    reading = slow_reader(sender.origin, path, headers, 262_144)
    with closing(reading):
        assert b"200 OK" in await asyncio.to_thread(reading.recv, 1_024)
        assert (await call(sender, "DELETE", shared.sending.id)).status == 200
        received = await asyncio.to_thread(lambda: sum(map(len, rest(reading))))
    assert received <= size_bytes - FILE_PART_BYTES


async def test_a_report_is_kept_for_the_operator_without_who_made_it(
    sender: Courier, share: Any, stores: Stores
) -> None:
    shared = await share()
    answer = await shared.visitor.report(reason="harassment", text="Đây là thư rác.")
    assert (answer.status, answer.json) == (200, {})
    [kept] = await stores.reports.all()
    assert (kept.transfer_id, kept.sender, kept.reason, kept.text) == (
        shared.sending.id,
        sender.browser.user_id,
        "harassment",
        "Đây là thư rác.",
    )


@pytest.mark.parametrize(
    "fields",
    [{"reason": "dislike"}, {"text": "x" * (limits.REPORT_CHARS + 1)}, {"text": {"$ne": 1}}],
)
async def test_a_report_of_another_form_is_refused(
    share: Any, stores: Stores, fields: dict[str, Any]
) -> None:
    shared = await share()
    answer = await shared.visitor.report(**fields)
    assert (answer.status, answer.code) == (400, "bad_request")
    assert await stores.reports.all() == []


async def test_pages_of_others_cannot_take_downloads(share: Any) -> None:
    """S-15: the calls that change something refuse a foreign origin, as every other does."""
    shared = await share(max_downloads=1)
    for path, body in (("/downloads", {"id": random_text(16)}), ("/reports", {"reason": "other"})):
        answer = await shared.visitor.ask(
            "POST",
            path,
            body,
            **{"X-Link-Auth": shared.visitor.auth, "Origin": "https://evil.example"},
        )
        assert (answer.status, answer.code) == (403, "bad_origin")
    assert (await shared.visitor.contents()).json["downloads_left"] == 1


@pytest.mark.parametrize(
    ("action", "ways"),
    [
        ("link-look", ["look"]),
        ("link-try", ["contents", "download", "report"]),
        ("link-download", ["download"]),
        ("link-report", ["report"]),
    ],
)
async def test_guesses_and_floods_from_one_network_stop(
    share: Any, server: RunningServer, action: str, ways: list[str]
) -> None:
    """S-09: a wrong secret counts as much as a right one."""
    shared = await share()
    for way in ways:
        with rate(server, action, 2):
            answers = []
            for auth in (random_text(32), shared.visitor.auth, shared.visitor.auth):
                visitor = replace(shared.visitor, auth=auth)
                answers.append(await getattr(visitor, way)())
            assert [answer.status for answer in answers][1:] == [200, 429], way
            assert answers[2].code == "rate_limited"
        server.lifecycle.files._quotas._buckets.clear()


async def test_no_read_by_link_is_free(share: Any, server: RunningServer) -> None:
    shared = await share()
    token = await shared.visitor.token()
    with rate(server, "link-read", 0):
        for what in ("content", "hashes"):
            answer = await shared.content(token, what=what)
            assert (answer.code, code(answer)) == (429, "rate_limited")


async def test_what_comes_by_link_counts_for_its_sender(sender: Courier) -> None:
    """A link belongs to an account: its files are that account's, and as many as it may have."""
    transfer_id = await begun(sender, kind="link")
    for _ in range(20):
        assert (await sender.start(None, b"x", transfer=transfer_id)).status == 201
    answer = await sender.start(None, b"x", transfer=transfer_id)
    assert (answer.status, answer.code) == (403, "quota_full")


class TestLinksSwitchedOff:
    """The operator's kill switch."""

    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return replace(settings, links="off")

    async def test_nobody_begins_one(self, sender: Courier) -> None:
        for fields in ({"kind": "link"}, {"kind": "address", "email": "nobody@example.org"}):
            answer = await begin(sender, **fields)
            assert (answer.status, answer.code) == (403, "forbidden")
        assert await sent(sender) == []

    async def test_those_there_are_are_not_there(
        self, sender: Courier, fetch: Fetch, stores: Stores, clock: MovableClock
    ) -> None:
        auth = secrets.token_bytes(32)
        shared = await _open_link(sender, stores, clock, auth)
        visitor = Visitor(fetch, shared, b64url(auth))
        for answer in (
            await visitor.look(),
            await visitor.contents(),
            await visitor.download(),
            await visitor.report(),
        ):
            assert (answer.status, answer.code) == (404, "not_found")
        assert [each["state"] for each in await sent(sender)] == ["open"]
        assert (await call(sender, "DELETE", shared)).status == 200

    async def test_a_draft_stays_one(
        self, sender: Courier, stores: Stores, clock: MovableClock
    ) -> None:
        transfer_id = await _draft(sender, stores, clock)
        file_id = await sender.send(None, b"x", transfer=transfer_id)
        body = {"files": [file_id], "link": offer()}
        answer = await call(sender, "POST", f"{transfer_id}/send", body)
        assert (answer.status, answer.code) == (403, "forbidden")


async def _draft(sender: Courier, stores: Stores, clock: MovableClock) -> str:
    now_ms = clock.now_ms()
    transfer = Transfer(
        transfer_id=TransferId(random_text(16)),
        sender=UserId(sender.browser.user_id),
        kind="link",
        created_ms=now_ms,
        expires_ms=now_ms + limits.TRANSFER_TTL_MS,
    )
    await stores.transfers.begin(transfer, 1, now_ms)
    return transfer.transfer_id


async def _open_link(sender: Courier, stores: Stores, clock: MovableClock, auth: bytes) -> str:
    """Open a link as it was before they were switched off."""
    transfer_id = TransferId(await _draft(sender, stores, clock))
    file_id = await sender.send(None, b"x", transfer=transfer_id)
    link = Link(hashlib.sha256(auth).digest(), Sealed("AAAA"), has_passphrase=False)
    await stores.transfers.open(transfer_id, (FileId(file_id),), (), link, clock.now_ms())
    return transfer_id
