"""/api/rooms: the rooms of the person who asks."""

from tornado.routing import URLSpec

from handlers.base import BaseHandler
from models.rooms import Room
from protocol import bodies
from protocol.ids import RoomId, UserId
from services.logins import LoginService
from services.rooms import RoomService

ROOM = r"/api/rooms/(?P<room_id>[A-Za-z0-9_-]{43})"


class _Handler(BaseHandler):
    def initialize(self, *, logins: LoginService, rooms: RoomService) -> None:
        self.logins = logins
        self.rooms = rooms


class RoomsHandler(_Handler):
    """All rooms, and a new one."""

    async def get(self) -> None:
        rooms = await self.rooms.of_user(self.principal.user_id)
        self.answer(bodies.RoomList(rooms=[_body(room) for room in rooms]))

    async def post(self) -> None:
        wanted = self.read(bodies.OpenRoomRequest)
        room, is_new = await self.rooms.open_dm(
            self.principal.user_id, UserId(wanted.peer), wanted.nonce
        )
        self.answer(_body(room), 201 if is_new else 200)


class RoomHandler(_Handler):
    """One room."""

    async def get(self, room_id: str) -> None:
        self.answer(_body(await self.rooms.find(self.principal.user_id, RoomId(room_id))))

    async def delete(self, room_id: str) -> None:
        await self.rooms.remove(self.principal.user_id, RoomId(room_id))
        self.answer(bodies.Empty())


class KeepHandler(_Handler):
    """One's wish to keep a room longer."""

    async def put(self, room_id: str) -> None:
        self.read(bodies.Empty)
        await self._keep(room_id, on=True)

    async def delete(self, room_id: str) -> None:
        await self._keep(room_id, on=False)

    async def _keep(self, room_id: str, *, on: bool) -> None:
        room = await self.rooms.keep(self.principal.user_id, RoomId(room_id), on=on)
        self.answer(_body(room))


def _body(room: Room) -> bodies.Room:
    return bodies.Room(
        id=room.room_id,
        kind=room.kind,
        nonce=room.nonce,
        members=[
            bodies.Member(
                user_id=member.user_id,
                role=member.role,
                delivered_seq=member.delivered_seq,
                read_seq=member.read_seq,
                keep=member.keep,
            )
            for member in room.members
        ],
        last_seq=room.last_seq,
        created_ms=room.created_ms,
        expires_ms=room.expires_ms,
    )


def routes(*, logins: LoginService, rooms: RoomService) -> list[URLSpec]:
    """Return the routes of rooms."""
    options = {"logins": logins, "rooms": rooms}
    return [
        URLSpec(r"/api/rooms", RoomsHandler, options),
        URLSpec(ROOM, RoomHandler, options),
        URLSpec(ROOM + r"/keep", KeepHandler, options),
    ]
