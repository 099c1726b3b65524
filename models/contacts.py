"""Who knows whom: requests, accepted contacts, blocks, and invitations to an address."""

from dataclasses import dataclass
from typing import Literal, Protocol

from protocol.ids import UserId

State = Literal["incoming", "outgoing", "accepted"]


@dataclass(frozen=True, slots=True)
class Contact:
    """`by_email` is the address an outgoing request was made with.

    Until it is accepted, the requester sees that address and nothing of the account behind it.
    """

    other: UserId
    state: State
    created_ms: int
    by_email: str | None = None


@dataclass(frozen=True, slots=True)
class Invite:
    """A request to an address that had no account when it was made."""

    email: str
    created_ms: int


class ContactStore(Protocol):
    async def request(
        self, user_id: UserId, other: UserId, now_ms: int, by_email: str | None = None
    ) -> State:
        """Ask `other` to be a contact; returns what the two are now, seen from `user_id`.

        An incoming request from `other` is accepted by asking back; asking twice changes nothing.
        A request to someone who blocked `user_id` is stored for the requester's eyes only.
        Who has asked the same person by address and otherwise sees a request and an invitation, as
        if they were two: nothing tells whose address it is.
        Atomicity: two people asking each other at once end as contacts.
        """
        ...

    async def accept(self, user_id: UserId, other: UserId) -> bool:
        """Accept an incoming request; False when there is none (or it is accepted already)."""
        ...

    async def remove(self, user_id: UserId, other: UserId) -> bool:
        """Decline, withdraw or end: both sides lose the relation; False when there was none.

        A request that `other` made by address goes on as an invitation to it, so that an answer
        does not tell that the address has an account.
        """
        ...

    async def state(self, user_id: UserId, other: UserId) -> State | None: ...

    async def of_user(self, user_id: UserId) -> list[Contact]:
        """Return all relations, oldest first."""
        ...

    async def accepted(self, user_id: UserId) -> frozenset[UserId]: ...

    async def invite(self, user_id: UserId, email: str, now_ms: int) -> None:
        """Remember a request to an unknown address; twice is once."""
        ...

    async def invites(self, user_id: UserId) -> list[Invite]: ...

    async def withdraw_invite(self, user_id: UserId, email: str) -> None:
        """Forget a request made by address, whether or not the address has an account."""
        ...

    async def fulfil_invites(self, email: str, user_id: UserId, now_ms: int) -> list[UserId]:
        """Turn the invitations to an address into requests to its new account.

        For those who had asked the request keeps the date of the invitation, so that nothing tells
        them that the address has an account now.
        Returns: the people who had asked, oldest first. Atomicity: all or nothing; a second call
        returns [].
        """
        ...

    async def block(self, user_id: UserId, other: UserId, now_ms: int) -> None:
        """Block and end the relation, as `remove` does, in one step; twice is once."""
        ...

    async def unblock(self, user_id: UserId, other: UserId) -> bool: ...

    async def blocked(self, user_id: UserId) -> list[UserId]:
        """Return whom this user blocked, oldest first."""
        ...

    async def is_blocked(self, user_id: UserId, other: UserId) -> bool:
        """Whether either of the two blocked the other."""
        ...
