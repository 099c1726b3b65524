"""Transfers: announced, filled with files, sent; then accepted, sealed, downloaded, ended.

    begin ─▶ files ─▶ send ─▶ inbox ─▶ grant "get" of each file ─▶ note_downloaded
                        └─ to an address ─▶ accept ─▶ the sender's device seals ─▶ grant …

A transfer to an address is a link (services/links.py), and stays one. What its sender sees does not
tell whether the address has an account until somebody accepts.
"""

from dataclasses import dataclass

from models.accounts import Account
from models.ports import Clock
from models.stores import Stores
from models.transfers import Link, Transfer
from protocol.bodies import LinkOffer, SendTransferRequest, StartTransferRequest
from protocol.encoding import parse_b64url
from protocol.errors import AppError, ErrorCode
from protocol.frames import Sealed
from protocol.ids import TransferId, UserId
from protocol.limits import TRANSFERS_PER_USER
from services.access import Access
from services.contacts import ContactService
from services.logins import Principal
from services.names import parse_email
from services.notices import Notices
from services.quotas import Quotas


@dataclass(frozen=True, slots=True)
class TransferOptions:
    """What the operator allows; `public_url` stands in mails and may be empty."""

    has_links: bool = True
    public_url: str = ""


class TransferService:
    """Use cases of whoever sends files and of whom they are for."""

    def __init__(
        self,
        stores: Stores,
        clock: Clock,
        *,
        access: Access,
        contacts: ContactService,
        notices: Notices,
        quotas: Quotas,
        options: TransferOptions,
    ) -> None:
        self._transfers = stores.transfers
        self._blocks = stores.contacts
        self._clock = clock
        self._access = access
        self._contacts = contacts
        self._notices = notices
        self._quotas = quotas
        self._options = options

    async def begin(self, principal: Principal, asked: StartTransferRequest) -> Transfer:
        """Announce a transfer; the same again returns it.

        Raises: AppError(not_enrolled), AppError(bad_request) unless it says in one way whom it is
        for, and somebody else; AppError(forbidden) when links are switched off,
        AppError(not_contact), AppError(conflict), AppError(quota_full), RateLimited
        """
        principal.require_device()
        self._quotas.take("transfer", principal.user_id)
        recipient, email = await self._whom(principal.user_id, asked)
        if asked.kind == "address":
            self._quotas.take("transfer-offer", principal.user_id)
        now_ms = self._clock.now_ms()
        transfer = Transfer(
            transfer_id=asked.id,
            sender=principal.user_id,
            kind=asked.kind,
            created_ms=now_ms,
            expires_ms=now_ms + asked.lives_ms,
            recipient=recipient,
            email=email,
            max_downloads=asked.max_downloads,
        )
        return await self._transfers.begin(transfer, TRANSFERS_PER_USER, now_ms)

    async def send(
        self, principal: Principal, transfer_id: TransferId, asked: SendTransferRequest
    ) -> Transfer:
        """Make a transfer visible and tell whom it is for; the same again changes nothing.

        Raises: AppError(not_found), AppError(not_contact), AppError(forbidden),
        AppError(bad_request), AppError(incomplete) while a file is not whole,
        AppError(conflict) when it was sent with other contents, RateLimited
        """
        self._quotas.take("transfer-call", principal.user_id)
        draft = await self._access.sent_transfer(principal.user_id, transfer_id)
        heads, link = self._contents(draft, asked)
        if draft.kind == "person" and draft.recipient is not None:
            await self._access.require_contact(principal.user_id, draft.recipient)
        now_ms = self._clock.now_ms()
        contents = transfer_id, tuple(asked.files), heads, link, now_ms
        mail_due_ms = None if draft.kind == "link" else now_ms
        transfer = await self._transfers.open(*contents, mail_due_ms=mail_due_ms)
        if transfer is None:
            raise AppError(ErrorCode.NOT_FOUND, "transfer")
        if draft.state == "draft":
            self._notices.sent(transfer)
        return transfer

    async def sent(self, principal: Principal) -> list[Transfer]:
        """Return one's own live ones, drafts too, newest first. Raises: RateLimited."""
        self._quotas.take("transfer-call", principal.user_id)
        return await self._transfers.sent(principal.user_id, self._clock.now_ms())

    async def inbox(self, principal: Principal) -> list[tuple[Transfer, Account]]:
        """Return what is there for a person, each with its sender, newest first.

        Raises: RateLimited
        """
        self._quotas.take("transfer-call", principal.user_id)
        account = await self._access.account(principal.user_id)
        blocked = await self._blocks.blocked(account.user_id)
        found = await self._transfers.received(
            account.user_id, account.email, blocked, self._clock.now_ms()
        )
        senders = await self._access.accounts(dict.fromkeys(each.sender for each in found))
        heard = {
            sender.user_id: sender
            for sender in senders
            if not await self._blocks.is_blocked(account.user_id, sender.user_id)
        }
        return [(each, heard[each.sender]) for each in found if each.sender in heard]

    async def accept(
        self, principal: Principal, transfer_id: TransferId
    ) -> tuple[Transfer, Account]:
        """Accept what was sent to one's address, and become a contact of its sender; twice is once.

        Raises: AppError(not_enrolled), AppError(not_found), RateLimited
        """
        principal.require_device()
        self._quotas.take("transfer-call", principal.user_id)
        before = await self._access.received_transfer(principal.user_id, transfer_id)
        if before.recipient is None:
            # First of the two writes, and only with the first acceptance: who dies in between
            # accepts again, but a contact that one of the two has ended since stays ended.
            await self._contacts.join(principal.user_id, before.sender)
        now_ms = self._clock.now_ms()
        if not await self._transfers.accept(transfer_id, principal.user_id, now_ms):
            raise AppError(ErrorCode.NOT_FOUND, "transfer")
        if before.recipient is None:
            self._notices.changed(before, before.sender, principal.user_id)
        transfer = await self._access.received_transfer(principal.user_id, transfer_id)
        return transfer, await self._access.account(transfer.sender)

    async def heads(self, principal: Principal, transfer_id: TransferId) -> list[Sealed]:
        """Return the heads of what is there for a person, in the order of its files.

        Raises: AppError(not_found), RateLimited
        """
        self._quotas.take("transfer-call", principal.user_id)
        await self._access.sealed_transfer(principal.user_id, transfer_id)
        return await self._transfers.heads(transfer_id)

    async def seal(
        self, principal: Principal, transfer_id: TransferId, heads: list[Sealed]
    ) -> Transfer:
        """Add the heads for whoever accepted, and tell them; twice is once.

        Raises: AppError(not_found), also while nobody has accepted; AppError(not_contact) when they
        are no contact any more, AppError(bad_request) when there are more or fewer than files,
        RateLimited
        """
        self._quotas.take("transfer-call", principal.user_id)
        before = await self._access.sent_transfer(principal.user_id, transfer_id)
        if before.is_accepted and before.recipient is not None:
            await self._access.require_contact(principal.user_id, before.recipient)
        if not await self._transfers.seal(transfer_id, tuple(heads), self._clock.now_ms()):
            raise AppError(ErrorCode.NOT_FOUND, "transfer")
        if not before.is_sealed:
            self._notices.sealed(before)
        return await self._access.sent_transfer(principal.user_id, transfer_id)

    async def note_downloaded(self, principal: Principal, transfer_id: TransferId) -> None:
        """Note that all of a transfer has arrived, and tell its sender; twice is once.

        Raises: AppError(not_found), RateLimited
        """
        self._quotas.take("transfer-call", principal.user_id)
        transfer = await self._access.sealed_transfer(principal.user_id, transfer_id)
        if await self._transfers.note_downloaded(transfer_id, self._clock.now_ms()):
            self._notices.changed(transfer, transfer.sender, principal.user_id)

    async def remove(self, principal: Principal, transfer_id: TransferId) -> None:
        """Withdraw one's own transfer, or decline one.

        What was sent to an address goes on as a link: only out of its owner's sight it is.
        Raises: AppError(not_found), RateLimited
        """
        self._quotas.take("transfer-call", principal.user_id)
        transfer = await self._of_either(principal.user_id, transfer_id)
        is_own = transfer.sender == principal.user_id
        if transfer.kind == "address" and not is_own:
            await self._transfers.hide(transfer_id)
            self._notices.changed(transfer, principal.user_id)
            return
        if not await self._transfers.end(transfer_id):
            raise AppError(ErrorCode.NOT_FOUND, "transfer")
        if not is_own:
            self._notices.changed(transfer, transfer.sender, principal.user_id)
        elif transfer.state == "open":
            self._notices.ended(transfer)

    async def _whom(
        self, user_id: UserId, asked: StartTransferRequest
    ) -> tuple[UserId | None, str | None]:
        """Return person and address of a request that names neither, or one as its kind says."""
        named = (asked.user is not None, asked.email is not None)
        if named != (asked.kind == "person", asked.kind == "address"):
            raise AppError(ErrorCode.BAD_REQUEST, "person or address")
        if asked.kind != "person":
            self._require_links()
        email = parse_email(asked.email) if asked.email is not None else None
        if asked.user == user_id or email == (await self._access.account(user_id)).email:
            raise AppError(ErrorCode.BAD_REQUEST, "oneself")
        if asked.user is not None:
            await self._access.require_contact(user_id, asked.user)
        return asked.user, email

    def _contents(
        self, draft: Transfer, asked: SendTransferRequest
    ) -> tuple[tuple[Sealed, ...], Link | None]:
        """Return heads or link of a request that has what its kind needs, and nothing else."""
        is_person = draft.kind == "person"
        if (asked.heads is not None, asked.link is None) != (is_person, is_person):
            raise AppError(ErrorCode.BAD_REQUEST, "heads or link")
        if len(set(asked.files)) != len(asked.files):
            raise AppError(ErrorCode.BAD_REQUEST, "files")
        if asked.heads is not None:
            if len(asked.heads) != len(asked.files):
                raise AppError(ErrorCode.BAD_REQUEST, "heads")
            return tuple(asked.heads), None
        self._require_links()
        return (), _link(asked.link)

    def _require_links(self) -> None:
        if not self._options.has_links:
            raise AppError(ErrorCode.FORBIDDEN, "links are switched off")

    async def _of_either(self, user_id: UserId, transfer_id: TransferId) -> Transfer:
        try:
            return await self._access.sent_transfer(user_id, transfer_id)
        except AppError:
            return await self._access.received_transfer(user_id, transfer_id)


def _link(offer: LinkOffer | None) -> Link | None:
    if offer is None:
        return None
    return Link(parse_b64url(offer.auth_hash), offer.manifest, offer.has_passphrase)
