"""E-mailed six-digit codes and what they unlock (S-05)."""

from dataclasses import dataclass, field
from typing import Literal, Protocol

from protocol.ids import UserId

Purpose = Literal["verify", "login", "reset"]


@dataclass(frozen=True, slots=True)
class Registration:
    """An account that waits for its address to be proven."""

    display_name: str
    salt: str
    m_kib: int
    t: int
    p: int
    password_hash: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class PendingCode:
    """One attempt to prove a mailbox.

    `ticket_hash` (SHA-256 of the ticket, hex) identifies the attempt; `code_hash` is
    HMAC-SHA256(server key, ticket_hash ‖ code), hex. `registration` only for purpose "verify",
    `user_id` for the others; both None when the address is unknown and the row only counts sends.
    """

    purpose: Purpose
    email: str
    ticket_hash: str = field(repr=False)
    code_hash: str = field(repr=False)
    sent_ms: int
    expires_ms: int
    user_id: UserId | None = None
    registration: Registration | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """Outcome of trying a code: the row it belonged to, or why not."""

    outcome: Literal["right", "wrong", "gone"]
    code: PendingCode | None = None


class CodeStore(Protocol):
    async def put(self, code: PendingCode) -> None:
        """Store, replacing an earlier code of the same ticket.

        Failed attempts are counted from 0 again only when the ticket is new.
        """
        ...

    async def of_ticket(self, ticket_hash: str, now_ms: int) -> PendingCode | None: ...

    async def of_email(self, purpose: Purpose, email: str, now_ms: int) -> list[PendingCode]:
        """Return the live codes sent to an address, newest first."""
        ...

    async def attempt(self, ticket_hash: str, code_hash: str, now_ms: int, tries: int) -> Attempt:
        """Try a code once.

        "right": the hash matches, fewer than `tries` attempts had failed, and the row is consumed.
        "wrong": a live row exists and one more failed attempt is counted.
        "gone": no live row, or its tries are used up.
        Atomicity: of concurrent right attempts exactly one gets "right".
        """
        ...
