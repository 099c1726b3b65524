"""People on several server processes that share one database and one bus."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import nats as nats_py
import pytest
import pytest_asyncio

from config.secrets import open_secrets
from models.events import DevicesAltered
from models.rooms import Room
from realtime.nats_bus import NatsBus
from realtime.nats_link import BusAddress, NatsLink
from services.system import SystemClock
from tests.people import Peer, People, Wire, open_wire, people_of, random_text, sealed
from tests.process import NatsProcess, ServerProcess
from tests.realtime.conftest import joined, new_process

PATIENCE_S = 40.0  # for what takes a second on a quiet machine
Servers = list[ServerProcess]


@pytest.fixture
def servers(tmp_path: Path, nats: NatsProcess) -> Iterator[Servers]:
    """Two servers with one folder, one file and one bus."""
    started = [ServerProcess(tmp_path, dict(nats.settings)) for _ in range(2)]
    for server in started:
        server.start()
    yield started
    for server in started:
        if server.is_running:
            assert server.stop() == 0
    assert '"level": "error"' not in started[0].log.read_text(encoding="utf-8")


@pytest_asyncio.fixture
async def people(tmp_path: Path, servers: Servers) -> AsyncIterator[People]:
    async with people_of(tmp_path, f"sqlite:///{tmp_path}/sealroom.db") as made:
        yield made


@pytest_asyncio.fixture
async def third(tmp_path: Path, nats: NatsProcess, people: People) -> AsyncIterator[NatsBus]:
    """The bus of one more process of the same server."""
    key = open_secrets(tmp_path, "").bus_key
    link = NatsLink(BusAddress((nats.url,), "sealroom", nats.password))
    bus = NatsBus(link, new_process(), key, SystemClock())
    await joined(bus)
    yield bus
    await bus.close()


@pytest_asyncio.fixture
async def connect() -> AsyncIterator[Callable[..., Any]]:
    """Connect somebody to a server: `await connect(server, peer)`."""
    opened: list[Wire] = []

    async def open_one(server: ServerProcess, peer: Peer) -> Wire:
        wire = await open_wire(server.origin)
        opened.append(wire)
        await wire.authenticate(peer)
        return wire

    async with asyncio.timeout(PATIENCE_S * 2):
        yield open_one
    for wire in opened:
        await wire.close()


async def call(
    server: ServerProcess, method: str, path: str, as_: Peer | None = None, body: Any = None
) -> tuple[int, Any]:
    """Call a server; returns status and body."""

    def ask() -> tuple[int, Any]:
        headers = dict(as_.headers if as_ else {}) | {"Content-Type": "application/json"}
        data = None if method == "GET" else json.dumps(body or {}).encode()
        request = Request(server.origin + path, data, headers, method=method)
        try:
            with urlopen(request, timeout=PATIENCE_S) as answer:
                text, status = answer.read(), answer.status
        except HTTPError as error:
            text, status = error.read(), error.code
        return status, json.loads(text) if text else None

    return await asyncio.get_running_loop().run_in_executor(None, ask)


async def healthy(servers: Servers, status: str = "healthy") -> None:
    """Wait until every server says it is."""
    for server in servers:
        while (await call(server, "GET", "/health"))[1]["status"] != status:
            await asyncio.sleep(0.05)


async def say(
    people: People, wire: Wire, room: Room, sender: Peer, receivers: list[Peer], **fields: Any
) -> dict[str, Any]:
    """Send one message and return what was sent, once it is accepted."""
    body = sealed(receivers, await people.versions(sender, *receivers), **fields)
    await wire.send("message.send", id=1, room=room.room_id, **body)
    accepted = await wire.expect("message.accepted", msg_id=body["msg_id"])
    return body | {"seq": accepted["seq"]}


async def test_people_on_two_processes_talk_and_see_each_other(
    servers: Servers, people: People, connect: Any
) -> None:
    await healthy(servers)
    alice, bob = await people.new("alice"), await people.new("bob")
    at_alice, at_bob = await connect(servers[0], alice), await connect(servers[1], bob)

    # Becoming contacts, each is told by the other's process.
    friend_code = (await people.account(bob.user_id)).friend_code
    status, _ = await call(servers[0], "POST", "/api/contacts", alice, {"friend_code": friend_code})
    assert status == 202
    assert (await at_bob.expect("contact.changed"))["state"] == "incoming"
    await call(servers[1], "POST", f"/api/contacts/{alice.user_id}/accept", bob)
    await at_alice.expect("contact.changed", state="accepted")
    await at_alice.expect("presence", user=bob.user_id, status="online")
    await at_bob.expect("presence", user=alice.user_id, status="online")

    status, room = await call(
        servers[0],
        "POST",
        "/api/rooms",
        alice,
        {"kind": "dm", "peer": bob.user_id, "nonce": random_text(16)},
    )
    assert status == 201
    await at_bob.expect("room.updated", room=room["id"])
    opened = (await people.stores.rooms.of_user(bob.user_id, people.clock.now_ms()))[0]
    for number in range(1, 6):
        for sender, wire, other, receiver in (
            (alice, at_alice, at_bob, bob),
            (bob, at_bob, at_alice, alice),
        ):
            sent = await say(people, wire, opened, sender, [receiver])
            got = (await other.expect("message.new"))["message"]
            assert (got["seq"], got["payload"]) == (sent["seq"], sent["payload"])
            assert got["capsule"]["sid"] == sent["capsules"][0]["sid"]
        assert sent["seq"] == 2 * number

    await at_bob.send("message.read", room=opened.room_id, seq=10)
    await at_alice.expect("watermark", user=bob.user_id, read_seq=10)
    await at_alice.send("typing", room=opened.room_id, on=True)
    await at_bob.expect("typing", user=alice.user_id, on=True)
    await at_alice.send("presence", status="away")
    await at_bob.expect("presence", user=alice.user_id, status="away")

    # A second connection on the other process: the first one's end changes nothing.
    at_alice_too = await connect(servers[1], alice)
    await at_bob.expect("presence", user=alice.user_id, status="online")
    await at_alice.close()
    await at_alice_too.send("presence", status="away")
    await at_bob.expect("presence", user=alice.user_id, status="away")
    await at_alice_too.close()
    await at_bob.expect("presence", user=alice.user_id, status="offline")


async def test_a_new_device_is_needed_at_once_by_the_other_processes(
    servers: Servers, people: People, connect: Any, third: NatsBus
) -> None:
    await healthy(servers)
    alice, bob = await people.new("alice"), await people.new("bob")
    await people.befriend(alice, bob)
    room = await people.room(alice, bob)
    at_bob = await connect(servers[1], bob)
    await say(people, at_bob, room, bob, [alice])
    known = await people.versions(alice, bob)
    await people.another_device(alice)
    third.publish(DevicesAltered(alice.user_id, 2))
    while True:  # until the event has arrived; without it the old list would do for ever
        await at_bob.send("message.send", id=7, room=room.room_id, **sealed([alice], known))
        answer = await at_bob.next()
        if answer["type"] == "error":
            break
    assert answer["error"]["code"] == "stale_devices"


async def test_logging_out_ends_connections_to_other_processes(
    servers: Servers, people: People, connect: Any
) -> None:
    """S-12."""
    await healthy(servers)
    alice = await people.new("alice")
    at_alice = await connect(servers[1], alice)
    status, _ = await call(servers[0], "POST", "/api/auth/logout", alice)
    assert status == 200
    assert (await at_alice.expect("session.revoked"))["reason"] == "logged_out"
    assert await at_alice.closed() == 4401
    assert (await call(servers[1], "GET", "/api/users/me", alice))[0] == 401


async def test_without_the_bus_messages_come_late_and_with_it_again_at_once(
    servers: Servers, people: People, connect: Any, nats: NatsProcess
) -> None:
    """R-31: what is shown, each message once and in order, does not depend on the bus."""
    await healthy(servers)
    alice, bob = await people.new("alice"), await people.new("bob")
    await people.befriend(alice, bob)
    room = await people.room(alice, bob)
    at_alice, at_bob = await connect(servers[0], alice), await connect(servers[1], bob)
    sent: dict[int, str] = {}
    shown: dict[int, str] = {}

    async def talk() -> None:
        for _ in range(5):
            message = await say(people, at_alice, room, alice, [bob])
            sent[message["seq"]] = message["payload"]
        while len(shown) < len(sent):
            message = (await at_bob.expect("message.new"))["message"]
            assert message["capsule"] is not None
            shown.setdefault(message["seq"], message["payload"])

    await talk()
    nats.kill()
    await healthy(servers, "degraded")
    await talk()
    nats.start()
    await healthy(servers)
    # Whatever else was missed: everybody is told how everything stands.
    for wire in (at_alice, at_bob):
        assert (await wire.expect("authenticated"))["rooms"][0]["last_seq"] >= 10
    await talk()
    assert list(shown.items()) == list(sent.items())
    assert list(sent) == list(range(1, 16))


async def test_a_log_out_that_the_bus_did_not_carry_ends_connections_all_the_same(
    servers: Servers, people: People, connect: Any, nats: NatsProcess
) -> None:
    await healthy(servers)
    alice = await people.new("alice")
    at_alice = await connect(servers[1], alice)
    nats.kill()
    await healthy(servers, "degraded")
    await call(servers[0], "POST", "/api/auth/logout", alice)
    assert await at_alice.closed() == 4401


async def test_people_of_a_killed_process_are_off_line_for_the_others(
    servers: Servers, people: People, connect: Any
) -> None:
    await healthy(servers)
    alice, bob = await people.new("alice"), await people.new("bob")
    await people.befriend(alice, bob)
    at_alice = await connect(servers[0], alice)
    await connect(servers[1], bob)
    await at_alice.expect("presence", user=bob.user_id, status="online")
    servers[1].kill()
    await at_alice.expect("presence", user=bob.user_id, status="offline")


async def test_a_process_that_comes_later_learns_who_is_there(
    servers: Servers, people: People, connect: Any
) -> None:
    await healthy(servers)
    alice, bob = await people.new("alice"), await people.new("bob")
    await people.befriend(alice, bob)
    at_alice = await connect(servers[0], alice)
    await connect(servers[1], bob)
    await at_alice.expect("presence", user=bob.user_id, status="online")
    assert servers[0].stop() == 0
    servers[0].start()
    await healthy(servers)
    again = await connect(servers[0], alice)
    await again.expect("presence", user=bob.user_id, status="online")


async def test_whoever_listens_to_the_bus_reads_no_secret(
    servers: Servers, people: People, connect: Any, nats: NatsProcess
) -> None:
    """S-63."""
    await healthy(servers)
    alice, bob = await people.new("alice"), await people.new("canary")
    await people.befriend(alice, bob)
    room = await people.room(alice, bob)
    traffic: list[bytes] = []

    async def overhear(message: Any) -> None:
        traffic.append(message.subject.encode() + message.data)

    listener = await nats_py.connect(nats.url, user="sealroom", password=nats.password)
    await listener.subscribe("sealroom.>", cb=overhear)
    await listener.flush()
    at_alice, at_bob = await connect(servers[0], alice), await connect(servers[1], bob)
    sent = await say(people, at_alice, room, alice, [bob])
    await at_bob.expect("message.new")
    await call(servers[0], "PATCH", "/api/users/me", alice, {"display_name": "Warbler"})
    await at_bob.expect("profile.changed")
    await call(servers[0], "POST", "/api/auth/logout", alice)
    await at_alice.closed()
    await listener.close()
    heard = b"\n".join(traffic)
    assert sent["payload"].encode() in heard, "ciphertext travels"
    # Names long enough not to occur by chance in the base64 of what is meant to travel.
    names = ("@example.org", "Canary", "Warbler")
    for secret in (alice.token, bob.token, alice.refresh_token, *names):
        assert secret.encode() not in heard
