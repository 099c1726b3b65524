"""Transfers over HTTP: to a person, to an address; told, accepted, sealed, downloaded, ended."""

import asyncio
import secrets
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from config.settings import Settings
from protocol import limits
from protocol.limits import FILE_PART_BYTES
from services.quotas import TABLE, Rate
from tests.handlers.conftest import Browser
from tests.handlers.sending import (
    accept,
    begin,
    begun,
    call,
    connected,
    enrolled,
    head,
    inbox,
    log_in_again,
    mails,
    offer,
    sent,
    sweep,
    to_address,
    to_person,
)
from tests.handlers.test_files import Courier, code, rest, slow_reader, stored
from tests.handlers.test_keys import plain
from tests.handlers.test_people import befriend
from tests.harness import Connect, MovableClock, RunningServer
from tests.people import random_text

pytestmark = pytest.mark.every_database

NOBODY = "nobody@example.org"


@pytest.fixture
async def sender(an: Browser, clock: MovableClock, server: RunningServer) -> Courier:
    return await enrolled(an, clock, server)


@pytest.fixture
async def other(binh: Browser, clock: MovableClock, server: RunningServer) -> Courier:
    """Nobody's contact yet."""
    return await enrolled(binh, clock, server)


@pytest.fixture
async def reader(sender: Courier, other: Courier) -> Courier:
    """A contact of the sender."""
    await befriend(sender.browser, other.browser)
    return other


@pytest.fixture
async def stranger(browser: Any, clock: MovableClock, server: RunningServer) -> Courier:
    return await enrolled(await browser("cuc@example.org").sign_up(), clock, server)


@pytest.fixture
def blobs(settings: Settings) -> Path:
    return Path(settings.data_dir) / "files"


@pytest.fixture
def outbox(settings: Settings) -> Path:
    return Path(settings.data_dir) / "outbox"


async def test_a_person_gets_what_a_contact_sent_byte_for_byte(
    sender: Courier, reader: Courier
) -> None:
    """S3-20…S3-23: announced, uploaded, sent, seen in both lists, read, noted."""
    contents = [secrets.token_bytes(FILE_PART_BYTES + 99), b"second"]
    sending = await to_person(sender, reader, *contents)
    [got] = await inbox(reader)
    assert (got["id"], got["state"], got["sender"]["id"]) == (
        sending.id,
        "sealed",
        sender.browser.user_id,
    )
    assert got["files"] == [
        {"id": file_id, "size_bytes": len(content)}
        for file_id, content in zip(sending.files, contents, strict=True)
    ]
    heads = await call(reader, "GET", f"{sending.id}/heads")
    assert len(heads.json["heads"]) == 2
    for file_id, content in zip(sending.files, contents, strict=True):
        answer = await reader.content(file_id, await reader.grant(file_id, "get"))
        assert (answer.code, answer.body) == (200, content)
    [mine] = await sent(sender)
    assert (mine["state"], mine["downloads"], mine["downloaded_ms"]) == ("open", 1, None)
    for _ in range(2):
        assert (await call(reader, "POST", f"{sending.id}/downloaded", {})).status == 200
    [mine] = await sent(sender)
    assert mine["downloaded_ms"] == (await inbox(reader))[0]["downloaded_ms"] is not None


async def test_a_draft_is_its_senders_alone(sender: Courier, reader: Courier) -> None:
    transfer_id = await begun(sender, kind="person", user=reader.browser.user_id)
    file_id = await sender.send(None, b"x" * 100, transfer=transfer_id)
    assert [each["state"] for each in await sent(sender)] == ["draft"]
    assert await inbox(reader) == []
    refused = [
        await reader.ask(file_id, "get"),
        await sender.ask(file_id, "get"),
        await call(reader, "GET", f"{transfer_id}/heads"),
        await call(reader, "POST", f"{transfer_id}/downloaded", {}),
        await call(reader, "DELETE", transfer_id),
        await reader.start(None, b"x", transfer=transfer_id),
    ]
    assert [(answer.status, answer.code) for answer in refused] == [(404, "not_found")] * 6


