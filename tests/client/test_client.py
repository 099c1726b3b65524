"""The Python client and a real server: people meet, talk, come back, and lose things."""

import asyncio
from typing import Any

import msgspec
import pytest

from client.connections import Messenger
from client.engine import system_now_ms
from client.errors import RefusedError
from client.incoming import Charges, Incoming, Received
from client.seal.backup import dump_recovery_code
from client.seal.device_list import Pin
from client.seal.encoding import b64url_encode
from client.seal.errors import DecryptError, TrustError
from client.seal.keys import SigningKey
from client.seal.payload import CapsuleKind
from client.seal.safety_number import safety_number
from client.socket import Socket
from client.state import dump_state, parse_state
from client.wire import room_id as wire_room
from protocol import bodies, frames
from protocol.errors import CloseCode
from protocol.ids import UserId
from tests.client.crowd import PASSWORD, Crowd, Device

pytestmark = pytest.mark.on_cluster


async def talk(alice: Device, bob: Device) -> bytes:
    """A room in which each has said something to the other."""
    room_id = await alice.engine.open_room(bob.user_id)
    await alice.engine.send_text(room_id, "hello")
    assert await bob.engine.rooms() == [room_id]
    assert await bob.texts(room_id) == ["hello"]
    await bob.engine.send_text(room_id, "hello back")
    assert await alice.texts(room_id) == ["hello back"]
    return room_id


async def take(received: asyncio.Queue[Received]) -> Received:
    return await asyncio.wait_for(received.get(), 10)


async def following(device: Device, socket: Socket) -> tuple[asyncio.Queue[Received], asyncio.Task]:
    """Everything people say that `follow` yields, in a queue."""
    queue: asyncio.Queue[Received] = asyncio.Queue()

    async def follow() -> None:
        async for received in device.engine.follow(socket):
            if not received.is_control:
                queue.put_nowait(received)

    return queue, asyncio.get_running_loop().create_task(follow())


async def acknowledged(asking: Device, room_id: bytes, receiver: Device, seq: int) -> None:
    """Wait until the server knows that somebody has everything up to this message."""
    path = f"/api/rooms/{wire_room(room_id)}"
    while True:
        room = await asking.api.call("GET", path, bodies.Room)
        seqs = {member.user_id: member.delivered_seq for member in room.members}
        if seqs[UserId(b64url_encode(receiver.user_id))] >= seq:
            return
        await asyncio.sleep(0.05)


async def test_a_wrong_code_opens_nothing(crowd: Crowd) -> None:
    device = crowd.device("wrong-code@example.org")
    pending = await device.account.sign_up(device.email, "Wrong", "correct horse battery")
    right = await device.code()
    wrong = f"{(int(right) + 1) % 1_000_000:06d}"
    with pytest.raises(RefusedError) as caught:
        await device.account.submit_code(pending, wrong)
    assert caught.value.code == "bad_code"
    assert await device.account.submit_code(pending, right) is not None


async def test_two_people_meet_and_talk(crowd: Crowd) -> None:
    alice, bob = await crowd.contacts()
    room_id = await talk(alice, bob)
    numbers = [
        safety_number(
            (device.user_id, device.file.state.device.account_key),
            (other.user_id, device.file.state.pins[other.user_id].account_key),
        )
        for device, other in ((alice, bob), (bob, alice))
    ]
    assert numbers[0] == numbers[1]
    assert await bob.texts(room_id) == []


async def test_strangers_can_neither_open_a_room_nor_see_devices(crowd: Crowd) -> None:
    alice, mallory = await crowd.person("alice"), await crowd.person("mallory")
    with pytest.raises(RefusedError) as caught:
        await mallory.engine.open_room(alice.user_id)
    assert caught.value.code == "not_contact"
    with pytest.raises(RefusedError) as caught:
        await mallory.engine.directory.devices_of(alice.user_id)
    assert caught.value.code == "not_found"


@pytest.mark.parametrize("tcp", ["", "alice", "bob", "alice bob"])
async def test_messages_arrive_over_a_socket_and_are_acknowledged(crowd: Crowd, tcp: str) -> None:
    """On the WebSocket, over the TCP messenger, and between the two (S0-9)."""
    alice, bob = await crowd.contacts()
    room_id = await talk(alice, bob)
    async with (
        await alice.connect(over_tcp="alice" in tcp) as alice_socket,
        await bob.connect(over_tcp="bob" in tcp) as bob_socket,
    ):
        queue, task = await following(bob, bob_socket)
        for number in range(20):
            await alice.engine.send_text(room_id, f"message {number}", alice_socket)
        received = [await take(queue) for _ in range(20)]
        assert [each.text for each in received] == [f"message {n}" for n in range(20)]
        await acknowledged(alice, room_id, bob, received[-1].seq)
    await task


