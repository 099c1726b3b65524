"""The frame loop over real sockets: what is answered, what is refused, what closes."""

import asyncio
import base64
import json
import secrets
import socket
import struct
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from config.settings import Settings
from models.accounts import Preferences
from models.rooms import Room, dm_room_id
from models.stores import Stores
from protocol import limits
from protocol.errors import AppError, ErrorCode
from protocol.ids import UserId
from services.logins import Browser, LoginService
from tests.harness import Connect, Fetch, MovableClock, RunningServer
from tests.lines import open_lines
from tests.people import Peer, People, Wire, open_wire, random_text, sealed
from tests.protocol.test_frames import CLIENT_FRAMES

pytestmark = pytest.mark.every_database


@pytest.fixture(params=["websocket", "tcp"])
async def ws(request: pytest.FixtureRequest, server: RunningServer) -> AsyncIterator[Connect]:
    """Open a connection of either kind, authenticated when a peer is given: `await ws(alice)`."""
    opened: list[Wire] = []

    async def connect(peer: Peer | None = None) -> Wire:
        is_tcp = request.param == "tcp"
        wire = await (open_lines(server.messenger_port) if is_tcp else open_wire(server.origin))
        opened.append(wire)
        if peer is not None:
            await wire.authenticate(peer)
        return wire

    yield connect
    for wire in opened:
        await wire.close()


async def send(wire: Wire, room: Room, number: int, **body: Any) -> None:
    await wire.send("message.send", id=number, room=room.room_id, **body)


# ── authentication ───────────────────────────────────────────────────────────────────────────────


async def test_authentication_says_who_one_is_and_how_the_rooms_stand(
    ws: Connect, people: People, room: Room, alice: Peer, bob: Peer
) -> None:
    wire = await ws(alice)
    await send(wire, room, 1, **sealed([bob], await people.versions(alice, bob)))
    await wire.expect("message.accepted")
    again = await ws()
    await again.send("authenticate", token=alice.token, device_id=alice.device_id, id=7)
    answer = await again.expect("authenticated")
    assert (answer["user_id"], answer["device_id"]) == (alice.user_id, alice.device_id)
    assert answer["id"] == 7
    assert answer["rooms"] == [{"id": room.room_id, "last_seq": 1}]
    assert answer["presence"] == [{"user": bob.user_id, "status": "offline", "last_seen_ms": None}]
    assert abs(answer["server_ms"] - people.clock.now_ms()) < 5_000


async def test_nothing_is_answered_before_authentication(
    ws: Connect, room: Room, alice: Peer
) -> None:
    wire = await ws()
    await wire.send("sync", id=3, room=room.room_id, after=0)
    error = await wire.expect("error")
    assert (error["id"], error["error"]["code"]) == (3, "unauthenticated")
    await wire.authenticate(alice)


@pytest.mark.parametrize("token", ["", "x", "a.b.c"])
async def test_a_forged_token_is_refused_and_another_try_is_allowed(
    ws: Connect, alice: Peer, token: str
) -> None:
    wire = await ws()
    await wire.send("authenticate", token=token, device_id=alice.device_id)
    assert (await wire.expect("error"))["error"]["code"] == "unauthenticated"
    await wire.authenticate(alice)


async def test_an_expired_token_is_refused(ws: Connect, alice: Peer, clock: MovableClock) -> None:
    clock.advance(limits.ACCESS_TOKEN_TTL_MS)
    wire = await ws()
    await wire.send("authenticate", token=alice.token, device_id=alice.device_id)
    assert (await wire.expect("error"))["error"]["code"] == "token_expired"


async def test_a_log_in_without_a_device_is_refused(
    ws: Connect, people: People, logins: LoginService, alice: Peer
) -> None:
    account = await people.account(alice.user_id)
    opened = await logins.open(account, Browser("New", "web", "127.0.0.1"))
    wire = await ws()
    await wire.send("authenticate", token=opened.access_token, device_id=alice.device_id)
    assert (await wire.expect("error"))["error"]["code"] == "not_enrolled"


async def test_a_device_cannot_speak_for_another(ws: Connect, alice: Peer, bob: Peer) -> None:
    wire = await ws()
    await wire.send("authenticate", token=alice.token, device_id=bob.device_id)
    assert (await wire.expect("error"))["error"]["code"] == "forbidden"


