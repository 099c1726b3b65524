"""Rooms: who is in them, how far each member has read, when they end."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, Protocol

from protocol.encoding import b64url, parse_b64url, sealed_tuple
from protocol.ids import RoomId, UserId


@dataclass(frozen=True, slots=True)
class Member:
    """Watermarks say "everything up to here"; `keep` that this member wants seven more days."""

    user_id: UserId
    role: Literal["admin", "member"]
    delivered_seq: int = 0
    read_seq: int = 0
    keep: bool = False


@dataclass(frozen=True, slots=True)
class Room:
    room_id: RoomId
    kind: Literal["dm"]
    nonce: str
    members: tuple[Member, ...]
    last_seq: int
    created_ms: int
    expires_ms: int

    def has_member(self, user_id: UserId) -> bool:
        return any(member.user_id == user_id for member in self.members)


@dataclass(frozen=True, slots=True)
class Watermark:
    room_id: RoomId
    user_id: UserId
    delivered_seq: int
    read_seq: int


def dm_room_id(first: UserId, second: UserId, nonce: str) -> RoomId:
    """Return the self-certifying id of a two-person room (SEAL1 §4.8).

    Order of the users does not matter: they are sorted by their bytes.
    """
    low, high = sorted((parse_b64url(first), parse_b64url(second)))
    body = sealed_tuple("SEAL1/dm", low, high, parse_b64url(nonce, 16))
    return RoomId(b64url(hashlib.sha256(body).digest()))


class RoomStore(Protocol):
    async def open_dm(self, room: Room, now_ms: int) -> tuple[Room, bool]:
        """Add a two-person room, or return the one the two already have.

        Returns: the room and whether it is new.
        Atomicity: a pair has at most one live room, however many calls run at once.
        Raises: AppError(conflict) when the id belongs to a live room of another pair.
        """
        ...

    async def by_id(self, room_id: RoomId, now_ms: int) -> Room | None: ...

    async def of_user(self, user_id: UserId, now_ms: int) -> list[Room]:
        """Return the live rooms of a user, oldest first."""
        ...

    async def keep(
        self, room_id: RoomId, user_id: UserId, on: bool, extend_ms: int, now_ms: int
    ) -> Room | None:
        """Set or withdraw a member's wish to keep the room.

        When every member wishes it, the room's end moves `extend_ms` later and the wishes are
        cleared, in the same step.
        Returns: the room as it is now; None when it is gone or the user is not in it.
        """
        ...

    async def remove(self, room_id: RoomId) -> bool:
        """Delete a room with its messages and capsules; False when it was not there."""
        ...

    async def advance(self, marks: Iterable[Watermark]) -> list[Watermark]:
        """Move watermarks forward, never backward and never past the room's last seq.

        A read watermark carries the delivered one along.
        Returns: the marks that changed, with their new values.
        """
        ...
