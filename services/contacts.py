"""Who knows whom: requests, contacts, blocks, and requests to an address.

A request by address looks the same to its maker whether or not the address has an account: it is an
invitation in their list until the other one accepts, and never shows who is behind it.
"""

from dataclasses import dataclass

from models.accounts import Account
from models.contacts import Contact, Invite
from models.events import AccountAltered, EventSink, Told
from models.ports import Clock
from models.stores import Stores
from protocol import limits
from protocol.errors import AppError, ErrorCode
from protocol.frames import ContactChanged
from protocol.ids import UserId
from services.access import Access
from services.accounts import require_one
from services.names import parse_email
from services.quotas import Quotas


@dataclass(frozen=True, slots=True)
class Acquaintances:
    """Everybody a person has something to do with; contacts come with their accounts."""

    contacts: list[tuple[Contact, Account]]
    invites: list[Invite]
    blocked: list[Account]


class ContactService:
    """Asks, accepts, ends, blocks."""

    def __init__(
        self, stores: Stores, clock: Clock, sink: EventSink, access: Access, quotas: Quotas
    ) -> None:
        self._stores = stores
        self._contacts = stores.contacts
        self._clock = clock
        self._sink = sink
        self._access = access
        self._quotas = quotas

    async def of_user(self, user_id: UserId) -> Acquaintances:
        """Return contacts, open requests and blocked people, oldest first."""
        relations = await self._contacts.of_user(user_id)
        asked = [Invite(c.by_email, c.created_ms) for c in relations if c.by_email is not None]
        by_date = sorted(
            asked + await self._contacts.invites(user_id), key=lambda i: (i.created_ms, i.email)
        )
        # An address that was asked before and after a block is in both, and is shown once.
        invites: dict[str, Invite] = {}
        for invite in by_date:
            invites.setdefault(invite.email, invite)
        shown = [contact for contact in relations if contact.by_email is None]
        return Acquaintances(
            list(zip(shown, await self._access.accounts(c.other for c in shown), strict=True)),
            list(invites.values()),
            await self._access.accounts(await self._contacts.blocked(user_id)),
        )

    async def request(self, user_id: UserId, *, friend_code: str | None, email: str | None) -> None:
        """Ask someone to be a contact; asking someone who has asked already accepts.

        Raises: AppError(bad_request) unless exactly one way is used, or for oneself;
        AppError(not_found) for an unknown friend code; AppError(forbidden) when the list is full;
        RateLimited
        """
        self._quotas.take("contact-request", user_id)
        require_one(friend_code, email)
        relations = await self._relations_with_room(user_id)
        if friend_code is None:
            await self._request_by_email(user_id, parse_email(email or ""), relations)
            return
        account = await self._stores.accounts.by_friend_code(friend_code)
        if account is None:
            raise AppError(ErrorCode.NOT_FOUND, "friend code")
        if account.user_id == user_id:
            raise AppError(ErrorCode.BAD_REQUEST, "oneself")
        # Whoever asks somebody wants to hear from them again.
        await self._contacts.unblock(user_id, account.user_id)
        shown = [contact for contact in relations if contact.by_email is None]
        await self._ask(user_id, account.user_id, shown)

    async def accept(self, user_id: UserId, other: UserId) -> tuple[Contact, Account]:
        """Accept an incoming request; accepting twice changes nothing.

        Raises: AppError(not_found)
        """
        contact = await self._access.contact(user_id, other)
        if contact.state == "outgoing":
            raise AppError(ErrorCode.NOT_FOUND, "incoming request")
        if await self._contacts.accept(user_id, other):
            self._tell_accepted(user_id, other)
        return await self._access.contact(user_id, other), await self._access.account(other)

    async def join(self, user_id: UserId, other: UserId) -> None:
        """Make two people contacts who have both shown elsewhere that they want it; twice is once.

        Neither may have blocked the other.
        """
        if await self._contacts.state(user_id, other) == "accepted":
            return
        now_ms = self._clock.now_ms()
        if await self._contacts.request(user_id, other, now_ms) != "accepted":
            await self._contacts.request(other, user_id, now_ms)
        self._tell_accepted(user_id, other)

    async def remove(self, user_id: UserId, other: UserId) -> None:
        """Decline, withdraw or end; rooms the two share stay until they expire.

        Raises: AppError(not_found)
        """
        await self._access.contact(user_id, other)
        await self._end(user_id, other)

    async def withdraw(self, user_id: UserId, email: str) -> None:
        """Forget a request that was made by address."""
        email = parse_email(email)
        relations = await self._contacts.of_user(user_id)
        asked = [contact.other for contact in relations if contact.by_email == email]
        told = [other for other in asked if await self._contacts.state(other, user_id)]
        await self._contacts.withdraw_invite(user_id, email)
        for other in told:
            self._tell(other, user_id, "none")

    async def block(self, user_id: UserId, other: UserId) -> None:
        """Block someone and end the relation; twice is once.

        Raises: AppError(not_found), AppError(bad_request) for oneself
        """
        if other == user_id:
            raise AppError(ErrorCode.BAD_REQUEST, "oneself")
        await self._access.account(other)
        theirs = await self._relation(other, user_id)
        await self._contacts.block(user_id, other, self._clock.now_ms())
        self._tell(user_id, other, "none")
        self._tell_end(other, user_id, theirs)

    async def unblock(self, user_id: UserId, other: UserId) -> None:
        """Take a block back.

        Raises: AppError(not_found) when there is none
        """
        if not await self._contacts.unblock(user_id, other):
            raise AppError(ErrorCode.NOT_FOUND, "block")
        self._tell(user_id, other, "none")

    async def _request_by_email(
        self, user_id: UserId, email: str, relations: list[Contact]
    ) -> None:
        account = await self._stores.accounts.by_email(email)
        blocked = await self._contacts.blocked(user_id)
        now_ms = self._clock.now_ms()
        if account is None:
            await self._contacts.invite(user_id, email, now_ms)
            # The account may have come to be after the look and before the invitation.
            account = await self._stores.accounts.by_email(email)
            if account is not None:
                await self._contacts.fulfil_invites(email, account.user_id, now_ms)
        elif account.user_id in blocked:
            # Lifting the block would tell whose address it is.
            await self._contacts.invite(user_id, email, now_ms)
        elif account.user_id != user_id:
            await self._ask(user_id, account.user_id, relations, email)

    async def _ask(
        self, user_id: UserId, other: UserId, relations: list[Contact], email: str | None = None
    ) -> None:
        """Ask, and tell both what is new to them; `relations` are those the asker is shown."""
        before = next((c.state for c in relations if c.other == other), None)
        state = await self._contacts.request(user_id, other, self._clock.now_ms(), email)
        if state == before:
            return
        if email is None or state == "accepted":
            self._tell(user_id, other, state)
        # Who blocked the asker has no relation to them and hears nothing.
        theirs = await self._contacts.state(other, user_id)
        if theirs is not None:
            self._tell(other, user_id, theirs)

    async def _end(self, user_id: UserId, other: UserId) -> None:
        theirs = await self._relation(other, user_id)
        if await self._contacts.remove(user_id, other):
            self._tell(user_id, other, "none")
            self._tell_end(other, user_id, theirs)

    async def _relation(self, user_id: UserId, other: UserId) -> Contact | None:
        relations = await self._contacts.of_user(user_id)
        return next((contact for contact in relations if contact.other == other), None)

    async def _relations_with_room(self, user_id: UserId) -> list[Contact]:
        """Return all relations, as long as there is room for one more."""
        # Requests that come in do not count, or strangers could use up the list.
        relations = await self._contacts.of_user(user_id)
        own = [contact for contact in relations if contact.state != "incoming"]
        if len(own) + len(await self._contacts.invites(user_id)) >= limits.CONTACTS_PER_USER:
            raise AppError(ErrorCode.FORBIDDEN, "too many contacts")
        return relations

    def _tell_end(self, user_id: UserId, other: UserId, had: Contact | None) -> None:
        """Tell someone that a relation they had is over, if they ever saw who it was with."""
        if had is not None and had.by_email is None:
            self._tell(user_id, other, "none")

    def _tell_accepted(self, user_id: UserId, other: UserId) -> None:
        self._tell(user_id, other, "accepted")
        self._tell(other, user_id, "accepted")

    def _tell(self, user_id: UserId, about: UserId, state: str) -> None:
        self._sink.publish(AccountAltered(user_id))
        self._sink.publish(Told((user_id,), ContactChanged(user=about, state=state)))