async def test_a_fresh_token_of_the_same_device_keeps_the_connection(
    ws: Connect, alice: Peer, bob: Peer
) -> None:
    wire = await ws(alice)
    await wire.authenticate(alice)
    await wire.send("authenticate", token=bob.token, device_id=bob.device_id, id=2)
    error = await wire.expect("error", id=2)
    assert error["error"]["code"] == "forbidden"
    assert await wire.quiet() == []


async def test_whoever_stays_silent_is_closed(
    monkeypatch: pytest.MonkeyPatch, server: RunningServer
) -> None:
    monkeypatch.setattr("handlers.conversation.AUTHENTICATE_MS", 50)
    wire = await open_wire(server.origin)
    assert await wire.closed() == 4408


async def test_ended_log_ins_are_told_and_closed_and_no_others(
    ws: Connect, people: People, fetch: Fetch, alice: Peer
) -> None:
    other = await people.another_device(alice)
    here, there = await ws(alice), await ws(other)
    assert (await fetch("POST", "/api/auth/logout", as_=alice)).status == 200
    assert (await here.expect("session.revoked"))["reason"] == "logged_out"
    assert await here.closed() == 4401
    assert await there.quiet() == []
    wire = await ws()
    await wire.send("authenticate", token=alice.token, device_id=alice.device_id)
    assert (await wire.expect("error"))["error"]["code"] == "session_revoked"
    assert await wire.closed() == 4401


async def test_a_log_in_that_runs_out_loses_its_connection(
    monkeypatch: pytest.MonkeyPatch, ws: Connect, alice: Peer, bob: Peer, clock: MovableClock
) -> None:
    """Nobody announces it, and the connection needs no token after its first frame (S-13)."""
    monkeypatch.setattr("handlers.conversation.LOOK_AGAIN_MS", 30)
    wire = await ws(alice)
    await asyncio.sleep(0.1)
    assert await wire.quiet() == []
    clock.advance(limits.REFRESH_TOKEN_TTL_MS)
    assert (await wire.expect("session.revoked"))["reason"] == "revoked"
    assert await wire.closed() == 4401


async def test_a_log_in_that_ends_while_it_takes_a_connection_over_closes_it(
    monkeypatch: pytest.MonkeyPatch,
    ws: Connect,
    fetch: Fetch,
    people: People,
    logins: LoginService,
    stores: Stores,
    alice: Peer,
) -> None:
    account = await people.account(alice.user_id)
    opened = await logins.open(account, people.browser, alice.device_id)
    again = replace(alice, login_id=opened.login_id, token=opened.access_token)
    wire = await ws(alice)
    honest = stores.contacts.accepted

    async def meanwhile(user_id: UserId) -> frozenset[UserId]:
        monkeypatch.setattr(stores.contacts, "accepted", honest)
        assert (await fetch("POST", "/api/auth/logout", as_=again)).status == 200
        return await honest(user_id)

    monkeypatch.setattr(stores.contacts, "accepted", meanwhile)
    await wire.send("authenticate", token=again.token, device_id=again.device_id)
    assert (await wire.expect("session.revoked"))["reason"] == "logged_out"
    assert await wire.closed() == 4401


async def test_a_store_that_is_away_does_not_look_like_the_end_of_the_log_in(
    monkeypatch: pytest.MonkeyPatch, ws: Connect, stores: Stores, alice: Peer
) -> None:
    async def away(_: UserId) -> frozenset[UserId]:
        raise AppError(ErrorCode.UNAVAILABLE)

    wire = await ws()
    monkeypatch.setattr(stores.contacts, "accepted", away)
    await wire.send("authenticate", token=alice.token, device_id=alice.device_id)
    assert (await wire.expect("error"))["error"]["code"] == "unavailable"
    assert await wire.closed() == 1012


async def test_one_connection_too_many_is_refused(
    monkeypatch: pytest.MonkeyPatch, ws: Connect, alice: Peer
) -> None:
    monkeypatch.setattr("handlers.conversation.SOCKETS_PER_USER", 2)
    await ws(alice)
    await ws(alice)
    third = await ws()
    await third.send("authenticate", token=alice.token, device_id=alice.device_id)
    assert (await third.expect("error"))["error"]["code"] == "rate_limited"
    assert await third.closed() == 4429


