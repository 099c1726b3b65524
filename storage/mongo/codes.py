"""E-mailed codes in MongoDB: one document for each ticket.

What an attempt finds and what it does to it are one operation, so of concurrent ones none sees what
another is about to change. The database compares the hashes: they are keyed, so that how long it
takes tells nothing of the code.
"""

from pymongo import DESCENDING
from pymongo.errors import DuplicateKeyError

from models.codes import Attempt, PendingCode, Purpose
from storage.mongo.client import Document, Documents, translates_errors
from storage.mongo.documents import date, dump, load


def _code(document: Document) -> PendingCode:
    return load(document, PendingCode, "ticket_hash")


@translates_errors
class MongoCodeStore:
    """`models.codes.CodeStore` in MongoDB."""

    def __init__(self, documents: Documents) -> None:
        self._codes = documents["codes"]

    async def put(self, code: PendingCode) -> None:
        document = {**dump(code, "ticket_hash"), "expires": date(code.expires_ms)}
        while not await self._renew(document) and not await self._add(document):
            pass

    async def _renew(self, document: Document) -> bool:
        """Replace a code that lived when this one was sent, with its attempts left as they are."""
        living = {"_id": document["_id"], "expires_ms": {"$gt": document["sent_ms"]}}
        result = await self._codes.update_one(living, {"$set": document})
        return result.matched_count > 0

    async def _add(self, document: Document) -> bool:
        """Store a code, over one that had expired; False when a living one came in between."""
        expired = {"_id": document["_id"], "expires_ms": {"$lte": document["sent_ms"]}}
        try:
            await self._codes.replace_one(expired, {**document, "failed": 0}, upsert=True)
        except DuplicateKeyError:
            return False
        return True

    async def of_ticket(self, ticket_hash: str, now_ms: int) -> PendingCode | None:
        document = await self._codes.find_one({"_id": ticket_hash, "expires_ms": {"$gt": now_ms}})
        return _code(document) if document else None

    async def of_email(self, purpose: Purpose, email: str, now_ms: int) -> list[PendingCode]:
        living = {"purpose": purpose, "email": email, "expires_ms": {"$gt": now_ms}}
        return [
            _code(document)
            async for document in self._codes.find(living).sort("sent_ms", DESCENDING)
        ]

    async def attempt(self, ticket_hash: str, code_hash: str, now_ms: int, tries: int) -> Attempt:
        open_to_try = {
            "_id": ticket_hash,
            "expires_ms": {"$gt": now_ms},
            "failed": {"$lt": tries},
        }
        right = await self._codes.find_one_and_delete({**open_to_try, "code_hash": code_hash})
        if right:
            return Attempt("right", _code(right))
        wrong = await self._codes.find_one_and_update(open_to_try, {"$inc": {"failed": 1}})
        return Attempt("wrong", _code(wrong)) if wrong else Attempt("gone")
