"""E-mailed six-digit codes: what they prove, how often they are sent and tried (S-05).

An attempt to prove a mailbox begins with a ticket and has a code of its own: the code of one opens
nothing in another, so a stranger who signs up with your address gains nothing from the code that
you receive. Mails for one attempt are CODE_RESEND_MS apart. A new attempt to sign up gets its
mail at once, because the one before may be a stranger's, and so does one to log in, because it took
the password; a new attempt to reset waits for its turn. How many attempts may begin is a matter of
quotas, which do not tell known addresses from unknown ones.
"""

import asyncio
import hashlib
import hmac
from dataclasses import dataclass, field

from models.codes import PendingCode, Purpose, Registration
from models.ports import Clock, Entropy, Mailer
from models.stores import Stores
from protocol import limits
from protocol.encoding import b64url
from protocol.errors import AppError, ErrorCode
from protocol.ids import UserId
from services import letters
from services.names import parse_email
from services.quotas import Quotas, address_key

TICKET_BYTES = 24


@dataclass(frozen=True, slots=True)
class Attempt:
    """Who tries to prove which mailbox for what.

    `user_id` and `registration` say what the right code will do; with neither the attempt can only
    fail, and for "verify" the mail then says that the address has an account already.
    """

    purpose: Purpose
    email: str
    address: str
    user_id: UserId | None = None
    registration: Registration | None = field(default=None, repr=False)


