"""Who is on-line, told to accepted contacts and to nobody else.

    a connection opens ──▶ online        all of a person's connections say away ──▶ away
    the last one closes ── grace ──▶ offline, last seen when it closed

A person who switched presence off looks off-line and has no last time.

Of several processes each tells the others how its own people are (`PeopleHere`), keeps what the
others say (`services/elsewhere.py`), and tells those who are connected to itself what follows from
both. So nobody is told twice, and no two processes have to agree on who tells.

    somebody's status here changes ──▶ PeopleHere of them
    another process asks           ──▶ PeopleHere of all, in ranges of ids
    events may have been lost      ──▶ ask the others, and answer as if asked
    a process is gone              ── grace ──▶ its people are no longer there
    the bus is away                ──▶ what was known stays
"""

import asyncio
import contextlib
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field

from models.events import (
    AccountAltered,
    Bus,
    EventsLost,
    PeopleAsked,
    PeopleHere,
    ProcessGone,
    ProcessId,
    Status,
    Told,
)
from models.ports import Clock
from models.stores import Stores
from protocol.errors import AppError
from protocol.frames import PresenceChanged, PresenceOf
from protocol.ids import UserId
from services.elsewhere import Elsewhere, merged
from services.tasks import spawn

GRACE_MS = 5_000  # a reload or a change of network does not flicker
LAST_SEEN_MS = 1_000  # how long last times are gathered before they are stored
RETRY_MS = 1_000  # while the store is away
ANSWER_MS = 500  # how long questions are gathered before all are answered at once
PEOPLE_A_PACKET = 1_000  # some 30 KB
_FIRST_ID, _LAST_ID = "", "~"  # before and after every id


@dataclass(slots=True)
class _Person:
    """Someone who is connected somewhere, or was until a moment ago.

    `told` are the contacts who know `shown`; what they are told next one task at a time works out.
    """

    connections: dict[Hashable, Status] = field(default_factory=dict)
    left_ms: int | None = None
    left_as: Status = "offline"
    leaving: asyncio.TimerHandle | None = None
    shown: str = "offline"
    told: frozenset[UserId] = frozenset()
    is_updating: bool = False
    is_stale: bool = False

    @property
    def status_here(self) -> Status:
        """How the person is connected to this process."""
        if self.connections:
            return merged(self.connections.values())
        return "offline" if self.leaving is None else self.left_as


