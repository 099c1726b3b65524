"""Prekeys: uploaded by a device, claimed by people who may talk to it (SEAL1 §4.3)."""

import asyncio

from models.events import EventSink, Told
from models.keys import Bundle, ClaimShare, PrekeyCount, Target
from models.ports import Clock
from models.stores import Stores
from protocol import bodies, limits
from protocol.errors import AppError, ErrorCode
from protocol.frames import PrekeysLow
from protocol.ids import ClaimId, MsgId, RoomId
from services import signatures
from services.access import Access
from services.devices import to_one_time_prekey, to_signed_prekey
from services.logins import Principal
from services.quotas import Quotas

# Prekey Pogo: whoever empties a device's prekeys learns when it comes back to refill them, and
# weakens the first message of everybody else (SEAL1 §6 row 14).
SHARE = ClaimShare(window_ms=limits.HOUR_MS, of_one_device=5, by_one_claimer=200)


class KeyService:
    """Takes prekeys in and gives them out."""

    def __init__(
        self, stores: Stores, clock: Clock, sink: EventSink, access: Access, quotas: Quotas
    ) -> None:
        self._stores = stores
        self._clock = clock
        self._sink = sink
        self._access = access
        self._quotas = quotas

    async def upload(
        self,
        principal: Principal,
        spk: bodies.SignedPrekey | None,
        opks: list[bodies.OneTimePrekey],
    ) -> PrekeyCount:
        """Replace the signed prekey, when there is one, and add one-time prekeys.

        Raises: AppError(not_enrolled), AppError(bad_key), AppError(bad_signature),
        AppError(prekey_reused), AppError(conflict) when the device would hold too many
        """
        me = await self._access.device(principal)
        self._quotas.take("upload", me.user_id)
        key = await self._access.signing_key(me)
        if spk is not None:
            signatures.require_signed_prekey(spk, key, me.user_id, me.device_id)
        await asyncio.to_thread(
            signatures.require_one_time_prekeys, opks, key, me.user_id, me.device_id
        )
        await self._stores.keys.upload(
            me.user_id,
            me.device_id,
            to_signed_prekey(spk) if spk else None,
            list(map(to_one_time_prekey, opks)),
        )
        return await self.count(principal)

    async def count(self, principal: Principal) -> PrekeyCount:
        """Return what is left of this device's prekeys.

        Raises: AppError(not_enrolled)
        """
        count = await self._stores.keys.count(principal.user_id, principal.require_device())
        if count is None:
            raise AppError(ErrorCode.NOT_ENROLLED)
        return count

    async def claim(
        self, principal: Principal, claim_id: ClaimId, targets: list[Target]
    ) -> list[Bundle]:
        """Take a bundle of each target that the claimer may talk to; the others are left out.

        The same `claim_id` again gives the same bundles.
        Raises: AppError(not_enrolled), RateLimited
        """
        me = await self._access.device(principal)
        self._quotas.take("claim", me.user_id)
        people = {target.user_id for target in targets}
        allowed = {
            other for other in people if await self._access.may_claim_keys(me.user_id, other)
        }
        wanted = [target for target in targets if target.user_id in allowed and target != me]
        bundles = await self._stores.keys.claim(me, claim_id, wanted, SHARE, self._clock.now_ms())
        for bundle in bundles:
            if bundle.opk is not None:
                await self._warn_if_low(bundle.target)
        return bundles

    async def cursor(self, principal: Principal) -> tuple[RoomId, MsgId] | None:
        """Return the last message this device has sent that has not expired.

        Raises: AppError(not_enrolled)
        """
        return await self._stores.messages.last_of_device(
            principal.user_id, principal.require_device(), self._clock.now_ms()
        )

    async def _warn_if_low(self, target: Target) -> None:
        count = await self._stores.keys.count(target.user_id, target.device_id)
        if count is not None and count.opk < limits.PREKEYS_LOW:
            frame = PrekeysLow(opk=count.opk)
            self._sink.publish(Told((target.user_id,), frame, only=target.device_id))
