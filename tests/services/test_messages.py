"""What a message must be to be stored, and what is said about it."""

import asyncio
import hashlib
import hmac
from typing import Any

import msgspec
import pytest

from models.events import AccountAltered, Event, MessageStored
from models.messages import Appended
from models.rooms import Room
from models.stores import Stores
from protocol.encoding import parse_b64url, sealed_tuple
from protocol.errors import AppError, StaleDevices
from protocol.frames import SendBody
from protocol.limits import SPK_ACCEPT_MS, SPK_TTL_MS
from realtime.local_bus import LocalBus
from services.access import Access
from services.logins import Principal
from services.messages import MessageService
from services.quotas import Quotas, Rate
from services.rosters import Rosters
from tests.harness import MovableClock
from tests.people import Peer, People, capsule, random_text, sealed, signed_prekey

KEY = bytes(range(32))


@pytest.fixture
def rosters(stores: Stores, clock: MovableClock) -> Rosters:
    return Rosters(stores, clock)


@pytest.fixture
def told(bus: LocalBus) -> list[Event]:
    events: list[Event] = []
    bus.subscribe(MessageStored, events.append)
    return events


@pytest.fixture
def messages(
    stores: Stores, clock: MovableClock, bus: LocalBus, rosters: Rosters, told: list[Event]
) -> MessageService:
    return MessageService(
        stores,
        clock,
        bus,
        access=Access(stores, clock),
        rosters=rosters,
        quotas=Quotas(clock, {"send": Rate("user", 5, 1)}),
        frank_key=KEY,
    )


def principal(peer: Peer, *, enrolled: bool = True) -> Principal:
    return Principal(peer.user_id, peer.login_id, peer.device_id if enrolled else None, 0)


async def send(
    messages: MessageService, peer: Peer, room: Room, body: dict[str, Any], **who: Any
) -> Appended:
    """Send and wait; raises what the sender is told."""
    done: asyncio.Future[Appended | AppError] = asyncio.get_running_loop().create_future()
    wanted = msgspec.convert(body, SendBody)
    messages.send(principal(peer, **who), room.room_id, wanted, done.set_result)
    result = await done
    if isinstance(result, AppError):
        raise result
    return result


async def test_the_tag_binds_room_sender_device_message_and_time(
    messages: MessageService, people: People, room: Room, alice: Peer, bob: Peer
) -> None:
    body = sealed([bob], await people.versions(alice, bob))
    place = await send(messages, alice, room, body)
    text = sealed_tuple(
        "SEAL1/frank/srv",
        parse_b64url(body["c2"]),
        parse_b64url(room.room_id),
        parse_b64url(alice.user_id),
        parse_b64url(alice.device_id),
        parse_b64url(body["msg_id"]),
        place.server_ms.to_bytes(8, "big"),
    )
    assert parse_b64url(place.frank) == hmac.digest(KEY, text, hashlib.sha256)


async def test_it_is_told_after_the_answer_with_the_capsules_of_all(
    messages: MessageService,
    people: People,
    room: Room,
    alice: Peer,
    bob: Peer,
    told: list[Event],
) -> None:
    body = sealed([bob], await people.versions(alice, bob))
    seen_at_answer: list[int] = []
    done = asyncio.Event()

    def answered(_: Appended | AppError) -> None:
        seen_at_answer.append(len(told))
        done.set()

    messages.send(principal(alice), room.room_id, msgspec.convert(body, SendBody), answered)
    await done.wait()
    assert seen_at_answer == [0]
    (event,) = told
    assert isinstance(event, MessageStored)
    assert set(event.recipients) == {alice.user_id, bob.user_id}
    assert set(event.capsules) == {(bob.user_id, bob.device_id)}
    assert event.message.capsule is None


async def test_a_repeated_message_is_not_told_again(
    messages: MessageService,
    people: People,
    room: Room,
    alice: Peer,
    bob: Peer,
    told: list[Event],
) -> None:
    body = sealed([bob], await people.versions(alice, bob))
    first = await send(messages, alice, room, body)
    again = await send(messages, alice, room, {**body, "payload": random_text(10)})
    assert (again.seq, again.server_ms, again.frank) == (
        first.seq,
        first.server_ms,
        first.frank,
    )
    assert len(told) == 1


@pytest.mark.parametrize("missing", ["phone", "sender's tablet"])
async def test_every_active_device_but_the_sending_one_must_be_sealed_to(
    messages: MessageService, people: People, room: Room, alice: Peer, bob: Peer, missing: str
) -> None:
    phone, tablet = await people.another_device(bob), await people.another_device(alice)
    versions = await people.versions(alice, bob)
    sealed_to = [bob, tablet] if missing == "phone" else [bob, phone]
    with pytest.raises(StaleDevices) as caught:
        await send(messages, alice, room, sealed(sealed_to, versions))
    assert caught.value.users == [bob.user_id if missing == "phone" else alice.user_id]
    assert (await send(messages, alice, room, sealed([bob, phone, tablet], versions))).seq == 1


async def test_a_capsule_for_a_device_that_is_not_active_is_stale(
    messages: MessageService, people: People, room: Room, alice: Peer, bob: Peer, mallory: Peer
) -> None:
    versions = await people.versions(alice, bob)
    for extra in (alice, mallory):
        with pytest.raises(StaleDevices) as caught:
            await send(messages, alice, room, sealed([bob, extra], versions))
        assert caught.value.users == [extra.user_id]


