"""A person's account: how the server knows them and checks their password."""

from dataclasses import dataclass, field
from typing import Literal, Protocol

from protocol.ids import UserId

Role = Literal["user", "admin"]


@dataclass(frozen=True, slots=True)
class KdfParams:
    """Argon2id parameters chosen by the browser at registration."""

    m_kib: int
    t: int
    p: int


@dataclass(frozen=True, slots=True)
class Verifier:
    """What a log-in is checked against.

    `salt` is the browser's 16 random bytes as base64url; `password_hash` a bcrypt string over the
    derived auth key, never over the password.
    """

    salt: str
    kdf: KdfParams
    password_hash: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Preferences:
    """Privacy switches the server itself honours."""

    read_receipts: bool = True
    presence: bool = True


@dataclass(frozen=True, slots=True)
class Account:
    user_id: UserId
    email: str
    display_name: str
    friend_code: str
    verifier: Verifier
    role: Role
    preferences: Preferences
    created_ms: int
    last_seen_ms: int = 0


def normalise_email(email: str) -> str:
    """Return the one spelling under which an address is stored and compared.

    The whole address is lower-cased: no provider of today tells mailboxes apart by case, and two
    accounts that look alike are an attack.
    """
    return email.strip().lower()


class AccountStore(Protocol):
    async def create(self, account: Account) -> None:
        """Add an account with its address already proven.

        Atomicity: of concurrent calls with one e-mail address or friend code exactly one succeeds.
        Raises: AppError(conflict), `detail` "email" or "friend_code", when that is taken.
        """
        ...

    async def by_id(self, user_id: UserId) -> Account | None: ...

    async def by_email(self, email: str) -> Account | None:
        """Find by the normalised address."""
        ...

    async def by_friend_code(self, friend_code: str) -> Account | None: ...

    async def set_profile(
        self, user_id: UserId, *, display_name: str | None, preferences: Preferences | None
    ) -> None:
        """Change what is not None."""
        ...

    async def set_verifier(self, user_id: UserId, verifier: Verifier) -> None: ...

    async def set_last_seen(self, seen_ms: dict[UserId, int]) -> None:
        """Remember when people were last on-line; never moves a time backwards."""
        ...
