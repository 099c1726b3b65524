"""Who is told of a transfer, when, and by what mail (S3-6, S3-25, S3-27, S-04, S-66)."""

import asyncio
import contextlib
import gc
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from config.secrets import Secrets
from models.events import Told
from models.stores import Stores
from protocol.errors import AppError, ErrorCode, RateLimited
from protocol.frames import TransferChanged, TransferNew
from services import tasks
from services.logins import Principal
from services.quotas import TABLE, Quotas, Rate
from services.transfers import TransferOptions
from tests.harness import MovableClock
from tests.house import HOME, House
from tests.services.sending import HEAD, person, sent, to_address, to_person

BINH, NOBODY = "binh@example.org", "nobody@example.org"


async def letters_to(house: House, email: str) -> list[str]:
    """Return the mails about transfers."""
    await tasks.finish()
    return [mail for mail in await house.mails(email) if "files for you" in mail]


async def test_nobody_is_told_or_looked_for_before_the_answer(
    house: House, an: Principal, binh: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S-04: the time of an answer tells nothing."""
    asked: list[str] = []
    by_email = house.stores.accounts.by_email

    async def watched(email: str) -> object:
        asked.append(email)
        return await by_email(email)

    monkeypatch.setattr(house.stores.accounts, "by_email", watched)
    house.sink.take()
    transfer = await to_address(house, an, BINH)
    assert (asked, house.sink.events) == ([], [])
    await tasks.finish()
    assert set(asked) == {BINH}
    [frame] = house.sink.told(binh.user_id)
    assert frame == TransferNew(transfer=transfer.transfer_id, user=an.user_id)
    assert house.sink.told(an.user_id) == []


async def test_a_telling_that_is_cut_off_before_it_began_is_nothing_to_warn_of(
    house: House, an: Principal, recwarn: pytest.WarningsRecorder
) -> None:
    await to_address(house, an, NOBODY)
    await tasks.end()
    gc.collect()
    assert not [warning for warning in recwarn if "never awaited" in str(warning.message)]


async def test_a_mail_tells_who_has_an_account_and_invites_who_has_none(
    house: House, an: Principal, binh: Principal
) -> None:
    await to_person(house, an, binh.user_id)
    await to_address(house, an, NOBODY)
    await sent(house, an)
    [told], [invited] = await letters_to(house, BINH), await letters_to(house, NOBODY)
    assert "under Files, Received" in told
    assert "mục Tệp, Đã nhận" in told
    assert "create a Sealroom account with this address" in invited
    assert "tạo tài khoản Sealroom bằng địa chỉ này" in invited
    for mail in (told, invited):
        assert "http" not in mail
        assert "an@example.org" not in mail
    assert len(list(house.outbox.glob("*-an@*"))) == 1, "her own sign-up"


async def test_a_mail_says_until_when_and_nothing_in_it_looks_like_a_code(
    house: House, an: Principal, clock: MovableClock
) -> None:
    clock.advance(1_800_000_000_000 - clock.now_ms())
    await sent(house, an, kind="address", email=NOBODY, lives_ms=3_600_000)
    [mail] = await letters_to(house, NOBODY)
    assert mail.count("2027-01-15 09:00 (UTC)") == 2


class TestWithAnAddressOfItsOwn:
    """S-16: the one address in a mail is the operator's."""

    @pytest.fixture
    async def house(
        self, stores: Stores, clock: MovableClock, keys: Secrets, tmp_path: Path
    ) -> AsyncIterator[House]:
        options = TransferOptions(public_url="https://chat.example.org")
        opened = House(stores, clock, keys, tmp_path / "outbox", options=options)
        yield opened
        await opened.close()

    async def test_the_place_stands_in_both_mails(
        self, house: House, an: Principal, binh: Principal
    ) -> None:
        await to_person(house, an, binh.user_id)
        transfer = await to_address(house, an, NOBODY)
        for email in (BINH, NOBODY):
            [mail] = await letters_to(house, email)
            assert mail.count("https://chat.example.org/\r\n") == mail.count("http") == 2
            assert transfer.transfer_id not in mail


async def test_heads_are_told_without_another_mail_and_an_end_to_whoever_saw_it(
    house: House, an: Principal, binh: Principal
) -> None:
    transfer = await to_address(house, an, BINH)
    await house.transfers.accept(binh, transfer.transfer_id)
    assert len(await letters_to(house, BINH)) == 1
    house.sink.take()
    for _ in range(2):
        await house.transfers.seal(an, transfer.transfer_id, [HEAD])
    await tasks.finish()
    assert [type(frame) for frame in house.sink.told(binh.user_id)] == [TransferNew]
    house.sink.take()
    await house.transfers.remove(an, transfer.transfer_id)
    await tasks.finish()
    assert [type(frame) for frame in house.sink.told(binh.user_id)] == [TransferChanged]
    assert len(await letters_to(house, BINH)) == 1


async def test_the_end_of_what_nobody_could_see_is_told_to_its_sender_alone(
    house: House, an: Principal
) -> None:
    for transfer in (await to_address(house, an, NOBODY), await sent(house, an)):
        await tasks.finish()
        house.sink.take()
        await house.transfers.remove(an, transfer.transfer_id)
        await tasks.finish()
        frame = TransferChanged(transfer=transfer.transfer_id)
        assert house.sink.events == [Told((an.user_id,), frame)]


async def test_who_blocked_the_sender_is_told_nothing(
    house: House, an: Principal, binh: Principal
) -> None:
    await house.contacts.block(binh.user_id, an.user_id)
    house.sink.take()
    transfer = await to_address(house, an, BINH)
    assert await letters_to(house, BINH) == []
    await house.transfers.remove(an, transfer.transfer_id)
    await tasks.finish()
    assert house.sink.told(binh.user_id) == []


@pytest.mark.parametrize(
    ("bucket", "most"),
    [("transfer-mail", 50), ("transfer-mail-address", 5), ("transfer-mail-contact", 20)],
)
def test_no_day_has_more_mails_than_the_documents_say(
    clock: MovableClock, bucket: str, most: int
) -> None:
    quotas, taken = Quotas(clock), 0
    for _ in range(24 * 60):
        with contextlib.suppress(RateLimited):
            while True:
                quotas.take(bucket, "an")
                taken += 1
        clock.advance(60_000)
    assert most - 1 <= taken <= most


async def test_mails_about_transfers_leave_codes_their_way(house: House, an: Principal) -> None:
    """S-66: what many senders cause together has a limit and a queue apart from codes."""
    sent_mails: list[tuple[str, bool]] = []

    def noted(*, to: str, is_urgent: bool, **_: str) -> None:
        sent_mails.append((to, is_urgent))

    house.mailer.send = noted  # type: ignore[method-assign, assignment]
    house.quotas._table = {**TABLE, "transfer-mail-all": Rate("server", 1, 1 / 3_600)}
    for email in (NOBODY, "another@example.org"):
        await to_address(house, an, email)
        await tasks.finish()
    await house.passwords.forget("an@example.org", HOME)
    await asyncio.sleep(0)
    assert sent_mails == [(NOBODY, False), ("an@example.org", True)]


async def test_mails_of_strangers_use_up_nothing_of_those_of_contacts(
    house: House, an: Principal, binh: Principal
) -> None:
    stranger = await person(house, "stranger@example.org")
    for _ in range(int(TABLE["transfer-mail-address"].capacity) + 1):
        await to_address(house, stranger, BINH)
    before = len(await letters_to(house, BINH))
    assert before == TABLE["transfer-mail-address"].capacity
    await to_person(house, an, binh.user_id)
    assert len(await letters_to(house, BINH)) == before + 1


async def test_contacts_do_not_flood_a_mailbox(
    house: House, an: Principal, binh: Principal
) -> None:
    most = int(TABLE["transfer-mail-contact"].capacity)
    for _ in range(most + 1):
        await to_person(house, an, binh.user_id)
    assert len(await letters_to(house, BINH)) == most


async def test_the_mails_that_are_left_tell_a_sender_of_no_block(
    house: House, an: Principal, binh: Principal
) -> None:
    """S-04: who counts the mails that come to an address of their own learns nothing of others."""
    await house.contacts.block(binh.user_id, an.user_id)
    house.quotas._table = {**TABLE, "transfer-mail": Rate("user", 1, 1 / 86_400)}
    await to_address(house, an, BINH)
    await to_address(house, an, NOBODY)
    assert await letters_to(house, NOBODY) == []


async def test_a_database_that_is_away_costs_a_notice_and_a_line(
    house: House,
    an: Principal,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def away(_: str) -> None:
        raise AppError(ErrorCode.UNAVAILABLE)

    monkeypatch.setattr(house.stores.accounts, "by_email", away)
    await to_address(house, an, NOBODY)
    await tasks.finish()
    lines = [r for r in caplog.records if r.name == "services.notices"]
    assert [(r.levelno, r.getMessage()) for r in lines] == [
        (logging.WARNING, "nobody was told of a transfer: unavailable")
    ]
