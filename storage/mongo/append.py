"""Numbering and storing a batch of messages, without a transaction (R-01, R-04, R-05).

    look      the rooms of the batch: which live, who is in them, their `last_seq`
    number    each message its room's next number
    store     one ordered insert; unique (room, seq) and (room, sender_device, msg_id)
    commit    `last_seq` of each room moves up, if the room is still there

The commit is what makes a message part of the log: readers see numbers up to `last_seq` and no
further. A number is stored only when the one before it has been seen stored or stands before it in
the same ordered insert, which ends at its first failure; so however a batch ends, the numbers of a
room are dense, and the log is a prefix of them.

    number taken by another process     look again, at the highest number stored as well, and go on
    message there already               it keeps its first number; the batch commits it
    room ended before the commit        the message is taken back and refused: it was never seen
    died before the commit              the message waits, unseen, for the next append to the room,
                                        which commits it too; or for the sender to ask again
    answer lost                         look again: the message is found by its id, or not
    answer lost until PATIENCE_S        `unavailable`: it may have been stored, or be stored yet

A message that is found has been `fresh` when its `call`, which each call draws anew, is the call's
own. The `_id` is made of room and number, so that processes that take the same number at once meet
in the one index that every server keeps in order: DocumentDB's others let two such inserts wait for
each other, for seconds.
"""

import asyncio
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import bson
import pymongo
from bson import ObjectId
from bson.errors import BSONError
from bson.raw_bson import RawBSONDocument
from pymongo import UpdateOne
from pymongo.errors import BulkWriteError, PyMongoError

from models.messages import AppendDone, Appended, NewMessage
from protocol.errors import AppError, ErrorCode
from protocol.ids import DeviceId, MsgId, RoomId, UserId
from storage.mongo.client import OUT_OF_DISK_SPACE, Document, Documents, refusal

PASS_S = 5.0  # how long the database may take over one pass
PATIENCE_S = 5.0  # from when on a batch is given up; its senders ask again
FAILURE_PAUSE_S = 0.1  # for an election to make progress
LOOK_AGAIN_S = 0.002  # for another process's write to reach a majority and be seen
DUPLICATE_KEY = 11000

_log = logging.getLogger(__name__)

Name = tuple[Any, DeviceId, MsgId]


class Entry:
    """A message in the queue, and what became of it: None while that is open."""

    __slots__ = ("call", "done", "message", "now_ms", "outcome", "size_bytes")

    def __init__(self, message: NewMessage, now_ms: int, done: AppendDone) -> None:
        self.call = ObjectId()
        self.message = message
        self.now_ms = now_ms
        self.done = done
        self.size_bytes = len(message.payload) + sum(map(len, message.capsules.values()))
        self.outcome: Appended | AppError | None = None

    def turn_away(self, error: AppError) -> None:
        """Settle the entry before it is queued; its ciphertext is not counted."""
        self.outcome = error
        self.size_bytes = 0


@dataclass(slots=True)
class _Room:
    """A room of the batch.

    `last_seq` is committed, `stored_seq` the highest number known to be stored; `placed` are those
    of the batch that have a number and wait for the commit.
    """

    key: Any
    members: frozenset[UserId]
    expires_ms: int
    last_seq: int
    stored_seq: int
    placed: list[tuple[Entry, Appended]] = field(default_factory=list)

    def takes(self, entry: Entry) -> bool:
        return entry.message.sender in self.members and self.expires_ms > entry.now_ms

    def name(self, entry: Entry) -> Name:
        """Return what makes a message the same as another."""
        return (self.key, entry.message.sender_device, entry.message.msg_id)

    def move(self) -> tuple[Any, int] | None:
        """Return the key and the number to commit, if there is anything new."""
        highest = max((place.seq for _, place in self.placed), default=0)
        return (self.key, highest) if highest > self.last_seq else None


_Accepted = tuple[Entry, _Room]
_Numbered = tuple[Entry, _Room, int, RawBSONDocument]
_LIVE = {"room_id": {"$exists": True}}


