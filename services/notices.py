"""Telling people of transfers: their devices at once, their mailbox a moment later (S3-6, S3-27).

All of it, from the look for who a transfer is for, happens after the answer: neither its making nor
its time tells a sender whether an address has an account, or whether somebody blocked them.

    opened, its mail due ─▶ claimed ─▶ paid ─▶ mailer ─▶ taken, or refused for good: settled
              ▲                │         └─ refused by a limit: settled, there is no mail
              │                └─ not taken, or the process died ─┐
              └── CLAIM_MS or more, as long as it has been open ◀─┘

A mail is due in the store from the write that opens its transfer, and every process looks for those
that are, so none is lost with a process, or while a mail server is away. It is sent twice only when
a process dies, or has no database, between its delivery and the note of it. A process that stops
claims no more, and hands over what it has claimed before its mailer closes.
"""

import asyncio
import contextlib
import logging
import zlib
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial

from models.accounts import Account
from models.events import EventSink, Told
from models.ports import Clock, Mailer
from models.stores import Stores
from models.transfers import Transfer
from protocol.errors import AppError, RateLimited
from protocol.frames import TransferChanged, TransferNew
from protocol.ids import TransferId, UserId
from protocol.limits import MINUTE_MS
from services import letters
from services.quotas import Quotas
from services.tasks import spawn

CLAIM_MS = 5 * MINUTE_MS  # longer than the mailer tries, so that no two processes do
CLAIM_MOST_MS = 30 * MINUTE_MS  # how much later than its server a mail may be back
LOOK_S = 30.0
MAILS_A_LOOK = 10  # what the mailer can try before it gives up (`GIVE_UP_MS` of mail/smtp.py)

_log = logging.getLogger(__name__)


