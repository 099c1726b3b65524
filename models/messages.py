"""The append-only log of a room: ciphertext once, a capsule for each device."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from protocol.errors import AppError
from protocol.frames import Message
from protocol.ids import DeviceId, MsgId, RoomId, UserId


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A message that has passed every check but has no number yet.

    `capsules` maps (user, device) to the wire JSON of that device's capsule, encoded once when it
    came in and spliced into every answer as it is.
    """

    room_id: RoomId
    msg_id: MsgId
    sender: UserId
    sender_device: DeviceId
    epoch: int
    roster_hash: str
    payload: str
    c2: str
    frank: str
    server_ms: int
    capsules: dict[tuple[UserId, DeviceId], bytes]


@dataclass(frozen=True, slots=True)
class Appended:
    """`fresh` is False when the same (room, sender_device, msg_id) had been appended before.

    Then the other fields are those of that first time.
    """

    seq: int
    server_ms: int
    frank: str
    fresh: bool


@dataclass(frozen=True, slots=True)
class Grown:
    """A room whose log has grown: the number it has reached, and who is in it."""

    room_id: RoomId
    last_seq: int
    members: tuple[UserId, ...]


EVERYTHING = 2**63 - 1  # characters, where a reader has room for any page

AppendDone = Callable[[Appended | AppError], None]


class MessageStore(Protocol):
    def append(self, message: NewMessage, now_ms: int, done: AppendDone) -> None:
        """Queue a message for the room's log; returns at once, never raises.

        `done` is called once, on the event loop, after the message is durable (R-01) or refused:
        with AppError(not_found) when the room is gone or the sender is not in it,
        AppError(unavailable) when the store is away or too much is waiting, AppError(storage_full)
        when it is full. A refused message disturbs no other.
        Order: calls for one room get their numbers, and their `done`, in the order of the calls.
        Numbers in a room are 1, 2, 3 … without gaps, in one process or in many.
        The same (room, sender_device, msg_id) again stores nothing and gives the first result.
        """
        ...

    async def page(
        self,
        room_id: RoomId,
        reader: tuple[UserId, DeviceId],
        *,
        now_ms: int,
        after: int | None = None,
        before: int | None = None,
        limit: int,
        max_chars: int = EVERYTHING,
    ) -> tuple[list[Message], bool]:
        """Return up to `limit` messages, oldest first, each with the reader's capsule or None.

        They end early rather than hold payloads of more than `max_chars`, and nothing beyond is
        read; one message there always is.

        With `after` the oldest ones above it, with `before` the newest ones below it, with neither
        the newest ones. The flag says whether there are more in that direction. A room that is gone
        has none.
        """
        ...

    async def last_of_device(
        self, user_id: UserId, device_id: DeviceId, now_ms: int
    ) -> tuple[RoomId, MsgId] | None:
        """Return the last message accepted from a device that has not expired (SEAL1 §4.6)."""
        ...

    async def grown(self, since: int | None) -> tuple[list[Grown], int]:
        """Return the rooms whose logs grew after `since`, and where to go on from.

        None returns no rooms, only the place. Places come from this method alone and mean nothing
        else. A room may be told again; none that has not ended is ever left out, whichever process
        wrote to it. One that has ended may be told until it is swept.
        """
        ...
