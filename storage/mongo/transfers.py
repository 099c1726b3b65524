"""Transfers in MongoDB: a document each, with its heads, its link and who has taken a download.

So whatever becomes of one is one update: it opens with everything or not at all, and the limit of
downloads is a condition of counting one.

How many somebody has is bounded as files are (`files.py`): a transfer is first written as "asked",
then those of its sender are counted, itself included, and only then is it a draft or gone again.

It ends when it is replaced by what only says so, after which nobody finds it or its files; then the
files end, and the document goes last, because as long as it is there nobody takes its id. Whoever
dies in between leaves the rest to the next sweep (`sweep.py`). A file that was begun by a process
which stood still meanwhile is nobody's, and ends like any pending one.
"""

from collections.abc import Collection
from typing import Any

from msgspec import to_builtins
from pymongo import ASCENDING, DESCENDING
from pymongo.errors import DuplicateKeyError

from models.transfers import Link, Transfer, newest_first
from protocol.errors import AppError, ErrorCode, QuotaFull
from protocol.frames import Sealed
from protocol.ids import FileId, TransferId, UserId
from protocol.limits import TRANSFER_DOWNLOADS, TRANSFERS_SHOWN
from storage.mongo.client import Document, Documents, translates_errors
from storage.mongo.documents import dump, is_there, load
from storage.mongo.sweep import end_transfer, erase_transfers

_LIVING = {"$in": ["draft", "open"]}
_UNREAD = {"heads": False, "holders": False}
_LISTED = {**_UNREAD, "link.manifest": False}
_NEWEST_FIRST = [("created_ms", DESCENDING), ("_id", ASCENDING)]
_BELOW_LIMIT = {
    "$or": [{"max_downloads": None}, {"$expr": {"$lt": ["$downloads", "$max_downloads"]}}]
}


def dump_transfer(transfer: Transfer, **others: Any) -> Document:
    """Return the document of a transfer; `others` are its fields that no dataclass has."""
    document = dump(transfer, "transfer_id")
    return {**document, "link": _dump_link(transfer.link), "ends_ms": transfer.ends_ms, **others}


def _dump_link(link: Link | None) -> Any:
    return to_builtins(link, builtin_types=(bytes,))


def _transfer(document: Document) -> Transfer:
    state = "open" if document["state"] == "open" else "draft"
    return load({**document, "state": state}, Transfer, "transfer_id")


def _listed(document: Document) -> Transfer:
    if document["link"]:
        document["link"]["manifest"] = ""
    return _transfer(document)


def _open(transfer_id: TransferId, now_ms: int) -> Document:
    return {"_id": transfer_id, "state": "open", "ends_ms": {"$gt": now_ms}}