async def test_a_draft_ends_after_a_day(
    sender: Courier,
    reader: Courier,
    clock: MovableClock,
    server: RunningServer,
    blobs: Path,
) -> None:
    transfer_id = await begun(sender, kind="person", user=reader.browser.user_id)
    file_id = await sender.send(None, b"x" * 100, transfer=transfer_id)
    clock.advance(limits.FILE_PENDING_TTL_MS)
    await log_in_again(sender)
    assert await sent(sender) == []
    body = {"files": [file_id], "heads": [head()]}
    assert (await call(sender, "POST", f"{transfer_id}/send", body)).code == "not_found"
    await sweep(server, clock)
    assert stored(blobs) == []


async def test_announcing_and_sending_again_change_nothing(
    sender: Courier, reader: Courier, outbox: Path
) -> None:
    fields = {"kind": "person", "user": reader.browser.user_id, "id": random_text(16)}
    first, again = await begin(sender, **fields), await begin(sender, **fields)
    assert (first.status, first.json) == (again.status, again.json)
    assert (await begin(sender, **fields, max_downloads=2)).code == "conflict"
    assert (await begin(reader, **fields | {"user": sender.browser.user_id})).code == "conflict"
    file_id = await sender.send(None, b"x" * 100, transfer=fields["id"])
    body = {"files": [file_id], "heads": [head()]}
    once, twice = [await call(sender, "POST", f"{fields['id']}/send", body) for _ in range(2)]
    assert (once.status, once.json) == (twice.status, twice.json)
    changed = await call(sender, "POST", f"{fields['id']}/send", body | {"heads": [head()]})
    assert (changed.status, changed.code) == (409, "conflict")
    assert len(await mails(outbox, reader.browser.email)) == 1


async def test_only_whole_files_of_the_transfer_are_sent(sender: Courier, reader: Courier) -> None:
    whom = {"kind": "person", "user": reader.browser.user_id}
    one, two = await begun(sender, **whom), await begun(sender, **whom)
    pending = str((await sender.start(None, b"x", transfer=one)).json["id"])
    foreign = await sender.send(None, b"y", transfer=two)
    for file_id in (pending, foreign, random_text(16)):
        body = {"files": [file_id], "heads": [head()]}
        answer = await call(sender, "POST", f"{one}/send", body)
        assert (answer.status, answer.code) == (409, "incomplete")
    assert await inbox(reader) == []


async def test_what_is_sent_takes_no_further_file(sender: Courier, reader: Courier) -> None:
    sending = await to_person(sender, reader)
    answer = await sender.start(None, b"x", transfer=sending.id)
    assert (answer.status, answer.code) == (404, "not_found")


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": "person"},
        {"kind": "person", "email": NOBODY},
        {"kind": "address"},
        {"kind": "address", "user": "A" * 22},
        {"kind": "link", "email": NOBODY},
        {"kind": "link", "user": "A" * 22},
        {"kind": "group"},
        {"kind": "address", "email": "no address at all@"},
        {"kind": "address", "email": "an@example.org"},
        {"kind": "address", "email": "AN@Example.ORG"},
        {"kind": "link", "lives_ms": limits.TRANSFER_MIN_TTL_MS - 1},
        {"kind": "link", "lives_ms": limits.TRANSFER_TTL_MS + 1},
        {"kind": "link", "max_downloads": 0},
        {"kind": "link", "max_downloads": limits.TRANSFER_DOWNLOADS + 1},
        {"kind": "link", "id": "../../etc/passwd"},
    ],
)
async def test_a_wrong_announcement_begins_nothing(sender: Courier, fields: dict[str, Any]) -> None:
    answer = await begin(sender, **fields)
    assert (answer.status, answer.code) == (400, "bad_request")
    assert await sent(sender) == []


async def test_nobody_sends_to_oneself_or_to_a_stranger(sender: Courier, stranger: Courier) -> None:
    oneself = await begin(sender, kind="person", user=sender.browser.user_id)
    assert (oneself.status, oneself.code) == (400, "bad_request")
    for user in (stranger.browser.user_id, random_text(16)):
        answer = await begin(sender, kind="person", user=user)
        assert (answer.status, answer.code) == (403, "not_contact")


