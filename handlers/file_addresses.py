"""Addresses at which clients reach parts in the store themselves, if the grant is `direct` (S-44).

    POST /api/files/{id}/parts/{n}/address           a hash for where to PUT that part
    POST /api/files/{id}/parts/{n}/arrived           it was put there
    GET  /api/files/{id}/parts/{n}/address           where to GET it
    GET  /api/links/{id}/files/{id}/parts/{n}/address

An address is a secret: it stands in the answer and nowhere else.
"""

from tornado.routing import URLSpec

from handlers.base import BaseHandler
from handlers.files import FILE, FILE_ID, GRANT_HEADER, HASH_BYTES
from handlers.security import public
from handlers.transfers import TRANSFER_ID
from protocol import bodies
from protocol.encoding import parse_b64url
from protocol.ids import FileId, TransferId
from services.file_addresses import FileAddressService
from services.logins import LoginService

NUMBER = r"(?P<number>[0-9]{1,6})"


class _Handler(BaseHandler):
    def initialize(self, *, logins: LoginService, addresses: FileAddressService) -> None:
        self.logins = logins
        self.addresses = addresses

    @property
    def grant(self) -> str:
        return self.request.headers.get(GRANT_HEADER, "")

    def read_hash(self) -> bytes:
        """Return the hash in the request's body. Raises: what `read` raises."""
        return parse_b64url(self.read(bodies.PartHash).hash, HASH_BYTES)


class AddressHandler(_Handler):
    """Where a part can be put, or fetched."""

    async def post(self, file_id: str, number: str) -> None:
        digest = self.read_hash()
        found = await self.addresses.to_put(
            self.principal, FileId(file_id), int(number), self.grant, digest
        )
        self.answer(
            bodies.PutAddress(
                url=found.url, headers=dict(found.headers), expires_ms=found.expires_ms
            )
        )

    async def get(self, file_id: str, number: str) -> None:
        found = await self.addresses.to_get(
            self.principal, FileId(file_id), int(number), self.grant
        )
        self.answer(bodies.GetAddress(url=found.url, expires_ms=found.expires_ms))


class ArrivedHandler(_Handler):
    """A part that was put."""

    async def post(self, file_id: str, number: str) -> None:
        digest = self.read_hash()
        await self.addresses.arrived(
            self.principal, FileId(file_id), int(number), self.grant, digest
        )
        self.answer(bodies.Empty())


class LinkAddressHandler(_Handler):
    """Where a part of a file of a link can be fetched."""

    @public
    async def get(self, transfer_id: str, file_id: str, number: str) -> None:
        found = await self.addresses.to_get_by_link(
            TransferId(transfer_id), FileId(file_id), int(number), self.grant, self.address
        )
        self.answer(bodies.GetAddress(url=found.url, expires_ms=found.expires_ms))


def routes(*, logins: LoginService, addresses: FileAddressService) -> list[URLSpec]:
    """Return the routes of addresses."""
    options = {"logins": logins, "addresses": addresses}
    part = rf"/parts/{NUMBER}"
    link = rf"/api/links/{TRANSFER_ID}/files/{FILE_ID}"
    return [
        URLSpec(FILE + part + r"/address", AddressHandler, options),
        URLSpec(FILE + part + r"/arrived", ArrivedHandler, options),
        URLSpec(link + part + r"/address", LinkAddressHandler, options),
    ]