async def test_a_list_that_another_process_has_stored_counts_before_its_event_arrives(
    messages: MessageService, people: People, room: Room, alice: Peer, bob: Peer
) -> None:
    before = await people.versions(alice, bob)
    await send(messages, alice, room, sealed([bob], before))
    phone = await people.another_device(bob)
    after = await people.versions(alice, bob)
    assert (await send(messages, alice, room, sealed([bob, phone], after))).seq == 2
    assert (await send(messages, phone, room, sealed([alice, bob], after))).seq == 3
    with pytest.raises(StaleDevices):
        await send(messages, alice, room, sealed([bob], before))


async def test_a_block_that_another_process_has_lifted_counts_before_its_event_arrives(
    messages: MessageService, people: People, room: Room, alice: Peer, bob: Peer
) -> None:
    body = sealed([bob], await people.versions(alice, bob))
    await people.stores.contacts.block(bob.user_id, alice.user_id, people.clock.now_ms())
    with pytest.raises(AppError, match=r"^not_contact"):
        await send(messages, alice, room, body)
    await people.stores.contacts.unblock(bob.user_id, alice.user_id)
    assert (await send(messages, alice, room, body)).seq == 1


@pytest.mark.parametrize("offset", [-1, 1])
async def test_the_newest_version_of_every_list_must_be_named(
    messages: MessageService, people: People, room: Room, alice: Peer, bob: Peer, offset: int
) -> None:
    versions = await people.versions(alice, bob)
    versions[alice.user_id] += offset
    with pytest.raises(StaleDevices) as caught:
        await send(messages, alice, room, sealed([bob], versions))
    assert caught.value.users == [alice.user_id]


async def test_two_capsules_for_one_device_are_refused(
    messages: MessageService, people: People, room: Room, alice: Peer, bob: Peer
) -> None:
    body = sealed([bob], await people.versions(alice, bob))
    body["capsules"].append(capsule(bob))
    with pytest.raises(AppError, match="bad_request"):
        await send(messages, alice, room, body)


async def test_a_device_whose_prekey_lapsed_may_be_left_out_and_may_be_sealed_to(
    messages: MessageService,
    rosters: Rosters,
    people: People,
    room: Room,
    alice: Peer,
    bob: Peer,
    clock: MovableClock,
) -> None:
    phone = await people.another_device(bob)
    old_ms = clock.now_ms() - SPK_TTL_MS - SPK_ACCEPT_MS
    await people.stores.keys.upload(
        bob.user_id, phone.device_id, signed_prekey(old_ms + 60_000, key_id=2), []
    )
    versions = await people.versions(alice, bob)
    with pytest.raises(StaleDevices):
        await send(messages, alice, room, sealed([bob], versions))
    clock.advance(60_000)
    assert (await send(messages, alice, room, sealed([bob], versions))).seq == 1
    assert (await send(messages, alice, room, sealed([bob, phone], versions))).seq == 2


async def test_a_device_that_left_the_list_sends_no_more(
    messages: MessageService, rosters: Rosters, people: People, room: Room, alice: Peer, bob: Peer
) -> None:
    stranger = Peer(alice.user_id, bob.device_id, alice.login_id, "")
    with pytest.raises(AppError, match="forbidden"):
        await send(messages, stranger, room, sealed([bob], await people.versions(alice, bob)))


async def test_a_log_in_without_device_and_a_stranger_send_nothing(
    messages: MessageService, people: People, room: Room, alice: Peer, bob: Peer, mallory: Peer
) -> None:
    body = sealed([bob], await people.versions(alice, bob))
    with pytest.raises(AppError, match="not_enrolled"):
        await send(messages, alice, room, body, enrolled=False)
    with pytest.raises(AppError, match="not_found"):
        await send(messages, mallory, room, body)


async def test_nobody_sends_across_a_block(
    messages: MessageService,
    rosters: Rosters,
    people: People,
    room: Room,
    alice: Peer,
    bob: Peer,
) -> None:
    versions = await people.versions(alice, bob)
    await send(messages, alice, room, sealed([bob], versions))
    await people.stores.contacts.block(bob.user_id, alice.user_id, 1)
    rosters.forget_person(AccountAltered(bob.user_id))
    for sender, other in ((alice, bob), (bob, alice)):
        with pytest.raises(AppError, match="not_contact"):
            await send(messages, sender, room, sealed([other], versions))


async def test_sends_are_limited_and_a_refused_one_is_not_stored(
    messages: MessageService, people: People, room: Room, alice: Peer, bob: Peer
) -> None:
    versions = await people.versions(alice, bob)
    for _ in range(5):
        await send(messages, alice, room, sealed([bob], versions))
    with pytest.raises(AppError, match="rate_limited"):
        await send(messages, alice, room, sealed([bob], versions))
    page = await messages.page(principal(bob), room.room_id, limit=50)
    assert [message.seq for message in page.messages] == [1, 2, 3, 4, 5]


async def test_a_page_before_a_number_keeps_the_newest_when_it_is_cut(
    messages: MessageService,
    people: People,
    room: Room,
    alice: Peer,
    bob: Peer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    versions = await people.versions(alice, bob)
    for _ in range(4):
        await send(messages, alice, room, sealed([bob], versions))
    monkeypatch.setattr("services.messages.PAGE_BYTES", 1_000)  # two of 400 characters fit
    before = await messages.page(principal(bob), room.room_id, before=5, limit=50)
    assert [m.seq for m in before.messages] == [3, 4]
    assert before.has_more
    after = await messages.page(principal(bob), room.room_id, after=0, limit=50)
    assert [m.seq for m in after.messages] == [1, 2]
    assert after.has_more
    assert after.last_seq == 4