async def test_a_log_in_without_a_device_sends_and_accepts_nothing(
    sender: Courier, binh: Browser
) -> None:
    without = Courier(binh, sender.seal, sender.origin)
    answer = await begin(without, kind="link")
    assert (answer.status, answer.code) == (403, "not_enrolled")
    sending = await to_address(sender, binh.email)
    answer = await accept(without, sending)
    assert (answer.status, answer.code) == (403, "not_enrolled")


async def test_who_is_no_contact_any_more_gets_nothing_new(
    sender: Courier, reader: Courier
) -> None:
    transfer_id = await begun(sender, kind="person", user=reader.browser.user_id)
    file_id = await sender.send(None, b"x", transfer=transfer_id)
    path = f"/api/contacts/{reader.browser.user_id}"
    assert (await sender.browser.call("DELETE", path)).status == 200
    body = {"files": [file_id], "heads": [head()]}
    answer = await call(sender, "POST", f"{transfer_id}/send", body)
    assert (answer.status, answer.code) == (403, "not_contact")


@pytest.mark.parametrize(
    "change",
    [
        {"heads": None},
        {"link": offer()},
        {"heads": None, "link": offer()},
        {"heads": []},
        {"heads": [head(), head()]},
        {"heads": ["A" * 50_000]},
        {"heads": ["no base64!"]},
        {"files": []},
        {"files": ["../.."]},
    ],
)
async def test_what_is_sent_has_one_head_for_each_file(
    sender: Courier, reader: Courier, change: dict[str, Any]
) -> None:
    transfer_id = await begun(sender, kind="person", user=reader.browser.user_id)
    file_id = await sender.send(None, b"x", transfer=transfer_id)
    body = {"files": [file_id], "heads": [head()]} | change
    answer = await call(sender, "POST", f"{transfer_id}/send", body)
    assert (answer.status, answer.code) == (400, "bad_request")
    assert await inbox(reader) == []


async def test_no_file_is_sent_twice_in_one_transfer(sender: Courier, reader: Courier) -> None:
    transfer_id = await begun(sender, kind="person", user=reader.browser.user_id)
    file_id = await sender.send(None, b"x", transfer=transfer_id)
    body = {"files": [file_id, file_id], "heads": [head(), head()]}
    answer = await call(sender, "POST", f"{transfer_id}/send", body)
    assert (answer.status, answer.code) == (400, "bad_request")


async def test_a_file_belongs_to_a_room_or_to_a_transfer(sender: Courier) -> None:
    transfer_id = await begun(sender, kind="link")
    for room, transfer in ((None, None), ("A" * 43, transfer_id)):
        answer = await sender.start(room, b"x", transfer=transfer)
        assert (answer.status, answer.code) == (400, "bad_request")
    started = await sender.start(None, b"x", transfer=transfer_id)
    assert (started.json["room"], started.json["transfer"]) == (None, transfer_id)


async def test_the_largest_heads_there_may_be_are_taken(sender: Courier, reader: Courier) -> None:
    transfer_id = await begun(sender, kind="person", user=reader.browser.user_id)
    files = [
        await sender.send(None, b"x", transfer=transfer_id)
        for _ in range(limits.FILES_PER_TRANSFER)
    ]
    heads = [random_text(limits.SEALED_HEAD_BYTES) for _ in files]
    body = {"files": files, "heads": heads}
    assert (await call(sender, "POST", f"{transfer_id}/send", body)).status == 200
    assert (await call(reader, "GET", f"{transfer_id}/heads")).json["heads"] == heads


async def test_whom_it_is_for_is_told_on_every_device_and_by_mail(
    sender: Courier, reader: Courier, ws: Connect, outbox: Path
) -> None:
    """S3-6, S3-27, S-66"""
    wire = await connected(ws, reader)
    sending = await to_person(sender, reader)
    frame = await wire.expect("transfer.new")
    assert (frame["transfer"], frame["user"]) == (sending.id, sender.browser.user_id)
    [mail] = await mails(outbox, reader.browser.email)
    for word in (sending.id, sender.browser.email, "an@", "http", *sending.files):
        assert word not in mail.partition("\n\n")[2]