# ── messages ─────────────────────────────────────────────────────────────────────────────────────


async def test_a_message_is_accepted_and_delivered_with_the_receivers_capsule_only(
    ws: Connect, people: People, room: Room, alice: Peer, bob: Peer
) -> None:
    sender, receiver = await ws(alice), await ws(bob)
    body = sealed([bob], await people.versions(alice, bob))
    await send(sender, room, 1, **body)
    accepted = await sender.expect("message.accepted", id=1)
    assert (accepted["seq"], accepted["msg_id"]) == (1, body["msg_id"])
    message = (await receiver.expect("message.new"))["message"]
    assert message["payload"] == body["payload"]
    assert message["capsule"] == {
        name: body["capsules"][0][name] for name in ("sid", "header", "ciphertext")
    }
    assert message["frank"] == accepted["frank"]
    assert message["server_ms"] == accepted["server_ms"]
    assert [frame["type"] for frame in await sender.quiet()] == []


async def test_every_other_device_gets_its_own_capsule(
    ws: Connect, people: People, room: Room, alice: Peer, bob: Peer
) -> None:
    tablet, phone = await people.another_device(alice), await people.another_device(bob)
    sender, others = await ws(alice), [(peer, await ws(peer)) for peer in (tablet, bob, phone)]
    body = sealed([tablet, bob, phone], await people.versions(alice, bob))
    await send(sender, room, 1, **body)
    for (peer, wire), sent in zip(others, body["capsules"], strict=True):
        message = (await wire.expect("message.new"))["message"]
        assert message["capsule"]["header"] == sent["header"], peer
    assert [frame["type"] for frame in await sender.quiet()] == ["message.accepted"]


async def test_the_same_message_again_gets_the_first_answer_and_is_told_once(
    ws: Connect, people: People, room: Room, alice: Peer, bob: Peer
) -> None:
    sender, receiver = await ws(alice), await ws(bob)
    body = sealed([bob], await people.versions(alice, bob))
    for number in (1, 2, 3):
        await send(sender, room, number, **body)
    answers = [await sender.expect("message.accepted", id=number) for number in (1, 2, 3)]
    assert {answer["seq"] for answer in answers} == {1}
    assert len({answer["frank"] for answer in answers}) == 1
    await receiver.expect("message.new")
    assert await receiver.quiet() == []


async def test_two_hundred_messages_of_two_senders_come_in_one_order_without_gaps(
    ws: Connect, people: People, room: Room, alice: Peer, bob: Peer
) -> None:
    versions = await people.versions(alice, bob)
    wires = [(await ws(alice), bob), (await ws(bob), alice)]
    for number in range(1, 101):
        for wire, other in wires:
            await send(wire, room, number, **sealed([other], versions))
    orders = []
    for wire, _ in wires:
        accepted = [(await wire.expect("message.accepted"))["id"] for _ in range(100)]
        assert accepted == list(range(1, 101))
        news = [(await wire.expect("message.new"))["message"]["seq"] for _ in range(100)]
        assert news == sorted(news)
        orders.append(set(news))
    assert orders[0] | orders[1] == set(range(1, 201))


async def test_a_cold_room_keeps_the_order_too(
    ws: Connect, people: People, room: Room, alice: Peer, bob: Peer
) -> None:
    wire = await ws(alice)
    bodies = [sealed([bob], await people.versions(alice, bob)) for _ in range(20)]
    for number, body in enumerate(bodies, 1):
        await send(wire, room, number, **body)
    accepted = [await wire.expect("message.accepted") for _ in bodies]
    assert [answer["msg_id"] for answer in accepted] == [body["msg_id"] for body in bodies]
    assert [answer["seq"] for answer in accepted] == list(range(1, 21))