class CodeService:
    """Sends codes and redeems them."""

    def __init__(
        self,
        stores: Stores,
        clock: Clock,
        entropy: Entropy,
        mailer: Mailer,
        quotas: Quotas,
        *,
        code_key: bytes,
    ) -> None:
        self._codes = stores.codes
        self._clock = clock
        self._entropy = entropy
        self._mailer = mailer
        self._quotas = quotas
        self._code_key = code_key

    def require_quota(self, purpose: Purpose, email: str, address: str) -> None:
        """Count one sending, known address or not.

        Raises: RateLimited
        """
        place = address_key(address)
        self._quotas.take("code-send-address", place)
        if purpose == "login":
            # Not from what all mails share: strangers who use that up must not keep people out.
            self._quotas.take("code-send-login", f"{email} {place}")
            return
        self._quotas.take("code-send", f"{purpose} {email} {place}")
        self._quotas.take("code-send-account", f"{purpose} {email}")
        self._quotas.take("mail", "")

    async def begin(self, attempt: Attempt) -> str:
        """Begin an attempt whose quota has been taken; returns its ticket.

        The mail leaves after the caller has answered, so its making does not show in the time of
        the answer (S-04).
        """
        ticket = b64url(self._entropy.token(TICKET_BYTES))
        now_ms = self._clock.now_ms()
        sent_ms = await self._just_sent_ms(attempt, now_ms) if attempt.purpose == "reset" else None
        code = self._entropy.digits(limits.CODE_DIGITS)
        await self._codes.put(self._row(attempt, _hash(ticket), code, now_ms, sent_ms or now_ms))
        if sent_ms is None:
            self._mail(attempt, code)
        return ticket

    async def send_again(
        self, purpose: Purpose, email: str, ticket: str | None, address: str
    ) -> None:
        """Send a new code for an attempt; does nothing, silently, when there is none or too soon.

        Without a ticket it is the newest registration of that address.
        Raises: RateLimited
        """
        email = parse_email(email)
        self.require_quota(purpose, email, address)
        now_ms = self._clock.now_ms()
        row = await self._find(purpose, email, ticket, now_ms)
        if row is None or now_ms < row.sent_ms + limits.CODE_RESEND_MS:
            return
        code = self._entropy.digits(limits.CODE_DIGITS)
        attempt = Attempt(purpose, email, address, row.user_id, row.registration)
        await self._codes.put(self._row(attempt, row.ticket_hash, code, now_ms, now_ms))
        self._mail(attempt, code)

    async def redeem(
        self, purpose: Purpose, email: str, ticket: str | None, code: str, address: str
    ) -> PendingCode:
        """Use a code up and return what it proves.

        Raises: RateLimited; AppError(bad_code); AppError(code_expired) when the attempt is over
        """
        self._quotas.take("code-try", address_key(address))
        if ticket is None:
            return await self._redeem_unnamed(purpose, email, code)
        ticket_hash = _hash(ticket)
        now_ms = self._clock.now_ms()
        row = await self._codes.of_ticket(ticket_hash, now_ms)
        if row is None or (row.purpose, row.email) != (purpose, email):
            raise AppError(ErrorCode.CODE_EXPIRED)
        return await self._use_up(row, code, now_ms)

    async def _redeem_unnamed(self, purpose: Purpose, email: str, code: str) -> PendingCode:
        """Let the code alone say which registration it proves.

        A miss counts against the address and not against its attempts: a stranger who guesses here
        must not use up the tries of the owner.
        """
        if purpose != "verify":
            raise AppError(ErrorCode.BAD_REQUEST, "ticket missing")
        now_ms = self._clock.now_ms()
        self._quotas.take("code-try-account", email)
        for row in await self._codes.of_email(purpose, email, now_ms):
            if hmac.compare_digest(row.code_hash, self._code_hash(row.ticket_hash, code)):
                return await self._use_up(row, code, now_ms)
        raise AppError(ErrorCode.BAD_CODE)

    async def _use_up(self, row: PendingCode, code: str, now_ms: int) -> PendingCode:
        tried = await self._codes.attempt(
            row.ticket_hash,
            self._code_hash(row.ticket_hash, code),
            now_ms,
            limits.CODE_ATTEMPTS,
        )
        if tried.outcome == "gone":
            raise AppError(ErrorCode.CODE_EXPIRED)
        if tried.outcome == "wrong" or tried.code is None:
            raise AppError(ErrorCode.BAD_CODE)
        return tried.code

    async def _find(
        self, purpose: Purpose, email: str, ticket: str | None, now_ms: int
    ) -> PendingCode | None:
        if ticket is not None:
            row = await self._codes.of_ticket(_hash(ticket), now_ms)
            return row if row and (row.purpose, row.email) == (purpose, email) else None
        rows = await self._codes.of_email("verify", email, now_ms) if purpose == "verify" else []
        return next((row for row in rows if row.registration), None)

    async def _just_sent_ms(self, attempt: Attempt, now_ms: int) -> int | None:
        rows = await self._codes.of_email(attempt.purpose, attempt.email, now_ms)
        recent = (row.sent_ms for row in rows if now_ms < row.sent_ms + limits.CODE_RESEND_MS)
        return max(recent, default=None)

    def _row(
        self, attempt: Attempt, ticket_hash: str, code: str, now_ms: int, sent_ms: int
    ) -> PendingCode:
        return PendingCode(
            purpose=attempt.purpose,
            email=attempt.email,
            ticket_hash=ticket_hash,
            code_hash=self._code_hash(ticket_hash, code),
            sent_ms=sent_ms,
            expires_ms=now_ms + limits.CODE_TTL_MS,
            user_id=attempt.user_id,
            registration=attempt.registration,
        )

    def _mail(self, attempt: Attempt, code: str) -> None:
        if attempt.user_id or attempt.registration:
            self.post(letters.code(attempt.purpose, code), attempt.email)
        elif attempt.purpose == "verify":
            self.post(letters.known_address(), attempt.email)

    def post(self, letter: letters.Letter, email: str) -> None:
        """Mail a letter as soon as the request that caused it has been answered."""
        asyncio.get_running_loop().call_soon(
            lambda: self._mailer.send(
                to=email, subject=letter.subject, body=letter.body, is_urgent=True
            )
        )

    def _code_hash(self, ticket_hash: str, code: str) -> str:
        return hmac.digest(self._code_key, (ticket_hash + code).encode(), hashlib.sha256).hex()


def _hash(ticket: str) -> str:
    return hashlib.sha256(ticket.encode()).hexdigest()