async def test_who_accepts_becomes_a_contact_and_gets_heads_from_the_sender(
    sender: Courier, other: Courier, ws: Connect
) -> None:
    """S3-25: offered without names, accepted, sealed by the sender's next device, read."""
    hers, his = await connected(ws, sender), await connected(ws, other)
    sending = await to_address(sender, other.browser.email.upper())
    await his.expect("transfer.new", transfer=sending.id, user=sender.browser.user_id)
    [offered] = await inbox(other)
    assert (offered["state"], offered["sender"]["id"]) == ("offered", sender.browser.user_id)
    before = await sent(sender)
    assert (before[0]["user"], before[0]["is_sealed"]) == (None, False)
    for _ in range(2):
        accepted = await accept(other, sending)
        assert (accepted.status, accepted.json["state"]) == (200, "accepted")
    await hers.expect("transfer.changed", transfer=sending.id)
    await hers.expect("contact.changed", user=other.browser.user_id, state="accepted")
    await his.expect("contact.changed", user=sender.browser.user_id, state="accepted")
    [waiting] = await sent(sender)
    assert (waiting["user"], waiting["is_sealed"]) == (other.browser.user_id, False)
    assert (await call(other, "GET", f"{sending.id}/heads")).code == "not_found"
    assert (await other.ask(sending.files[0], "get")).code == "not_found"
    heads = [head()]
    for _ in range(2):
        sealed = await call(sender, "PUT", f"{sending.id}/heads", {"heads": heads})
        assert (sealed.status, sealed.json["is_sealed"]) == (200, True)
    await his.expect("transfer.new", transfer=sending.id)
    assert (await call(other, "GET", f"{sending.id}/heads")).json["heads"] == heads
    token = await other.grant(sending.files[0], "get")
    assert (await other.content(sending.files[0], token)).body == sending.contents[0]
    await call(other, "POST", f"{sending.id}/downloaded", {})
    await hers.expect("transfer.changed", transfer=sending.id)


async def test_heads_wait_for_an_acceptance_and_are_as_many_as_files(
    sender: Courier, other: Courier, stranger: Courier
) -> None:
    sending = await to_address(sender, other.browser.email)
    early = await call(sender, "PUT", f"{sending.id}/heads", {"heads": [head()]})
    assert (early.status, early.code) == (404, "not_found")
    await accept(other, sending)
    for courier in (other, stranger):
        answer = await call(courier, "PUT", f"{sending.id}/heads", {"heads": [head()]})
        assert (answer.status, answer.code) == (404, "not_found")
    more = await call(sender, "PUT", f"{sending.id}/heads", {"heads": [head(), head()]})
    assert (more.status, more.code) == (400, "bad_request")
    assert (await inbox(other))[0]["state"] == "accepted"


async def test_only_whose_address_it_is_accepts(
    sender: Courier, other: Courier, stranger: Courier, reader: Courier
) -> None:
    to_somebody = await to_address(sender, other.browser.email)
    direct = await to_person(sender, reader)
    for courier, sending in (
        (stranger, to_somebody),
        (sender, to_somebody),
        (stranger, direct),
        (reader, direct),
    ):
        answer = await accept(courier, sending)
        assert (answer.status, answer.code) == (404, "not_found")
    assert (await accept(other, to_somebody)).status == 200


async def test_somebody_who_joins_later_finds_it_in_their_inbox(
    sender: Courier, browser: Any, clock: MovableClock, server: RunningServer
) -> None:
    sending = await to_address(sender, "later@example.org")
    later = await enrolled(await browser("later@example.org").sign_up(), clock, server)
    assert [each["id"] for each in await inbox(later)] == [sending.id]
    assert (await accept(later, sending)).json["state"] == "accepted"


