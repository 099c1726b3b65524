"""Prekeys: uploaded, counted, claimed; and where this device last spoke."""

from typing import Any

from tornado.routing import URLSpec

from handlers.base import BaseHandler
from models.keys import Bundle, PrekeyCount, Target
from models.ports import Clock
from protocol import bodies
from services.keys import KeyService
from services.logins import LoginService

UPLOAD_BODY_BYTES = 64 * 1024  # a hundred prekeys and a signed one


def bundle_body(bundle: Bundle) -> bodies.Bundle:
    """Return a bundle as it was signed."""
    spk, opk = bundle.spk, bundle.opk
    return bodies.Bundle(
        user=bundle.target.user_id,
        device=bundle.target.device_id,
        cert_hash=bundle.cert_hash,
        spk=bodies.SignedPrekey(
            id=spk.key_id,
            pub=spk.pub,
            created_ms=spk.created_ms,
            expires_ms=spk.expires_ms,
            sig=spk.sig,
        ),
        opk=bodies.OneTimePrekey(id=opk.key_id, pub=opk.pub, sig=opk.sig) if opk else None,
    )


class KeyHandlerBase(BaseHandler):
    """What all of them need."""

    body_limit_bytes = UPLOAD_BODY_BYTES

    def initialize(self, *, logins: LoginService, keys: KeyService, clock: Clock) -> None:
        self.logins = logins
        self.keys = keys
        self.clock = clock

    def count_body(self, count: PrekeyCount) -> bodies.PrekeyCount:
        """Return what is left of a device's prekeys."""
        age_ms = max(0, self.clock.now_ms() - count.spk.created_ms)
        return bodies.PrekeyCount(opk=count.opk, spk_id=count.spk.key_id, spk_age_ms=age_ms)


class PrekeysHandler(KeyHandlerBase):
    """Prekeys, to be uploaded."""

    async def post(self) -> None:
        body = self.read(bodies.PrekeyUpload)
        count = await self.keys.upload(self.principal, body.spk or None, body.opks)
        self.answer(self.count_body(count))


class PrekeyCountHandler(KeyHandlerBase):
    """How many are left."""

    async def get(self) -> None:
        self.answer(self.count_body(await self.keys.count(self.principal)))


class ClaimHandler(KeyHandlerBase):
    """Bundles of other devices."""

    async def post(self) -> None:
        body = self.read(bodies.ClaimRequest)
        targets = [Target(target.user, target.device) for target in body.targets]
        bundles = await self.keys.claim(self.principal, body.claim_id, list(dict.fromkeys(targets)))
        self.answer(bodies.ClaimAnswer(bundles=list(map(bundle_body, bundles))))


class CursorHandler(KeyHandlerBase):
    """The last message this device has sent."""

    async def get(self) -> None:
        room_id, msg_id = await self.keys.cursor(self.principal) or (None, None)
        self.answer(bodies.Cursor(room=room_id, msg_id=msg_id))


def routes(*, logins: LoginService, keys: KeyService, clock: Clock) -> list[URLSpec]:
    """Return the routes of prekeys under `/api/e2ee`."""
    services: dict[str, Any] = {"logins": logins, "keys": keys, "clock": clock}
    return [
        URLSpec(r"/api/e2ee/prekeys", PrekeysHandler, services),
        URLSpec(r"/api/e2ee/prekeys/count", PrekeyCountHandler, services),
        URLSpec(r"/api/e2ee/prekeys/claim", ClaimHandler, services),
        URLSpec(r"/api/e2ee/self/cursor", CursorHandler, services),
    ]
