"""Facts that happened, and the port that carries them to every process.

Events are hints: each tells connected devices something early that they could also fetch. Losing
one delays, never loses (architecture §4.5).
"""

from dataclasses import dataclass, field
from typing import Protocol

from protocol.frames import Frame, Message
from protocol.ids import DeviceId, LoginId, RoomId, UserId


@dataclass(frozen=True, slots=True)
class MessageStored:
    """A message is durable; each device of `recipients` gets it with its own capsule only.

    `message.capsule` is None here; `capsules` holds them as wire JSON.
    """

    room_id: RoomId
    message: Message
    capsules: dict[tuple[UserId, DeviceId], bytes]
    recipients: tuple[UserId, ...]


@dataclass(frozen=True, slots=True)
class Told:
    """`frame` is for every connected device of `users` but `not_to`, or for the device `only`."""

    users: tuple[UserId, ...]
    frame: Frame
    not_to: DeviceId | None = None
    only: DeviceId | None = None


@dataclass(frozen=True, slots=True)
class RoomAltered:
    """Members, life or existence of a room changed; what is cached about it is stale."""

    room_id: RoomId


@dataclass(frozen=True, slots=True)
class DevicesAltered:
    """A user's device list has a new version; what is cached about it is stale."""

    user_id: UserId
    version: int


@dataclass(frozen=True, slots=True)
class AccountAltered:
    """Name, preferences, contacts or blocks of a user changed; what is cached of them is stale."""

    user_id: UserId


@dataclass(frozen=True, slots=True)
class LoginsEnded:
    """These log-ins are over: their tokens are refused and their connections closed."""

    user_id: UserId
    login_ids: tuple[LoginId, ...] = field(default=())
    reason: str = "revoked"


Event = MessageStored | Told | RoomAltered | DevicesAltered | AccountAltered | LoginsEnded


class EventSink(Protocol):
    def publish(self, event: Event) -> None:
        """Hand an event to every process that needs it, this one included.

        Returns at once and never raises; called only after the change it speaks of is durable.
        Order: events of one process reach a connection in the order they were published.
        """
        ...
