"""Mail as files: whole, private, with the code where a person finds it."""

import asyncio
import logging
import re
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mail.outbox import Outbox
from services import letters
from tests.harness import MovableClock

LETTER = letters.code("login", "654321")


@pytest.fixture
async def outbox(tmp_path: Path, clock: MovableClock) -> AsyncIterator[Outbox]:
    made = Outbox(tmp_path / "outbox", clock, sender="Sealroom <sealroom@localhost>")
    yield made
    await made.close()


def send(outbox: Outbox, to: str = "an@example.org") -> None:
    outbox.send(to=to, subject=LETTER.subject, body=LETTER.body)


async def test_a_mail_is_a_private_file_that_holds_the_code(
    outbox: Outbox, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    send(outbox)
    await outbox.close()
    (file,) = (tmp_path / "outbox").iterdir()
    assert re.fullmatch(r"\d{13}-an@example\.org\.eml", file.name)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    text = file.read_text()
    assert set(re.findall(r"\d{6,}", text)) == {"654321"}
    assert "đăng nhập trên thiết bị mới" in text
    assert "654321" in capfd.readouterr().out


async def test_mails_of_one_millisecond_are_all_kept(
    outbox: Outbox, tmp_path: Path, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "now_ms", lambda: 1_790_000_000_000)
    for _ in range(5):
        send(outbox)
    await outbox.close()
    assert len(list((tmp_path / "outbox").iterdir())) == 5


async def test_an_address_is_never_a_path(outbox: Outbox, tmp_path: Path) -> None:
    send(outbox, "a/b/evil@example.org")
    await outbox.close()
    (file,) = (tmp_path / "outbox").iterdir()
    assert file.name.endswith("-a_b_evil@example.org.eml")


async def test_a_disk_that_is_full_is_logged_and_not_raised(
    outbox: Outbox, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "outbox").write_text("a file where the folder should be")
    send(outbox)
    await outbox.close()
    assert [r.levelno for r in caplog.records if r.name == "sealroom.mail"] == [logging.ERROR]
    assert "654321" not in caplog.text


async def test_a_header_is_never_broken(outbox: Outbox) -> None:
    with pytest.raises(ValueError, match="CR or LF"):
        outbox.send(to="an@example.org\nBcc: all@example.org", subject="x", body="y")


@pytest.mark.parametrize("purpose", ["verify", "login", "reset"])
def test_a_letter_speaks_both_languages_and_carries_nothing_but_the_code(purpose: str) -> None:
    letter = letters.code(purpose, "123456")  # type: ignore[arg-type]
    assert letter.subject == "Sealroom: 123456"
    assert letter.body.count("123456") == 2
    assert "10 minutes" in letter.body
    assert "10 phút" in letter.body
    assert "http" not in letter.body


@pytest.mark.parametrize("letter", [letters.known_address(), letters.password_changed()])
def test_other_letters_carry_no_code(letter: letters.Letter) -> None:
    assert not re.search(r"\d", letter.subject + letter.body)
    assert "http" not in letter.body


async def test_writing_does_not_hold_the_loop_up(outbox: Outbox, tmp_path: Path) -> None:
    for _ in range(20):
        send(outbox)
    await asyncio.sleep(0)
    await outbox.close()
    assert len(list((tmp_path / "outbox").iterdir())) == 20
