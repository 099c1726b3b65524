"""Who is on-line is told to accepted contacts, honestly and to nobody else."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from models.accounts import Preferences
from models.events import (
    AccountAltered,
    EventsLost,
    PeopleAsked,
    PeopleHere,
    ProcessGone,
    ProcessId,
    Told,
)
from models.stores import Stores
from protocol.errors import AppError, ErrorCode
from protocol.frames import PresenceChanged
from protocol.ids import UserId
from realtime.local_bus import LocalBus
from services import presence as module
from services import tasks
from services.elsewhere import Elsewhere
from services.presence import PresenceService
from tests.harness import MovableClock
from tests.people import Peer, People

GRACE_MS = 80


@dataclass
class News:
    """What one person was told about another."""

    to: tuple[UserId, ...]
    user: UserId
    status: str
    last_seen_ms: int | None


@pytest.fixture
def told(bus: LocalBus) -> list[News]:
    events: list[News] = []

    def note(event: Told) -> None:
        assert isinstance(event.frame, PresenceChanged)
        frame = event.frame
        events.append(News(event.users, frame.user, frame.status, frame.last_seen_ms))

    bus.subscribe(Told, note)
    return events


@pytest.fixture
def presence(
    stores: Stores,
    clock: MovableClock,
    bus: LocalBus,
    told: list[News],
    monkeypatch: pytest.MonkeyPatch,
) -> PresenceService:
    monkeypatch.setattr(module, "LAST_SEEN_MS", 0)
    return PresenceService(stores, clock, bus, grace_ms=GRACE_MS)


async def settled(told: list[News]) -> list[tuple[tuple[UserId, ...], str]]:
    """Wait until all is told, and return and forget it."""
    await tasks.finish()
    news = [(event.to, event.status) for event in told]
    told.clear()
    return news


async def after_grace() -> None:
    await asyncio.sleep(GRACE_MS / 1_000 + 0.03)


async def test_a_person_comes_and_goes_in_the_eyes_of_contacts_only(
    presence: PresenceService, told: list[News], alice: Peer, bob: Peer, mallory: Peer
) -> None:
    presence.connected(bob.user_id, "one")
    assert await settled(told) == [((alice.user_id,), "online")]
    presence.disconnected(bob.user_id, "one")
    assert await settled(told) == []
    await after_grace()
    assert await settled(told) == [((alice.user_id,), "offline")]


async def test_a_quick_return_is_not_noticed(
    presence: PresenceService, told: list[News], alice: Peer, bob: Peer
) -> None:
    presence.connected(bob.user_id, "one")
    await settled(told)
    presence.disconnected(bob.user_id, "one")
    presence.connected(bob.user_id, "two")
    await after_grace()
    assert await settled(told) == []


async def test_away_is_when_every_connection_says_so(
    presence: PresenceService, told: list[News], alice: Peer, bob: Peer
) -> None:
    presence.connected(bob.user_id, "phone")
    presence.connected(bob.user_id, "laptop")
    assert await settled(told) == [((alice.user_id,), "online")]
    presence.set_status(bob.user_id, "phone", "away")
    assert await settled(told) == []
    presence.set_status(bob.user_id, "laptop", "away")
    assert await settled(told) == [((alice.user_id,), "away")]
    presence.set_status(bob.user_id, "phone", "online")
    assert await settled(told) == [((alice.user_id,), "online")]
    presence.disconnected(bob.user_id, "phone")
    assert await settled(told) == [((alice.user_id,), "away")]


async def test_last_seen_is_when_the_last_connection_closed(
    presence: PresenceService,
    told: list[News],
    people: People,
    alice: Peer,
    bob: Peer,
    clock: MovableClock,
) -> None:
    presence.connected(bob.user_id, "one")
    await settled(told)
    left_ms = clock.now_ms()
    presence.disconnected(bob.user_id, "one")
    await after_grace()
    await tasks.finish()
    assert told[-1].last_seen_ms is not None
    assert abs(told[-1].last_seen_ms - left_ms) < GRACE_MS
    stored = await people.account(bob.user_id)
    assert stored.last_seen_ms == told[-1].last_seen_ms
    (of_bob,) = await presence.of_contacts(alice.user_id)
    assert (of_bob.status, of_bob.last_seen_ms) == ("offline", stored.last_seen_ms)


async def switch(people: People, presence: PresenceService, peer: Peer, *, on: bool) -> None:
    await people.stores.accounts.set_profile(
        peer.user_id, display_name=None, preferences=Preferences(presence=on)
    )
    presence.forget_person(AccountAltered(peer.user_id))


async def test_switched_off_one_looks_offline_and_has_no_last_time(
    presence: PresenceService, told: list[News], people: People, alice: Peer, bob: Peer
) -> None:
    presence.connected(bob.user_id, "one")
    await settled(told)
    await switch(people, presence, bob, on=False)
    assert await settled(told) == [((alice.user_id,), "offline")]
    (of_bob,) = await presence.of_contacts(alice.user_id)
    assert (of_bob.status, of_bob.last_seen_ms) == ("offline", None)
    presence.set_status(bob.user_id, "one", "away")
    assert await settled(told) == []
    await switch(people, presence, bob, on=True)
    assert await settled(told) == [((alice.user_id,), "away")]


async def test_switched_off_before_coming_nothing_is_told(
    presence: PresenceService, told: list[News], people: People, alice: Peer, bob: Peer
) -> None:
    await switch(people, presence, bob, on=False)
    presence.connected(bob.user_id, "one")
    await settled(told)
    presence.disconnected(bob.user_id, "one")
    await after_grace()
    assert await settled(told) == []
    (of_bob,) = await presence.of_contacts(alice.user_id)
    assert (of_bob.status, of_bob.last_seen_ms) == ("offline", None)


async def test_a_new_contact_is_told_and_a_former_one_no_more(
    presence: PresenceService,
    told: list[News],
    people: People,
    alice: Peer,
    bob: Peer,
    mallory: Peer,
) -> None:
    presence.connected(bob.user_id, "one")
    await settled(told)
    await people.befriend(bob, mallory)
    presence.forget_person(AccountAltered(bob.user_id))
    assert await settled(told) == [((mallory.user_id,), "online")]
    await people.stores.contacts.remove(bob.user_id, alice.user_id)
    presence.forget_person(AccountAltered(bob.user_id))
    assert await settled(told) == [((alice.user_id,), "offline")]
    assert await presence.of_contacts(alice.user_id) == []


async def test_what_contacts_are_at_the_moment_of_connecting(
    presence: PresenceService, told: list[News], alice: Peer, bob: Peer
) -> None:
    presence.connected(bob.user_id, "one")
    presence.set_status(bob.user_id, "one", "away")
    await settled(told)
    (of_bob,) = await presence.of_contacts(alice.user_id)
    assert (of_bob.user, of_bob.status, of_bob.last_seen_ms) == (bob.user_id, "away", None)


async def test_an_event_about_somebody_who_is_not_here_is_passed_over(
    presence: PresenceService, told: list[News], bob: Peer
) -> None:
    presence.forget_person(AccountAltered(bob.user_id))
    assert await settled(told) == []


async def test_closing_keeps_when_everybody_was_last_here(
    presence: PresenceService,
    told: list[News],
    people: People,
    alice: Peer,
    bob: Peer,
    clock: MovableClock,
) -> None:
    presence.connected(bob.user_id, "one")
    presence.connected(alice.user_id, "one")
    presence.disconnected(alice.user_id, "one")
    await settled(told)
    left_ms = clock.now_ms()
    clock.advance(60_000)
    await presence.close()
    assert (await people.account(bob.user_id)).last_seen_ms >= left_ms + 60_000
    assert (await people.account(alice.user_id)).last_seen_ms <= left_ms
    await after_grace()


async def test_closing_waits_for_last_times_that_are_being_stored(
    presence: PresenceService, stores: Stores, bob: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, may_end = asyncio.Event(), asyncio.Event()

    async def slow(_: object) -> None:
        begun.set()
        await may_end.wait()

    monkeypatch.setattr(stores.accounts, "set_last_seen", slow)
    presence.connected(bob.user_id, "phone")
    presence.disconnected(bob.user_id, "phone")
    await begun.wait()
    closing = asyncio.ensure_future(presence.close())
    for _ in range(5):
        await asyncio.sleep(0)
    assert not closing.done()
    may_end.set()
    await closing


async def test_nobody_is_remembered_who_has_gone(
    presence: PresenceService, told: list[News], bob: Peer
) -> None:
    presence.connected(bob.user_id, "one")
    presence.disconnected(bob.user_id, "one")
    await after_grace()
    await tasks.finish()
    assert presence._people == {}


# ── several processes ────────────────────────────────────────────────────────────────────────────

ELSEWHERE, THIRD = ProcessId("elsewhere"), ProcessId("third")


async def test_a_contact_is_on_line_who_is_connected_to_another_process(
    presence: PresenceService, told: list[News], alice: Peer, bob: Peer
) -> None:
    presence.heard(PeopleHere(ELSEWHERE, {bob.user_id: "online"}))
    assert await settled(told) == [((alice.user_id,), "online")]
    (of_bob,) = await presence.of_contacts(alice.user_id)
    assert of_bob.status == "online"
    presence.heard(PeopleHere(ELSEWHERE, {bob.user_id: "away"}))
    assert await settled(told) == [((alice.user_id,), "away")]
    presence.heard(PeopleHere(ELSEWHERE, {bob.user_id: "offline"}))
    assert await settled(told) == [((alice.user_id,), "offline")]
    assert presence._people == {}


async def test_a_person_goes_off_line_only_where_the_last_connection_anywhere_closes(
    presence: PresenceService, told: list[News], alice: Peer, bob: Peer
) -> None:
    presence.connected(bob.user_id, "here")
    assert await settled(told) == [((alice.user_id,), "online")]
    presence.heard(PeopleHere(ELSEWHERE, {bob.user_id: "away"}))
    assert await settled(told) == []
    presence.disconnected(bob.user_id, "here")
    await after_grace()
    assert await settled(told) == [((alice.user_id,), "away")]
    presence.heard(PeopleHere(ELSEWHERE, {bob.user_id: "offline"}))
    assert await settled(told) == [((alice.user_id,), "offline")]


async def test_the_other_processes_are_told_of_people_here_and_of_nobody_elses(
    presence: PresenceService, told: list[News], bus: LocalBus, alice: Peer, bob: Peer
) -> None:
    said: list[PeopleHere] = []
    bus.subscribe(PeopleHere, said.append)
    presence.heard(PeopleHere(ELSEWHERE, {alice.user_id: "online"}))
    presence.connected(bob.user_id, "one")
    presence.connected(bob.user_id, "two")
    presence.set_status(bob.user_id, "one", "away")
    presence.set_status(bob.user_id, "two", "away")
    presence.disconnected(bob.user_id, "one")
    presence.disconnected(bob.user_id, "two")
    assert [event.people for event in said] == [{bob.user_id: "online"}, {bob.user_id: "away"}]
    await after_grace()
    assert said[2].people == {bob.user_id: "offline"}
    await tasks.finish()


async def test_a_process_that_is_gone_leaves_its_people_time_to_come_back(
    presence: PresenceService,
    told: list[News],
    people: People,
    alice: Peer,
    bob: Peer,
    clock: MovableClock,
) -> None:
    presence.heard(PeopleHere(ELSEWHERE, {bob.user_id: "online", alice.user_id: "online"}))
    await settled(told)
    presence.process_gone(ProcessGone(ELSEWHERE))
    presence.heard(PeopleHere(THIRD, {alice.user_id: "online"}))
    assert await settled(told) == []
    left_ms = clock.now_ms()
    await after_grace()
    assert await settled(told) == [((alice.user_id,), "offline")]
    # Nobody else could store it.
    assert (await people.account(bob.user_id)).last_seen_ms >= left_ms


async def test_a_process_that_was_only_silent_keeps_its_people(
    presence: PresenceService, told: list[News], bob: Peer
) -> None:
    presence.heard(PeopleHere(ELSEWHERE, {bob.user_id: "online"}))
    await settled(told)
    presence.process_gone(ProcessGone(ELSEWHERE))
    presence.heard(PeopleHere(ELSEWHERE, {bob.user_id: "online"}, ("", "~")))
    await after_grace()
    assert await settled(told) == []


async def test_whoever_asks_is_told_of_everybody_here_in_ranges(
    presence: PresenceService,
    told: list[News],
    bus: LocalBus,
    people: People,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "PEOPLE_A_PACKET", 3)
    monkeypatch.setattr(module, "ANSWER_MS", 10)
    everybody = [(await people.new(f"p{number}")).user_id for number in range(7)]
    for user in everybody:
        presence.connected(user, "one")
    elsewhere, answers = Elsewhere(), list[PeopleHere]()
    left = everybody.pop()
    elsewhere.heard(PeopleHere(bus.process, {left: "online"}))
    presence.disconnected(left, "one")
    await after_grace()
    bus.subscribe(PeopleHere, answers.append)
    for _ in range(5):
        presence.answer(PeopleAsked())
    await asyncio.sleep(0.05)
    assert len(answers) == 2, "questions that come together are answered once"
    for answer in answers:
        elsewhere.heard(answer)
    assert {user for user in everybody if elsewhere.status_of(user) == "online"} == set(everybody)
    assert elsewhere.status_of(left) == "offline"
    await tasks.finish()


async def test_after_events_were_lost_everybody_is_asked(
    presence: PresenceService, bus: LocalBus
) -> None:
    asked: list[PeopleAsked] = []
    bus.subscribe(PeopleAsked, asked.append)
    presence.ask(EventsLost(is_over=False))
    assert asked == []
    presence.ask(EventsLost(is_over=True))
    assert asked == [PeopleAsked()]


async def test_whoever_switched_presence_off_looks_off_line_on_every_process(
    presence: PresenceService, told: list[News], people: People, alice: Peer, bob: Peer
) -> None:
    await switch(people, presence, bob, on=False)
    presence.heard(PeopleHere(ELSEWHERE, {bob.user_id: "online"}))
    assert await settled(told) == []
    (of_bob,) = await presence.of_contacts(alice.user_id)
    assert (of_bob.status, of_bob.last_seen_ms) == ("offline", None)


class Away:
    """A store that does not answer."""

    def __init__(self) -> None:
        self.asked = 0

    async def __call__(self, *_: object) -> None:
        self.asked += 1
        raise AppError(ErrorCode.UNAVAILABLE)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():
            await asyncio.sleep(0.005)


async def test_nobody_is_told_off_line_because_the_store_is_away(
    presence: PresenceService,
    stores: Stores,
    told: list[News],
    alice: Peer,
    bob: Peer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """R-30."""
    monkeypatch.setattr(module, "RETRY_MS", 1)
    presence.connected(bob.user_id, "phone")
    assert await settled(told) == [((alice.user_id,), "online")]
    away = Away()
    with monkeypatch.context() as broken:
        broken.setattr(stores.accounts, "by_id", away)
        presence.set_status(bob.user_id, "phone", "away")
        await until(lambda: away.asked > 3)
        assert told == []
    assert await settled(told) == [((alice.user_id,), "away")]


async def test_a_last_time_waits_for_the_store(
    presence: PresenceService,
    stores: Stores,
    alice: Peer,
    bob: Peer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """R-30."""
    monkeypatch.setattr(module, "RETRY_MS", 1)
    away = Away()
    with monkeypatch.context() as broken:
        broken.setattr(stores.accounts, "set_last_seen", away)
        presence.connected(bob.user_id, "phone")
        presence.disconnected(bob.user_id, "phone")
        await until(lambda: away.asked > 3)
    await tasks.finish()
    account = await stores.accounts.by_id(bob.user_id)
    assert account is not None
    assert account.last_seen_ms > 0
