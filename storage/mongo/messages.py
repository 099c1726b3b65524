"""The message log in MongoDB: one document a message, with its capsules.

Appends wait in a queue; one task takes what has queued up and appends it as a batch (`append.py`),
so calls get their numbers and their outcomes in the order they came in.
"""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterable
from typing import Any

import msgspec
from bson.timestamp import Timestamp
from pymongo import ASCENDING, DESCENDING

from models.messages import EVERYTHING, AppendDone, Grown, NewMessage
from protocol.errors import AppError, ErrorCode
from protocol.frames import Capsule, Message
from protocol.ids import DeviceId, MsgId, RoomId, UserId
from storage.mongo.append import Entry, append_batch, refuse
from storage.mongo.client import Document, Documents, translates_errors

WAITING_BYTES = 64 * 1024 * 1024  # ciphertext held while the database is slow; more is refused
BATCH_MESSAGES = 256  # they share three round trips; more would only wait longer for the first
BATCH_BYTES = 8 * 1024 * 1024  # far below the 48 MB a command may have
# How far apart the database may date two changes and let the later one be seen first: a moment, and
# after an election the difference of two machines' clocks (R-12).
GROWN_MARGIN_S = 90

_TIME_BITS = 32  # of a Timestamp: seconds above, a counter below
_FIELDS = (
    "seq",
    "msg_id",
    "sender",
    "sender_device",
    "epoch",
    "roster_hash",
    "payload",
    "c2",
    "frank",
    "server_ms",
)

_log = logging.getLogger(__name__)
_capsule = msgspec.json.Decoder(Capsule)


def _message(document: Document) -> Message:
    capsules = document.get("capsules")
    capsule = _capsule.decode(capsules[0]["capsule"]) if capsules else None
    return Message(capsule=capsule, **{name: document[name] for name in _FIELDS})


async def _fitting(sizes: AsyncIterable[Any], limit: int, max_chars: int) -> tuple[list[int], bool]:
    """Return the numbers a page may hold, and whether there are more."""
    kept: list[int] = []
    async for message in sizes:
        max_chars -= message["chars"]
        if len(kept) == limit or (kept and max_chars < 0):
            return kept, True
        kept.append(message["seq"])
    return kept, False


@translates_errors
class MongoMessageStore:
    """`models.messages.MessageStore` in MongoDB."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents
        self._rooms = documents["rooms"]
        self._messages = documents["messages"]
        self._waiting: deque[Entry] = deque()
        self._waiting_bytes = 0
        self._appending: asyncio.Task[None] | None = None
        self._is_closed = False

    def append(self, message: NewMessage, now_ms: int, done: AppendDone) -> None:
        entry = Entry(message, now_ms, done)
        # Refused in its turn, so that the order of `done` holds.
        if self._is_closed:
            entry.turn_away(AppError(ErrorCode.UNAVAILABLE, "closed"))
        elif self._waiting_bytes + entry.size_bytes > WAITING_BYTES:
            entry.turn_away(AppError(ErrorCode.UNAVAILABLE, "too much is waiting"))
        self._waiting_bytes += entry.size_bytes
        self._waiting.append(entry)
        if self._appending is None:
            self._appending = asyncio.get_running_loop().create_task(self._append_waiting())

    async def close(self) -> None:
        """Append what is queued; later calls are refused."""
        self._is_closed = True
        if self._appending is not None:
            await self._appending

    async def _append_waiting(self) -> None:
        while batch := self._take_batch():
            if not await append_batch(self._documents, batch):
                # What waits behind has waited as long, and would only be the next to wait in vain.
                refuse(self._waiting, AppError(ErrorCode.UNAVAILABLE, "the database is away"))
            for entry in batch:
                self._tell(entry)
        self._appending = None

    def _take_batch(self) -> list[Entry]:
        batch: list[Entry] = []
        size_bytes = 0
        while self._waiting and len(batch) < BATCH_MESSAGES and size_bytes < BATCH_BYTES:
            batch.append(self._waiting.popleft())
            size_bytes += batch[-1].size_bytes
        return batch

    def _tell(self, entry: Entry) -> None:
        self._waiting_bytes -= entry.size_bytes
        try:
            entry.done(entry.outcome or AppError(ErrorCode.INTERNAL, "append"))
        except Exception:  # noqa: BLE001 - one listener must not cost the others theirs
            _log.exception("telling the outcome of an append failed")

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
        live = {"room_id": room_id, "expires_ms": {"$gt": now_ms}}
        room = await self._rooms.find_one(live, {"last_seq": True})
        if room is None:
            return [], False
        end = room["last_seq"] + 1
        bounds = {"$gt": after or 0, "$lt": end if before is None else min(before, end)}
        order = DESCENDING if after is None else ASCENDING
        # Their sizes first, because what does not fit is not to leave the database.
        sizes = (
            self._messages.find(
                {"room": room["_id"], "seq": bounds},
                {"_id": False, "seq": True, "chars": {"$strLenCP": "$payload"}},
            )
            .sort("seq", order)
            .limit(limit + 1)
            .batch_size(limit + 1)
        )
        kept, has_more = await _fitting(sizes, limit, max_chars)
        messages = await self._read(room["_id"], kept, reader)
        return messages, has_more and bool(messages)

    async def _read(
        self, key: Any, kept: list[int], reader: tuple[UserId, DeviceId]
    ) -> list[Message]:
        """Return messages oldest first, with the one capsule of the reader's."""
        if not kept:
            return []
        own = {"$elemMatch": {"user_id": reader[0], "device_id": reader[1]}}
        found = (
            self._messages.find(
                {"room": key, "seq": {"$gte": min(kept), "$lte": max(kept)}},
                {"_id": False, **dict.fromkeys(_FIELDS, True), "capsules": own},
            )
            .sort("seq", ASCENDING)
            .batch_size(len(kept))
        )
        return [_message(document) async for document in found]

    async def last_of_device(
        self, user_id: UserId, device_id: DeviceId, now_ms: int
    ) -> tuple[RoomId, MsgId] | None:
        """See the port; by the clock of the process that took each message.

        A device that changes from one process to another within the difference of their clocks may
        be told one before the last, which it knows as well.
        """
        live = {"members.user_id": user_id, "expires_ms": {"$gt": now_ms}}
        rooms = {
            room["_id"]: room["room_id"] async for room in self._rooms.find(live, {"room_id": True})
        }
        last = await self._messages.find_one(
            {"sender_device": device_id, "room": {"$in": list(rooms)}},
            {"room": True, "msg_id": True},
            sort=[("server_ms", DESCENDING), ("call", DESCENDING)],
        )
        return (rooms[last["room"]], last["msg_id"]) if last else None

    async def grown(self, since: int | None) -> tuple[list[Grown], int]:
        """See the port; by the time the database gave to the rooms' last commits.

        That is one clock for all processes, and in a replica set one that no election sets back.
        """
        newest = await self._rooms.find_one(
            {"grown": {"$gt": Timestamp(0, 0)}}, {"grown": True}, sort=[("grown", DESCENDING)]
        )
        place = _place(newest["grown"]) if newest else 0
        if since is None:
            return [], place
        start = Timestamp(max((since >> _TIME_BITS) - GROWN_MARGIN_S, 0), 0)
        rooms = self._rooms.find(
            {"grown": {"$gte": start}}, ("room_id", "last_seq", "members.user_id")
        )
        grown = [
            Grown(room["room_id"], room["last_seq"], tuple(m["user_id"] for m in room["members"]))
            async for room in rooms
        ]
        return grown, max(place, since)


def _place(at: Timestamp) -> int:
    return (at.time << _TIME_BITS) | at.inc
