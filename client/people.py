"""Contacts of the own account."""

from msgspec import UNSET

from client.api import Api
from client.errors import RefusedError
from protocol import bodies
from protocol.ids import UserId


class People:
    """Finding, asking and accepting."""

    def __init__(self, api: Api) -> None:
        self._api = api

    async def me(self) -> bodies.OwnAccount:
        """The own account, with the friend code that others type."""
        return await self._api.call("GET", "/api/users/me", bodies.OwnAccount)

    async def contacts(self) -> bodies.ContactList:
        """Everybody there is a relation with."""
        return await self._api.call("GET", "/api/contacts", bodies.ContactList)

    async def find(self, friend_code: str, state: str) -> UserId:
        """The person with this friend code, when there is a relation of this state with them.

        Raises: RefusedError `not_found`
        """
        for contact in (await self.contacts()).contacts:
            if contact.user.friend_code == friend_code and contact.state == state:
                return contact.user.id
        raise RefusedError({"code": "not_found", "message": f"no {state} contact {friend_code}"})

    async def add(self, code_or_email: str) -> None:
        """Ask somebody to become a contact.

        Raises: RefusedError `not_found` for an unknown friend code; an unknown address is not told
        """
        is_email = "@" in code_or_email
        request = bodies.FindRequest(
            email=code_or_email if is_email else UNSET,
            friend_code=UNSET if is_email else code_or_email,
        )
        await self._api.call("POST", "/api/contacts", bodies.Empty, request)

    async def accept(self, user: UserId) -> None:
        """Agree to an incoming request.

        Raises: RefusedError `not_found`
        """
        await self._api.call("POST", f"/api/contacts/{user}/accept", bodies.Contact)