async def test_whoever_was_away_gets_everything_after_a_restart_once(crowd: Crowd) -> None:
    alice, bob = await crowd.contacts()
    room_id = await talk(alice, bob)
    for number in range(60):
        await alice.engine.send_text(room_id, str(number))
    bob.close()
    bob.start()
    await bob.account.resume()
    assert await bob.texts(room_id) == [str(number) for number in range(60)]
    bob.close()
    bob.start()
    await bob.account.resume()
    assert await bob.texts(room_id) == []
    await bob.engine.send_text(room_id, "I am back")
    assert await alice.texts(room_id) == ["I am back"]


async def test_the_same_body_posted_twice_is_one_message(crowd: Crowd) -> None:
    alice, bob = await crowd.contacts()
    room_id = await talk(alice, bob)
    body = await alice.engine.prepare(room_id, {"t": "text", "body": "once"})
    first = await alice.engine.post(room_id, body)
    assert await alice.engine.post(room_id, body) == first
    assert await bob.texts(room_id) == ["once"]


async def test_a_second_device_joins_and_contacts_see_no_other_identity(crowd: Crowd) -> None:
    alice, bob = await crowd.contacts()
    room_id = await talk(alice, bob)
    phone = crowd.device(alice.email)
    await phone.log_in()
    assert phone.file.state.device.account_key == alice.file.state.device.account_key
    assert await phone.engine.rooms() == [room_id]
    await bob.engine.send_text(room_id, "to both of you")
    assert await alice.texts(room_id) == ["to both of you"]
    assert (await phone.texts(room_id))[-1] == "to both of you"
    alice.engine.directory.forget([alice.user_id])
    await phone.engine.send_text(room_id, "from my phone")
    assert await bob.texts(room_id) == ["from my phone"]
    assert await alice.texts(room_id) == ["from my phone"]


async def test_what_came_before_a_device_stays_closed_to_it(crowd: Crowd) -> None:
    alice, bob = await crowd.contacts()
    room_id = await talk(alice, bob)
    phone = crowd.device(alice.email)
    await phone.log_in()
    await phone.engine.rooms()
    earlier = await phone.read(room_id)
    assert [each.reason for each in earlier] == ["no-session", "no-session"]
    assert await bob.read(room_id) == []


async def test_the_recovery_code_opens_the_account_when_the_password_does_not(
    crowd: Crowd,
) -> None:
    alice = crowd.device("recover@example.org")
    code = (await alice.sign_up()).recovery_code
    laptop = crowd.device(alice.email)
    await laptop.log_in(recovery_code=code.lower())
    assert laptop.file.state.device.account_key == alice.file.state.device.account_key
    other = crowd.device(alice.email)
    with pytest.raises(DecryptError):
        await other.log_in(recovery_code=dump_recovery_code(bytes(16)))


async def test_a_wrong_password_is_refused(crowd: Crowd) -> None:
    alice = await crowd.person("alice")
    with pytest.raises(RefusedError) as caught:
        await crowd.device(alice.email).log_in("another password")
    assert caught.value.code == "bad_credentials"


async def test_nothing_is_sent_to_a_changed_identity_until_somebody_decides(crowd: Crowd) -> None:
    alice, bob = await crowd.contacts()
    room_id = await talk(alice, bob)
    pins = alice.file.state.pins
    pins[bob.user_id] = Pin(SigningKey.generate().public, pins[bob.user_id].list_body)
    alice.engine.directory.forget([bob.user_id])
    with pytest.raises(TrustError, match="identity-changed"):
        await alice.engine.send_text(room_id, "secret")
    assert await bob.read(room_id) == []
    alice.engine.directory.accept_identity(bob.user_id)
    await alice.engine.send_text(room_id, "I have compared the number")
    assert await bob.texts(room_id) == ["I have compared the number"]


