"""Facts that happened, and the port that carries them to every process.

Events are hints: each tells connected devices something early that they could also fetch. Losing
one delays, never loses (architecture §4.5). They are structs, so that a bus can carry them as they
stand; what arrives from a bus has been checked against these types.

    services  ──▶ a change  ──▶ every process that remembers something of it, devices concerned
    presence  ──▶ PeopleHere, PeopleAsked ──▶ presence of the other processes
    the bus   ──▶ EventsLost, ProcessGone ──▶ this process alone
"""

from collections.abc import Callable
from typing import Literal, NewType, Protocol, TypeVar

from msgspec import Struct

from protocol.frames import Message, Seq, ServerFrame
from protocol.ids import DeviceId, UserId, WireDeviceId, WireLoginId, WireRoomId, WireUserId

Status = Literal["online", "away", "offline"]
ProcessId = NewType("ProcessId", str)  # drawn at random whenever a process starts


class MessageStored(Struct, frozen=True):
    """A message is durable; each device of `recipients` gets it with its own capsule only.

    `message.capsule` is None here; `capsules` holds them as wire JSON.
    """

    room_id: WireRoomId
    message: Message
    capsules: dict[tuple[UserId, DeviceId], bytes]
    recipients: tuple[UserId, ...]


class Told(Struct, frozen=True, tag="told"):
    """`frame` is for every connected device of `users` but `not_to`, or for the device `only`."""

    users: tuple[WireUserId, ...]
    frame: ServerFrame
    not_to: WireDeviceId | None = None
    only: WireDeviceId | None = None


class RoomAltered(Struct, frozen=True, tag="room"):
    """Members, life or existence of a room changed; what is cached about it is stale."""

    room_id: WireRoomId


class DevicesAltered(Struct, frozen=True, tag="devices"):
    """A user's device list has a new version; what is cached about it is stale."""

    user_id: WireUserId
    version: int


class AccountAltered(Struct, frozen=True, tag="account"):
    """Name, preferences, contacts or blocks of a user changed; what is cached of them is stale."""

    user_id: WireUserId


class LoginsEnded(Struct, frozen=True, tag="logins"):
    """These log-ins are over: their tokens are refused and their connections closed."""

    user_id: WireUserId
    login_ids: tuple[WireLoginId, ...] = ()
    reason: str = "revoked"


class LogGrown(Struct, frozen=True, tag="grown"):
    """A log has reached `last_seq`, and some process had no event about it: look at the store."""

    room_id: WireRoomId
    last_seq: Seq
    members: tuple[WireUserId, ...]


class PeopleHere(Struct, frozen=True, tag="people"):
    """How people are connected to one process: "online", "away", or "offline" for who left it.

    Whoever is not named but has an id `between` these two, the second included, is not connected
    there; of all others nothing is said.
    """

    process: ProcessId
    people: dict[WireUserId, Status]
    between: tuple[str, str] | None = None


class PeopleAsked(Struct, frozen=True, tag="asked"):
    """Some process does not know who is connected to the others: each answers with PeopleHere."""


class EventsLost(Struct, frozen=True):
    """Events of other processes may have been missed: what is cached may be stale.

    `is_over` says that from now on they arrive again, so that looking at everything once is enough;
    until then this is told every LOST_AGAIN_MS. No service publishes it.
    """

    is_over: bool


class ProcessGone(Struct, frozen=True):
    """Another process has stopped, or has not been heard of for SILENT_MS.

    No service publishes it.
    """

    process: ProcessId


Shared = (
    RoomAltered
    | DevicesAltered
    | AccountAltered
    | LoginsEnded
    | LogGrown
    | PeopleHere
    | PeopleAsked
)
Event = MessageStored | Told | Shared | EventsLost | ProcessGone

Kind = TypeVar("Kind", bound=Event)


class EventSink(Protocol):
    def publish(self, event: Event) -> None:
        """Hand an event to every process that needs it, this one included.

        Returns at once and never raises; called only after the change it speaks of is durable.
        Order: events of one process reach a connection in the order they were published. What
        another process caches may be forgotten a moment after its connections have been told.
        """
        ...


class Bus(EventSink, Protocol):
    """An EventSink that also tells this process what happened, here or in another one."""

    @property
    def process(self) -> ProcessId:
        """What this process is called on the bus."""
        ...

    @property
    def here(self) -> EventSink:
        """Hands events to this process alone."""
        ...

    @property
    def is_up(self) -> bool | None:
        """Whether other processes can be told now; None when there are none."""
        ...

    def open(self) -> None:
        """Begin to connect, and never give up."""
        ...

    async def close(self) -> None:
        """Send what is waiting, for a moment, and leave."""
        ...

    def subscribe(self, kind: type[Kind], call: Callable[[Kind], None]) -> None:
        """Have `call` called with every event of this kind; what it raises is logged."""
        ...

    def came(self, user_id: UserId) -> None:
        """Note that a user is connected here from now on."""
        ...

    def went(self, user_id: UserId) -> None:
        """Note that a user no longer is."""
        ...
