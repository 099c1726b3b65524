"""What has to be known of a room for every message in it, kept at hand until it changes.

A roster is read once and thrown away when an event says that something in it is stale, so a send
needs no read (architecture §7). Who asks while it is being read waits in line: uses of one room
always run in the order they were asked for.
"""

from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from models.devices import ActiveDevices
from models.events import AccountAltered, DevicesAltered, EventsLost, RoomAltered
from models.ports import Clock
from models.stores import Stores
from protocol.errors import AppError, ErrorCode
from protocol.ids import DeviceId, RoomId, UserId
from protocol.limits import SPK_ACCEPT_MS
from services.tasks import spawn

ROSTERS = 20_000  # some 2 KB each; the one used longest ago is read again when needed
WAITING_USES = 1_000  # of one room, while its roster is read; more means the store is stuck

Addressee = tuple[UserId, DeviceId]


@dataclass(frozen=True)
class Roster:
    """One room as a message sees it.

    `hiding` is who keeps their reading to themselves, `lapses_ms` from when a device may be left
    out.
    """

    room_id: RoomId
    members: tuple[UserId, ...]
    expires_ms: int
    lists: Mapping[UserId, ActiveDevices]
    lapses_ms: Mapping[Addressee, int]
    hiding: frozenset[UserId]
    is_blocked: bool

    @cached_property
    def addressees(self) -> frozenset[Addressee]:
        return frozenset(
            (user, device) for user, active in self.lists.items() for device in active.devices
        )

    def addressees_from(self, sending: Addressee) -> frozenset[Addressee]:
        """Return whom a message of this device is sealed to."""
        found = self._addressees_from.get(sending)
        if found is None:
            found = self._addressees_from[sending] = self.addressees - {sending}
        return found

    @cached_property
    def _addressees_from(self) -> dict[Addressee, frozenset[Addressee]]:
        return {}

    @cached_property
    def versions(self) -> Mapping[UserId, int]:
        return {user: active.version for user, active in self.lists.items()}

    def require_member(self, user_id: UserId) -> None:
        """Let members pass. Raises: AppError(not_found)."""
        if user_id not in self.members:
            raise AppError(ErrorCode.NOT_FOUND, "room")


Use = Callable[[Roster | AppError], None]


@dataclass(slots=True)
class _Loading:
    uses: deque[Use] = field(default_factory=deque)
    is_stale: bool = False


class Rosters:
    """Rosters of this process's busy rooms."""

    def __init__(self, stores: Stores, clock: Clock) -> None:
        self._stores = stores
        self._clock = clock
        self._rosters: OrderedDict[RoomId, Roster] = OrderedDict()
        self._loading: dict[RoomId, _Loading] = {}
        self._rooms_of: dict[UserId, set[RoomId]] = {}

    def use(self, room_id: RoomId, call: Use) -> None:
        """Call `call` with the room's roster, at once when it is at hand.

        It gets AppError(not_found) when there is no live room, AppError(unavailable) when the store
        is away or too many wait; what it raises is its own business.
        Order: calls for one room run in the order of `use`.
        """
        loading = self._loading.get(room_id)
        if loading is None:
            roster = self._at_hand(room_id)
            if roster is not None:
                call(roster)
                return
            loading = self._loading[room_id] = _Loading()
            spawn(self._load(room_id, loading))
        if len(loading.uses) >= WAITING_USES:
            call(AppError(ErrorCode.UNAVAILABLE, "too many wait for this room"))
        else:
            loading.uses.append(call)

    def has(self, room_id: RoomId) -> bool:
        """Whether a roster is at hand, and so perhaps older than what another process changed."""
        return room_id in self._rosters and room_id not in self._loading

    def renew(self, room_id: RoomId, call: Use) -> None:
        """As `use`, with a roster that is read anew."""
        self._forget(room_id)
        self.use(room_id, call)

    def forget_room(self, event: RoomAltered) -> None:
        self._forget(event.room_id)

    def forget_person(self, event: DevicesAltered | AccountAltered) -> None:
        for room_id in list(self._rooms_of.get(event.user_id, ())):
            self._forget(room_id)
        for loading in self._loading.values():
            loading.is_stale = True

    def forget_all(self, _event: EventsLost) -> None:
        self._rosters.clear()
        self._rooms_of.clear()
        for loading in self._loading.values():
            loading.is_stale = True

    def _at_hand(self, room_id: RoomId) -> Roster | None:
        roster = self._rosters.get(room_id)
        if roster is not None and roster.expires_ms <= self._clock.now_ms():
            self._forget(room_id)
            return None
        return roster

    def _forget(self, room_id: RoomId) -> None:
        if room_id in self._loading:
            self._loading[room_id].is_stale = True
        roster = self._rosters.pop(room_id, None)
        for user in roster.members if roster else ():
            self._rooms_of[user].discard(room_id)
            if not self._rooms_of[user]:
                del self._rooms_of[user]

    def _keep(self, roster: Roster) -> None:
        self._rosters[roster.room_id] = roster
        for user in roster.members:
            self._rooms_of.setdefault(user, set()).add(roster.room_id)
        if len(self._rosters) > ROSTERS:
            self._forget(next(iter(self._rosters)))

    async def _load(self, room_id: RoomId, loading: _Loading) -> None:
        """Read until nothing changed meanwhile, then serve the line."""
        result: Roster | AppError = AppError(ErrorCode.INTERNAL)
        try:
            while True:
                loading.is_stale = False
                result = roster = await self._read(room_id)
                if not loading.is_stale:
                    break
            self._keep(roster)
        except AppError as error:
            result = error
        finally:
            # Uses may ask again while they run; those wait behind the ones that came before.
            while loading.uses:
                loading.uses.popleft()(result)
            del self._loading[room_id]

    async def _read(self, room_id: RoomId) -> Roster:
        room = await self._stores.rooms.by_id(room_id, self._clock.now_ms())
        if room is None:
            raise AppError(ErrorCode.NOT_FOUND, "room")
        members = tuple(member.user_id for member in room.members)
        lists = await self._stores.devices.active(frozenset(members))
        return Roster(
            room_id=room_id,
            members=members,
            expires_ms=room.expires_ms,
            lists=lists,
            lapses_ms=await self._lapses(lists),
            hiding=await self._hiding(members),
            is_blocked=await self._stores.contacts.is_blocked(*members),
        )

    async def _lapses(self, lists: Mapping[UserId, ActiveDevices]) -> dict[Addressee, int]:
        """Return when each device's signed prekey is too old to be sealed to (SEAL1 §4.3)."""
        lapses: dict[Addressee, int] = {}
        for user, active in lists.items():
            for device in active.devices:
                count = await self._stores.keys.count(user, device)
                lapses[user, device] = count.spk.expires_ms + SPK_ACCEPT_MS if count else 0
        return lapses

    async def _hiding(self, members: tuple[UserId, ...]) -> frozenset[UserId]:
        accounts = [await self._stores.accounts.by_id(user) for user in members]
        return frozenset(
            account.user_id
            for account in accounts
            if account is not None and not account.preferences.read_receipts
        )
