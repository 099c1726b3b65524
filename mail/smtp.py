"""Mail through an SMTP server: encrypted, certificate checked, tried again for a while (S-66).

send ──▶ waits (`places`) ──▶ `at_once` at a time ──▶ delivered
              ▲                        │ 4xx, connection lost
              └── 1 s, 2 s, 4 s … ◀────┘     any other refusal, or too late: logged, dropped

What is dropped though neither its recipient nor its text was refused is for its sender to send
again (`models.ports.Mailer`), so others than urgent ones wait here only for a short time.

Urgent mails, which hold codes, have a queue of their own: others may fill theirs and wait for a
mail server that is away, and no code comes later for it.
"""

import asyncio
import logging
import re
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from email.message import EmailMessage

import aiosmtplib

from mail.message import compose
from models.ports import Clock, Settled
from protocol.limits import MINUTE_MS

URGENT_PLACES, URGENT_AT_ONCE = 1_000, 3
OTHER_PLACES, OTHER_AT_ONCE = 500, 1
GIVE_UP_URGENT_MS = 10 * MINUTE_MS  # a code is no longer good after that
GIVE_UP_MS = 2 * MINUTE_MS  # whoever sent it sends it again (services/notices.py)
RETRY_MAX_S = 60.0
STEP_S = 30.0  # for one answer of the mail server
ATTEMPT_S = 60.0
CLOSE_S = 2.0  # the database stays open for a little longer, so what was taken can be noted
CANCEL_AGAIN_S = 0.05  # the driver may lose a cancellation (services/tasks.py says why)

# Enhanced codes (RFC 3463) that no other setting would change: a mailbox that is not there or takes
# nothing, a text that cannot be read. Not the sender's address (5.1.7, 5.1.8), not a policy (5.7).
_ABOUT_THE_MAIL = re.compile(r"5\.(?:1\.(?![78]\b)|2\.|6\.)\d")
_ENHANCED = re.compile(r"[245]\.\d{1,3}\.\d{1,3}\b")
_NO_SUCH_MAILBOX = frozenset((550, 551, 553))  # where a server says no more

_log = logging.getLogger("sealroom.mail")


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """Where mail goes. `security` is "starttls", "tls", or "none" for a server on this machine."""

    host: str
    port: int
    security: str
    user: str = ""
    password: str = field(default="", repr=False)


class _Queue:
    """Mails that wait or are under way."""

    def __init__(self, places: int, at_once: int, give_up_ms: int) -> None:
        self.places = places
        self.give_up_ms = give_up_ms
        self.slots = asyncio.Semaphore(at_once)
        self.tasks: set[asyncio.Task[None]] = set()


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
        self._urgent = _Queue(URGENT_PLACES, URGENT_AT_ONCE, GIVE_UP_URGENT_MS)
        self._others = _Queue(OTHER_PLACES, OTHER_AT_ONCE, GIVE_UP_MS)
        self._is_closed = False

    def send(
        self, *, to: str, subject: str, body: str, is_urgent: bool, settled: Settled | None = None
    ) -> None:
        """Queue a mail; when too many wait already it is dropped and logged.

        Raises: ValueError for what would break a header
        """
        if self._is_closed:
            _log.warning("a mail was dropped: the process stops")
            return
        message = compose(
            sender=self._sender,
            to=to,
            subject=subject,
            body=body,
            now_ms=self._clock.now_ms(),
            cte="quoted-printable",
        )
        queue = self._urgent if is_urgent else self._others
        if len(queue.tasks) >= queue.places:
            _log.error("a mail was dropped: too many are waiting")
            return
        task = asyncio.get_running_loop().create_task(self._deliver(message, queue, settled))
        queue.tasks.add(task)
        task.add_done_callback(queue.tasks.discard)

    async def close(self) -> None:
        self._is_closed = True
        waiting, patience_s = self._urgent.tasks | self._others.tasks, CLOSE_S
        while waiting:
            _, waiting = await asyncio.wait(waiting, timeout=patience_s)
            patience_s = CANCEL_AGAIN_S
            for task in waiting:
                task.cancel()

    async def _deliver(self, message: EmailMessage, queue: _Queue, settled: Settled | None) -> None:
        """Try until it is delivered, refused for good, or too late."""
        deadline_ms = self._clock.monotonic_ms() + queue.give_up_ms
        delay_s, reason = self._retry_s, "its turn did not come"
        while True:
            async with queue.slots:
                if self._clock.monotonic_ms() >= deadline_ms:
                    level = logging.WARNING if settled else logging.ERROR
                    _log.log(level, "a mail was not delivered: %s", reason)
                    return
                try:
                    await self._attempt(message)
                    break
                except (aiosmtplib.SMTPException, OSError) as error:
                    reason = _reason(error)
                    if not _is_temporary(error):
                        _log.error("a mail was not delivered: %s", reason)
                        if _is_about_the_mail(error):
                            break
                        return
            _log.warning("a mail will be tried again: %s", reason)
            await asyncio.sleep(delay_s)
            delay_s = min(2 * delay_s, RETRY_MAX_S)
        if settled:
            await settled()

    async def _attempt(self, message: EmailMessage) -> None:
        server = self._server
        async with asyncio.timeout(ATTEMPT_S):
            await aiosmtplib.send(
                message,
                hostname=server.host,
                port=server.port,
                username=server.user or None,
                password=server.password or None,
                use_tls=server.security == "tls",
                start_tls=server.security == "starttls",
                tls_context=self._tls,
                timeout=STEP_S,
            )


def _codes(error: Exception) -> list[int]:
    """Return the reply codes of a refusal."""
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        return [recipient.code for recipient in error.recipients]
    return [error.code] if isinstance(error, aiosmtplib.SMTPResponseException) else []


def _is_about_the_mail(error: Exception) -> bool:
    """Whether the recipient or the text was refused, and not this server or its operator."""
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        return all(
            _ABOUT_THE_MAIL.match(each.message)
            or (each.code in _NO_SUCH_MAILBOX and not _ENHANCED.match(each.message))
            for each in error.recipients
        )
    if isinstance(error, aiosmtplib.SMTPDataError):
        return bool(_ABOUT_THE_MAIL.match(error.message))
    return False


def _is_temporary(error: Exception) -> bool:
    """Whether the same mail may pass later (RFC 5321 §4.2.1): 4xx, or no answer at all."""
    codes = _codes(error)
    if codes:
        return all(400 <= code < 500 for code in codes)
    return isinstance(error, OSError)


def _reason(error: Exception) -> str:
    """Return what may be logged: never the server's words, which may quote the address."""
    return " ".join([type(error).__name__, *map(str, _codes(error))])
