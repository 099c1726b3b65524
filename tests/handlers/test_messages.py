"""Messages over HTTP: history in pages, and sends too large for a frame."""

import asyncio
from typing import Any

import pytest

from models.rooms import Room
from protocol import limits
from tests.harness import Connect, Fetch
from tests.people import Peer, People, random_text, sealed

pytestmark = pytest.mark.every_database


@pytest.fixture
async def hundred(fetch: Fetch, people: People, room: Room, alice: Peer, bob: Peer) -> list[str]:
    """A hundred messages from Alice; returns their ids, oldest first."""
    versions = await people.versions(alice, bob)
    bodies = [sealed([bob], versions) for _ in range(100)]
    for body in bodies:
        sent = await fetch("POST", f"/api/rooms/{room.room_id}/messages", as_=alice, body=body)
        assert sent.status == 201, sent.text
    return [body["msg_id"] for body in bodies]


async def page(fetch: Fetch, room: Room, peer: Peer, query: str) -> dict[str, Any]:
    answer = await fetch("GET", f"/api/rooms/{room.room_id}/messages{query}", as_=peer)
    assert answer.status == 200, answer.text
    body: dict[str, Any] = answer.json
    return body


async def test_history_comes_in_pages_of_fifty_oldest_first(
    fetch: Fetch, room: Room, bob: Peer, hundred: list[str]
) -> None:
    newest = await page(fetch, room, bob, "")
    assert [m["seq"] for m in newest["messages"]] == list(range(51, 101))
    assert newest["has_more"]
    older = await page(fetch, room, bob, "?before=51")
    assert [m["seq"] for m in older["messages"]] == list(range(1, 51))
    assert not older["has_more"]
    newer = await page(fetch, room, bob, "?after=98&limit=5")
    assert [m["msg_id"] for m in newer["messages"]] == hundred[98:]
    assert not newer["has_more"]
    assert (await page(fetch, room, bob, "?before=1"))["messages"] == []


@pytest.mark.parametrize(
    "query",
    ["?limit=0", "?limit=51", "?limit=-1", "?limit=ten", "?after=1&before=2", "?after=", "?after=²",
     "?before=1e3", "?before=99999999999999999"],
)  # fmt: skip
async def test_a_wrong_query_is_refused(fetch: Fetch, room: Room, alice: Peer, query: str) -> None:
    answer = await fetch("GET", f"/api/rooms/{room.room_id}/messages{query}", as_=alice)
    assert (answer.status, answer.code) == (400, "bad_request")


async def test_a_send_by_http_is_told_like_any_other(
    fetch: Fetch, ws: Connect, people: People, room: Room, alice: Peer, bob: Peer
) -> None:
    wire = await ws(bob)
    body = sealed([bob], await people.versions(alice, bob))
    sent = await fetch("POST", f"/api/rooms/{room.room_id}/messages", as_=alice, body=body)
    message = (await wire.expect("message.new"))["message"]
    assert sent.json == {name: message[name] for name in ("seq", "server_ms", "frank")}
    again = await fetch("POST", f"/api/rooms/{room.room_id}/messages", as_=alice, body=body)
    assert (again.status, again.json) == (201, sent.json)
    assert await wire.quiet() == []


async def test_parallel_sends_get_every_number_once(
    fetch: Fetch, people: People, room: Room, alice: Peer, bob: Peer
) -> None:
    versions = await people.versions(alice, bob)
    path = f"/api/rooms/{room.room_id}/messages"
    sent = await asyncio.gather(
        *(fetch("POST", path, as_=alice, body=sealed([bob], versions)) for _ in range(30))
    )
    assert sorted(answer.json["seq"] for answer in sent) == list(range(1, 31))


async def test_what_fits_no_frame_goes_by_http(
    fetch: Fetch, people: People, room: Room, alice: Peer, bob: Peer
) -> None:
    body = sealed([bob], await people.versions(alice, bob))
    body["capsules"][0]["header"] = random_text(limits.CAPSULE_BYTES)
    body["payload"] = random_text(limits.PAYLOAD_BYTES)
    body["padding"] = "x" * (limits.FRAME_BYTES)
    sent = await fetch("POST", f"/api/rooms/{room.room_id}/messages", as_=alice, body=body)
    assert sent.status == 201


async def test_more_than_the_limit_is_refused(
    fetch: Fetch, people: People, room: Room, alice: Peer, bob: Peer
) -> None:
    path = f"/api/rooms/{room.room_id}/messages"
    versions = await people.versions(alice, bob)
    payload = random_text(limits.PAYLOAD_BYTES + 1)
    answer = await fetch("POST", path, as_=alice, body=sealed([bob], versions, payload=payload))
    assert (answer.status, answer.code) == (400, "bad_request")


async def test_stale_devices_is_a_conflict_that_names_people(
    fetch: Fetch, people: People, room: Room, alice: Peer, bob: Peer
) -> None:
    answer = await fetch(
        "POST",
        f"/api/rooms/{room.room_id}/messages",
        as_=alice,
        body=sealed([], await people.versions(alice, bob)),
    )
    assert (answer.status, answer.code) == (409, "stale_devices")
    assert answer.json["error"]["users"] == [bob.user_id]
    assert (await page(fetch, room, alice, ""))["messages"] == []