async def append_batch(documents: Documents, entries: Sequence[Entry]) -> bool:
    """Give every entry its outcome; a refused one disturbs no other. Never raises.

    Returns: False when the database was away for so long that the batch was given up.
    """
    loop = asyncio.get_running_loop()
    deadline_s = loop.time() + PATIENCE_S
    look_again = False
    while waiting := [entry for entry in entries if entry.outcome is None]:
        if look_again:
            await asyncio.sleep(LOOK_AGAIN_S)
        failure = await _attempt(_Pass(documents, waiting), look_again)
        look_again = True
        if failure and failure.code is not ErrorCode.UNAVAILABLE:
            refuse(waiting, failure)
        elif loop.time() >= deadline_s:
            refuse(waiting, AppError(ErrorCode.UNAVAILABLE, "append"))
            return failure is None
        elif failure:
            await asyncio.sleep(FAILURE_PAUSE_S)
    return True


async def _attempt(one: "_Pass", look_again: bool) -> AppError | None:
    """Run a pass; returns why it ended before its end, if it did."""
    try:
        with pymongo.timeout(PASS_S):
            await one.run(look_again)
    except AppError as error:
        return error
    except PyMongoError as error:
        told = refusal(error)
        if isinstance(told, AppError):
            return told
        _log.exception("messages could not be stored")
    except Exception:  # noqa: BLE001 - whoever waits for an outcome must get one
        _log.exception("messages could not be stored")
    else:
        return None
    return AppError(ErrorCode.INTERNAL, "append")


def refuse(entries: Iterable[Entry], failure: AppError) -> None:
    """Settle those that are open."""
    for entry in entries:
        if entry.outcome is None:
            entry.outcome = failure


class _Pass:
    """One way through a batch; what is still open after it needs another."""

    def __init__(self, documents: Documents, entries: Sequence[Entry]) -> None:
        self._rooms = documents["rooms"]
        self._messages = documents["messages"]
        self._entries = entries

    async def run(self, look_again: bool) -> None:
        rooms = await self._look()
        accepted = self._accepted(rooms)
        if look_again and accepted:
            accepted = await self._without_repeated(accepted)
            await self._find_highest(rooms.values())
        if numbered := _numbered(accepted):
            await self._store(numbered)
        await self._commit([room for room in rooms.values() if room.placed])

    async def _look(self) -> dict[RoomId, _Room]:
        wanted = list({entry.message.room_id for entry in self._entries})
        fields = ("room_id", "members.user_id", "expires_ms", "last_seq")
        return {
            room["room_id"]: _Room(
                room["_id"],
                frozenset(member["user_id"] for member in room["members"]),
                room["expires_ms"],
                room["last_seq"],
                room["last_seq"],
            )
            async for room in self._rooms.find({"room_id": {"$in": wanted}}, fields)
        }

    def _accepted(self, rooms: dict[RoomId, _Room]) -> list[_Accepted]:
        """Return the entries whose sender is in a live room, room by room; refuse the others.

        Every command of every process takes rooms in the order of their keys, for there are servers
        that make a transaction of a command, and two that wait for each other would never end.
        """
        accepted = []
        for entry in self._entries:
            room = rooms.get(entry.message.room_id)
            if room and room.takes(entry):
                accepted.append((entry, room))
            else:
                entry.outcome = AppError(ErrorCode.NOT_FOUND, "room")
        return sorted(accepted, key=lambda one: one[1].key)

    async def _without_repeated(self, accepted: list[_Accepted]) -> list[_Accepted]:
        """Give what is in the log already the place it has there; return the rest."""
        names = [room.name(entry) for entry, room in accepted]
        fields = ("room", "sender_device", "msg_id")
        same = {"$or": [dict(zip(fields, name, strict=True)) for name in names]}
        found = self._messages.find(same, (*fields, "seq", "server_ms", "frank", "call"))
        there = {tuple(message[name] for name in fields): message async for message in found}
        rest = []
        for name, (entry, room) in zip(names, accepted, strict=True):
            if message := there.get(name):
                place = (message["seq"], message["server_ms"], message["frank"])
                fresh = message.get("call") == entry.call  # those of an earlier program have none
                room.placed.append((entry, Appended(*place, fresh=fresh)))
            else:
                rest.append((entry, room))
        return rest

    async def _find_highest(self, rooms: Iterable[_Room]) -> None:
        """Learn which numbers are stored beyond those committed."""
        by_key = {room.key: room for room in rooms}
        beyond = [{"room": key, "seq": {"$gt": room.last_seq}} for key, room in by_key.items()]
        highest = {"$group": {"_id": "$room", "seq": {"$max": "$seq"}}}
        found = await self._messages.aggregate([{"$match": {"$or": beyond}}, highest])
        async for last in found:
            by_key[last["_id"]].stored_seq = last["seq"]

    async def _store(self, numbered: list[_Numbered]) -> None:
        stored = len(numbered)
        try:
            await self._messages.insert_many([document for *_, document in numbered])
        except BulkWriteError as error:
            stored = _stored_before(error, numbered)
        for entry, room, seq, _ in numbered[:stored]:
            message = entry.message
            place = Appended(seq, message.server_ms, message.frank, fresh=True)
            room.placed.append((entry, place))

    async def _commit(self, rooms: list[_Room]) -> None:
        moves = dict(move for room in rooms if (move := room.move()))
        ended = await self._move(moves) if moves else frozenset()
        if ended:
            await self._take_back(room for room in rooms if room.key in ended)
        for room in rooms:
            for entry, place in room.placed:
                gone = room.key in ended
                entry.outcome = AppError(ErrorCode.NOT_FOUND, "room") if gone else place

    async def _move(self, moves: dict[Any, int]) -> frozenset[Any]:
        """Move the last numbers up; returns which rooms were not there any more."""
        now = {"$currentDate": {"grown": {"$type": "timestamp"}}}
        result = await self._rooms.bulk_write(
            [
                UpdateOne({"_id": key, **_LIVE}, {"$max": {"last_seq": seq}, **now})
                for key, seq in sorted(moves.items())
            ],
            ordered=False,
        )
        if result.matched_count == len(moves):
            return frozenset()
        found = self._rooms.find({"_id": {"$in": list(moves)}, **_LIVE}, {"_id": True})
        return frozenset(moves) - {room["_id"] async for room in found}

    async def _take_back(self, rooms: Iterable[_Room]) -> None:
        placed = [(room.key, place) for room in rooms for _, place in room.placed]
        own = [message_id(key, place.seq) for key, place in placed if place.fresh]
        await self._messages.delete_many({"_id": {"$in": own}})


