"""Mail over a real SMTP server (S-66)."""

import asyncio
import contextlib
import email
import email.policy
import logging
import ssl
from collections.abc import AsyncIterator, Callable
from email.message import EmailMessage
from typing import Any

import pytest

from mail import smtp
from mail.smtp import SmtpMailer, SmtpServer
from models.ports import Settled
from services import letters, notices
from tests.harness import MovableClock
from tests.mail.conftest import Certificate, Mailbox, Serve, known, until

TO = "an@example.org"
LETTER = letters.code("verify", "123456")


@pytest.fixture
async def mailer(
    clock: MovableClock, certificate: Certificate
) -> AsyncIterator[Callable[..., SmtpMailer]]:
    """Make a mailer for a port: `mailer(port, "starttls")`."""
    made: list[SmtpMailer] = []

    def make(
        port: int,
        security: str,
        *,
        tls: Callable[[], ssl.SSLContext] = certificate.trusting,
        **options: Any,
    ) -> SmtpMailer:
        server = SmtpServer("localhost", port, security, **options)
        made.append(
            SmtpMailer(server, clock, sender="Sealroom <hi@example.net>", tls=tls, retry_s=0.01)
        )
        return made[-1]

    yield make
    for each in made:
        for task in waiting(each):
            task.cancel()
        await each.close()


def send(
    mailer: SmtpMailer, to: str = TO, *, is_urgent: bool = True, settled: Settled | None = None
) -> None:
    subject, body = LETTER.subject, LETTER.body
    mailer.send(to=to, subject=subject, body=body, is_urgent=is_urgent, settled=settled)


def waiting(mailer: SmtpMailer) -> set[asyncio.Task[None]]:
    return mailer._urgent.tasks | mailer._others.tasks


