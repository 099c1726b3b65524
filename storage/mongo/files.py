"""Files in MongoDB: a document for each file, and one for each part of a file that is not whole.

The allowance holds without a transaction: a file is first written as "asked", then everything its
owner has is added up, itself included, and only then is it "pending" or gone again. Of two files
that are asked for at once each sees the other, or the one that is written later sees the earlier
one; so at worst both are refused where one would have fitted. Whatever dies in between leaves an
"asked" file, which ends like a pending one.

A file carries the key of its room, as messages do. When a room is retired its files end, and once
more with every sweep while its key is remembered (sweep.py), so that none is left behind by a
process that stood still; a commit finds "pending" or nothing.

A part's document is there for the commit to count, and goes by itself when no file can still be
pending.
"""

from typing import Any

from pymongo.errors import DuplicateKeyError

from models.files import Allowance, File
from protocol.errors import AppError, ErrorCode
from protocol.ids import FileId, RoomId
from protocol.limits import DAY_MS, FILE_PENDING_TTL_MS
from storage.mongo.client import Document, Documents, translates_errors
from storage.mongo.documents import date, dump, load
from storage.mongo.sweep import LIVING_FILES


def _file(document: Document) -> File:
    return load(document, File, "file_id")


@translates_errors
class MongoFileStore:
    """`models.files.FileStore` in MongoDB."""

    def __init__(self, documents: Documents) -> None:
        self._files = documents["files"]
        self._parts = documents["file_parts"]
        self._rooms = documents["rooms"]

    async def begin(self, file: File, allowance: Allowance, now_ms: int) -> File:
        document = {
            **dump(file, "file_id"),
            "hashes": b"",
            "state": "asked",
            "room": await self._key_of_room(file.room_id, now_ms),
        }
        try:
            await self._files.insert_one(document)
        except DuplicateKeyError:
            there = await self.by_id(file.file_id, now_ms)
            if there is not None and there.is_alike(file):
                return there
            if not await self._files.find_one({**document, "created_ms": {"$lte": now_ms}}):
                raise AppError(ErrorCode.CONFLICT, "file id") from None
        try:
            await self._require_space_for(file, allowance, now_ms)
        except AppError:
            await self._files.delete_one({"_id": file.file_id, "state": "asked"})
            raise
        await self._files.update_one(
            {"_id": file.file_id, "state": "asked"}, {"$set": {"state": "pending"}}
        )
        return file

    async def _require_space_for(self, file: File, allowance: Allowance, now_ms: int) -> None:
        stored_bytes = await self._sum({"owner": file.owner, "state": {"$in": LIVING_FILES}})
        begun_bytes = await self._sum({"owner": file.owner, "created_ms": {"$gt": now_ms - DAY_MS}})
        under_way = {"owner": file.owner, "state": {"$in": ["asked", "pending"]}}
        if stored_bytes > allowance.stored_bytes:
            raise AppError(ErrorCode.QUOTA_FULL, "stored")
        if begun_bytes > allowance.daily_bytes:
            raise AppError(ErrorCode.QUOTA_FULL, "day")
        if await self._files.count_documents(under_way) > allowance.pending_files:
            raise AppError(ErrorCode.QUOTA_FULL, "pending")

    async def _sum(self, condition: Document) -> int:
        total: dict[str, Any] = {"_id": None, "size_bytes": {"$sum": "$size_bytes"}}
        rows = await self._files.aggregate([{"$match": condition}, {"$group": total}])
        return sum([int(row["size_bytes"]) async for row in rows])

    async def by_id(self, file_id: FileId, now_ms: int) -> File | None:
        since_ms = now_ms - FILE_PENDING_TTL_MS
        document = await self._files.find_one(
            {
                "_id": file_id,
                "$or": [
                    {"state": "committed"},
                    {"state": "pending", "created_ms": {"$gt": since_ms}},
                ],
            }
        )
        if document is None or not await self._is_room_live(document["room"], now_ms):
            return None
        return _file(document)

    async def _key_of_room(self, room_id: RoomId, now_ms: int) -> Any:
        living = {"room_id": room_id, "expires_ms": {"$gt": now_ms}}
        room = await self._rooms.find_one(living, {"_id": True})
        if room is None:
            raise AppError(ErrorCode.NOT_FOUND, "room")
        return room["_id"]

    async def _is_room_live(self, key: Any, now_ms: int) -> bool:
        living = {"_id": key, "expires_ms": {"$gt": now_ms}}
        return await self._rooms.find_one(living, {"_id": True}) is not None

    async def received(self, file_id: FileId) -> list[int]:
        return sorted(await self._digests(file_id))

    async def _digests(self, file_id: FileId) -> dict[int, bytes]:
        parts = self._parts.find({"file_id": file_id}, {"number": True, "digest": True})
        return {part["number"]: part["digest"] async for part in parts}

    async def add_part(self, file_id: FileId, number: int, digest: bytes) -> bool:
        file = await self._files.find_one(
            {"_id": file_id, "state": "pending"}, {"created_ms": True}
        )
        if file is None:
            return False
        part = {
            "_id": f"{file_id} {number}",
            "file_id": file_id,
            "number": number,
            "digest": digest,
            "expires": date(file["created_ms"] + FILE_PENDING_TTL_MS),
        }
        await self._parts.replace_one({"_id": part["_id"]}, part, upsert=True)
        return True

    async def commit(self, file_id: FileId, now_ms: int) -> File | None:
        file = await self.by_id(file_id, now_ms)
        if file is None or file.state == "committed":
            return file
        digests = await self._digests(file_id)
        if len(digests) < file.parts:
            raise AppError(ErrorCode.INCOMPLETE)
        hashes = b"".join(digests[number] for number in range(file.parts))
        await self._files.update_one(
            {"_id": file_id, "state": "pending"},
            {"$set": {"state": "committed", "hashes": hashes}},
        )
        return await self.by_id(file_id, now_ms)

    async def expire(self, file_id: FileId) -> bool:
        result = await self._files.update_one(
            {"_id": file_id, "state": {"$in": LIVING_FILES}}, {"$set": {"state": "ended"}}
        )
        return result.modified_count > 0

    async def ended(self, now_ms: int, limit: int) -> list[FileId]:
        too_old = {
            "state": {"$in": ["asked", "pending"]},
            "created_ms": {"$lte": now_ms - FILE_PENDING_TTL_MS},
        }
        await self._files.update_many(too_old, {"$set": {"state": "ended"}})
        await self._files.delete_many(
            {"state": "forgotten", "created_ms": {"$lte": now_ms - DAY_MS}}
        )
        ended = self._files.find({"state": "ended"}, {"_id": True}).limit(limit)
        return [document["_id"] async for document in ended]

    async def forget(self, file_id: FileId) -> None:
        await self._files.update_one(
            {"_id": file_id, "state": "ended"}, {"$set": {"state": "forgotten", "hashes": b""}}
        )
        await self._parts.delete_many({"file_id": file_id})

    async def known(self, file_ids: frozenset[FileId]) -> frozenset[FileId]:
        there = {"_id": {"$in": sorted(file_ids)}, "state": {"$ne": "forgotten"}}
        return frozenset(
            [document["_id"] async for document in self._files.find(there, {"_id": True})]
        )
