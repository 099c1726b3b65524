"""/api/links: what whoever has a link may see; nobody logs in here.

`X-Link-Auth` shows the secret; a download of its own has a token, as a device's has.
"""

from tornado.routing import URLSpec

from handlers.base import BaseHandler
from handlers.files import FILE_ID, GRANT_HEADER, send_content, send_hashes
from handlers.security import public
from handlers.transfers import TRANSFER_ID, file_bodies
from models.files import File
from protocol import bodies
from protocol.ids import FileId, TransferId
from services.links import LinkService

AUTH_HEADER = "X-Link-Auth"


class _Handler(BaseHandler):
    def initialize(self, *, links: LinkService) -> None:
        self.links = links

    @property
    def auth(self) -> str:
        return self.request.headers.get(AUTH_HEADER, "")

    async def file(self, transfer_id: str, file_id: str) -> File:
        token = self.request.headers.get(GRANT_HEADER, "")
        return await self.links.readable(
            TransferId(transfer_id), FileId(file_id), token, self.address
        )


class LinkHandler(_Handler):
    """What a link says before its secret is shown."""

    @public
    async def get(self, transfer_id: str) -> None:
        transfer, link = await self.links.look(TransferId(transfer_id), self.address)
        self.answer(
            bodies.LinkInfo(has_passphrase=link.has_passphrase, expires_ms=transfer.expires_ms)
        )


class ContentsHandler(_Handler):
    """What a link leads to."""

    @public
    async def get(self, transfer_id: str) -> None:
        transfer, link = await self.links.contents(TransferId(transfer_id), self.auth, self.address)
        self.answer(
            bodies.LinkContents(
                manifest=link.manifest,
                files=file_bodies(transfer),
                expires_ms=transfer.expires_ms,
                downloads_left=transfer.downloads_left,
            )
        )


class DownloadsHandler(_Handler):
    """One download, to be taken."""

    @public
    async def post(self, transfer_id: str) -> None:
        asked = self.read(bodies.DownloadRequest)
        token, expires_ms = await self.links.begin_download(
            TransferId(transfer_id), asked.id, self.auth, self.address
        )
        direct = self.links.is_direct
        self.answer(bodies.LinkGrant(token=token, expires_ms=expires_ms, direct=direct))


class LinkHashesHandler(_Handler):
    """The hashes of a file's parts."""

    @public
    async def get(self, transfer_id: str, file_id: str) -> None:
        send_hashes(self, await self.file(transfer_id, file_id))


class LinkContentHandler(_Handler):
    """The ciphertext of a file."""

    @public
    async def get(self, transfer_id: str, file_id: str) -> None:
        file = await self.file(transfer_id, file_id)
        await send_content(
            self,
            file.size_bytes,
            lambda start, end: self.links.read(TransferId(transfer_id), file, start, end),
        )


class ReportsHandler(_Handler):
    """Something for the operator to look at."""

    @public
    async def post(self, transfer_id: str) -> None:
        asked = self.read(bodies.ReportRequest)
        await self.links.report(TransferId(transfer_id), self.auth, asked, self.address)
        self.answer(bodies.Empty())


def routes(*, links: LinkService) -> list[URLSpec]:
    """Return the routes of links."""
    options = {"links": links}
    one = rf"/api/links/{TRANSFER_ID}"
    return [
        URLSpec(one, LinkHandler, options),
        URLSpec(one + r"/contents", ContentsHandler, options),
        URLSpec(one + r"/downloads", DownloadsHandler, options),
        URLSpec(one + rf"/files/{FILE_ID}/hashes", LinkHashesHandler, options),
        URLSpec(one + rf"/files/{FILE_ID}/content", LinkContentHandler, options),
        URLSpec(one + r"/reports", ReportsHandler, options),
    ]