async def test_messages_that_could_not_be_opened_are_sealed_again_once(crowd: Crowd) -> None:
    alice, bob = await crowd.contacts()
    room_id = await talk(alice, bob)
    bob.file.state.sessions.clear()
    await alice.engine.send_text(room_id, "lost and found")
    assert [each.reason for each in await bob.read(room_id)] == ["no-session"]
    assert await alice.texts(room_id) == []
    assert await bob.texts(room_id) == ["lost and found"]
    await alice.engine.send_text(room_id, "and on we go")
    assert await bob.texts(room_id) == ["and on we go"]


async def test_a_session_without_one_time_prekey_is_answered_with_a_heartbeat(
    crowd: Crowd,
) -> None:
    """The server gives one claimer five keys of a device an hour (§6 row 14)."""
    alice, bob = await crowd.contacts()
    room_id = await alice.engine.open_room(bob.user_id)
    for number in range(6):
        alice.file.state.sessions.clear()
        await alice.engine.send_text(room_id, str(number))
    (session,) = alice.file.state.sessions[bob.user_id + bob.file.state.device.device_id]
    assert session.initial is not None
    assert session.initial.one_time_prekey_id is None
    await bob.engine.rooms()
    assert await bob.texts(room_id) == [str(number) for number in range(6)]
    assert [each.kind for each in await alice.read(room_id)] == [CapsuleKind.HEARTBEAT]


async def test_a_message_that_the_server_holds_back_leaves_a_gap(crowd: Crowd) -> None:
    alice, bob = await crowd.contacts()
    room_id = await talk(alice, bob)
    await bob.read(room_id)
    for number in range(3):
        await alice.engine.send_text(room_id, str(number))
    after = bob.file.state.rooms[room_id].last_seq
    path = f"/api/rooms/{wire_room(room_id)}/messages?after={after}&limit=50"
    page = await bob.api.call("GET", path, bodies.MessagePage)
    first, _, third = page.messages
    assert [each.is_gap for each in await bob.engine.receive(room_id, first)] == [False]
    assert [each.is_gap for each in await bob.engine.receive(room_id, third)] == [True]


async def test_a_false_sender_or_room_opens_nothing(crowd: Crowd) -> None:
    alice, bob = await crowd.contacts()
    room_id = await talk(alice, bob)
    await bob.read(room_id)
    await alice.engine.send_text(room_id, "mine")
    after = bob.file.state.rooms[room_id].last_seq
    path = f"/api/rooms/{wire_room(room_id)}/messages?after={after}&limit=50"
    message = (await bob.api.call("GET", path, bodies.MessagePage)).messages[0]
    own = bob.file.state.device
    for changed in (
        {"sender": b64url_encode(own.user_id)},
        {"sender_device": b64url_encode(b"\x01" * 16)},
        {"sender": b64url_encode(b"\x01" * 16)},
        {"roster_hash": b64url_encode(b"\x01" * 32)},
        {"epoch": 1},
        {"c2": b64url_encode(b"\x01" * 32)},
        {"msg_id": b64url_encode(b"\x01" * 16)},
        {"payload": message.payload[:-8] + "AAAAAAAA"},
    ):
        opened = await forged_view(bob, room_id, msgspec.structs.replace(message, **changed))
        assert opened.reason is not None, changed
        assert opened.text is None
    assert await bob.texts(room_id) == ["mine"]


async def forged_view(device: Device, room_id: bytes, forged: frames.Message) -> Received:
    """What a device makes of an entry, without remembering it."""
    before = dump_state(device.file.state)
    opened = await Incoming(device.file, device.engine.directory, system_now_ms).open(
        room_id, forged
    )
    device.file.state = parse_state(before)
    assert opened is not None
    return opened


@pytest.mark.parametrize("over_tcp", [False, True], ids=["websocket", "tcp"])
async def test_a_socket_says_why_it_ended(crowd: Crowd, over_tcp: bool) -> None:
    alice = await crowd.person("alice")
    socket = await alice.connect(over_tcp=over_tcp)
    await alice.api.call("POST", "/api/auth/logout", bodies.Empty)
    events = [event async for event in socket.events()]
    assert isinstance(events[-1], frames.SessionRevoked)
    assert socket.close_code == CloseCode.SESSION_ENDED
    await socket.close()


