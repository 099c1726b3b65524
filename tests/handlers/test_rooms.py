"""Rooms over HTTP."""

import pytest

from models.rooms import Room, dm_room_id
from protocol import limits
from tests.harness import Connect, Fetch, MovableClock
from tests.people import Peer, People, random_text, sealed

pytestmark = pytest.mark.every_database


async def open_room(fetch: Fetch, alice: Peer, bob: Peer, nonce: str) -> dict[str, str]:
    answer = await fetch(
        "POST",
        "/api/rooms",
        as_=alice,
        body={"kind": "dm", "peer": bob.user_id, "nonce": nonce},
    )
    assert answer.status == 201, answer.text
    room: dict[str, str] = answer.json
    return room


async def test_a_room_certifies_its_own_id(
    fetch: Fetch, alice: Peer, bob: Peer, clock: MovableClock
) -> None:
    nonce = random_text(16)
    room = await open_room(fetch, alice, bob, nonce)
    assert room["id"] == dm_room_id(bob.user_id, alice.user_id, nonce)
    assert {m["user_id"] for m in room["members"]} == {alice.user_id, bob.user_id}  # type: ignore[index]
    assert (room["kind"], room["nonce"], room["last_seq"]) == ("dm", nonce, 0)
    assert int(room["expires_ms"]) - int(room["created_ms"]) == limits.ROOM_TTL_MS


async def test_two_people_have_one_live_room(fetch: Fetch, alice: Peer, bob: Peer) -> None:
    first = await open_room(fetch, alice, bob, random_text(16))
    again = await fetch(
        "POST",
        "/api/rooms",
        as_=bob,
        body={"kind": "dm", "peer": alice.user_id, "nonce": random_text(16)},
    )
    assert (again.status, again.json) == (200, first)


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"kind": "cabal"}, 400, "bad_request"),
        ({"peer": "short"}, 400, "bad_request"),
        ({"nonce": None}, 400, "bad_request"),
    ],
)
async def test_a_wrong_request_opens_nothing(
    fetch: Fetch, alice: Peer, bob: Peer, change: dict[str, str], status: int, code: str
) -> None:
    body = {"kind": "dm", "peer": bob.user_id, "nonce": random_text(16), **change}
    answer = await fetch("POST", "/api/rooms", as_=alice, body=body)
    assert (answer.status, answer.code) == (status, code)
    assert (await fetch("GET", "/api/rooms", as_=alice)).json == {"rooms": []}


async def test_rooms_are_for_accepted_contacts_only(
    fetch: Fetch, alice: Peer, bob: Peer, mallory: Peer
) -> None:
    for peer in (mallory.user_id, alice.user_id, random_text(16)):
        body = {"kind": "dm", "peer": peer, "nonce": random_text(16)}
        answer = await fetch("POST", "/api/rooms", as_=alice, body=body)
        assert (answer.status, answer.code) == (403, "not_contact")


async def test_a_blocked_contact_opens_no_room(
    fetch: Fetch, people: People, alice: Peer, bob: Peer
) -> None:
    await people.stores.contacts.block(bob.user_id, alice.user_id, people.clock.now_ms())
    body = {"kind": "dm", "peer": bob.user_id, "nonce": random_text(16)}
    assert (await fetch("POST", "/api/rooms", as_=alice, body=body)).code == "not_contact"


@pytest.mark.parametrize(
    ("method", "tail"),
    [
        ("GET", ""),
        ("DELETE", ""),
        ("PUT", "/keep"),
        ("DELETE", "/keep"),
        ("GET", "/messages"),
    ],
)
async def test_a_room_of_others_is_not_there(
    fetch: Fetch, room: Room, mallory: Peer, alice: Peer, method: str, tail: str
) -> None:
    foreign = await fetch(method, f"/api/rooms/{room.room_id}{tail}", as_=mallory)
    nowhere = await fetch(method, f"/api/rooms/{random_text(32)}{tail}", as_=mallory)
    assert (foreign.status, foreign.code) == (404, "not_found")
    assert (nowhere.status, nowhere.code) == (404, "not_found")
    assert (await fetch("GET", f"/api/rooms/{room.room_id}", as_=alice)).status == 200


