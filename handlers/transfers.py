"""/api/transfers: files for a person, for an address, or for whoever has a link."""

from tornado.routing import URLSpec

from handlers.accounts import person
from handlers.base import BaseHandler
from models.accounts import Account
from models.transfers import Transfer
from protocol import bodies
from protocol.ids import TransferId
from protocol.limits import FILES_PER_TRANSFER, SEALED_HEAD_BYTES
from services.logins import LoginService
from services.transfers import TransferService

TRANSFER_ID = r"(?P<transfer_id>[A-Za-z0-9_-]{21}[AQgw])"
HEADS_BODY_BYTES = 2 * FILES_PER_TRANSFER * SEALED_HEAD_BYTES  # base64url, and what is around it


class _Handler(BaseHandler):
    def initialize(self, *, logins: LoginService, transfers: TransferService) -> None:
        self.logins = logins
        self.transfers = transfers


class TransfersHandler(_Handler):
    """A new transfer."""

    async def post(self) -> None:
        asked = self.read(bodies.StartTransferRequest)
        self.answer(_sent(await self.transfers.begin(self.principal, asked)), 201)


class SendHandler(_Handler):
    """From here on it is visible."""

    body_limit_bytes = HEADS_BODY_BYTES

    async def post(self, transfer_id: str) -> None:
        asked = self.read(bodies.SendTransferRequest)
        transfer = await self.transfers.send(self.principal, TransferId(transfer_id), asked)
        self.answer(_sent(transfer))


class SentHandler(_Handler):
    """One's own transfers."""

    async def get(self) -> None:
        found = await self.transfers.sent(self.principal)
        self.answer(bodies.SentTransfers(transfers=[_sent(transfer) for transfer in found]))


class InboxHandler(_Handler):
    """Those of others, for oneself."""

    async def get(self) -> None:
        found = await self.transfers.inbox(self.principal)
        self.answer(bodies.ReceivedTransfers(transfers=[_received(*pair) for pair in found]))


class AcceptHandler(_Handler):
    """What was sent to one's address, to be accepted."""

    async def post(self, transfer_id: str) -> None:
        self.read(bodies.Empty)
        pair = await self.transfers.accept(self.principal, TransferId(transfer_id))
        self.answer(_received(*pair))


class HeadsHandler(_Handler):
    """What opens the files for one person's devices."""

    body_limit_bytes = HEADS_BODY_BYTES

    async def get(self, transfer_id: str) -> None:
        heads = await self.transfers.heads(self.principal, TransferId(transfer_id))
        self.answer(bodies.TransferHeads(heads=heads))

    async def put(self, transfer_id: str) -> None:
        heads = self.read(bodies.TransferHeads).heads
        transfer = await self.transfers.seal(self.principal, TransferId(transfer_id), heads)
        self.answer(_sent(transfer))


class DownloadedHandler(_Handler):
    """All of it has arrived."""

    async def post(self, transfer_id: str) -> None:
        self.read(bodies.Empty)
        await self.transfers.note_downloaded(self.principal, TransferId(transfer_id))
        self.answer(bodies.Empty())


class TransferHandler(_Handler):
    """One transfer, to be withdrawn or declined."""

    async def delete(self, transfer_id: str) -> None:
        await self.transfers.remove(self.principal, TransferId(transfer_id))
        self.answer(bodies.Empty())


def file_bodies(transfer: Transfer) -> list[bodies.TransferFile]:
    """Return a transfer's files as the wire has them."""
    return [bodies.TransferFile(id=file_id, size_bytes=size) for file_id, size in transfer.files]


def _sent(transfer: Transfer) -> bodies.SentTransfer:
    return bodies.SentTransfer(
        id=transfer.transfer_id,
        kind=transfer.kind,
        state=transfer.state,
        user=transfer.recipient,
        email=transfer.email,
        has_passphrase=transfer.link is not None and transfer.link.has_passphrase,
        is_sealed=transfer.is_sealed,
        created_ms=transfer.created_ms,
        expires_ms=transfer.expires_ms,
        files=file_bodies(transfer),
        downloads=transfer.downloads,
        max_downloads=transfer.max_downloads,
        downloaded_ms=transfer.downloaded_ms,
    )


def _received(transfer: Transfer, sender: Account) -> bodies.ReceivedTransfer:
    return bodies.ReceivedTransfer(
        id=transfer.transfer_id,
        state=transfer.state_for_recipient,
        sender=person(sender),
        created_ms=transfer.created_ms,
        expires_ms=transfer.expires_ms,
        files=file_bodies(transfer),
        downloads_left=transfer.downloads_left,
        downloaded_ms=transfer.downloaded_ms,
    )


def routes(*, logins: LoginService, transfers: TransferService) -> list[URLSpec]:
    """Return the routes of transfers."""
    options = {"logins": logins, "transfers": transfers}
    one = rf"/api/transfers/{TRANSFER_ID}"
    return [
        URLSpec(r"/api/transfers", TransfersHandler, options),
        URLSpec(r"/api/transfers/sent", SentHandler, options),
        URLSpec(r"/api/transfers/inbox", InboxHandler, options),
        URLSpec(one, TransferHandler, options),
        URLSpec(one + r"/send", SendHandler, options),
        URLSpec(one + r"/accept", AcceptHandler, options),
        URLSpec(one + r"/heads", HeadsHandler, options),
        URLSpec(one + r"/downloaded", DownloadedHandler, options),
    ]
