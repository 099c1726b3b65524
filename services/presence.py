"""Who is on-line, told to accepted contacts and to nobody else.

    a connection opens ──▶ online        all of a person's connections say away ──▶ away
    the last one closes ── grace ──▶ offline, last seen when it closed

A person who switched presence off looks off-line and has no last time.
"""

import asyncio
from collections.abc import Hashable
from dataclasses import dataclass, field

from models.events import AccountAltered, EventSink, Told
from models.ports import Clock
from models.stores import Stores
from protocol.errors import AppError
from protocol.frames import PresenceChanged, PresenceOf
from protocol.ids import UserId
from services.tasks import spawn

GRACE_MS = 5_000  # a reload or a change of network does not flicker
LAST_SEEN_MS = 1_000  # how long last times are gathered before they are stored


@dataclass(slots=True)
class _Person:
    """Someone who is connected, or was until a moment ago.

    `told` are the contacts who know `shown`; what they are told next one task at a time works out.
    """

    connections: dict[Hashable, str] = field(default_factory=dict)
    left_ms: int | None = None
    leaving: asyncio.TimerHandle | None = None
    shown: str = "offline"
    told: frozenset[UserId] = frozenset()
    is_updating: bool = False
    is_stale: bool = False

    @property
    def status(self) -> str:
        if self.connections:
            return "online" if "online" in self.connections.values() else "away"
        return "offline" if self.leaving is None else self.shown


class PresenceService:
    """People of this process."""

    def __init__(
        self, stores: Stores, clock: Clock, events: EventSink, *, grace_ms: int = GRACE_MS
    ) -> None:
        self._stores = stores
        self._clock = clock
        self._events = events
        self._grace_s = grace_ms / 1_000
        self._people: dict[UserId, _Person] = {}
        self._last_seen_ms: dict[UserId, int] = {}

    def connected(self, user_id: UserId, connection: Hashable) -> None:
        """Note a new connection; it counts as on-line."""
        person = self._people.setdefault(user_id, _Person())
        if person.leaving is not None:
            person.leaving.cancel()
            person.leaving = None
        person.connections[connection] = "online"
        self._update(user_id, person)

    def set_status(self, user_id: UserId, connection: Hashable, status: str) -> None:
        """Note what a connection says of its person: online or away."""
        person = self._people[user_id]
        person.connections[connection] = status
        self._update(user_id, person)

    def disconnected(self, user_id: UserId, connection: Hashable) -> None:
        """Note that a connection has closed."""
        person = self._people[user_id]
        del person.connections[connection]
        if not person.connections:
            person.left_ms = self._clock.now_ms()
            person.leaving = asyncio.get_running_loop().call_later(
                self._grace_s, self._leave, user_id, person
            )
        self._update(user_id, person)

    def forget_person(self, event: AccountAltered) -> None:
        """Work out anew who is told, after a change of contacts, blocks or preferences."""
        person = self._people.get(event.user_id)
        if person is not None:
            self._update(event.user_id, person)

    async def of_contacts(self, user_id: UserId) -> list[PresenceOf]:
        """Return what a person may know of their contacts now."""
        return [
            await self._seen_by(user_id, contact)
            for contact in sorted(await self._stores.contacts.accepted(user_id))
        ]

    async def close(self) -> None:
        """Store when those who are connected were last seen: now."""
        now_ms = self._clock.now_ms()
        for user_id, person in self._people.items():
            if person.leaving is not None:
                person.leaving.cancel()
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
        if not self._last_seen_ms:
            spawn(self._store_last_seen_soon())
        self._last_seen_ms[user_id] = person.left_ms or self._clock.now_ms()
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
                audience = await self._audience(user_id)
                self._tell(user_id, person, audience)
        finally:
            person.is_updating = False
        if not person.connections and person.leaving is None:
            self._people.pop(user_id, None)

    async def _audience(self, user_id: UserId) -> frozenset[UserId]:
        try:
            account = await self._stores.accounts.by_id(user_id)
            if account is not None and account.preferences.presence:
                return await self._stores.contacts.accepted(user_id)
        except AppError:
            pass  # the store is away: nobody is told rather than somebody too many
        return frozenset()

    def _tell(self, user_id: UserId, person: _Person, audience: frozenset[UserId]) -> None:
        status = person.status
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
            self._events.publish(Told(tuple(sorted(to)), frame))

    async def _store_last_seen_soon(self) -> None:
        await asyncio.sleep(LAST_SEEN_MS / 1_000)
        await self._store_last_seen()

    async def _store_last_seen(self) -> None:
        seen_ms, self._last_seen_ms = self._last_seen_ms, {}
        if seen_ms:
            await self._stores.accounts.set_last_seen(seen_ms)