def _numbered(accepted: Iterable[_Accepted]) -> list[_Numbered]:
    """Give each message its room's next number; of two that are the same the first one alone."""
    names: set[Name] = set()
    numbered = []
    for entry, room in accepted:
        if room.name(entry) in names:
            continue
        names.add(room.name(entry))
        seq = room.stored_seq + 1
        try:
            document = RawBSONDocument(bson.encode(_document(entry, room.key, seq)))
        except (BSONError, ValueError, OverflowError):
            _log.exception("a message could not be stored")
            entry.outcome = AppError(ErrorCode.INTERNAL, "append")
            continue
        room.stored_seq = seq
        numbered.append((entry, room, seq, document))
    return numbered


def message_id(key: Any, seq: int) -> str:
    """Return the `_id` of the message with this number in the room with this key."""
    return f"{key} {seq}"


def _document(entry: Entry, key: Any, seq: int) -> Document:
    message = entry.message
    return {
        "_id": message_id(key, seq),
        "call": entry.call,
        "room": key,
        "seq": seq,
        "msg_id": message.msg_id,
        "sender": message.sender,
        "sender_device": message.sender_device,
        "epoch": message.epoch,
        "roster_hash": message.roster_hash,
        "payload": message.payload,
        "c2": message.c2,
        "frank": message.frank,
        "server_ms": message.server_ms,
        "capsules": [
            {"user_id": user_id, "device_id": device_id, "capsule": capsule}
            for (user_id, device_id), capsule in message.capsules.items()
        ],
    }


def _stored_before(error: BulkWriteError, numbered: list[_Numbered]) -> int:
    """Return how many of the messages went in before the one that failed; settle that one.

    A number or a message that was there already stays open for the next pass.
    """
    errors = error.details["writeErrors"]
    if not errors:  # stored, but how safely is not known
        raise AppError(ErrorCode.UNAVAILABLE, "write concern") from error
    index, code = errors[0]["index"], errors[0]["code"]
    if code == OUT_OF_DISK_SPACE:
        full = AppError(ErrorCode.STORAGE_FULL, "append")
        refuse((entry for entry, *_ in numbered[index:]), full)
    elif isinstance(refusal(error), AppError):
        raise error
    elif code != DUPLICATE_KEY:
        _log.error("a message could not be stored", extra={"code": code})
        numbered[index][0].outcome = AppError(ErrorCode.INTERNAL, "append")
    return int(index)