async def test_a_sender_cannot_tell_known_addresses_from_unknown_ones(
    sender: Courier, other: Courier, outbox: Path, ws: Connect
) -> None:
    """S-04: every answer is the same, and every event of the sender, until somebody accepts."""
    wire = await connected(ws, sender)
    told = []
    for email in (other.browser.email, NOBODY):
        sending = await to_address(sender, email)
        begin_again = await begin(sender, kind="address", email=email, id=sending.id)
        early = await call(sender, "PUT", f"{sending.id}/heads", {"heads": [head()]})
        [listed] = [each for each in await sent(sender) if each["id"] == sending.id]
        await mails(outbox, email)
        answers = [begin_again.json, sending.answer.json, listed]
        for answer in answers:
            assert answer.pop("email") == email
            for name in ("id", "created_ms", "expires_ms", "files"):
                answer.pop(name)
        before = await wire.quiet()
        await call(sender, "DELETE", sending.id)
        after = [frame["type"] for frame in await wire.quiet()]
        told.append((*answers, early.code, before, after))
    assert told[0] == told[1]
    assert told[0][-2:] == ([], ["transfer.changed"])


async def test_the_mail_to_an_unknown_address_invites_and_both_hold_nothing_of_the_sender(
    sender: Courier, other: Courier, outbox: Path
) -> None:
    """S3-25, S-66"""
    texts = {}
    for email in (other.browser.email, NOBODY):
        sending = await to_address(sender, email)
        [texts[email]] = await mails(outbox, email)
        for secret in (sending.id, "an@example.org", "An ", "http", *sending.files):
            assert secret not in texts[email]
    assert "create a Sealroom account" in texts[NOBODY]
    assert "tạo tài khoản" in texts[NOBODY]
    assert "under Files, Received" in texts[other.browser.email]


@pytest.mark.parametrize("kind", ["person", "address"])
async def test_who_blocked_the_sender_hears_and_sees_nothing(
    sender: Courier, reader: Courier, outbox: Path, ws: Connect, kind: str
) -> None:
    before = await to_address(sender, reader.browser.email)
    await accept(reader, before)
    await call(sender, "PUT", f"{before.id}/heads", {"heads": [head()]})
    drafts = [await to_person(sender, reader)] if kind == "person" else []
    await mails(outbox, reader.browser.email)
    token = await reader.grant(before.files[0], "get")
    blocked = await reader.browser.call("PUT", f"/api/blocks/{sender.browser.user_id}", {})
    assert blocked.status == 200
    wire = await connected(ws, reader)
    count = len(await mails(outbox, reader.browser.email))
    if kind == "address":
        drafts = [await to_address(sender, reader.browser.email)]
    assert len(await mails(outbox, reader.browser.email)) == count
    assert await wire.quiet() == []
    assert await inbox(reader) == []
    for sending in (*drafts, before):
        assert (await accept(reader, sending)).code == "not_found"
        assert (await call(reader, "GET", f"{sending.id}/heads")).code == "not_found"
        assert (await reader.ask(sending.files[0], "get")).code == "not_found"
        assert (await call(reader, "DELETE", sending.id)).code == "not_found"
    assert code(await reader.content(before.files[0], token)) == "not_found"
    assert {each["state"] for each in await sent(sender)} == {"open"}
    for sending in (*drafts, before):
        assert (await call(sender, "DELETE", sending.id)).status == 200
    await mails(outbox, reader.browser.email)
    assert await wire.quiet() == []