async def test_sync_waits_for_the_sends_before_it_and_holds_up_those_after(
    ws: Connect, people: People, room: Room, alice: Peer, bob: Peer
) -> None:
    wire = await ws(alice)
    versions = await people.versions(alice, bob)
    await send(wire, room, 1, **sealed([bob], versions))
    await wire.send("sync", id=2, room=room.room_id, after=0)
    await send(wire, room, 3, **sealed([bob], versions))
    await wire.send("sync", id=4, room=room.room_id, after=1)
    frames = [await wire.next() for _ in range(4)]
    assert [frame["id"] for frame in frames] == [1, 2, 3, 4]
    assert [m["seq"] for m in frames[1]["messages"]] == [1]
    assert [m["seq"] for m in frames[3]["messages"]] == [2]
    assert frames[3]["last_seq"] == 2


async def test_sync_gives_pages_with_ones_own_capsules(
    ws: Connect, people: People, room: Room, alice: Peer, bob: Peer
) -> None:
    sender, receiver = await ws(alice), await ws(bob)
    bodies = [sealed([bob], await people.versions(alice, bob)) for _ in range(5)]
    for number, body in enumerate(bodies, 1):
        await send(sender, room, number, **body)
    await sender.expect("message.accepted", id=5)
    await receiver.send("sync", id=1, room=room.room_id, after=1, limit=3)
    page = await receiver.expect("synced", id=1)
    assert [m["seq"] for m in page["messages"]] == [2, 3, 4]
    assert page["has_more"]
    assert page["last_seq"] == 5
    assert page["messages"][0]["capsule"]["header"] == bodies[1]["capsules"][0]["header"]
    await sender.send("sync", id=9, room=room.room_id, after=4)
    page = await sender.expect("synced", id=9)
    assert [m["capsule"] for m in page["messages"]] == [None]
    assert not page["has_more"]


async def test_a_page_of_huge_messages_ends_early_and_says_so(
    ws: Connect, people: People, room: Room, alice: Peer, bob: Peer
) -> None:
    wire = await ws(alice)
    versions = await people.versions(alice, bob)
    huge = random_text(limits.PAYLOAD_BYTES)
    for number in (1, 2, 3):
        await send(wire, room, number, **sealed([bob], versions, payload=huge))
        await wire.expect("message.accepted", id=number)
    after, seen = 0, []
    while True:
        await wire.send("sync", id=9, room=room.room_id, after=after, limit=200)
        page = await wire.expect("synced")
        seen += [m["seq"] for m in page["messages"]]
        after = seen[-1]
        if not page["has_more"]:
            break
    assert seen == [1, 2, 3]
    assert await wire.quiet() == []


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"capsules": []}, "stale_devices"),
        ({"device_lists": {}}, "stale_devices"),
        ({"payload": "not base64!"}, "bad_request"),
        ({"payload": ""}, "bad_request"),
        ({"msg_id": "A" * 21 + "B"}, "bad_request"),
        ({"c2": "short"}, "bad_request"),
        ({"epoch": -1}, "bad_request"),
        ({"epoch": True}, "bad_request"),
        ({"capsules": {}}, "bad_request"),
        ({"room": "x" * 43}, "bad_request"),
    ],
)
async def test_a_message_that_is_refused_stores_nothing_and_disturbs_nothing(
    ws: Connect,
    people: People,
    room: Room,
    alice: Peer,
    bob: Peer,
    change: dict[str, Any],
    code: str,
) -> None:
    wire = await ws(alice)
    body = sealed([bob], await people.versions(alice, bob))
    await wire.send("message.send", **{"id": 5, "room": room.room_id, **body, **change})
    error = await wire.expect("error", id=5)
    assert error["error"]["code"] == code
    await send(wire, room, 6, **body)
    assert (await wire.expect("message.accepted", id=6))["seq"] == 1


async def test_stale_devices_names_whose_lists_have_to_be_fetched(
    ws: Connect, people: People, room: Room, alice: Peer, bob: Peer
) -> None:
    wire = await ws(alice)
    before = await people.versions(alice, bob)
    await send(wire, room, 1, **sealed([bob], before))
    await wire.expect("message.accepted", id=1)
    tablet = await people.another_device(bob)
    people.publish_devices(bob)
    await send(wire, room, 2, **sealed([bob], before))
    error = (await wire.expect("error", id=2))["error"]
    assert (error["code"], error["users"]) == ("stale_devices", [bob.user_id])
    await send(wire, room, 3, **sealed([bob, tablet], await people.versions(alice, bob)))
    assert (await wire.expect("message.accepted", id=3))["seq"] == 2


