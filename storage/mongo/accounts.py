"""Accounts in MongoDB.

One document a user holds profile, verifier, identity backup and devices, because a change of
password changes verifier and backup together (`backups.py`), and an enrolment devices and backup
(`devices.py`): one document is what MongoDB changes atomically.
"""

from msgspec import to_builtins
from pymongo import UpdateOne
from pymongo.errors import DuplicateKeyError
from pymongo.read_concern import ReadConcern

from models.accounts import Account, Preferences, Verifier
from protocol.errors import AppError, ErrorCode
from protocol.ids import UserId
from storage.mongo.client import Document, Documents, translates_errors
from storage.mongo.documents import Newcomers, dump, load

_PROFILE = {"backup": False, "device_list": False, "devices": False}


@translates_errors
class MongoAccountStore:
    """`models.accounts.AccountStore` in MongoDB."""

    def __init__(self, documents: Documents) -> None:
        self._accounts = documents["accounts"]
        self._newcomers = Newcomers(self._accounts, "email", "friend_code")

    async def create(self, account: Account) -> None:
        document = dump(account, "user_id")
        try:
            await self._newcomers.insert(document)
        except DuplicateKeyError as error:
            raise AppError(ErrorCode.CONFLICT, await self._taken(document)) from error

    async def _taken(self, document: Document) -> str:
        """Say what of a document another account has, be it acknowledged already or not."""
        newest = self._accounts.with_options(read_concern=ReadConcern("local"))
        for field in ("email", "friend_code"):
            if await newest.find_one({field: document[field]}, {"_id": True}):
                return field
        return "user_id"

    async def by_id(self, user_id: UserId) -> Account | None:
        return await self._find({"_id": user_id})

    async def by_email(self, email: str) -> Account | None:
        return await self._find({"email": email})

    async def by_friend_code(self, friend_code: str) -> Account | None:
        return await self._find({"friend_code": friend_code})

    async def _find(self, condition: Document) -> Account | None:
        document = await self._accounts.find_one(condition, _PROFILE)
        return load(document, Account, "user_id") if document else None

    async def set_profile(
        self, user_id: UserId, *, display_name: str | None, preferences: Preferences | None
    ) -> None:
        given = {"display_name": display_name, "preferences": preferences}
        changes = {name: to_builtins(value) for name, value in given.items() if value is not None}
        if changes:
            await self._accounts.update_one({"_id": user_id}, {"$set": changes})

    async def set_verifier(self, user_id: UserId, verifier: Verifier) -> None:
        await self._accounts.update_one(
            {"_id": user_id}, {"$set": {"verifier": to_builtins(verifier)}}
        )

    async def set_last_seen(self, seen_ms: dict[UserId, int]) -> None:
        moves = [
            UpdateOne({"_id": user_id}, {"$max": {"last_seen_ms": at_ms}})
            # In the order of their keys: see `append.py`.
            for user_id, at_ms in sorted(seen_ms.items())
        ]
        if moves:
            await self._accounts.bulk_write(moves, ordered=False)
