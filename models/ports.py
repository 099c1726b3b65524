"""Ports that store nothing: time, randomness, password hashing, mail."""

from typing import Protocol


class Clock(Protocol):
    def now_ms(self) -> int:
        """Return wall-clock time, milliseconds UTC; for what is stored or sent."""
        ...

    def monotonic_ms(self) -> int:
        """Return a time that never jumps; for limits and timeouts within one process."""
        ...


class Entropy(Protocol):
    def token(self, size_bytes: int) -> bytes:
        """Return random bytes fit for keys."""
        ...

    def digits(self, count: int) -> str:
        """Return uniformly random decimal digits."""
        ...


class PasswordHasher(Protocol):
    """bcrypt(base64(HMAC-SHA256(pepper, auth_key))), off the loop (SEAL1 §4.11, S-01, S-03)."""

    async def hash(self, auth_key: bytes) -> str:
        """Return the string to store.

        Raises: AppError(unavailable) when more than 32 are waiting.
        """
        ...

    async def verify(self, auth_key: bytes, stored: str | None) -> bool:
        """Compare in constant time; None (no such account) costs as much as a real comparison.

        Raises: AppError(unavailable) when more than 32 are waiting.
        """
        ...


class Mailer(Protocol):
    def send(self, *, to: str, subject: str, body: str) -> None:
        """Queue one plain-text mail and return at once; failures are retried and then logged."""
        ...

    async def close(self) -> None:
        """Send what is queued, for at most five seconds, and stop."""
        ...
