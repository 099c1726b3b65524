"""Relations, blocks and invitations in MongoDB.

A pair of people is one document of `relations` (`pairs.py`), read, changed and written back only
while it has the revision that was read: both sides change together or not at all.

Invitations to an address are one document (`invites.py`). When the address gets an account, one
update of it is the commit. Making requests of it can be done again by anybody, and is done before
anything is told or changed of the new account's relations; then the document goes. So a process
that dies in between leaves nothing half done that anybody could see.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TypeVar

from bson import ObjectId
from msgspec import convert, to_builtins
from pymongo.errors import DuplicateKeyError

from models.contacts import Contact, Invite, State
from protocol.ids import UserId
from storage.mongo import pairs
from storage.mongo.client import Document, Documents, translates_errors
from storage.mongo.invites import Fulfilment, MongoInvites
from storage.mongo.pairs import Pair, Relation, Side, next_place

Result = TypeVar("Result")
Change = Callable[[Pair], tuple[Pair, Result]]


def _pair_id(user_id: UserId, other: UserId) -> str:
    return " ".join(sorted((user_id, other)))


def _pair(document: Document, user_id: UserId) -> Pair:
    """Return a document as this user sees it."""
    first, second = (convert(side, Side) for side in document["sides"])
    return Pair(first, second) if first.user_id == user_id else Pair(second, first)


@translates_errors
class MongoContactStore:
    """`models.contacts.ContactStore` in MongoDB."""

    def __init__(self, documents: Documents) -> None:
        self._relations = documents["relations"]
        self._invites = MongoInvites(documents)

    async def request(
        self, user_id: UserId, other: UserId, now_ms: int, by_email: str | None = None
    ) -> State:
        asked = Relation("outgoing", now_ms, next_place(), by_email)
        if by_email is None:
            return await self._change(user_id, other, lambda p: pairs.request(p, asked, now_ms))
        for invited in await self._invites.of_asker(user_id):
            if invited.email == by_email:
                asked = replace(asked, created_ms=invited.created_ms)
        state = await self._change(user_id, other, lambda p: pairs.request(p, asked, now_ms))
        if state == "outgoing":
            await self._invites.forget(user_id, by_email)
        return state

    async def accept(self, user_id: UserId, other: UserId) -> bool:
        def accept_incoming(pair: Pair) -> tuple[Pair, bool]:
            if pair.mine.state != "incoming":
                return pair, False
            return pairs.accept(pair), True

        return await self._change(user_id, other, accept_incoming)

    async def remove(self, user_id: UserId, other: UserId) -> bool:
        def remove_known(pair: Pair) -> tuple[Pair, bool]:
            if pair.mine.relation is None:
                return pair, False
            return pairs.remove(pair), True

        return await self._change(user_id, other, remove_known)

    async def state(self, user_id: UserId, other: UserId) -> State | None:
        await self._settle(await self._invites.unsettled_of(user_id))
        return (await self._between(user_id, other)).mine.state

    async def of_user(self, user_id: UserId) -> list[Contact]:
        await self._settle(await self._invites.unsettled_of(user_id))
        return pairs.contacts(await self._pairs(user_id))

    async def accepted(self, user_id: UserId) -> frozenset[UserId]:
        all_pairs = await self._pairs(user_id)
        return frozenset(pair.theirs.user_id for pair in all_pairs if pair.mine.state == "accepted")

    async def invite(self, user_id: UserId, email: str, now_ms: int) -> None:
        while not await self._invites.add(user_id, email, now_ms):
            if not await self._settle(await self._invites.unsettled_at(email)):
                return  # asked before

    async def invites(self, user_id: UserId) -> list[Invite]:
        all_pairs = await self._pairs(user_id)
        requested = {pair.mine.relation.by_email for pair in all_pairs if pair.mine.relation}
        asked = [pair.mine.asked for pair in all_pairs if pair.mine.asked]
        asked += await self._invites.of_asker(user_id)
        found: dict[str, Invite] = {}
        for one in sorted(asked, key=lambda one: (one.created_ms, one.place)):
            if one.email not in requested:
                found.setdefault(one.email, Invite(one.email, one.created_ms))
        return list(found.values())

    async def withdraw_invite(self, user_id: UserId, email: str) -> None:
        await self._settle(await self._invites.unsettled_at(email))
        await self._invites.forget(user_id, email)
        for pair in await self._pairs(user_id):
            if pairs.withdraw(pair, email) != pair:
                await self._change(
                    user_id, pair.theirs.user_id, lambda p: (pairs.withdraw(p, email), None)
                )

    async def fulfil_invites(self, email: str, user_id: UserId, now_ms: int) -> list[UserId]:
        fulfilment = await self._invites.commit(email, user_id, now_ms)
        if fulfilment is None:
            return []
        await self._settle([fulfilment])
        return [asker.user_id for asker in fulfilment.askers]

    async def block(self, user_id: UserId, other: UserId, now_ms: int) -> None:
        await self._change(user_id, other, lambda pair: (pairs.block(pair, now_ms), None))

    async def unblock(self, user_id: UserId, other: UserId) -> bool:
        return await self._change(
            user_id, other, lambda pair: (pairs.unblock(pair), pair.mine.blocked_ms is not None)
        )

    async def blocked(self, user_id: UserId) -> list[UserId]:
        found = [
            (pair.mine.blocked_ms, pair.theirs.user_id)
            for pair in await self._pairs(user_id)
            if pair.mine.blocked_ms is not None
        ]
        return [other for _, other in sorted(found)]

    async def is_blocked(self, user_id: UserId, other: UserId) -> bool:
        return (await self._between(user_id, other)).is_blocked

    async def _pairs(self, user_id: UserId) -> list[Pair]:
        found = await self._relations.find({"sides.user_id": user_id}).to_list()
        return [_pair(document, user_id) for document in found]

    async def _between(self, user_id: UserId, other: UserId) -> Pair:
        document = await self._relations.find_one({"_id": _pair_id(user_id, other)})
        return _pair(document, user_id) if document else Pair(Side(user_id), Side(other))

    async def _settle(self, fulfilments: list[Fulfilment]) -> bool:
        """Make requests of what was asked of an address; whether there was anything to do."""
        for fulfilment in fulfilments:
            for asker in fulfilment.askers:
                # For the asker it stays the request of that day, or its date would tell that the
                # address has an account now.
                asked = Relation("outgoing", asker.created_ms, asker.place, fulfilment.email)
                ask = partial(pairs.request_once, asked=asked, now_ms=fulfilment.fulfilled_ms)
                await self._change_settled(asker.user_id, fulfilment.fulfilled_by, ask)
            await self._invites.settled(fulfilment)
        return bool(fulfilments)

    async def _change(self, user_id: UserId, other: UserId, change: Change[Result]) -> Result:
        """Change a pair in one step; `change` is called again when somebody else was faster."""
        await self._settle(await self._invites.unsettled_of(user_id, other))
        return await self._change_settled(user_id, other, change)

    async def _change_settled(
        self, user_id: UserId, other: UserId, change: Change[Result]
    ) -> Result:
        key = {"_id": _pair_id(user_id, other)}
        while True:
            document = await self._relations.find_one(key)
            before = _pair(document, user_id) if document else Pair(Side(user_id), Side(other))
            after, result = change(before)
            if after == before or await self._replace(key, document, after):
                return result

    async def _replace(self, key: Document, document: Document | None, pair: Pair) -> bool:
        """Write a changed pair over the document it was read from; False when that has changed."""
        changed = {**key, "revision": ObjectId(), "sides": to_builtins((pair.mine, pair.theirs))}
        if document is None:
            try:
                await self._relations.insert_one(changed)
            except DuplicateKeyError:
                return False
            return True
        as_read = {**key, "revision": document["revision"]}
        if pair.is_empty:
            return bool((await self._relations.delete_one(as_read)).deleted_count)
        return bool((await self._relations.replace_one(as_read, changed)).matched_count)