@translates_errors
class MongoTransferStore:
    """`models.transfers.TransferStore` in MongoDB."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents
        self._transfers = documents["transfers"]
        self._files = documents["files"]

    async def begin(self, transfer: Transfer, most: int, now_ms: int) -> Transfer:
        document = dump_transfer(transfer, state="asked", heads=[], holders=[])
        try:
            await self._transfers.insert_one(document)
        except DuplicateKeyError:
            document = await self._alike(transfer, now_ms)
        there = _transfer(document)
        asked = {"_id": there.transfer_id, "state": "asked"}
        if document["state"] == "asked":
            try:
                await self._require_free(there, most, now_ms)
            except AppError:
                await self._transfers.delete_one(asked)
                raise
            await self._transfers.update_one(asked, {"$set": {"state": "draft"}})
        return there

    async def _alike(self, transfer: Transfer, now_ms: int) -> Document:
        """Return the document that stands in the way; also of one that is still asked for."""
        living = {"_id": transfer.transfer_id, "ends_ms": {"$gt": now_ms}}
        document = await self._transfers.find_one(living, _UNREAD)
        if document is None or not _transfer(document).is_alike(transfer):
            raise AppError(ErrorCode.CONFLICT, "transfer id")
        return document

    async def _require_free(self, transfer: Transfer, most: int, now_ms: int) -> None:
        if await self._files.find_one({"transfer_id": transfer.transfer_id}, {"_id": True}):
            raise AppError(ErrorCode.CONFLICT, "transfer id of one that has ended")
        living = {"sender": transfer.sender, "ends_ms": {"$gt": now_ms}}
        if await self._transfers.count_documents(living) > most:
            raise QuotaFull("transfers")

    async def by_id(self, transfer_id: TransferId, now_ms: int) -> Transfer | None:
        living = {"_id": transfer_id, "state": _LIVING, "ends_ms": {"$gt": now_ms}}
        document = await self._transfers.find_one(living, _UNREAD)
        return _transfer(document) if document else None

    async def open(
        self,
        transfer_id: TransferId,
        files: tuple[FileId, ...],
        heads: tuple[Sealed, ...],
        link: Link | None,
        now_ms: int,
        *,
        mail_due_ms: int | None = None,
    ) -> Transfer | None:
        there = await self.by_id(transfer_id, now_ms)
        if there is not None and there.state == "draft":
            end_ms = now_ms + there.lives_ms
            changes = {
                "state": "open",
                "opened_ms": now_ms,
                "expires_ms": end_ms,
                "ends_ms": end_ms,
                "files": await self._whole(transfer_id, files),
                "link": _dump_link(link),
                "heads": list(heads),
                "is_sealed": bool(heads),
                "mail_due_ms": mail_due_ms,
            }
            draft = {"_id": transfer_id, "state": "draft", "ends_ms": {"$gt": now_ms}}
            await self._transfers.update_one(draft, {"$set": changes})
            # Whoever was faster may have opened it with other contents.
            there = await self.by_id(transfer_id, now_ms)
        if there is None:
            return None
        if there.is_opened_with(files, heads, link, await self.heads(transfer_id)):
            return there
        raise AppError(ErrorCode.CONFLICT, "transfer")

    async def _whole(self, transfer_id: TransferId, files: tuple[FileId, ...]) -> list[list[Any]]:
        whole = {"_id": {"$in": list(files)}, "transfer_id": transfer_id, "state": "committed"}
        found = self._files.find(whole, {"size_bytes": True})
        sizes = {file["_id"]: file["size_bytes"] async for file in found}
        if len(sizes) < len(files):
            raise AppError(ErrorCode.INCOMPLETE)
        return [[file_id, sizes[file_id]] for file_id in files]

    async def accept(self, transfer_id: TransferId, user_id: UserId, now_ms: int) -> bool:
        offered = {
            **_open(transfer_id, now_ms),
            "kind": "address",
            "is_hidden": False,
            "recipient": {"$in": [None, user_id]},
        }
        return await self._change(offered, {"recipient": user_id})

    async def seal(self, transfer_id: TransferId, heads: tuple[Sealed, ...], now_ms: int) -> bool:
        there = await self.by_id(transfer_id, now_ms)
        if there is None or not there.is_accepted:
            return False
        if len(heads) != len(there.files):
            raise AppError(ErrorCode.BAD_REQUEST, "heads")
        unsealed = {**_open(transfer_id, now_ms), "is_sealed": False}
        await self._change(unsealed, {"is_sealed": True, "heads": list(heads)})
        return True

    async def heads(self, transfer_id: TransferId) -> list[Sealed]:
        document = await self._transfers.find_one({"_id": transfer_id}, {"heads": True})
        return document.get("heads", []) if document else []

    async def sent(self, user_id: UserId, now_ms: int) -> list[Transfer]:
        return await self._list({"sender": user_id, "state": _LIVING}, now_ms)

    async def received(
        self, user_id: UserId, email: str, blocked: Collection[UserId], now_ms: int
    ) -> list[Transfer]:
        shown = {"state": "open", "is_hidden": False, "sender": {"$nin": list(blocked)}}
        mine = await self._list({"recipient": user_id, **shown}, now_ms, TRANSFERS_SHOWN)
        offers = {"email": email, "recipient": None, **shown}
        return newest_first([*mine, *await self._list(offers, now_ms, TRANSFERS_SHOWN)])

    async def _list(self, condition: Document, now_ms: int, most: int = 0) -> list[Transfer]:
        """Return the newest, all of them without a limit."""
        living = {**condition, "ends_ms": {"$gt": now_ms}}
        found = self._transfers.find(living, _LISTED).sort(_NEWEST_FIRST).limit(most)
        return [_listed(document) async for document in found]

    async def take_download(self, transfer_id: TransferId, holder: str, now_ms: int) -> bool:
        there = _open(transfer_id, now_ms)
        result = await self._transfers.update_one(
            {**there, **_BELOW_LIMIT, "holders": {"$ne": holder}},
            {
                "$inc": {"downloads": 1},
                "$push": {"holders": {"$each": [holder], "$slice": TRANSFER_DOWNLOADS}},
            },
        )
        if result.matched_count or await is_there(self._transfers, {**there, "holders": holder}):
            return True
        if await is_there(self._transfers, there):
            raise AppError(ErrorCode.USED_UP)
        return False

    async def note_downloaded(self, transfer_id: TransferId, now_ms: int) -> bool:
        unnoted = {**_open(transfer_id, now_ms), "downloaded_ms": None}
        return await self._change(unnoted, {"downloaded_ms": now_ms})

    async def mails_due(self, now_ms: int, most: int) -> list[Transfer]:
        due = {"state": "open", "mail_due_ms": {"$lte": now_ms}, "ends_ms": {"$gt": now_ms}}
        found = self._transfers.find(due, _LISTED).sort("mail_due_ms", ASCENDING).limit(most)
        return [_listed(document) async for document in found]

    async def claim_mail(self, transfer_id: TransferId, due_ms: int, until_ms: int) -> bool:
        due = {"_id": transfer_id, "mail_due_ms": due_ms}
        return await self._change(due, {"mail_due_ms": until_ms})

    async def settle_mail(self, transfer_id: TransferId) -> None:
        await self._change({"_id": transfer_id, "state": "open"}, {"mail_due_ms": None})

    async def hide(self, transfer_id: TransferId) -> None:
        await self._change({"_id": transfer_id, "kind": "address"}, {"is_hidden": True})

    async def end(self, transfer_id: TransferId) -> bool:
        living = {"_id": transfer_id, "state": _LIVING}
        if await end_transfer(self._transfers, living) is None:
            return False
        await erase_transfers(self._documents, [transfer_id])
        return True

    async def of_sender(self, user_id: UserId) -> list[TransferId]:
        found = self._transfers.find({"sender": user_id, "state": _LIVING}, {"_id": True})
        return [document["_id"] async for document in found.sort("created_ms", ASCENDING)]

    async def _change(self, condition: Document, changes: Document) -> bool:
        """Change one document, or none when it does not meet the condition."""
        result = await self._transfers.update_one(condition, {"$set": changes})
        return result.matched_count > 0
