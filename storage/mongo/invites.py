"""Who asked an address that has no account: one document for each address, in MongoDB.

`askers` are in the order they asked in. Once the address has an account, `fulfilled_by` names it
and nothing is added or taken any more: what is left is to make requests of it (`contacts.py`).
"""

from dataclasses import dataclass

from msgspec import convert
from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from protocol.ids import UserId
from storage.mongo.client import Document, Documents
from storage.mongo.documents import load
from storage.mongo.pairs import Asked, next_place

_OPEN = {"fulfilled_by": {"$exists": False}}


@dataclass(frozen=True, slots=True)
class Asker:
    """Somebody who asked; `place` as in `pairs.Asked`."""

    user_id: UserId
    created_ms: int
    place: str


@dataclass(frozen=True, slots=True)
class Fulfilment:
    """An address that has got its account, and who is to become a requester of it."""

    email: str
    fulfilled_by: UserId
    fulfilled_ms: int
    askers: tuple[Asker, ...]


class MongoInvites:
    """The collection `invites`; errors of the driver are left to the store that asks."""

    def __init__(self, documents: Documents) -> None:
        self._invites = documents["invites"]

    async def add(self, user_id: UserId, email: str, now_ms: int) -> bool:
        """Remember an asker once; False when the document of the address did not take it."""
        asker = {"user_id": user_id, "created_ms": now_ms, "place": next_place()}
        try:
            await self._invites.update_one(
                {"_id": email, **_OPEN, "askers.user_id": {"$ne": user_id}},
                {"$push": {"askers": asker}},
                upsert=True,
            )
        except DuplicateKeyError:
            return False
        return True

    async def forget(self, user_id: UserId, email: str) -> None:
        """Take an asker away, and the document with the last one."""
        await self._invites.update_one(
            {"_id": email, **_OPEN}, {"$pull": {"askers": {"user_id": user_id}}}
        )
        await self._invites.delete_one({"_id": email, "askers": []})

    async def of_asker(self, user_id: UserId) -> list[Asked]:
        found = await self._invites.find({"askers.user_id": user_id}).to_list()
        return [
            Asked(document["_id"], asker.created_ms, asker.place)
            for document in found
            for asker in convert(document["askers"], list[Asker])
            if asker.user_id == user_id
        ]

    async def commit(self, email: str, user_id: UserId, now_ms: int) -> Fulfilment | None:
        """Give the address its account; None when nobody had asked or it was done before."""
        document = await self._invites.find_one_and_update(
            {"_id": email, **_OPEN},
            {"$set": {"fulfilled_by": user_id, "fulfilled_ms": now_ms}},
            return_document=ReturnDocument.AFTER,
        )
        return load(document, Fulfilment, "email") if document else None

    async def unsettled_of(self, *user_ids: UserId) -> list[Fulfilment]:
        """Return what is committed for these accounts and not settled."""
        return await self._unsettled({"fulfilled_by": {"$in": list(user_ids)}})

    async def unsettled_at(self, email: str) -> list[Fulfilment]:
        """Return the same for an address."""
        return await self._unsettled({"_id": email, "fulfilled_by": {"$exists": True}})

    async def _unsettled(self, condition: Document) -> list[Fulfilment]:
        found = await self._invites.find(condition).to_list()
        return [load(document, Fulfilment, "email") for document in found]

    async def settled(self, fulfilment: Fulfilment) -> None:
        """Delete the document whose requests are all made."""
        await self._invites.delete_one(
            {"_id": fulfilment.email, "fulfilled_by": fulfilment.fulfilled_by}
        )
