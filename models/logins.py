"""A log-in: one browser's chain of refresh tokens (architecture §2 Sessions, S-13)."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal, Protocol

from protocol.ids import DeviceId, LoginId, UserId


@dataclass(frozen=True, slots=True)
class Login:
    """`address_prefix` is the /24 or /48 the log-in was last used from, never a full address.

    `proven_ms` is when password and code were last shown, for what needs a fresh log-in.
    """

    login_id: LoginId
    user_id: UserId
    device_id: DeviceId | None
    device_name: str
    platform: str
    address_prefix: str
    created_ms: int
    proven_ms: int
    last_used_ms: int
    expires_ms: int


@dataclass(frozen=True, slots=True)
class Rotation:
    """What became of a refresh token.

    "rotated": the token was current and `successor_hash` now is.
    "repeated": it is the immediate predecessor, used again within the grace; nothing changed.
    "reused": it is older than that; the log-in has been ended.
    """

    outcome: Literal["rotated", "repeated", "reused"]
    login: Login


class LoginStore(Protocol):
    async def create(self, login: Login, token_hash: str) -> None: ...

    async def by_id(self, login_id: LoginId, now_ms: int) -> Login | None: ...

    async def live_of(self, login_ids: Collection[LoginId], now_ms: int) -> set[LoginId]:
        """Return those of these log-ins that have neither ended nor run out, in one query."""
        ...

    async def of_user(self, user_id: UserId, now_ms: int) -> list[Login]:
        """Return the live log-ins, most recently used first."""
        ...

    async def rotate(
        self,
        token_hash: str,
        successor_hash: str,
        *,
        now_ms: int,
        grace_ms: int,
        expires_ms: int,
        address_prefix: str,
    ) -> Rotation | None:
        """Exchange a refresh token for its successor.

        Returns: None when no live log-in ever had this token.
        Atomicity: of concurrent calls with the current token one gets "rotated", the rest
        "repeated"; "reused" removes the log-in in the same step.
        """
        ...

    async def bind_device(self, login_id: LoginId, device_id: DeviceId) -> None: ...

    async def end(self, login_id: LoginId) -> bool:
        """Remove one log-in; False when it was not there."""
        ...

    async def end_all(self, user_id: UserId, *, keep: LoginId | None = None) -> list[LoginId]:
        """Remove the log-ins of a user but one, and return which."""
        ...

    async def end_of_device(self, user_id: UserId, device_id: DeviceId) -> list[LoginId]: ...

    async def trust(
        self, token_hash: str, user_id: UserId, device_id: DeviceId, expires_ms: int
    ) -> None:
        """Remember that the holder of a cookie needs no code to log in to this device again."""
        ...

    async def is_trusted(
        self, token_hash: str, user_id: UserId, device_id: DeviceId, now_ms: int
    ) -> bool: ...

    async def distrust(self, user_id: UserId, device_id: DeviceId | None = None) -> None:
        """Forget the trusted browsers of one device, or of all."""
        ...