async def test_a_block_counts_from_the_next_message_on(
    ws: Connect, fetch: Fetch, people: People, room: Room, alice: Peer, bob: Peer
) -> None:
    wire = await ws(alice)
    versions = await people.versions(alice, bob)
    await send(wire, room, 1, **sealed([bob], versions))
    await wire.expect("message.accepted", id=1)
    assert (await fetch("PUT", f"/api/blocks/{alice.user_id}", as_=bob)).status == 200
    await send(wire, room, 2, **sealed([bob], versions))
    assert (await wire.expect("error", id=2))["error"]["code"] == "not_contact"
    assert (await fetch("DELETE", f"/api/blocks/{alice.user_id}", as_=bob)).status == 200
    await send(wire, room, 3, **sealed([bob], versions))
    assert (await wire.expect("message.accepted", id=3))["seq"] == 2


async def test_a_stranger_learns_nothing_about_a_room(
    ws: Connect, people: People, room: Room, alice: Peer, bob: Peer, mallory: Peer
) -> None:
    wire = await ws(mallory)
    nowhere = dm_room_id(alice.user_id, mallory.user_id, random_text(16))
    for number, room_id in ((1, room.room_id), (2, nowhere)):
        body = sealed([alice, bob], await people.versions(alice, bob))
        await wire.send("message.send", id=number, room=room_id, **body)
        await wire.send("sync", id=number + 10, room=room_id, after=0)
        assert (await wire.expect("error", id=number))["error"]["code"] == "not_found"
        assert (await wire.expect("error", id=number + 10))["error"]["code"] == "not_found"
    for frame_type in ("message.read", "message.delivered"):
        await wire.send(frame_type, room=room.room_id, seq=1)
    await wire.send("typing", room=room.room_id, on=True)
    assert await wire.quiet() == []


async def test_an_expired_room_is_gone(
    ws: Connect,
    people: People,
    room: Room,
    alice: Peer,
    bob: Peer,
    clock: MovableClock,
) -> None:
    wire = await ws(alice)
    body = sealed([bob], await people.versions(alice, bob))
    await send(wire, room, 1, **body)
    await wire.expect("message.accepted", id=1)
    clock.advance(limits.ROOM_TTL_MS)
    await send(wire, room, 2, **sealed([bob], await people.versions(alice, bob)))
    assert (await wire.expect("error", id=2))["error"]["code"] == "not_found"
    await wire.send("sync", id=3, room=room.room_id, after=0)
    assert (await wire.expect("error", id=3))["error"]["code"] == "not_found"


# ── marks, typing, presence ──────────────────────────────────────────────────────────────────────


async def test_marks_are_told_to_everybody_in_the_room(
    ws: Connect, people: People, room: Room, alice: Peer, bob: Peer
) -> None:
    phone = await people.another_device(bob)
    sender, reader, other = await ws(alice), await ws(bob), await ws(phone)
    versions = await people.versions(alice, bob)
    for number in (1, 2):
        await send(sender, room, number, **sealed([bob, phone], versions))
        await sender.expect("message.accepted", id=number)
    await reader.send("message.delivered", room=room.room_id, seq=2)
    for wire in (sender, other):
        mark = await wire.expect("watermark")
        assert (mark["user"], mark["delivered_seq"], mark["read_seq"]) == (bob.user_id, 2, 0)
    await reader.send("message.read", room=room.room_id, seq=1)
    assert (await sender.expect("watermark"))["read_seq"] == 1


async def test_across_a_block_nobody_sees_how_far_the_other_reads(
    ws: Connect, fetch: Fetch, people: People, room: Room, alice: Peer, bob: Peer
) -> None:
    sender, reader = await ws(alice), await ws(bob)
    await send(sender, room, 1, **sealed([bob], await people.versions(alice, bob)))
    await sender.expect("message.accepted", id=1)
    assert (await fetch("PUT", f"/api/blocks/{alice.user_id}", as_=bob)).status == 200
    await sender.expect("contact.changed")
    await reader.send("message.read", room=room.room_id, seq=1)
    await asyncio.sleep(0.2)
    assert await sender.quiet() == []
    answer = await fetch("GET", f"/api/rooms/{room.room_id}", as_=alice)
    assert [member["read_seq"] for member in answer.json["members"]] == [0, 0]
    assert [member["delivered_seq"] for member in answer.json["members"]] == [0, 0]


