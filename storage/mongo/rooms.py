"""Rooms in MongoDB: one document each, with its members, their watermarks and their wishes.

The `_id` is a key that is never used twice and that the room's messages carry, so that a room which
is opened anew under the id of an ended one (`sweep.py`) does not find the other's messages.
`last_seq` is where an append becomes valid: see `append.py`.

A pair has one live room because `pair` is unique, like `room_id`. Wishes, end and their "same step"
are fields of the one document and change in one update. Watermarks only ever grow, each by `$max`,
so that updates may run in any order, at once or twice.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from bson import ObjectId
from msgspec import to_builtins
from pymongo import ASCENDING, ReturnDocument, UpdateOne
from pymongo.errors import DuplicateKeyError

from models.rooms import Member, Room, Watermark
from protocol.errors import AppError, ErrorCode
from protocol.ids import RoomId, UserId
from storage.mongo.client import Document, Documents, translates_errors
from storage.mongo.documents import Newcomers
from storage.mongo.sweep import erase, retire

OPEN_TRIES = 500  # each after another process was faster, or while its room is not yet to be seen
OPEN_PAUSE_S = 0.01

_WHO = tuple[RoomId, UserId]
_FAR = tuple[int, int]  # delivered_seq, read_seq


@dataclass(frozen=True, slots=True)
class _Place:
    """How far a member is in a room that has reached `last_seq`."""

    key: ObjectId
    last_seq: int
    far: _FAR

    def moved(self, wanted: _FAR) -> _FAR:
        """Return how far the member is afterwards: never back, never past the last number."""
        delivered, read = self.far
        read = max(read, min(wanted[1], self.last_seq))
        return max(delivered, read, min(wanted[0], self.last_seq)), read


def _room(document: Document) -> Room:
    keep = document["keep"]
    members = tuple(Member(**m, keep=m["user_id"] in keep) for m in document["members"])
    fields = ("room_id", "kind", "nonce", "last_seq", "created_ms", "expires_ms")
    return Room(members=members, **{name: document[name] for name in fields})


def dump_room(key: Any, room: Room, pair: str) -> Document:
    """Return the document of a room under a key that no other room ever has."""
    document: Document = to_builtins(room)
    keep = [member.user_id for member in room.members if member.keep]
    for member in document["members"]:
        del member["keep"]
    return {"_id": key, **document, "pair": pair, "keep": keep}


def _wish(user_id: UserId, on: bool, extend_ms: int) -> list[Document]:
    """Return the update that sets or withdraws a wish, and grants it when it is everybody's."""
    change = "$setUnion" if on else "$setDifference"
    granted = {"$setEquals": ["$keep", "$members.user_id"]}
    return [
        {"$set": {"keep": {change: ["$keep", [{"$literal": user_id}]]}}},
        {
            "$set": {
                "expires_ms": {"$add": ["$expires_ms", {"$cond": [granted, extend_ms, 0]}]},
                "keep": {"$cond": [granted, [], "$keep"]},
            }
        },
    ]


@translates_errors
class MongoRoomStore:
    """`models.rooms.RoomStore` in MongoDB."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents
        self._rooms = documents["rooms"]
        self._newcomers = Newcomers(self._rooms, "room_id", "pair")

    async def open_dm(self, room: Room, now_ms: int) -> tuple[Room, bool]:
        pair = " ".join(sorted(member.user_id for member in room.members))
        for _ in range(OPEN_TRIES):
            if there := await self._make_way(room, pair, now_ms):
                return there, False
            try:
                await self._newcomers.insert(dump_room(ObjectId(), room, pair))
            except DuplicateKeyError:
                await asyncio.sleep(OPEN_PAUSE_S)
            else:
                return room, True
        raise AppError(ErrorCode.UNAVAILABLE, "another room stays in the way")

    async def _make_way(self, room: Room, pair: str, now_ms: int) -> Room | None:
        """Return the live room of the pair, or end what has expired but was not swept yet.

        Raises: AppError(conflict) when a live room of another pair has the id.
        """
        in_the_way = self._rooms.find({"$or": [{"pair": pair}, {"room_id": room.room_id}]})
        found = await in_the_way.to_list()
        live = [document for document in found if document["expires_ms"] > now_ms]
        for document in live:
            if document["pair"] == pair:
                return _room(document)
        if live:
            raise AppError(ErrorCode.CONFLICT, "room id")
        for document in found:
            await self._end({"_id": document["_id"], "expires_ms": {"$lte": now_ms}})
        return None

    async def by_id(self, room_id: RoomId, now_ms: int) -> Room | None:
        document = await self._rooms.find_one({"room_id": room_id, "expires_ms": {"$gt": now_ms}})
        return _room(document) if document else None

    async def of_user(self, user_id: UserId, now_ms: int) -> list[Room]:
        live = self._rooms.find({"members.user_id": user_id, "expires_ms": {"$gt": now_ms}})
        oldest_first = live.sort([("created_ms", ASCENDING), ("_id", ASCENDING)])
        return [_room(document) async for document in oldest_first]

    async def keep(
        self, room_id: RoomId, user_id: UserId, on: bool, extend_ms: int, now_ms: int
    ) -> Room | None:
        document = await self._rooms.find_one_and_update(
            {"room_id": room_id, "members.user_id": user_id, "expires_ms": {"$gt": now_ms}},
            _wish(user_id, on, extend_ms),
            return_document=ReturnDocument.AFTER,
        )
        return _room(document) if document else None

    async def remove(self, room_id: RoomId) -> bool:
        return await self._end({"room_id": room_id})

    async def _end(self, condition: Document) -> bool:
        key = await retire(self._rooms, condition)
        if key is None:
            return False
        await erase(self._documents, [key])
        return True

    async def advance(self, marks: Iterable[Watermark]) -> list[Watermark]:
        wanted = _furthest(marks)
        before = await self._places(wanted)
        moves = {
            who: far
            # In the order of their keys: see `append.py`.
            for who, place in sorted(before.items(), key=lambda one: one[1].key)
            if who in wanted and (far := place.moved(wanted[who])) != place.far
        }
        if not moves:
            return []
        await self._rooms.bulk_write(list(map(_move, moves.items())), ordered=False)
        after = await self._places(moves)
        return [Watermark(*who, *after[who].far) for who in moves if who in after]

    async def _places(self, members: Iterable[_WHO]) -> dict[_WHO, _Place]:
        """Return where everybody is in the rooms of these members."""
        room_ids = list({room_id for room_id, _ in members})
        return {
            (room["room_id"], member["user_id"]): _Place(
                room["_id"], room["last_seq"], (member["delivered_seq"], member["read_seq"])
            )
            async for room in self._rooms.find({"room_id": {"$in": room_ids}})
            for member in room["members"]
        }


def _furthest(marks: Iterable[Watermark]) -> dict[_WHO, _FAR]:
    """Return one mark for each member: the furthest of several."""
    wanted: dict[_WHO, _FAR] = {}
    for mark in marks:
        delivered, read = wanted.get((mark.room_id, mark.user_id), (0, 0))
        wanted[mark.room_id, mark.user_id] = (
            max(delivered, mark.delivered_seq),
            max(read, mark.read_seq),
        )
    return wanted


def _move(move: tuple[_WHO, _FAR]) -> UpdateOne:
    (room_id, user_id), far = move
    return UpdateOne(
        {"room_id": room_id, "members": {"$elemMatch": {"user_id": user_id}}},
        {"$max": {"members.$.delivered_seq": far[0], "members.$.read_seq": far[1]}},
    )
