"""Mail as files: whole, private, with the code where a person finds it."""

import asyncio
import contextlib
import errno
import logging
import os
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
    outbox.send(to=to, subject=LETTER.subject, body=LETTER.body, is_urgent=True)


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


@pytest.mark.parametrize("is_full", [False, True])
async def test_a_mail_is_settled_when_it_is_a_file(
    outbox: Outbox, tmp_path: Path, is_full: bool
) -> None:
    folder, found = tmp_path / "outbox", []
    if is_full:
        folder.write_text("a file where the folder should be")

    async def settled() -> None:
        found.append(len(list(folder.iterdir())))

    letter = {"to": "an@example.org", "subject": LETTER.subject, "body": LETTER.body}
    outbox.send(**letter, is_urgent=False, settled=settled)
    await outbox.close()
    assert found == ([] if is_full else [1])


@pytest.mark.parametrize("error", [BrokenPipeError, UnicodeEncodeError, ValueError])
async def test_a_mail_is_settled_though_its_line_cannot_be_printed(
    outbox: Outbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    encoding = "ascii" if error is UnicodeEncodeError else "utf-8"
    terminal = os.fdopen(writer, "w", encoding=encoding)
    if error is ValueError:
        terminal.close()
    with monkeypatch.context() as patched:
        patched.setattr("sys.stdout", terminal)
        with pytest.raises(error):
            print("an ← mail", flush=True)
        found: list[str] = []

        async def settled() -> None:
            found.extend(file.name for file in (tmp_path / "outbox").iterdir())

        letter = {"to": "an@example.org", "subject": LETTER.subject, "body": LETTER.body}
        outbox.send(**letter, is_urgent=False, settled=settled)
        await outbox.close()
    with contextlib.suppress(BrokenPipeError):
        terminal.close()
    assert len(found) == 1


async def test_a_mail_waits_for_no_other_to_be_settled(outbox: Outbox, tmp_path: Path) -> None:
    may_end, ended = asyncio.Event(), []

    async def settled() -> None:
        await may_end.wait()
        ended.append(True)

    letter = {"to": "binh@example.org", "subject": LETTER.subject, "body": LETTER.body}
    for _ in range(3):
        outbox.send(**letter, is_urgent=False, settled=settled)
    send(outbox)
    async with asyncio.timeout(10):
        while not list((tmp_path / "outbox").glob("*-an@*.eml")):
            await asyncio.sleep(0.01)
    closing = asyncio.ensure_future(outbox.close())
    await asyncio.sleep(0)
    may_end.set()
    await closing
    assert ended == [True] * 3


async def test_a_mail_that_could_not_be_written_leaves_nothing(
    outbox: Outbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.link", full)
    send(outbox)
    await outbox.close()
    assert list((tmp_path / "outbox").iterdir()) == []


async def test_a_mail_after_the_close_is_dropped_with_a_line(
    outbox: Outbox, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await outbox.close()
    send(outbox)
    await outbox.close()
    assert not (tmp_path / "outbox").exists()
    assert "a mail was dropped: the process stops" in caplog.text


async def test_a_header_is_never_broken(outbox: Outbox) -> None:
    with pytest.raises(ValueError, match="CR or LF"):
        outbox.send(
            to="an@example.org\nBcc: all@example.org", subject="x", body="y", is_urgent=True
        )


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