async def test_a_burst_of_marks_is_told_once(
    ws: Connect, people: People, room: Room, alice: Peer, bob: Peer
) -> None:
    sender, reader = await ws(alice), await ws(bob)
    versions = await people.versions(alice, bob)
    for number in range(1, 11):
        await send(sender, room, number, **sealed([bob], versions))
    for number in range(1, 11):
        await sender.expect("message.accepted", id=number)
    for seq in (3, 1, 10, 7, 10):
        await reader.send("message.read", room=room.room_id, seq=seq)
    mark = await sender.expect("watermark")
    assert (mark["delivered_seq"], mark["read_seq"]) == (10, 10)
    await reader.send("message.read", room=room.room_id, seq=4)
    await asyncio.sleep(0.15)
    assert await sender.quiet() == []


async def test_hidden_reading_is_told_to_ones_own_devices_only(
    ws: Connect, people: People, room: Room, alice: Peer, bob: Peer, fetch: Fetch
) -> None:
    await people.stores.accounts.set_profile(
        bob.user_id, display_name=None, preferences=Preferences(read_receipts=False)
    )
    phone = await people.another_device(bob)
    sender, reader, other = await ws(alice), await ws(bob), await ws(phone)
    await send(sender, room, 1, **sealed([bob, phone], await people.versions(alice, bob)))
    await sender.expect("message.accepted")
    await reader.send("message.delivered", room=room.room_id, seq=1)
    assert (await sender.expect("watermark"))["delivered_seq"] == 1
    await other.expect("watermark")
    await reader.send("message.read", room=room.room_id, seq=1)
    assert (await other.expect("watermark"))["read_seq"] == 1
    assert await sender.quiet() == []
    seen = (await fetch("GET", f"/api/rooms/{room.room_id}", as_=alice)).json["members"]
    assert {m["user_id"]: m["read_seq"] for m in seen}[bob.user_id] == 0
    own = (await fetch("GET", f"/api/rooms/{room.room_id}", as_=bob)).json["members"]
    assert {m["user_id"]: m["read_seq"] for m in own}[bob.user_id] == 1


async def test_typing_is_told_to_the_others_and_ends_by_itself(
    monkeypatch: pytest.MonkeyPatch, ws: Connect, room: Room, alice: Peer, bob: Peer
) -> None:
    monkeypatch.setattr("services.typing.TYPING_TTL_MS", 200)
    one, other = await ws(alice), await ws(bob)
    await one.send("typing", room=room.room_id, on=True)
    told = await other.expect("typing")
    assert told == {"type": "typing", "room": room.room_id, "user": alice.user_id, "on": True}
    assert not (await other.expect("typing"))["on"]
    assert not [frame for frame in await one.quiet() if frame["type"] == "typing"]


async def test_typing_ends_with_the_connection(
    ws: Connect, room: Room, alice: Peer, bob: Peer
) -> None:
    one, other = await ws(alice), await ws(bob)
    await one.send("typing", room=room.room_id, on=True)
    await other.expect("typing", on=True)
    await one.close()
    await other.expect("typing", on=False)


async def test_presence_is_told_to_contacts_and_to_nobody_else(
    ws: Connect, alice: Peer, bob: Peer, mallory: Peer
) -> None:
    watcher, stranger = await ws(alice), await ws(mallory)
    wire = await ws(bob)
    told = await watcher.expect("presence")
    assert (told["user"], told["status"]) == (bob.user_id, "online")
    await wire.send("presence", status="away")
    assert (await watcher.expect("presence"))["status"] == "away"
    again = await ws()
    answer = await again.authenticate(alice)
    assert answer["presence"] == [{"user": bob.user_id, "status": "away", "last_seen_ms": None}]
    assert await stranger.quiet(presence=True) == []


