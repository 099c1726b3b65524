"""Mail over a real SMTP server (S-66)."""

import asyncio
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
from services import letters
from tests.harness import MovableClock
from tests.mail.conftest import Certificate, Serve, known, until

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
        for task in each._waiting:
            task.cancel()
        await each.close()


def send(mailer: SmtpMailer, to: str = TO) -> None:
    mailer.send(to=to, subject=LETTER.subject, body=LETTER.body)


def read(mail: bytes) -> EmailMessage:
    message = email.message_from_bytes(mail, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return message


def failures(caplog: pytest.LogCaptureFixture) -> list[str]:
    ours = (r for r in caplog.records if r.name == "sealroom.mail")
    return [r.getMessage() for r in ours if r.levelno >= logging.ERROR]


async def drained(mailer: SmtpMailer) -> None:
    await until(lambda: not mailer._waiting)


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
        clock.advance(smtp.GIVE_UP_MS)
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
    assert len(gone._waiting) == 1
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


async def test_after_ten_minutes_a_mail_is_given_up(
    serve: Serve,
    mailer: Callable[..., SmtpMailer],
    certificate: Certificate,
    clock: MovableClock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    box = await serve(starttls=certificate.server())
    box.replies = ["451 later"] * 1_000
    one = mailer(box.port, "starttls")
    send(one)
    await until(lambda: len(box.tries) >= 2)
    assert failures(caplog) == []
    clock.advance(smtp.GIVE_UP_MS)
    await drained(one)
    assert failures(caplog) == ["a mail was not delivered: SMTPDataError 451"]


async def test_one_that_waits_holds_nobody_up(
    serve: Serve, mailer: Callable[..., SmtpMailer], certificate: Certificate
) -> None:
    box = await serve(starttls=certificate.server())
    box.replies = ["451 later"] * 8
    one = mailer(box.port, "starttls")
    for number in range(10):
        send(one, f"user{number}@example.org")
    await box.arrived(10)


async def test_the_queue_is_bounded(
    mailer: Callable[..., SmtpMailer],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(smtp, "WAITING", 3)
    one = mailer(1, "starttls")
    for _ in range(5):
        send(one)
    assert len(one._waiting) == 3
    assert len(failures(caplog)) == 2


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
    async with asyncio.timeout(10):
        await asyncio.gather(*one._waiting, return_exceptions=True)


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
        one.send(to=to, subject=subject, body="x")
    assert not one._waiting


def test_the_password_is_not_shown() -> None:
    assert "secret" not in repr(SmtpServer("h", 1, "tls", "u", "secret"))