async def test_when_both_agree_the_room_lives_seven_days_longer(
    fetch: Fetch, ws: Connect, room: Room, alice: Peer, bob: Peer
) -> None:
    wire = await ws(bob)
    path = f"/api/rooms/{room.room_id}/keep"
    one = (await fetch("PUT", path, as_=alice)).json
    assert {m["user_id"]: m["keep"] for m in one["members"]} == {
        alice.user_id: True,
        bob.user_id: False,
    }
    assert one["expires_ms"] == room.expires_ms
    assert (await wire.expect("room.updated"))["room"] == room.room_id
    assert not any(m["keep"] for m in (await fetch("DELETE", path, as_=alice)).json["members"])
    await fetch("PUT", path, as_=alice)
    both = (await fetch("PUT", path, as_=bob)).json
    assert both["expires_ms"] == room.expires_ms + limits.ROOM_TTL_MS
    assert not any(m["keep"] for m in both["members"])


async def test_a_kept_room_goes_on_past_its_first_end(
    fetch: Fetch,
    ws: Connect,
    people: People,
    room: Room,
    alice: Peer,
    bob: Peer,
    clock: MovableClock,
) -> None:
    wire = await ws(alice)
    body = sealed([bob], await people.versions(alice, bob))
    await wire.send("message.send", id=1, room=room.room_id, **body)
    await wire.expect("message.accepted")
    for peer in (alice, bob):
        await fetch("PUT", f"/api/rooms/{room.room_id}/keep", as_=peer)
    clock.advance(limits.ROOM_TTL_MS + 1)
    await wire.send(
        "message.send",
        id=2,
        room=room.room_id,
        **sealed([bob], await people.versions(alice, bob)),
    )
    assert (await wire.expect("message.accepted", id=2))["seq"] == 2


async def test_deleting_ends_the_room_for_both(
    fetch: Fetch, ws: Connect, people: People, room: Room, alice: Peer, bob: Peer
) -> None:
    wire = await ws(bob)
    body = sealed([alice], await people.versions(alice, bob))
    await wire.send("message.send", id=1, room=room.room_id, **body)
    await wire.expect("message.accepted")
    assert (await fetch("DELETE", f"/api/rooms/{room.room_id}", as_=alice)).json == {}
    assert (await wire.expect("room.removed"))["room"] == room.room_id
    for peer in (alice, bob):
        assert (await fetch("GET", "/api/rooms", as_=peer)).json == {"rooms": []}
    await wire.send(
        "message.send",
        id=2,
        room=room.room_id,
        **sealed([alice], await people.versions(alice, bob)),
    )
    assert (await wire.expect("error", id=2))["error"]["code"] == "not_found"
    twice = await fetch("DELETE", f"/api/rooms/{room.room_id}", as_=alice)
    assert (twice.status, twice.code) == (404, "not_found")


async def test_the_other_hears_of_a_new_room(
    fetch: Fetch, ws: Connect, alice: Peer, bob: Peer
) -> None:
    wire = await ws(bob)
    room = await open_room(fetch, alice, bob, random_text(16))
    assert (await wire.expect("room.updated"))["room"] == room["id"]


async def test_a_room_that_has_ended_is_listed_no_more(
    fetch: Fetch, people: People, room: Room, alice: Peer, clock: MovableClock
) -> None:
    assert len((await fetch("GET", "/api/rooms", as_=alice)).json["rooms"]) == 1
    clock.advance(limits.ROOM_TTL_MS)
    opened = await people.logins.open(
        await people.account(alice.user_id), people.browser, alice.device_id
    )
    alice.token = opened.access_token
    assert (await fetch("GET", "/api/rooms", as_=alice)).json == {"rooms": []}


async def test_everything_needs_a_log_in(fetch: Fetch, room: Room) -> None:
    for method, path in (
        ("GET", "/api/rooms"),
        ("POST", "/api/rooms"),
        ("GET", f"/api/rooms/{room.room_id}"),
        ("PUT", f"/api/rooms/{room.room_id}/keep"),
        ("GET", f"/api/rooms/{room.room_id}/messages"),
        ("POST", f"/api/rooms/{room.room_id}/messages"),
    ):
        answer = await fetch(method, path)
        assert (answer.status, answer.code) == (401, "unauthenticated")
