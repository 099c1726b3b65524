"""Log-ins, their refresh tokens, and trusted browsers in MongoDB.

One document holds a log-in with every token it ever had (`tokens`), the one that is `current` and
the one before it (`previous`), so that a rotation is one update and an end one deletion: whoever
comes second finds the document changed or gone.
"""

from collections.abc import Collection

from pymongo import DESCENDING, ReturnDocument
from pymongo.read_concern import ReadConcern

from models.logins import Login, Rotation
from protocol.ids import DeviceId, LoginId, UserId
from storage.mongo.client import Document, Documents, translates_errors
from storage.mongo.documents import date, dump, load

_LOGIN = {"tokens": False}


def _login(document: Document) -> Login:
    return load(document, Login, "login_id")


def _trust_id(token_hash: str, user_id: UserId, device_id: DeviceId) -> str:
    return f"{user_id} {device_id} {token_hash}"


@translates_errors
class MongoLoginStore:
    """`models.logins.LoginStore` in MongoDB."""

    def __init__(self, documents: Documents) -> None:
        self._logins = documents["logins"]
        self._trusts = documents["trusts"]
        # Also what no majority has yet: an update that found nothing has seen that much.
        self._newest = self._logins.with_options(read_concern=ReadConcern("local"))

    async def create(self, login: Login, token_hash: str) -> None:
        tokens = {"tokens": [token_hash], "current": token_hash, "previous": None, "replaced_ms": 0}
        await self._logins.insert_one(
            {**dump(login, "login_id"), "expires": date(login.expires_ms), **tokens}
        )

    async def by_id(self, login_id: LoginId, now_ms: int) -> Login | None:
        document = await self._logins.find_one(
            {"_id": login_id, "expires_ms": {"$gt": now_ms}}, _LOGIN
        )
        return _login(document) if document else None

    async def live_of(self, login_ids: Collection[LoginId], now_ms: int) -> set[LoginId]:
        living = {"_id": {"$in": list(login_ids)}, "expires_ms": {"$gt": now_ms}}
        return {login["_id"] async for login in self._logins.find(living, {"_id": True})}

    async def of_user(self, user_id: UserId, now_ms: int) -> list[Login]:
        living = {"user_id": user_id, "expires_ms": {"$gt": now_ms}}
        newest_first = self._logins.find(living, _LOGIN).sort("last_used_ms", DESCENDING)
        return [_login(document) async for document in newest_first]

    async def rotate(
        self,
        token_hash: str,
        successor_hash: str,
        *,
        now_ms: int,
        grace_ms: int,
        expires_ms: int,
        address_prefix: str,
    ) -> Rotation | None:
        known = {"tokens": token_hash, "expires_ms": {"$gt": now_ms}}
        used = {"last_used_ms": now_ms, "expires_ms": expires_ms, "address_prefix": address_prefix}
        moved = {"current": successor_hash, "previous": token_hash, "replaced_ms": now_ms}
        rotated = await self._logins.find_one_and_update(
            {**known, "current": token_hash},
            {
                "$set": {**used, **moved, "expires": date(expires_ms)},
                "$push": {"tokens": successor_hash},
            },
            _LOGIN,
            return_document=ReturnDocument.AFTER,
        )
        if rotated:
            return Rotation("rotated", _login(rotated))
        within_grace = {"previous": token_hash, "replaced_ms": {"$gte": now_ms - grace_ms}}
        repeated = await self._newest.find_one({**known, **within_grace}, _LOGIN)
        if repeated:
            return Rotation("repeated", _login(repeated))
        # It is neither current nor fresh, and can become so no more.
        reused = await self._logins.find_one_and_delete(known, _LOGIN)
        return Rotation("reused", _login(reused)) if reused else None

    async def bind_device(self, login_id: LoginId, device_id: DeviceId) -> None:
        await self._logins.update_one({"_id": login_id}, {"$set": {"device_id": device_id}})

    async def end(self, login_id: LoginId) -> bool:
        return bool((await self._logins.delete_one({"_id": login_id})).deleted_count)

    async def end_all(self, user_id: UserId, *, keep: LoginId | None = None) -> list[LoginId]:
        return await self._end({"user_id": user_id, "_id": {"$ne": keep}})

    async def end_of_device(self, user_id: UserId, device_id: DeviceId) -> list[LoginId]:
        return await self._end({"user_id": user_id, "device_id": device_id})

    async def _end(self, condition: Document) -> list[LoginId]:
        """Remove one after the other, so that each is told of by who removed it."""
        ended = []
        while login := await self._logins.find_one_and_delete(condition, {"_id": True}):
            ended.append(LoginId(login["_id"]))
        return ended

    async def trust(
        self, token_hash: str, user_id: UserId, device_id: DeviceId, expires_ms: int
    ) -> None:
        trust_id = _trust_id(token_hash, user_id, device_id)
        trust = {"user_id": user_id, "device_id": device_id, "expires_ms": expires_ms}
        await self._trusts.replace_one(
            {"_id": trust_id}, {**trust, "expires": date(expires_ms)}, upsert=True
        )

    async def is_trusted(
        self, token_hash: str, user_id: UserId, device_id: DeviceId, now_ms: int
    ) -> bool:
        trust_id = _trust_id(token_hash, user_id, device_id)
        return bool(await self._trusts.find_one({"_id": trust_id, "expires_ms": {"$gt": now_ms}}))

    async def distrust(self, user_id: UserId, device_id: DeviceId | None = None) -> None:
        of_device = {} if device_id is None else {"device_id": device_id}
        await self._trusts.delete_many({"user_id": user_id, **of_device})