# ── bad input ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "bad_request"),
        ("null", "bad_request"),
        ("[]", "bad_request"),
        ("{", "bad_request"),
        ('{"type": 1}', "unsupported"),
        ('{"id": 1}', "bad_request"),
        ('{"type": "ping", "id": 0}', "bad_request"),
        ('{"type": "ping", "id": 1e309}', "bad_request"),
        ('{"type": "presence", "status": "invisible"}', "bad_request"),
        ("[" * 100_000, "bad_request"),
        ('{"type": "message.erase"}', "unsupported"),
    ],
)
async def test_a_frame_that_is_not_documented_gets_its_code(
    ws: Connect, alice: Peer, text: str, code: str
) -> None:
    wire = await ws(alice)
    await wire.socket.send(text)
    assert (await wire.expect("error"))["error"]["code"] == code
    await wire.send("ping", id=1)
    assert (await wire.expect("pong"))["id"] == 1


JUNK: list[Any] = [
    None,
    True,
    -1,
    1.5,
    2**53,
    2**70,
    "",
    "\0\u2028\n",
    "é" * 3_000,
    [],
    [[]],
    {"$ne": 1},
]


async def test_no_value_of_any_field_does_more_than_be_refused(
    monkeypatch: pytest.MonkeyPatch, ws: Connect, alice: Peer
) -> None:
    monkeypatch.setattr("handlers.conversation.BAD_FRAMES", 1_000_000)
    wire = await ws(alice)
    changed = [
        frame | {field: junk}
        for frame in CLIENT_FRAMES
        for field in frame
        if field != "type"
        for junk in JUNK
    ]
    for number, frame in enumerate(changed, 1):
        await wire.socket.send(json.dumps(frame))
        if number % 100 == 0:
            answered = await wire.quiet()
            assert {each["type"] for each in answered} <= {"error", "pong"}
    assert len(changed) > 400
    await wire.send("ping", id=7)
    assert await wire.expect("pong", id=7)


async def test_the_fifth_bad_frame_closes(ws: Connect, alice: Peer) -> None:
    wire = await ws(alice)
    for _ in range(limits.BAD_FRAMES):
        await wire.socket.send("{}")
    for _ in range(limits.BAD_FRAMES):
        assert (await wire.expect("error"))["error"]["code"] == "bad_request"
    assert await wire.closed() == 4400


async def test_a_binary_frame_is_a_bad_frame(server: RunningServer) -> None:
    wire = await open_wire(server.origin)
    await wire.socket.send(b'{"type":"ping"}')
    assert (await wire.expect("error"))["error"]["code"] == "bad_request"
    await wire.close()


async def test_unknown_keys_are_ignored(ws: Connect, alice: Peer) -> None:
    wire = await ws(alice)
    await wire.send("ping", id=1, future={"x": [1, 2]})
    assert (await wire.expect("pong"))["id"] == 1


@pytest.fixture
def settings(request: pytest.FixtureRequest, settings: Settings) -> Settings:
    """Allow few frames where a test asks for it, and as many as it likes otherwise."""
    few = request.node.get_closest_marker("few_frames") is not None
    return replace(
        settings, frame_burst=10 if few else 1_000_000, frames_per_second=1 if few else 1_000_000
    )


@pytest.mark.few_frames
async def test_more_frames_than_allowed_are_refused_and_then_closed(
    ws: Connect, alice: Peer
) -> None:
    wire = await ws(alice)
    answers: list[dict[str, Any]] = []
    # More become allowed meanwhile, one a second; far fewer than are asked for.
    while [answer["type"] for answer in answers].count("error") < 5:
        await wire.send("ping", id=len(answers) + 1)
        answers.append(await wire.next())
    assert [answer["id"] for answer in answers] == list(range(1, len(answers) + 1))
    assert {answer["type"] for answer in answers[:9]} == {"pong"}
    refused = [answer["error"] for answer in answers if answer["type"] == "error"]
    assert {error["code"] for error in refused} == {"rate_limited"}
    assert all(error["retry_after_ms"] > 0 for error in refused)
    assert await wire.closed() == 4429


async def test_a_frame_before_authentication_is_small(ws: Connect, alice: Peer) -> None:
    wire = await ws()
    await wire.socket.send("x" * (limits.PRE_AUTH_FRAME_BYTES + 1))
    assert (await wire.expect("error"))["error"]["code"] == "too_large"
    assert await wire.closed() == 1009