class Notices:
    """Tells; whoever asks for their inbox sees the same.

    Args:
        public_url: the origin that stands in mails; may be empty.
    """

    def __init__(
        self,
        stores: Stores,
        clock: Clock,
        events: EventSink,
        mailer: Mailer,
        quotas: Quotas,
        *,
        public_url: str,
    ) -> None:
        self._transfers = stores.transfers
        self._accounts = stores.accounts
        self._contacts = stores.contacts
        self._clock = clock
        self._events = events
        self._mailer = mailer
        self._quotas = quotas
        self._public_url = public_url
        self._under_way = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Send what is due until the stop: mails that no server took, or whose process died."""
        while not self._stopping.is_set():
            try:
                await self._counted(self.mail_again)
            except Exception:  # noqa: BLE001 - a bug costs one look, not all that follow
                _log.exception("a look for mails failed")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S):
                    await self._stopping.wait()

    def stop(self) -> None:
        """Claim no mail any more; what is due stays so in the store, for others or the next start.

        Devices are told as before.
        """
        self._stopping.set()

    async def finish(self) -> None:
        """Wait until what is claimed is with the mailer, and everybody is told."""
        await self._idle.wait()

    async def mail_again(self) -> None:
        """Send what is due and nobody else is at. Raises: AppError."""
        for transfer in await self._transfers.mails_due(self._clock.now_ms(), MAILS_A_LOOK):
            try:
                self._quotas.take("transfer-mail-again", "")
            except RateLimited:
                return  # the others stay due
            if await self._claim(transfer):
                await self._mail(transfer)

    def sent(self, transfer: Transfer) -> None:
        """Tell whom it is for that a transfer is there: devices, and by mail if one is due."""
        spawn(self._counted(partial(self._tell_of_sent, transfer)))

    def sealed(self, transfer: Transfer) -> None:
        """Tell whom it is for that a transfer can be opened now."""
        spawn(self._counted(partial(self._tell_of_new, transfer)))

    def ended(self, transfer: Transfer) -> None:
        """Tell whom it was for, and its sender's devices, that a transfer was withdrawn."""
        self.changed(transfer, transfer.sender)
        spawn(self._counted(partial(self._tell_of_end, transfer)))

    def changed(self, transfer: Transfer, *users: UserId) -> None:
        """Tell the devices of these that they list a transfer as it was."""
        frame = TransferChanged(transfer=transfer.transfer_id)
        self._events.publish(Told(users, frame))

    async def _tell_of_sent(self, transfer: Transfer) -> None:
        # Paid before anybody looks for whom it is for: mails that come must not tell of those that
        # do not. Claimed before it is paid, so that it is paid once.
        is_mailed = await self._claim(transfer) and await self._pay(transfer)
        await self._tell_of_new(transfer)
        if is_mailed:
            await self._mail(transfer)

    async def _tell_of_new(self, transfer: Transfer) -> None:
        account = await self._recipient(transfer)
        if account is not None and not await self._is_kept_away(transfer, account):
            frame = TransferNew(transfer=transfer.transfer_id, user=transfer.sender)
            self._events.publish(Told((account.user_id,), frame))

    async def _tell_of_end(self, transfer: Transfer) -> None:
        account = await self._recipient(transfer)
        if account is not None and not await self._is_kept_away(transfer, account):
            self.changed(transfer, account.user_id)

    async def _recipient(self, transfer: Transfer) -> Account | None:
        if transfer.recipient is not None:
            return await self._accounts.by_id(transfer.recipient)
        return await self._accounts.by_email(transfer.email) if transfer.email else None

    async def _is_kept_away(self, transfer: Transfer, account: Account) -> bool:
        return await self._contacts.is_blocked(account.user_id, transfer.sender)

    async def _pay(self, transfer: Transfer) -> bool:
        """Take what one mail costs; where a limit refuses, there is no mail, now or later.

        What strangers send to an address uses up nothing of what contacts may send to its owner.
        """
        try:
            self._quotas.take("transfer-mail", transfer.sender)
            if transfer.email is not None:
                self._quotas.take("transfer-mail-address", transfer.email)
            elif transfer.recipient is not None:
                self._quotas.take("transfer-mail-contact", transfer.recipient)
            self._quotas.take("transfer-mail-all", "")
        except RateLimited:
            await self._transfers.settle_mail(transfer.transfer_id)
            return False
        return True

    async def _mail(self, transfer: Transfer) -> None:
        """Queue a mail that is claimed, unless nobody is to get it any more."""
        account = await self._recipient(transfer)
        email = account.email if account else transfer.email
        is_kept_away = account is not None and await self._is_kept_away(transfer, account)
        if email is None or is_kept_away or not transfer.is_unheard_of:
            await self._transfers.settle_mail(transfer.transfer_id)
            return
        write = letters.transfer if account else letters.invitation
        letter = write(self._public_url, transfer.expires_ms)
        self._mailer.send(
            to=email,
            subject=letter.subject,
            body=letter.body,
            is_urgent=False,
            settled=partial(self._settle, transfer.transfer_id),
        )

    async def _claim(self, transfer: Transfer) -> bool:
        if self._stopping.is_set():
            return False
        now_ms, due_ms, opened_ms = self._clock.now_ms(), transfer.mail_due_ms, transfer.opened_ms
        if due_ms is None or opened_ms is None or due_ms > now_ms:
            return False
        until_ms = now_ms + max(CLAIM_MS, min(now_ms - opened_ms, CLAIM_MOST_MS))
        until_ms += _spread_ms(transfer.transfer_id, due_ms)
        return await self._transfers.claim_mail(transfer.transfer_id, due_ms, until_ms)

    async def _settle(self, transfer_id: TransferId) -> None:
        try:
            await self._transfers.settle_mail(transfer_id)
        except AppError as error:
            _log.warning("a mail about a transfer comes twice: %s", error.code)

    def _counted(self, tell: Callable[[], Awaitable[None]]) -> Coroutine[object, object, None]:
        """Return what is to be awaited; `finish` waits for it from now on."""
        self._under_way += 1
        self._idle.clear()
        return self._quietly(tell)

    async def _quietly(self, tell: Callable[[], Awaitable[None]]) -> None:
        try:
            await tell()
        except AppError as error:
            _log.warning("nobody was told of a transfer: %s", error.code)
        finally:
            self._under_way -= 1
            if self._under_way == 0:
                self._idle.set()


def _spread_ms(transfer_id: TransferId, due_ms: int) -> int:
    """Return how much longer a claim lasts, below CLAIM_MS and another for each claim.

    Mails that came back together would else come in the same order each time, and those at the end
    never have their turn behind some that hold the mailer up.
    """
    return zlib.crc32(f"{transfer_id} {due_ms}".encode()) % CLAIM_MS
