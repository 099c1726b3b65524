"""Contacts, requests and blocks."""

from tornado.routing import URLSpec

from handlers.accounts import USER_ID, person
from handlers.base import BaseHandler
from models.accounts import Account
from models.contacts import Contact
from protocol import bodies
from protocol.ids import UserId
from services.contacts import ContactService
from services.logins import LoginService

ACCEPTED = 202


def contact_body(contact: Contact, account: Account) -> bodies.Contact:
    """Return a relation with who it is with."""
    return bodies.Contact(user=person(account), state=contact.state, created_ms=contact.created_ms)


class ContactHandlerBase(BaseHandler):
    """What all of them need."""

    def initialize(self, *, logins: LoginService, contacts: ContactService) -> None:
        self.logins = logins
        self.contacts = contacts


class ContactsHandler(ContactHandlerBase):
    """Everybody one knows or asked to know."""

    async def get(self) -> None:
        found = await self.contacts.of_user(self.principal.user_id)
        self.answer(
            bodies.ContactList(
                contacts=[contact_body(*pair) for pair in found.contacts],
                invites=[
                    bodies.Invite(email=invite.email, created_ms=invite.created_ms)
                    for invite in found.invites
                ],
                blocked=[person(account) for account in found.blocked],
            )
        )

    async def post(self) -> None:
        body = self.read(bodies.FindRequest)
        await self.contacts.request(
            self.principal.user_id, friend_code=body.friend_code or None, email=body.email or None
        )
        self.answer(bodies.Empty(), ACCEPTED)


class ContactHandler(ContactHandlerBase):
    """One relation, to be ended."""

    async def delete(self, user_id: str) -> None:
        await self.contacts.remove(self.principal.user_id, UserId(user_id))
        self.answer(bodies.Empty())


class AcceptHandler(ContactHandlerBase):
    """An incoming request, to be accepted."""

    async def post(self, user_id: str) -> None:
        self.read(bodies.Empty)
        pair = await self.contacts.accept(self.principal.user_id, UserId(user_id))
        self.answer(contact_body(*pair))


class WithdrawHandler(ContactHandlerBase):
    """A request by address, to be forgotten."""

    async def post(self) -> None:
        email = self.read(bodies.WithdrawRequest).email
        await self.contacts.withdraw(self.principal.user_id, email)
        self.answer(bodies.Empty())


class BlockHandler(ContactHandlerBase):
    """One person, to be blocked or not."""

    async def put(self, user_id: str) -> None:
        self.read(bodies.Empty)
        await self.contacts.block(self.principal.user_id, UserId(user_id))
        self.answer(bodies.Empty())

    async def delete(self, user_id: str) -> None:
        await self.contacts.unblock(self.principal.user_id, UserId(user_id))
        self.answer(bodies.Empty())


def routes(*, logins: LoginService, contacts: ContactService) -> list[URLSpec]:
    """Return the routes of `/api/contacts` and `/api/blocks`."""
    services = {"logins": logins, "contacts": contacts}
    return [
        URLSpec(r"/api/contacts", ContactsHandler, services),
        URLSpec(r"/api/contacts/withdraw", WithdrawHandler, services),
        URLSpec(rf"/api/contacts/{USER_ID}", ContactHandler, services),
        URLSpec(rf"/api/contacts/{USER_ID}/accept", AcceptHandler, services),
        URLSpec(rf"/api/blocks/{USER_ID}", BlockHandler, services),
    ]