async def test_a_frame_afterwards_is_larger_but_bounded(ws: Connect, alice: Peer) -> None:
    wire = await ws(alice)
    await wire.send("ping", id=1, padding="x" * (limits.FRAME_BYTES - 100))
    await wire.expect("pong", id=1)
    await wire.socket.send("x" * (limits.FRAME_BYTES + 1))
    assert (await wire.expect("error"))["error"]["code"] == "too_large"
    assert await wire.closed() == 1009


# ── handshake ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "origin", [None, "https://evil.example", "null", "http://127.0.0.1:1", "https://{own}"]
)
async def test_a_missing_or_foreign_origin_is_refused(
    server: RunningServer, origin: str | None
) -> None:
    if origin is not None:
        origin = origin.format(own=server.origin.removeprefix("http://"))
    with pytest.raises(InvalidStatus) as caught:
        await open_wire(server.origin, origin=origin)
    assert caught.value.response.status_code == 403
    assert json.loads(caught.value.response.body)["error"]["code"] == "bad_origin"


UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": base64.b64encode(secrets.token_bytes(16)).decode(),
}


@pytest.mark.parametrize(
    "change",
    [
        {"Upgrade": "h2c"},
        {"Connection": "close"},
        {"Sec-WebSocket-Version": "8"},
        {"Sec-WebSocket-Key": base64.b64encode(b"short").decode()},
        {"Sec-WebSocket-Key": "not base64 at all!!!!!!!"},
        {"Sec-WebSocket-Key": ""},
    ],
)
async def test_what_is_not_a_handshake_is_refused(
    server: RunningServer, fetch: Fetch, change: dict[str, str]
) -> None:
    answer = await fetch("GET", "/ws", headers={**UPGRADE, "Origin": server.origin, **change})
    assert (answer.status, answer.code) == (400, "bad_request")


async def test_no_extension_is_ever_agreed_to(server: RunningServer) -> None:
    address = server.origin.replace("http", "ws", 1) + "/ws"
    async with connect(address, origin=server.origin) as socket:
        assert "Sec-WebSocket-Extensions" in socket.request.headers
        assert "Sec-WebSocket-Extensions" not in socket.response.headers


async def test_whoever_leaves_in_the_middle_of_the_handshake_leaves_nothing(
    server: RunningServer, alice: Peer
) -> None:
    head = "".join(f"{name}: {value}\r\n" for name, value in UPGRADE.items())
    host = server.origin.removeprefix("http://")
    request = f"GET /ws HTTP/1.1\r\nHost: {host}\r\nOrigin: {server.origin}\r\n{head}\r\n"
    for wait_s in (0, 0, 0.001, 0.002, 0.005, 0.01) * 5:
        connection = await asyncio.to_thread(
            socket.create_connection, ("127.0.0.1", int(host.rpartition(":")[2]))
        )
        connection.sendall(request.encode())
        await asyncio.sleep(wait_s)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
    wire = await open_wire(server.origin)
    await wire.authenticate(alice)
    assert await wire.quiet() == []
    await wire.close()


# ── slow readers ─────────────────────────────────────────────────────────────────────────────────


def short_socket(server: RunningServer) -> socket.socket:
    """Connect with so small a window that what is not read soon backs up in the server."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    connection.connect(("127.0.0.1", int(server.origin.rpartition(":")[2])))
    connection.setblocking(False)
    return connection


async def test_a_reader_who_does_not_read_is_closed_and_nobody_waits_for_them(
    server: RunningServer, ws: Connect, people: People, room: Room, alice: Peer, bob: Peer
) -> None:
    phone = await people.another_device(bob)
    sender, reader = await ws(alice), await ws(phone)
    stuck = await open_wire(server.origin, sock=short_socket(server), max_queue=1)
    await stuck.authenticate(bob)
    versions = await people.versions(alice, bob)
    payload = random_text(limits.PAYLOAD_BYTES)  # more than the system keeps for a socket, soon
    for number in range(1, 26):
        await send(sender, room, number, **sealed([bob, phone], versions, payload=payload))
        await sender.expect("message.accepted", id=number)
        await reader.expect("message.new")
    seen = [frame for frame in await stuck.drained() if frame["type"] == "message.new"]
    assert await stuck.closed() == 4008
    assert 0 < len(seen) < 25
