"""Mail through an SMTP server: encrypted, certificate checked, tried again for ten minutes (S-66).

send ──▶ waits (at most WAITING) ──▶ SENDING at a time ──▶ delivered
                 ▲                        │ 4xx, connection lost
                 └── 1 s, 2 s, 4 s … ◀────┘     any other refusal, or too late: logged, dropped
"""

import asyncio
import logging
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from email.message import EmailMessage

import aiosmtplib

from mail.message import compose
from models.ports import Clock
from protocol.limits import MINUTE_MS

WAITING = 1_000
SENDING = 4
GIVE_UP_MS = 10 * MINUTE_MS  # a code is no longer good after that
RETRY_MAX_S = 60.0
ATTEMPT_S = 30.0
CLOSE_S = 5.0

_log = logging.getLogger("sealroom.mail")


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """Where mail goes. `security` is "starttls", "tls", or "none" for a server on this machine."""

    host: str
    port: int
    security: str
    user: str = ""
    password: str = field(default="", repr=False)


class SmtpMailer:
    """`models.ports.Mailer` over SMTP."""

    def __init__(
        self,
        server: SmtpServer,
        clock: Clock,
        *,
        sender: str,
        tls: Callable[[], ssl.SSLContext] = ssl.create_default_context,
        retry_s: float = 1.0,
    ) -> None:
        self._server = server
        self._clock = clock
        self._sender = sender
        self._tls = tls()
        self._retry_s = retry_s
        self._slots = asyncio.Semaphore(SENDING)
        self._waiting: set[asyncio.Task[None]] = set()

    def send(self, *, to: str, subject: str, body: str) -> None:
        """Queue a mail; when too many wait already it is dropped and logged.

        Raises: ValueError for what would break a header
        """
        message = compose(
            sender=self._sender,
            to=to,
            subject=subject,
            body=body,
            now_ms=self._clock.now_ms(),
            cte="quoted-printable",
        )
        if len(self._waiting) >= WAITING:
            _log.error("a mail was dropped: too many are waiting")
            return
        task = asyncio.get_running_loop().create_task(self._deliver(message))
        self._waiting.add(task)
        task.add_done_callback(self._waiting.discard)

    async def close(self) -> None:
        if self._waiting:
            await asyncio.wait(self._waiting, timeout=CLOSE_S)
        for task in self._waiting:
            task.cancel()

    async def _deliver(self, message: EmailMessage) -> None:
        """Try until it is delivered, refused for good, or too late."""
        deadline_ms = self._clock.monotonic_ms() + GIVE_UP_MS
        delay_s = self._retry_s
        while True:
            try:
                async with self._slots:
                    await self._attempt(message)
                return
            except (aiosmtplib.SMTPException, OSError) as error:
                reason = _reason(error)
                if not _is_temporary(error) or self._clock.monotonic_ms() >= deadline_ms:
                    _log.error("a mail was not delivered: %s", reason)
                    return
            _log.warning("a mail will be tried again: %s", reason)
            await asyncio.sleep(delay_s)
            delay_s = min(2 * delay_s, RETRY_MAX_S)

    async def _attempt(self, message: EmailMessage) -> None:
        server = self._server
        await aiosmtplib.send(
            message,
            hostname=server.host,
            port=server.port,
            username=server.user or None,
            password=server.password or None,
            use_tls=server.security == "tls",
            start_tls=server.security == "starttls",
            tls_context=self._tls,
            timeout=ATTEMPT_S,
        )


def _codes(error: Exception) -> list[int]:
    """Return the reply codes of a refusal."""
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        return [recipient.code for recipient in error.recipients]
    return [error.code] if isinstance(error, aiosmtplib.SMTPResponseException) else []


def _is_temporary(error: Exception) -> bool:
    """Whether the same mail may pass later (RFC 5321 §4.2.1): 4xx, or no answer at all."""
    codes = _codes(error)
    if codes:
        return all(400 <= code < 500 for code in codes)
    return isinstance(error, OSError)


def _reason(error: Exception) -> str:
    """Return what may be logged: never the server's words, which may quote the address."""
    return " ".join([type(error).__name__, *map(str, _codes(error))])