def read(mail: bytes) -> EmailMessage:
    message = email.message_from_bytes(mail, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return message


def failures(caplog: pytest.LogCaptureFixture) -> list[str]:
    ours = (r for r in caplog.records if r.name == "sealroom.mail")
    return [r.getMessage() for r in ours if r.levelno >= logging.ERROR]


async def drained(mailer: SmtpMailer) -> None:
    await until(lambda: not waiting(mailer))


async def test_a_mail_goes_through_starttls(
    serve: Serve, mailer: Callable[..., SmtpMailer], certificate: Certificate
) -> None:
    box = await serve(starttls=certificate.server())
    send(mailer(box.port, "starttls"))
    message = read(await box.arrived())
    assert box.encrypted == [True]
    assert (message["Subject"], message["To"]) == (LETTER.subject, TO)
    assert message["From"] == "Sealroom <hi@example.net>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message.get_content().splitlines() == LETTER.body.splitlines()
    assert "tạo tài khoản" in message.get_content()


async def test_a_mail_goes_through_tls(
    serve: Serve, mailer: Callable[..., SmtpMailer], certificate: Certificate
) -> None:
    box = await serve(tls=certificate.server())
    send(mailer(box.port, "tls"))
    await box.arrived()


async def test_a_mail_goes_unencrypted_only_when_told_to(
    serve: Serve, mailer: Callable[..., SmtpMailer]
) -> None:
    box = await serve()
    send(mailer(box.port, "none"))
    await box.arrived()
    assert box.encrypted == [False]


async def test_a_server_without_starttls_gets_nothing(
    serve: Serve, mailer: Callable[..., SmtpMailer], caplog: pytest.LogCaptureFixture
) -> None:
    box = await serve()
    one = mailer(box.port, "starttls")
    send(one)
    await drained(one)
    assert box.tries == []
    assert len(failures(caplog)) == 1


async def test_a_server_with_a_foreign_certificate_gets_nothing(
    serve: Serve,
    mailer: Callable[..., SmtpMailer],
    certificate: Certificate,
    clock: MovableClock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    for security, options in (
        ("starttls", {"starttls": certificate.server()}),
        ("tls", {"tls": certificate.server()}),
    ):
        box = await serve(**options)
        one = mailer(box.port, security, tls=ssl.create_default_context)
        send(one)
        await asyncio.sleep(0.1)
        clock.advance(smtp.GIVE_UP_URGENT_MS)
        await drained(one)
        assert box.tries == []
    assert len(failures(caplog)) == 2


async def test_the_mailer_logs_in_where_it_has_to(
    serve: Serve, mailer: Callable[..., SmtpMailer], certificate: Certificate
) -> None:
    box = await serve(starttls=certificate.server(), authenticator=known, auth_required=True)
    send(mailer(box.port, "starttls", user="sealroom", password="secret"))
    await box.arrived()
    assert box.users == ["sealroom"]


async def test_a_wrong_password_is_given_up_and_never_logged(
    serve: Serve,
    mailer: Callable[..., SmtpMailer],
    certificate: Certificate,
    caplog: pytest.LogCaptureFixture,
) -> None:
    box = await serve(starttls=certificate.server(), authenticator=known, auth_required=True)
    one = mailer(box.port, "starttls", user="sealroom", password="hunter2")
    send(one)
    await drained(one)
    assert box.tries == []
    assert failures(caplog) == ["a mail was not delivered: SMTPAuthenticationError 535"]


async def test_a_refusal_for_now_is_tried_again_under_the_same_id(
    serve: Serve, mailer: Callable[..., SmtpMailer], certificate: Certificate
) -> None:
    box = await serve(starttls=certificate.server())
    box.replies = ["451 try again later", "421 busy"]
    send(mailer(box.port, "starttls"))
    await box.arrived()
    assert len(box.tries) == 3
    assert len({read(mail)["Message-ID"] for mail in box.tries}) == 1
    assert len(box.mails) == 1


async def test_a_server_that_is_away_is_tried_again(
    serve: Serve, mailer: Callable[..., SmtpMailer], certificate: Certificate
) -> None:
    first = await serve(starttls=certificate.server())
    port = first.port
    gone = mailer(1, "starttls")
    send(gone)
    await asyncio.sleep(0.05)
    assert len(waiting(gone)) == 1
    object.__setattr__(gone._server, "port", port)
    await first.arrived()


async def test_a_refusal_for_good_is_not_tried_again(
    serve: Serve,
    mailer: Callable[..., SmtpMailer],
    certificate: Certificate,
    caplog: pytest.LogCaptureFixture,
) -> None:
    box = await serve(starttls=certificate.server())
    box.replies = [f"550 no {TO} here"]
    one = mailer(box.port, "starttls")
    send(one)
    await drained(one)
    assert len(box.tries) == 1
    assert failures(caplog) == ["a mail was not delivered: SMTPDataError 550"]
    assert TO not in caplog.text


async def test_a_greylisted_recipient_is_tried_again_and_an_unknown_one_is_not(
    serve: Serve,
    mailer: Callable[..., SmtpMailer],
    certificate: Certificate,
    caplog: pytest.LogCaptureFixture,
) -> None:
    box = await serve(starttls=certificate.server())
    box.refused_recipients = ["450 greylisted", "451 greylisted"]
    one = mailer(box.port, "starttls")
    send(one)
    await box.arrived()
    box.refused_recipients = [f"550 no such user {TO}"]
    send(one)
    await drained(one)
    assert failures(caplog) == ["a mail was not delivered: SMTPRecipientsRefused 550"]
    assert len(box.mails) == 1


@pytest.mark.parametrize(("is_urgent", "given_up_ms"), [(True, 10 * 60_000), (False, 2 * 60_000)])
async def test_a_code_is_given_up_after_ten_minutes_and_another_mail_after_two(
    serve: Serve,
    mailer: Callable[..., SmtpMailer],
    certificate: Certificate,
    clock: MovableClock,
    caplog: pytest.LogCaptureFixture,
    is_urgent: bool,
    given_up_ms: int,
) -> None:
    box = await serve(starttls=certificate.server())
    box.replies = ["451 later"] * 1_000
    one = mailer(box.port, "starttls")
    send(one, is_urgent=is_urgent)
    await until(lambda: len(box.tries) >= 1)
    clock.advance(given_up_ms - 60_000)
    seen = len(box.tries)
    await until(lambda: len(box.tries) >= seen + 2)
    assert failures(caplog) == []
    clock.advance(60_000)
    await drained(one)
    assert failures(caplog) == ["a mail was not delivered: SMTPDataError 451"]


class Settling:
    """Notes that a mail is settled, once `may_end` is set."""

    def __init__(self) -> None:
        self.count = 0
        self.may_end = asyncio.Event()
        self.may_end.set()

    async def __call__(self) -> None:
        await self.may_end.wait()
        self.count += 1


async def test_a_mail_is_settled_once_it_was_taken(
    serve: Serve, mailer: Callable[..., SmtpMailer], certificate: Certificate
) -> None:
    box, settling = await serve(starttls=certificate.server()), Settling()
    box.replies = ["451 later"]
    one = mailer(box.port, "starttls")
    send(one, is_urgent=False, settled=settling)
    await until(lambda: len(box.tries) == 1)
    assert settling.count == 0
    await drained(one)
    assert (len(box.mails), settling.count) == (1, 1)


async def settled_when(
    box: Mailbox, mailer: Callable[..., SmtpMailer], refused: str, reply: str
) -> int:
    """Return how often a mail is settled that a server refuses so."""
    settling, one = Settling(), mailer(box.port, "starttls")
    setattr(box, refused, [reply])
    send(one, is_urgent=False, settled=settling)
    await drained(one)
    assert box.mails == []
    return settling.count


@pytest.mark.parametrize(
    ("refused", "reply"),
    [
        ("refused_recipients", "550 no such user"),
        ("refused_recipients", "551 moved away"),
        ("refused_recipients", "553 no such name"),
        ("refused_recipients", "550 5.1.1 no such user"),
        ("refused_recipients", "550 5.1.10 no mail there"),
        ("refused_recipients", "552 5.2.2 mailbox full"),
        ("replies", "550 5.1.1 no such user"),
        ("replies", "554 5.6.0 cannot be read"),
    ],
)
async def test_a_mail_is_settled_when_its_recipient_or_text_was_refused_for_good(
    serve: Serve,
    mailer: Callable[..., SmtpMailer],
    certificate: Certificate,
    refused: str,
    reply: str,
) -> None:
    box = await serve(starttls=certificate.server())
    assert await settled_when(box, mailer, refused, reply) == 1


@pytest.mark.parametrize(
    ("refused", "reply"),
    [
        ("refused_recipients", "550 5.7.1 relaying denied"),
        ("refused_recipients", "554 5.7.1 blocked"),
        ("refused_recipients", "554 relaying denied"),
        ("refused_recipients", "530 log in first"),
        ("refused_recipients", "550 5.1.8 sender's domain is unknown"),
        ("refused_recipients", "553 5.1.7 not that sender"),
        ("replies", "550 5.7.26 not authenticated"),
        ("replies", "554 refused"),
        ("replies", "550 refused"),
        ("replies", "552 5.3.4 too big for this server"),
    ],
)
async def test_a_mail_that_another_setting_would_bring_is_not_settled(
    serve: Serve,
    mailer: Callable[..., SmtpMailer],
    certificate: Certificate,
    caplog: pytest.LogCaptureFixture,
    refused: str,
    reply: str,
) -> None:
    box = await serve(starttls=certificate.server())
    assert await settled_when(box, mailer, refused, reply) == 0
    assert len(failures(caplog)) == 1


async def test_a_mail_that_another_password_would_bring_is_not_settled(
    serve: Serve, mailer: Callable[..., SmtpMailer], certificate: Certificate
) -> None:
    box = await serve(starttls=certificate.server(), authenticator=known, auth_required=True)
    settling, one = Settling(), mailer(box.port, "starttls", user="sealroom", password="old")
    send(one, is_urgent=False, settled=settling)
    await drained(one)
    assert settling.count == 0


async def test_a_mail_that_is_dropped_or_given_up_is_not_settled(
    mailer: Callable[..., SmtpMailer],
    clock: MovableClock,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(smtp, "OTHER_PLACES", 1)
    settling, one = Settling(), mailer(1, "starttls")
    for _ in range(2):
        send(one, is_urgent=False, settled=settling)
    await asyncio.sleep(0)
    clock.advance(smtp.GIVE_UP_MS)
    await drained(one)
    assert settling.count == 0
    assert failures(caplog) == ["a mail was dropped: too many are waiting"]


async def test_a_mail_whose_turn_comes_too_late_is_not_tried(
    serve: Serve, mailer: Callable[..., SmtpMailer], clock: MovableClock
) -> None:
    """Somebody else may have been asked to send it by then."""
    box = await serve()
    one = mailer(box.port, "none")
    async with one._others.slots:
        send(one, is_urgent=False)
        await asyncio.sleep(0)
        clock.advance(smtp.GIVE_UP_MS)
    await drained(one)
    assert box.tries == []


def test_nobody_sends_a_mail_again_that_is_still_tried() -> None:
    longest_ms = (smtp.ATTEMPT_S + smtp.STEP_S) * 1_000  # with the words of farewell
    assert smtp.GIVE_UP_MS + longest_ms < notices.CLAIM_MS - 60_000


async def test_closing_waits_for_the_note_that_a_mail_was_taken(
    serve: Serve, mailer: Callable[..., SmtpMailer], certificate: Certificate
) -> None:
    box, settling = await serve(starttls=certificate.server()), Settling()
    settling.may_end.clear()
    one = mailer(box.port, "starttls")
    send(one, is_urgent=False, settled=settling)
    await box.arrived()
    closing = asyncio.ensure_future(one.close())
    asyncio.get_running_loop().call_later(0.1, settling.may_end.set)
    await closing
    assert settling.count == 1


async def test_a_mail_after_the_close_is_dropped_with_a_line(
    serve: Serve, mailer: Callable[..., SmtpMailer], caplog: pytest.LogCaptureFixture
) -> None:
    box, settling = await serve(), Settling()
    one = mailer(box.port, "none")
    await one.close()
    send(one, settled=settling)
    await drained(one)
    assert (box.tries, settling.count) == ([], 0)
    assert "a mail was dropped: the process stops" in caplog.text


async def test_one_that_waits_holds_nobody_up(
    serve: Serve, mailer: Callable[..., SmtpMailer], certificate: Certificate
) -> None:
    box = await serve(starttls=certificate.server())
    box.replies = ["451 later"] * 8
    one = mailer(box.port, "starttls")
    for number in range(10):
        send(one, f"user{number}@example.org")
    await box.arrived(10)


@pytest.mark.parametrize("is_urgent", [True, False])
async def test_each_queue_is_bounded_and_takes_nothing_of_the_other(
    mailer: Callable[..., SmtpMailer],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    is_urgent: bool,
) -> None:
    monkeypatch.setattr(smtp, "URGENT_PLACES" if is_urgent else "OTHER_PLACES", 3)
    one = mailer(1, "starttls")
    for _ in range(5):
        send(one, is_urgent=is_urgent)
    assert len(waiting(one)) == 3
    assert len(failures(caplog)) == 2
    for _ in range(5):
        send(one, is_urgent=not is_urgent)
    assert len(waiting(one)) == 8
    assert len(failures(caplog)) == 2


async def test_a_code_passes_while_other_mails_hold_their_way(
    serve: Serve, mailer: Callable[..., SmtpMailer], certificate: Certificate
) -> None:
    box = await serve(starttls=certificate.server())
    one = mailer(box.port, "starttls")
    async with one._others.slots:
        for _ in range(5):
            send(one, "other@example.org", is_urgent=False)
        send(one)
        assert read(await box.arrived())["To"] == TO
    await box.arrived(6)


async def test_closing_sends_what_waits(
    serve: Serve, mailer: Callable[..., SmtpMailer], certificate: Certificate
) -> None:
    box = await serve(starttls=certificate.server())
    one = mailer(box.port, "starttls")
    for _ in range(5):
        send(one)
    await one.close()
    assert len(box.mails) == 5


async def test_closing_does_not_wait_for_ever(
    mailer: Callable[..., SmtpMailer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smtp, "CLOSE_S", 0.05)
    one = mailer(1, "starttls")
    send(one)
    await asyncio.wait_for(one.close(), 10)
    assert not waiting(one)


async def test_a_mail_that_loses_its_cancellation_ends_before_the_database_closes(
    mailer: Callable[..., SmtpMailer], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def attempt(_: object) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        await asyncio.Event().wait()

    monkeypatch.setattr(smtp, "CLOSE_S", 0.05)
    one = mailer(1, "starttls")
    monkeypatch.setattr(one, "_attempt", attempt)
    send(one)
    await asyncio.wait_for(one.close(), 10)
    assert not waiting(one)


@pytest.mark.parametrize(
    ("to", "subject"),
    [
        ("an@example.org\r\nBcc: all@example.org", "x"),
        ("an@example.org", "x\r\nBcc: all@example.org"),
        ("an@example.org, all@example.org", "x"),
        ("", "x"),
    ],
)
async def test_what_would_break_a_header_is_refused(
    mailer: Callable[..., SmtpMailer], to: str, subject: str
) -> None:
    one = mailer(1, "starttls")
    with pytest.raises(ValueError, match=r"address|addr|invalid|Header"):
        one.send(to=to, subject=subject, body="x", is_urgent=True)
    assert not waiting(one)


def test_the_password_is_not_shown() -> None:
    assert "secret" not in repr(SmtpServer("h", 1, "tls", "u", "secret"))