async def test_mails_to_one_address_and_of_one_sender_are_few_and_nothing_tells(
    sender: Courier, outbox: Path, server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    sendings = [await to_address(sender, NOBODY) for _ in range(6)]
    assert [sending.answer.status for sending in sendings] == [200] * 6
    assert len(await mails(outbox, NOBODY)) == TABLE["transfer-mail-address"].capacity
    taken = server.lifecycle.files._quotas
    monkeypatch.setattr(taken, "_table", {**taken._table, "transfer-mail": Rate("user", 0, 1)})
    assert (await to_address(sender, "else@example.org")).answer.status == 200
    assert await mails(outbox, "else@example.org") == []


async def test_a_withdrawn_transfer_is_gone_for_everybody_and_from_the_disk(
    sender: Courier,
    reader: Courier,
    ws: Connect,
    server: RunningServer,
    clock: MovableClock,
    blobs: Path,
) -> None:
    """S-43"""
    wire = await connected(ws, reader)
    sending = await to_person(sender, reader)
    token = await reader.grant(sending.files[0], "get")
    assert (await call(sender, "DELETE", sending.id)).status == 200
    await wire.expect("transfer.changed", transfer=sending.id)
    assert await inbox(reader) == await sent(sender) == []
    assert code(await reader.content(sending.files[0], token)) == "not_found"
    refused = [
        await call(sender, "DELETE", sending.id),
        await call(reader, "GET", f"{sending.id}/heads"),
        await call(reader, "POST", f"{sending.id}/downloaded", {}),
        await reader.ask(sending.files[0], "get"),
        await sender.browser.call("GET", f"/api/files/{sending.files[0]}"),
    ]
    assert [(answer.status, answer.code) for answer in refused] == [(404, "not_found")] * 5
    await sweep(server, clock)
    assert stored(blobs) == []


async def test_an_expired_transfer_is_gone_for_everybody_and_from_the_disk(
    sender: Courier,
    reader: Courier,
    server: RunningServer,
    clock: MovableClock,
    blobs: Path,
) -> None:
    """S-43, S3-15"""
    sending = await to_person(sender, reader, lives_ms=limits.TRANSFER_MIN_TTL_MS)
    stays = await to_person(sender, reader, b"stays")
    clock.advance(limits.TRANSFER_MIN_TTL_MS)
    for courier in (sender, reader):
        await log_in_again(courier)
    for found in (await inbox(reader), await sent(sender)):
        assert [each["id"] for each in found] == [stays.id]
    assert (await reader.ask(sending.files[0], "get")).code == "not_found"
    await sweep(server, clock)
    assert [path.read_bytes() for path in stored(blobs)] == [b"stays"]


async def test_a_person_declines_for_good_and_the_sender_hears_of_it(
    sender: Courier, reader: Courier, ws: Connect
) -> None:
    wire = await connected(ws, sender)
    sending = await to_person(sender, reader)
    assert (await call(reader, "DELETE", sending.id)).status == 200
    await wire.expect("transfer.changed", transfer=sending.id)
    assert await sent(sender) == await inbox(reader) == []


async def test_an_address_declines_and_the_link_goes_on(
    sender: Courier, other: Courier, ws: Connect
) -> None:
    wire = await connected(ws, sender)
    sending = await to_address(sender, other.browser.email)
    assert (await call(other, "DELETE", sending.id)).status == 200
    assert await inbox(other) == []
    assert (await accept(other, sending)).code == "not_found"
    assert (await call(other, "DELETE", sending.id)).code == "not_found"
    assert [each["id"] for each in await sent(sender)] == [sending.id]
    assert await wire.quiet() == [], "nothing tells that the address has an account"


async def test_nobody_else_ends_a_transfer(
    sender: Courier, reader: Courier, stranger: Courier
) -> None:
    sending = await to_person(sender, reader)
    assert (await call(stranger, "DELETE", sending.id)).code == "not_found"
    assert len(await sent(sender)) == 1


async def test_a_device_takes_one_download_however_often_it_asks(
    sender: Courier, reader: Courier, browser: Any
) -> None:
    sending = await to_person(sender, reader, b"one", b"two", max_downloads=1)
    for file_id in sending.files * 2:
        assert (await reader.ask(file_id, "get")).status == 200
    [got] = await inbox(reader)
    assert got["downloads_left"] == 0
    second = await second_device(reader, browser)
    answer = await second.ask(sending.files[0], "get")
    assert (answer.status, answer.code) == (410, "used_up")
    reader.seal.devices.reverse()
    assert (await reader.ask(sending.files[0], "get")).status == 200


async def second_device(courier: Courier, browser: Any) -> Courier:
    """Log the same person in with a device of its own."""
    elsewhere: Browser = browser(courier.browser.email)
    assert (await elsewhere.log_in()).status == 200
    joined = await elsewhere.call("POST", "/api/e2ee/devices", plain(courier.seal.enrolment()))
    assert joined.status == 201, joined.text
    return Courier(elsewhere, courier.seal, courier.origin)


async def test_a_signature_that_is_refused_takes_no_download(
    sender: Courier, reader: Courier
) -> None:
    sending = await to_person(sender, reader, max_downloads=1)
    refused = await reader.ask(sending.files[0], "get", sig=random_text(64))
    assert refused.code == "bad_signature"
    assert (await inbox(reader))[0]["downloads_left"] == 1


async def test_a_file_of_a_transfer_is_its_own_recipients_alone(
    sender: Courier, reader: Courier, stranger: Courier
) -> None:
    sending = await to_person(sender, reader)
    for courier in (stranger, sender):
        answer = await courier.ask(sending.files[0], "get")
        assert (answer.status, answer.code) == (404, "not_found")
    for courier in (stranger, reader):
        refused = [
            await courier.ask(sending.files[0], "put"),
            await courier.browser.call("GET", f"/api/files/{sending.files[0]}"),
            await courier.browser.call("DELETE", f"/api/files/{sending.files[0]}"),
        ]
        assert [(answer.status, answer.code) for answer in refused] == [(404, "not_found")] * 3


async def test_a_file_that_was_not_sent_along_is_nobodys(sender: Courier, reader: Courier) -> None:
    transfer_id = await begun(sender, kind="person", user=reader.browser.user_id)
    file_id, left_out = [await sender.send(None, b"x", transfer=transfer_id) for _ in range(2)]
    body = {"files": [file_id], "heads": [head()]}
    assert (await call(sender, "POST", f"{transfer_id}/send", body)).status == 200
    assert (await reader.ask(left_out, "get")).code == "not_found"
    assert (await reader.ask(file_id, "get")).status == 200


async def test_a_download_ends_with_the_transfer(sender: Courier, reader: Courier) -> None:
    """S2-6, S-43: no part is begun of what was withdrawn."""
    size_bytes = 4 * FILE_PART_BYTES
    sending = await to_person(sender, reader, secrets.token_bytes(size_bytes))
    [file_id] = sending.files
    headers = {**reader.browser.headers, "X-File-Grant": await reader.grant(file_id, "get")}
    reading = slow_reader(reader.origin, f"/api/files/{file_id}/content", headers, 262_144)
    with closing(reading):
        assert b"200 OK" in await asyncio.to_thread(reading.recv, 1_024)
        assert (await call(sender, "DELETE", sending.id)).status == 200
        received = await asyncio.to_thread(lambda: sum(map(len, rest(reading))))
    assert received <= size_bytes - FILE_PART_BYTES


async def test_live_transfers_of_one_person_are_limited(
    sender: Courier, server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = server.lifecycle.files._quotas
    monkeypatch.setattr(taken, "_table", {**taken._table, "transfer": Rate("user", 1e6, 1e6)})
    for _ in range(limits.TRANSFERS_PER_USER):
        await begun(sender, kind="link")
    answer = await begin(sender, kind="link")
    assert (answer.status, answer.code) == (403, "quota_full")
    assert answer.json["error"]["limit"] == "transfers"


@pytest.mark.parametrize("action", ["transfer", "transfer-call"])
async def test_no_call_about_a_transfer_is_free(
    sender: Courier,
    reader: Courier,
    server: RunningServer,
    monkeypatch: pytest.MonkeyPatch,
    action: str,
) -> None:
    """S-09: none is without a rate."""
    sending = await to_person(sender, reader)
    taken = server.lifecycle.files._quotas
    monkeypatch.setattr(taken, "_table", {**taken._table, action: Rate("user", 0, 1)})
    body = {"files": sending.files, "heads": [head()]}
    answers = {
        "transfer": [await begin(sender, kind="link")],
        "transfer-call": [
            await call(sender, "GET", "sent"),
            await call(sender, "GET", "inbox"),
            await call(sender, "POST", f"{sending.id}/send", body),
            await accept(reader, sending),
            await call(reader, "GET", f"{sending.id}/heads"),
            await call(sender, "PUT", f"{sending.id}/heads", {"heads": [head()]}),
            await call(reader, "POST", f"{sending.id}/downloaded", {}),
            await call(sender, "DELETE", sending.id),
        ],
    }
    assert {(answer.status, answer.code) for answer in answers[action]} == {(429, "rate_limited")}
