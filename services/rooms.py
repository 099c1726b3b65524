"""Opening, listing, keeping and ending rooms."""

from dataclasses import replace

from models.events import EventSink, RoomAltered, Told
from models.ports import Clock
from models.rooms import Member, Room, dm_room_id
from models.stores import Stores
from protocol.errors import AppError, ErrorCode
from protocol.frames import RoomChanged, RoomHead, RoomRemoved
from protocol.ids import RoomId, UserId
from protocol.limits import ROOM_TTL_MS
from services.access import Access
from services.quotas import Quotas


class RoomService:
    """Use cases of rooms; what a person is shown leaves out what others keep to themselves."""

    def __init__(
        self, stores: Stores, clock: Clock, events: EventSink, *, access: Access, quotas: Quotas
    ) -> None:
        self._stores = stores
        self._clock = clock
        self._events = events
        self._access = access
        self._quotas = quotas

    async def of_user(self, user_id: UserId) -> list[Room]:
        """Return a user's live rooms, oldest first."""
        rooms = await self._stores.rooms.of_user(user_id, self._clock.now_ms())
        return [await self._seen_by(user_id, room) for room in rooms]

    async def heads(self, user_id: UserId) -> list[RoomHead]:
        """Return where the logs of a user's live rooms stand."""
        rooms = await self._stores.rooms.of_user(user_id, self._clock.now_ms())
        return [RoomHead(id=room.room_id, last_seq=room.last_seq) for room in rooms]

    async def find(self, user_id: UserId, room_id: RoomId) -> Room:
        """Return one room. Raises: AppError(not_found)."""
        return await self._seen_by(user_id, await self._access.room(user_id, room_id))

    async def open_dm(self, user_id: UserId, peer: UserId, nonce: str) -> tuple[Room, bool]:
        """Open a room with an accepted contact, or return the live one the two already have.

        Returns: the room, and whether it is new.
        Raises: AppError(not_contact), RateLimited
        """
        await self._access.require_contact(user_id, peer)
        self._quotas.take("room-open", user_id)
        now_ms = self._clock.now_ms()
        wanted = Room(
            room_id=dm_room_id(user_id, peer, nonce),
            kind="dm",
            nonce=nonce,
            members=(Member(user_id, "member"), Member(peer, "member")),
            last_seq=0,
            created_ms=now_ms,
            expires_ms=now_ms + ROOM_TTL_MS,
        )
        room, is_new = await self._stores.rooms.open_dm(wanted, now_ms)
        if is_new:
            self._changed(room)
        return await self._seen_by(user_id, room), is_new

    async def keep(self, user_id: UserId, room_id: RoomId, *, on: bool) -> Room:
        """Set or withdraw one's wish to keep a room for another ROOM_TTL_MS.

        When everybody wishes it, its end moves and the wishes are cleared.
        Raises: AppError(not_found)
        """
        now_ms = self._clock.now_ms()
        room = await self._stores.rooms.keep(room_id, user_id, on, ROOM_TTL_MS, now_ms)
        if room is None:
            raise AppError(ErrorCode.NOT_FOUND, "room")
        self._changed(room)
        return await self._seen_by(user_id, room)

    async def remove(self, user_id: UserId, room_id: RoomId) -> None:
        """End a room for everybody in it.

        Raises: AppError(not_found)
        """
        room = await self._access.room(user_id, room_id)
        if not await self._stores.rooms.remove(room_id):
            raise AppError(ErrorCode.NOT_FOUND, "room")
        self._events.publish(RoomAltered(room_id))
        self._events.publish(Told(_members(room), RoomRemoved(room=room_id)))

    def _changed(self, room: Room) -> None:
        self._events.publish(RoomAltered(room.room_id))
        self._events.publish(Told(_members(room), RoomChanged(room=room.room_id)))

    async def _seen_by(self, user_id: UserId, room: Room) -> Room:
        """Return the room without how far those have read who keep that to themselves."""
        members = [
            replace(member, read_seq=0)
            if member.user_id != user_id and await self._hides_reading(member.user_id)
            else member
            for member in room.members
        ]
        return replace(room, members=tuple(members))

    async def _hides_reading(self, user_id: UserId) -> bool:
        account = await self._stores.accounts.by_id(user_id)
        return account is None or not account.preferences.read_receipts


def _members(room: Room) -> tuple[UserId, ...]:
    return tuple(member.user_id for member in room.members)
