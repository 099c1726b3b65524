"""Files in MongoDB: a document for each file, and one for each part of a file that is not whole.

The allowance holds without a transaction: a file is first written as "asked", then everything its
owner has is added up, itself included, and only then is it "pending" or gone again. Of two files
that are asked for at once each sees the other, or the one that is written later sees the earlier
one; so at worst both are refused where one would have fitted. Whatever dies in between leaves an
"asked" file, which ends like a pending one.

A file carries the key of its room, as messages do. When a room is retired its files end, and once
more with every sweep while its key is remembered (sweep.py), so that none is left behind by a
process that stood still; a commit finds "pending" or nothing. A file of a transfer carries its id,
which nobody takes while there is a record of the file.

A part's document is there for the commit to count, unless it says that the part is only expected,
and goes by itself when no file can still be pending.
"""

from typing import Any

from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from models.files import Allowance, File
from protocol.errors import AppError, ErrorCode, QuotaFull
from protocol.ids import FileId
from protocol.limits import DAY_MS, FILE_PENDING_TTL_MS, FILE_UPLOAD_TTL_MS
from storage.mongo.client import Document, Documents, translates_errors
from storage.mongo.documents import date, dump, is_there, load
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
        self._transfers = documents["transfers"]

    async def begin(self, file: File, allowance: Allowance, now_ms: int) -> File:
        document = {
            **dump(file, "file_id"),
            "hashes": b"",
            "state": "asked",
            "ends_ms": file.created_ms + FILE_PENDING_TTL_MS,
            "room": await self._key_of_room(file, now_ms),
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
            raise QuotaFull("stored")
        if begun_bytes > allowance.daily_bytes:
            raise QuotaFull("daily")
        if await self._files.count_documents(under_way) > allowance.pending_files:
            raise QuotaFull("pending")

    async def _sum(self, condition: Document) -> int:
        total: dict[str, Any] = {"_id": None, "size_bytes": {"$sum": "$size_bytes"}}
        rows = await self._files.aggregate([{"$match": condition}, {"$group": total}])
        return sum([int(row["size_bytes"]) async for row in rows])

    async def by_id(self, file_id: FileId, now_ms: int) -> File | None:
        document = await self._files.find_one(
            {
                "_id": file_id,
                "$or": [
                    {"state": "committed"},
                    {"state": "pending", "ends_ms": {"$gt": now_ms}},
                ],
            }
        )
        if document is None or not await self._is_home_live(document, now_ms):
            return None
        return _file(document)

    async def _key_of_room(self, file: File, now_ms: int) -> Any:
        """Return None for a file of a transfer, which must be a draft."""
        if file.transfer_id is not None:
            draft = {"_id": file.transfer_id, "sender": file.owner, "state": "draft"}
            if not await is_there(self._transfers, {**draft, "ends_ms": {"$gt": now_ms}}):
                raise AppError(ErrorCode.NOT_FOUND, "transfer")
            return None
        living = {"room_id": file.room_id, "expires_ms": {"$gt": now_ms}}
        room = await self._rooms.find_one(living, {"_id": True})
        if room is None:
            raise AppError(ErrorCode.NOT_FOUND, "room")
        return room["_id"]

    async def _is_home_live(self, document: Document, now_ms: int) -> bool:
        after = {"$gt": now_ms}
        if transfer_id := document.get("transfer_id"):
            return await is_there(self._transfers, {"_id": transfer_id, "ends_ms": after})
        return await is_there(self._rooms, {"_id": document["room"], "expires_ms": after})

    async def received(self, file_id: FileId) -> list[int]:
        return sorted(await self._digests(file_id))

    async def _digests(self, file_id: FileId) -> dict[int, bytes]:
        here = {"file_id": file_id, "is_here": {"$ne": False}}
        parts = self._parts.find(here, {"number": True, "digest": True})
        return {part["number"]: part["digest"] async for part in parts}

    async def expect_part(self, file_id: FileId, number: int, digest: bytes, now_ms: int) -> bool:
        is_noted = await self._note_part(file_id, number, digest, is_here=False)
        return is_noted and await self._put_off_end(file_id, now_ms)

    async def add_part(self, file_id: FileId, number: int, digest: bytes, now_ms: int) -> bool:
        is_noted = await self._note_part(file_id, number, digest, is_here=True)
        return is_noted and await self._put_off_end(file_id, now_ms)

    async def _put_off_end(self, file_id: FileId, now_ms: int) -> bool:
        """Let an upload that goes on live, and its draft with it; False when it has ended."""
        latest_ms = {"$add": ["$created_ms", FILE_UPLOAD_TTL_MS]}
        later_ms = {"$min": [now_ms + FILE_PENDING_TTL_MS, latest_ms]}
        file = await self._files.find_one_and_update(
            {"_id": file_id, "state": "pending", "ends_ms": {"$gt": now_ms}},
            [{"$set": {"ends_ms": {"$max": ["$ends_ms", later_ms]}}}],
            {"transfer_id": True, "ends_ms": True},
            return_document=ReturnDocument.AFTER,
        )
        if file is not None and file.get("transfer_id"):
            draft = {"_id": file["transfer_id"], "state": "draft"}
            await self._transfers.update_one(draft, {"$max": {"ends_ms": file["ends_ms"]}})
        return file is not None

    async def _note_part(
        self, file_id: FileId, number: int, digest: bytes, *, is_here: bool
    ) -> bool:
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
            "is_here": is_here,
            "expires": date(file["created_ms"] + FILE_UPLOAD_TTL_MS),
        }
        try:
            await self._parts.insert_one(part)
        except DuplicateKeyError:
            there = await self._parts.find_one({"_id": part["_id"]}, {"digest": True})
            if there is not None and there["digest"] != digest:
                raise AppError(ErrorCode.CONFLICT, "part") from None
            if is_here:
                await self._parts.update_one({"_id": part["_id"]}, {"$set": {"is_here": True}})
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
            "ends_ms": {"$lte": now_ms},
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