async def test_a_connection_over_tcp_pings_by_itself(
    crowd: Crowd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("client.connections.PING_S", 0.05)
    alice = await crowd.person("alice")
    async with await alice.connect(over_tcp=True) as socket:
        events = socket.events()
        pongs = [await asyncio.wait_for(anext(events), 10) for _ in range(3)]
    assert all(isinstance(event, frames.Pong) for event in pongs)


@pytest.mark.parametrize(
    ("address", "messenger"),
    [
        ("localhost:9999", Messenger("localhost", 9999, with_tls=False)),
        ("tcp://[::1]:9", Messenger("::1", 9, with_tls=False)),
        ("tls://chat.example.org:9999", Messenger("chat.example.org", 9999, with_tls=True)),
    ],
)
def test_a_messenger_has_an_address(address: str, messenger: Messenger) -> None:
    assert Messenger.at(address) == messenger


@pytest.mark.parametrize("address", ["", "localhost", ":9999", "http://localhost:9999", "a:b"])
def test_what_is_no_messengers_address_is_refused(address: str) -> None:
    with pytest.raises(ValueError):
        Messenger.at(address)


async def test_prekeys_are_filled_up_and_never_numbered_twice(crowd: Crowd) -> None:
    alice, bob = await crowd.contacts()
    await talk(alice, bob)
    before = set(bob.file.state.one_time_prekeys)
    await bob.account.replenish()
    count = await bob.api.call("GET", "/api/e2ee/prekeys/count", bodies.PrekeyCount)
    assert count.opk == 100
    assert len(set(bob.file.state.one_time_prekeys) - before) == 1
    assert min(set(bob.file.state.one_time_prekeys) - before) > max(before)


async def test_a_server_that_hides_a_device_is_noticed(
    crowd: Crowd, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, bob = await crowd.contacts()
    room_id = await talk(alice, bob)
    await bob.read(room_id)
    honest = bob.api.call

    async def lying(method: str, path: str, answer: Any, body: Any = None) -> Any:
        found = await honest(method, path, answer, body)
        if isinstance(found, bodies.DeviceDirectory):
            found = msgspec.structs.replace(found, lists=found.lists[:1])
        return found

    monkeypatch.setattr(bob.api, "call", lying)
    await crowd.device(alice.email).log_in()
    alice.engine.directory.forget([alice.user_id])
    await alice.engine.send_text(room_id, "from one of two devices")
    (received,) = await bob.engine.catch_up(room_id)
    assert received.text == "from one of two devices"
    assert received.hides_devices


async def test_the_servers_files_hold_neither_words_nor_private_keys(crowd: Crowd) -> None:
    alice, bob = await crowd.contacts()
    room_id = await talk(alice, bob)
    await alice.engine.send_text(room_id, "canary-6f1d0c")
    assert await bob.texts(room_id) == ["canary-6f1d0c"]
    kept = b"".join(
        path.read_bytes() for path in crowd.server.data_dir.rglob("*") if path.is_file()
    )
    assert alice.email.encode() in kept
    secrets = [
        key.scalar()
        for device in (alice, bob)
        for key in (
            device.file.state.device.signing_key,
            device.file.state.device.identity_key,
            device.file.state.signed_prekeys[0].key,
            *device.file.state.one_time_prekeys.values(),
        )
    ]
    for secret in (b"canary-6f1d0c", PASSWORD.encode(), *secrets):
        for form in (secret, secret.hex().encode(), b64url_encode(secret).encode()):
            assert form not in kept


async def test_a_state_restored_from_a_copy_begins_anew(crowd: Crowd) -> None:
    alice, bob = await crowd.contacts()
    room_id = await talk(alice, bob)
    assert not await alice.account.recover_from_rollback()
    copy = dump_state(alice.file.state)
    await alice.engine.send_text(room_id, "after the copy")
    alice.file.state = parse_state(copy)
    used = set(alice.file.state.one_time_prekeys)
    assert await alice.account.recover_from_rollback()
    assert alice.file.state.sessions == {}
    assert len(set(alice.file.state.one_time_prekeys) - used) == 100
    await alice.engine.send_text(room_id, "with new keys")
    assert not await alice.account.recover_from_rollback()
    assert await bob.texts(room_id) == ["after the copy", "with new keys"]
    await bob.engine.send_text(room_id, "understood")
    assert "understood" in await alice.texts(room_id)


def test_three_dear_failures_of_a_device_in_a_minute_make_reading_pause() -> None:
    charges = Charges()
    for at_ms in (0, 30_000, 61_000):
        charges.note(b"device", 101, at_ms)
    assert charges.paused_until_ms == 0
    charges.note(b"another", 2_000, 62_000)
    charges.note(b"device", 100, 63_000)
    assert charges.paused_until_ms == 0
    charges.note(b"device", 101, 64_000)
    assert charges.paused_until_ms == 64_000 + 60_000
