"""Ports that store nothing: time, randomness, password hashing, mail."""

from collections.abc import Callable, Coroutine
from typing import Protocol

Settled = Callable[[], Coroutine[object, object, None]]


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
    def send(
        self, *, to: str, subject: str, body: str, is_urgent: bool, settled: Settled | None = None
    ) -> None:
        """Queue one plain-text mail and return at once; failures are retried and then logged.

        Urgent is what is good for minutes only, or warns; others never take its place. After
        `close` a mail is dropped with a line in the log.

        Args:
            settled: awaited when the mail was taken, or its recipient or text refused for good. For
                a mail that is dropped, given up or lost it is not: whoever sent it sends it again,
                and no sooner than four minutes later (`GIVE_UP_MS` of `mail/smtp.py`).
        """
        ...

    async def close(self) -> None:
        """Send what is queued, for at most two seconds, and stop."""
        ...