class PresenceService:
    """People of this process, and what is known of those of the others."""

    def __init__(self, stores: Stores, clock: Clock, bus: Bus, *, grace_ms: int = GRACE_MS) -> None:
        self._stores = stores
        self._clock = clock
        self._bus = bus
        self._grace_s = grace_ms / 1_000
        self._people: dict[UserId, _Person] = {}
        self._here: dict[UserId, Status] = {}  # what the other processes have been told
        self._elsewhere = Elsewhere()
        self._answering: asyncio.TimerHandle | None = None
        self._gone: dict[ProcessId, asyncio.TimerHandle] = {}
        self._last_seen_ms: dict[UserId, int] = {}
        self._storing = asyncio.Lock()  # who closes waits for what is on its way

    def connected(self, user_id: UserId, connection: Hashable) -> None:
        """Note a new connection; it counts as on-line."""
        person = self._people.setdefault(user_id, _Person())
        if person.leaving is not None:
            person.leaving.cancel()
            person.leaving = None
        person.connections[connection] = "online"
        self._changed(user_id, person)

    def set_status(self, user_id: UserId, connection: Hashable, status: Status) -> None:
        """Note what a connection says of its person: online or away."""
        person = self._people[user_id]
        person.connections[connection] = status
        self._changed(user_id, person)

    def disconnected(self, user_id: UserId, connection: Hashable) -> None:
        """Note that a connection has closed."""
        person = self._people[user_id]
        status = person.status_here
        del person.connections[connection]
        if not person.connections:
            person.left_ms, person.left_as = self._clock.now_ms(), status
            person.leaving = asyncio.get_running_loop().call_later(
                self._grace_s, self._leave, user_id, person
            )
        self._changed(user_id, person)

    def forget_person(self, event: AccountAltered) -> None:
        """Work out anew who is told, after a change of contacts, blocks or preferences."""
        person = self._people.get(event.user_id)
        if person is not None:
            self._update(event.user_id, person)

    # ── other processes ──────────────────────────────────────────────────────────────────────────

    def heard(self, event: PeopleHere) -> None:
        """Note how people are connected to another process."""
        if event.process != self._bus.process:
            gone = self._gone.pop(event.process, None)
            if gone is not None:  # it was only silent
                gone.cancel()
            self._changed_elsewhere(self._elsewhere.heard(event))

    def process_gone(self, event: ProcessGone) -> None:
        """Give the people of a process that has stopped time to come back to another one."""
        if event.process not in self._gone:
            self._gone[event.process] = asyncio.get_running_loop().call_later(
                self._grace_s, self._forget_process, event.process
            )

    def ask(self, event: EventsLost) -> None:
        """Ask how everybody is, and tell it of one's own: both may have been missed."""
        if event.is_over:
            self._bus.publish(PeopleAsked())

    def answer(self, _event: PeopleAsked) -> None:
        """Tell the others of everybody here, soon."""
        if self._answering is None:
            self._answering = asyncio.get_running_loop().call_later(
                ANSWER_MS / 1_000, self._tell_all
            )

    def _tell_all(self) -> None:
        self._answering = None
        users, low = sorted(self._here), _FIRST_ID
        for at in range(0, max(len(users), 1), PEOPLE_A_PACKET):
            some = users[at : at + PEOPLE_A_PACKET]
            high = some[-1] if at + PEOPLE_A_PACKET < len(users) else _LAST_ID
            people = {user: self._here[user] for user in some}
            self._bus.publish(PeopleHere(self._bus.process, people, (low, high)))
            low = high

    def _forget_process(self, process: ProcessId) -> None:
        del self._gone[process]
        people = self._elsewhere.gone(process)
        for user_id in people:  # it may have had no time to
            self._store_last_seen_of(user_id, self._clock.now_ms())
        self._changed_elsewhere(people)

    def _changed_elsewhere(self, people: Iterable[UserId]) -> None:
        for user_id in people:
            person = self._people.setdefault(user_id, _Person())
            if not person.connections:
                person.left_ms = self._clock.now_ms()
            self._update(user_id, person)

    # ── what is known of people ──────────────────────────────────────────────────────────────────

    async def of_contacts(self, user_id: UserId) -> list[PresenceOf]:
        """Return what a person may know of their contacts now."""
        return [
            await self._seen_by(user_id, contact)
            for contact in sorted(await self._stores.contacts.accepted(user_id))
        ]

    async def close(self) -> None:
        """Store when those who are connected were last seen: now."""
        now_ms = self._clock.now_ms()
        for timer in (self._answering, *self._gone.values()):
            if timer is not None:
                timer.cancel()
        for user_id, person in self._people.items():
            if person.leaving is not None:
                person.leaving.cancel()
            elif not person.connections:
                continue  # is connected to another process, which knows when that ends
            self._last_seen_ms[user_id] = now_ms if person.connections else person.left_ms or now_ms
        await self._store_last_seen()

    async def _seen_by(self, user_id: UserId, contact: UserId) -> PresenceOf:
        person = self._people.get(contact)
        if person is not None and user_id in person.told and person.shown != "offline":
            return PresenceOf(user=contact, status=person.shown)
        account = await self._stores.accounts.by_id(contact)
        is_open = account is not None and account.preferences.presence
        last_ms = self._last_seen_ms.get(contact) or (account.last_seen_ms if account else 0)
        return PresenceOf(
            user=contact, status="offline", last_seen_ms=last_ms if is_open and last_ms else None
        )

    def _leave(self, user_id: UserId, person: _Person) -> None:
        person.leaving = None
        self._store_last_seen_of(user_id, person.left_ms or self._clock.now_ms())
        self._changed(user_id, person)

    def _changed(self, user_id: UserId, person: _Person) -> None:
        """Tell the other processes, if there is anything new, and the contacts here."""
        status = person.status_here
        if status != self._here.get(user_id, "offline"):
            if status == "offline":
                del self._here[user_id]
            else:
                self._here[user_id] = status
            self._bus.publish(PeopleHere(self._bus.process, {user_id: status}))
        self._update(user_id, person)

    def _update(self, user_id: UserId, person: _Person) -> None:
        person.is_stale = True
        if not person.is_updating:
            person.is_updating = True
            spawn(self._tell_changes(user_id, person))

    async def _tell_changes(self, user_id: UserId, person: _Person) -> None:
        try:
            while person.is_stale:
                person.is_stale = False
                try:
                    self._tell(user_id, person, await self._audience(user_id))
                except AppError:
                    # The store is away: nobody new is told, and those who know the last status
                    # keep it, until it can say again who may know.
                    person.is_stale = True
                    await asyncio.sleep(RETRY_MS / 1_000)
        finally:
            person.is_updating = False
        if person.shown == "offline" and not person.connections:
            self._people.pop(user_id, None)

    async def _audience(self, user_id: UserId) -> frozenset[UserId]:
        """Return who may know. Raises: AppError(unavailable)."""
        account = await self._stores.accounts.by_id(user_id)
        if account is not None and account.preferences.presence:
            return await self._stores.contacts.accepted(user_id)
        return frozenset()

    def _tell(self, user_id: UserId, person: _Person, audience: frozenset[UserId]) -> None:
        status = merged((person.status_here, self._elsewhere.status_of(user_id)))
        last_seen_ms = person.left_ms if status == "offline" else None
        fresh = audience if status != person.shown else audience - person.told
        if status != "offline" or person.shown != "offline":
            self._publish(user_id, fresh, status, last_seen_ms)
        if person.shown != "offline":
            self._publish(user_id, person.told - audience, "offline", None)
        person.shown, person.told = status, audience

    def _publish(
        self, user_id: UserId, to: frozenset[UserId], status: str, last_seen_ms: int | None
    ) -> None:
        if to:
            frame = PresenceChanged(user=user_id, status=status, last_seen_ms=last_seen_ms)
            self._bus.here.publish(Told(tuple(sorted(to)), frame))

    def _store_last_seen_of(self, user_id: UserId, left_ms: int) -> None:
        if not self._last_seen_ms:
            spawn(self._store_last_seen_soon())
        self._last_seen_ms[user_id] = left_ms

    async def _store_last_seen_soon(self) -> None:
        pause_ms = LAST_SEEN_MS
        while self._last_seen_ms:
            await asyncio.sleep(pause_ms / 1_000)
            pause_ms = RETRY_MS
            with contextlib.suppress(AppError):
                await self._store_last_seen()

    async def _store_last_seen(self) -> None:
        """Store the gathered times; they are kept when it fails. Raises: AppError."""
        async with self._storing:
            seen_ms, self._last_seen_ms = self._last_seen_ms, {}
            try:
                if seen_ms:
                    await self._stores.accounts.set_last_seen(seen_ms)
            except AppError:
                self._last_seen_ms = {**seen_ms, **self._last_seen_ms}
                raise
