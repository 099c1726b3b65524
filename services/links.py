"""Links: what whoever has a link may see, without an account (SEAL1 §4.13).

    look ─▶ contents ─▶ begin_download ─▶ readable, read …         the last three show the secret:
                 └─▶ report                                          `auth` first, then a token

A link is there as long as its transfer is; the server holds H(auth) and can open nothing.
"""

import hashlib
import hmac
from collections.abc import AsyncIterator

from models.blobs import Piece
from models.files import File
from models.ports import Clock
from models.reports import Report
from models.stores import Stores
from models.transfers import Link, Transfer
from protocol.bodies import ReportRequest
from protocol.encoding import parse_b64url
from protocol.errors import AppError, ErrorCode
from protocol.ids import DownloadId, FileId, TransferId
from services.downloads import Downloads
from services.grants import Grants
from services.notices import Notices
from services.quotas import Quotas, address_key

AUTH_BYTES = 32


class LinkService:
    """Use cases of whoever opens a link; `address` is where a call comes from.

    `is_direct` is as of `FileService`.
    """

    def __init__(
        self,
        stores: Stores,
        clock: Clock,
        *,
        downloads: Downloads,
        notices: Notices,
        quotas: Quotas,
        grants: Grants,
        is_on: bool,
        is_direct: bool = False,
    ) -> None:
        self.is_direct = is_direct
        self._transfers = stores.transfers
        self._reports = stores.reports
        self._files = stores.files
        self._clock = clock
        self._downloads = downloads
        self._notices = notices
        self._quotas = quotas
        self._grants = grants
        self._is_on = is_on

    async def look(self, transfer_id: TransferId, address: str) -> tuple[Transfer, Link]:
        """Return what a link says before its secret is shown.

        Raises: AppError(not_found), RateLimited
        """
        self._quotas.take("link-look", address_key(address))
        return await self._find(transfer_id)

    async def contents(
        self, transfer_id: TransferId, auth: str, address: str
    ) -> tuple[Transfer, Link]:
        """Return what a link leads to.

        Raises: AppError(not_found), AppError(bad_link), RateLimited
        """
        return await self._open(transfer_id, auth, address)

    async def begin_download(
        self, transfer_id: TransferId, download_id: DownloadId, auth: str, address: str
    ) -> tuple[str, int]:
        """Take a download, and tell the sender; the same id again takes no other one.

        Returns: a token for every file of it, and when it expires (ms UTC).
        Raises: AppError(not_found), AppError(bad_link), AppError(used_up), RateLimited
        """
        self._quotas.take("link-download", address_key(address))
        transfer, _ = await self._open(transfer_id, auth, address)
        holder = f"link:{download_id}"  # never that of a device
        if not await self._transfers.take_download(transfer_id, holder, self._clock.now_ms()):
            raise AppError(ErrorCode.NOT_FOUND, "link")
        self._notices.changed(transfer, transfer.sender)
        return self._grants.issue_link(transfer_id, holder)

    async def readable(
        self, transfer_id: TransferId, file_id: FileId, token: str, address: str
    ) -> File:
        """Return a whole file of a link that may be read now.

        Raises: AppError(bad_grant), AppError(not_found), RateLimited
        """
        self._quotas.take("link-read", address_key(address))
        self._grants.require_link(token, transfer_id)
        return await self._file(transfer_id, file_id)

    def read(
        self, transfer_id: TransferId, file: File, start: int, end: int
    ) -> AsyncIterator[Piece]:
        """Give the bytes from `start` up to `end` of a `readable` file, in small pieces.

        Raises: what `Downloads.read` raises; AppError(not_found) when the link has ended meanwhile
        """
        return self._downloads.read(file, start, end, lambda: self._file(transfer_id, file.file_id))

    async def report(
        self, transfer_id: TransferId, auth: str, asked: ReportRequest, address: str
    ) -> None:
        """Keep for the operator what somebody says of a link; who it was stays unknown.

        Raises: AppError(not_found), AppError(bad_link), RateLimited
        """
        self._quotas.take("link-report", address_key(address))
        transfer, _ = await self._open(transfer_id, auth, address)
        now_ms = self._clock.now_ms()
        await self._reports.add(
            Report(transfer_id, transfer.sender, asked.reason, asked.text, now_ms)
        )

    async def _find(self, transfer_id: TransferId) -> tuple[Transfer, Link]:
        transfer = await self._transfers.by_id(transfer_id, self._clock.now_ms())
        if not self._is_on or transfer is None or transfer.state != "open" or transfer.link is None:
            raise AppError(ErrorCode.NOT_FOUND, "link")
        return transfer, transfer.link

    async def _open(
        self, transfer_id: TransferId, auth: str, address: str
    ) -> tuple[Transfer, Link]:
        """Return a link to whoever shows its secret; tries are counted, right or wrong."""
        self._quotas.take("link-try", address_key(address))
        transfer, link = await self._find(transfer_id)
        if not hmac.compare_digest(_auth_hash(auth), link.auth_hash):
            raise AppError(ErrorCode.BAD_LINK)
        return transfer, link

    async def _file(self, transfer_id: TransferId, file_id: FileId) -> File:
        transfer, _ = await self._find(transfer_id)
        file = await self._files.by_id(file_id, self._clock.now_ms())
        if file is None or not transfer.has_file(file_id):
            raise AppError(ErrorCode.NOT_FOUND, "file")
        return file


def _auth_hash(auth: str) -> bytes:
    try:
        return hashlib.sha256(parse_b64url(auth, AUTH_BYTES)).digest()
    except AppError as error:
        raise AppError(ErrorCode.BAD_LINK, "form") from error
