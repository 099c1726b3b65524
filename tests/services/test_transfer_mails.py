"""No mail about a transfer is lost with its process, or while no mail server is there (S3-6)."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from config.secrets import Secrets
from models.stores import Stores
from models.transfers import Transfer
from protocol.errors import AppError, ErrorCode
from protocol.limits import DAY_MS, HOUR_MS
from services import tasks
from services.logins import Principal
from services.notices import CLAIM_MOST_MS, CLAIM_MS, MAILS_A_LOOK
from services.quotas import TABLE, Rate
from tests.harness import MovableClock
from tests.house import House
from tests.services.sending import contents, draft, person, to_address, to_person, whole_file

CLAIMED_MS = 2 * CLAIM_MS  # a first claim has ended, whatever was added to it
BACK_MS = CLAIM_MOST_MS + CLAIM_MS  # any claim has

BINH, NOBODY = "binh@example.org", "nobody@example.org"


@pytest.fixture
async def other(
    stores: Stores, clock: MovableClock, keys: Secrets, tmp_path: Path
) -> AsyncIterator[House]:
    """Another process on the same database, with an outbox of its own."""
    opened = House(stores, clock, keys, tmp_path / "other" / "outbox")
    yield opened
    await opened.close()


@contextmanager
def dying(house: House) -> Iterator[None]:
    """Let a process lose what it queues, as one that is killed does."""
    queue, house.mailer.send = house.mailer.send, lambda **_: None  # type: ignore[method-assign]
    yield
    house.mailer.send = queue  # type: ignore[method-assign]


@contextmanager
def no_mail_server(house: House) -> Iterator[None]:
    """Let no mail leave."""
    aside = house.outbox.rename(house.outbox.with_name("aside"))
    house.outbox.write_text("a file where the folder should be")
    yield
    house.outbox.unlink()
    aside.rename(house.outbox)


async def lost(house: House, sender: Principal, email: str = NOBODY) -> Transfer:
    """Send to an address from a process that is killed before the mail has left."""
    with dying(house):
        transfer = await to_address(house, sender, email)
        await tasks.finish()
    return transfer


async def letters_to(email: str, *houses: House) -> list[str]:
    """Return the mails about transfers."""
    await tasks.finish()
    return [
        mail for house in houses for mail in await house.mails(email) if "files for you" in mail
    ]


async def mails_due(house: House, now_ms: int) -> list[Transfer]:
    return await house.stores.transfers.mails_due(now_ms, 100)


async def due(house: House) -> list[int | None]:
    """Return when the mails are due that are not settled."""
    found = await mails_due(house, house.clock.now_ms() + DAY_MS)
    return [transfer.mail_due_ms for transfer in found]


async def test_a_mail_that_was_sent_is_not_due(
    house: House, an: Principal, binh: Principal, clock: MovableClock
) -> None:
    await to_person(house, an, binh.user_id)
    await to_address(house, an, NOBODY)
    for email in (BINH, NOBODY):
        assert len(await letters_to(email, house)) == 1
    assert await due(house) == []


async def test_a_mail_that_died_with_its_process_is_sent_by_another(
    house: House, other: House, an: Principal, clock: MovableClock
) -> None:
    await lost(house, an)
    clock.advance(CLAIM_MS - 1)
    await other.notices.mail_again()
    assert await letters_to(NOBODY, other) == []
    clock.advance(CLAIM_MS + 1)
    for _ in range(2):
        await asyncio.gather(*(each.notices.mail_again() for each in (house, other, other)))
        assert len(await letters_to(NOBODY, house, other)) == 1
        clock.advance(BACK_MS)
    assert await due(house) == []


async def test_a_mail_of_a_process_that_died_at_once_does_not_wait(
    house: House, other: House, an: Principal
) -> None:
    begun = await draft(house, an, kind="address", email=NOBODY)
    asked = contents(begun, [await whole_file(house, begun)])
    link, now_ms = house.transfers._contents(begun, asked)[1], house.clock.now_ms()
    opening = (begun.transfer_id, tuple(asked.files), (), link, now_ms)
    await house.stores.transfers.open(*opening, mail_due_ms=now_ms)
    await other.notices.mail_again()
    assert len(await letters_to(NOBODY, other)) == 1


async def test_one_sent_many_times_at_once_has_one_mail(house: House, an: Principal) -> None:
    begun = await draft(house, an, kind="address", email=NOBODY)
    asked = contents(begun, [await whole_file(house, begun)])
    sending = (house.transfers.send(an, begun.transfer_id, asked) for _ in range(5))
    await asyncio.gather(*sending)
    assert len(await letters_to(NOBODY, house)) == 1


async def test_who_finds_it_claimed_already_sends_no_second_mail(
    house: House, an: Principal, clock: MovableClock
) -> None:
    transfer_id = (await lost(house, an)).transfer_id
    claimed = await house.stores.transfers.by_id(transfer_id, clock.now_ms())
    assert claimed is not None
    clock.advance(CLAIM_MS - 1)
    house.notices.sent(claimed)
    assert await letters_to(NOBODY, house) == []


@pytest.mark.parametrize("what", ["accepted", "declined", "downloaded", "withdrawn", "blocked"])
async def test_no_mail_comes_late_that_nobody_needs(
    house: House, an: Principal, binh: Principal, clock: MovableClock, what: str
) -> None:
    transfer = await lost(house, an, BINH)
    transfer_id = transfer.transfer_id
    if what == "accepted":
        await house.transfers.accept(binh, transfer_id)
    elif what == "declined":
        await house.transfers.remove(binh, transfer_id)
    elif what == "downloaded":
        await house.stores.transfers.take_download(transfer_id, "by link", clock.now_ms())
    elif what == "withdrawn":
        await house.transfers.remove(an, transfer_id)
    else:
        await house.contacts.block(binh.user_id, an.user_id)
    clock.advance(CLAIMED_MS)
    await house.notices.mail_again()
    assert await letters_to(BINH, house) == []
    assert await due(house) == []


async def test_who_joined_meanwhile_is_not_invited(
    house: House, an: Principal, clock: MovableClock
) -> None:
    await lost(house, an, BINH)
    await person(house, BINH)
    clock.advance(CLAIMED_MS)
    await house.notices.mail_again()
    [letter] = await letters_to(BINH, house)
    assert "under Files, Received" in letter
    assert "create a Sealroom account" not in letter


async def test_what_a_limit_refused_is_not_sent_later(
    house: House, an: Principal, clock: MovableClock
) -> None:
    most = int(TABLE["transfer-mail-address"].capacity)
    for _ in range(most + 2):
        await to_address(house, an, NOBODY)
    assert len(await letters_to(NOBODY, house)) == most
    assert await due(house) == []


@pytest.mark.parametrize("error", [ErrorCode.INCOMPLETE, ErrorCode.UNAVAILABLE])
async def test_what_could_not_be_sent_uses_up_no_mail(
    house: House, an: Principal, monkeypatch: pytest.MonkeyPatch, error: ErrorCode
) -> None:
    """Whoever tries until a file is whole, or the database is back, has a mail left for it."""
    house.quotas._table = {**TABLE, "transfer-mail": Rate("user", 1, 1 / 86_400)}
    begun = await draft(house, an, kind="address", email=NOBODY)
    asked = contents(begun, [await whole_file(house, begun)])
    with monkeypatch.context() as patched:

        async def failing(*_: object, **__: object) -> None:
            raise AppError(error)

        patched.setattr(house.stores.transfers, "open", failing)
        for _ in range(3):
            with pytest.raises(AppError):
                await house.transfers.send(an, begun.transfer_id, asked)
    await house.transfers.send(an, begun.transfer_id, asked)
    assert len(await letters_to(NOBODY, house)) == 1


async def test_one_sent_many_times_at_once_is_paid_once(house: House, an: Principal) -> None:
    house.quotas._table = {**TABLE, "transfer-mail": Rate("user", 2, 1 / 86_400)}
    begun = await draft(house, an, kind="address", email=NOBODY)
    asked = contents(begun, [await whole_file(house, begun)])
    await asyncio.gather(*(house.transfers.send(an, begun.transfer_id, asked) for _ in range(5)))
    await to_address(house, an, BINH)
    assert [len(await letters_to(email, house)) for email in (NOBODY, BINH)] == [1, 1]


async def test_a_mail_that_comes_again_is_not_paid_twice(
    house: House, an: Principal, clock: MovableClock
) -> None:
    house.quotas._table = {**TABLE, "transfer-mail": Rate("user", 2, 1 / 86_400)}
    with no_mail_server(house):
        await to_address(house, an, NOBODY)
        for _ in range(5):
            assert await letters_to(NOBODY, house) == []
            clock.advance(BACK_MS)
            await house.notices.mail_again()
        assert await letters_to(NOBODY, house) == []
    await to_address(house, an, BINH)
    assert len(await letters_to(BINH, house)) == 1


async def test_of_mails_that_come_again_no_more_leave_than_the_table_says(
    house: House, an: Principal, clock: MovableClock
) -> None:
    for email in (BINH, NOBODY, "cuc@example.org"):
        await lost(house, an, email)
    house.quotas._table = {**TABLE, "transfer-mail-again": Rate("server", 2, 1 / 3_600)}
    clock.advance(CLAIMED_MS)
    for left in (1, 1):
        await house.notices.mail_again()
        await letters_to(NOBODY, house)
        assert len(await due(house)) == left
    clock.advance(HOUR_MS)
    await house.notices.mail_again()
    await letters_to(NOBODY, house)
    assert await due(house) == []


async def test_a_mail_server_that_is_away_is_asked_less_and_less_often(
    house: House, an: Principal, clock: MovableClock
) -> None:
    waits, started_ms = [], clock.now_ms()
    with no_mail_server(house):
        await to_address(house, an, NOBODY)
        for _ in range(6):
            await letters_to(NOBODY, house)
            [due_ms] = await due(house)
            assert due_ms is not None
            least = max(CLAIM_MS, min(clock.now_ms() - started_ms, CLAIM_MOST_MS))
            waits.append(due_ms - clock.now_ms())
            assert least <= waits[-1] < least + CLAIM_MS
            clock.advance(due_ms - clock.now_ms())
            await house.notices.mail_again()
        await letters_to(NOBODY, house)
    assert waits[0] < 2 * CLAIM_MS
    assert waits[-1] >= CLAIM_MOST_MS
    clock.advance(BACK_MS)
    await house.notices.mail_again()
    assert len(await letters_to(NOBODY, house)) == 1
    assert await due(house) == []


async def test_mails_that_come_back_come_in_another_order_and_few_at_a_time(
    house: House, an: Principal, clock: MovableClock
) -> None:
    """Some that hold the mailer up would else keep all behind them from their turn."""
    for number in range(MAILS_A_LOOK + 2):
        await lost(house, an, f"nobody{number}@example.org")
    orders = []
    with dying(house):
        for _ in range(2):
            clock.advance(BACK_MS)
            now_ms = clock.now_ms()
            orders.append([each.email for each in await mails_due(house, now_ms)])
            await house.notices.mail_again()
            assert len(await mails_due(house, now_ms)) == 2
            await house.notices.mail_again()
            assert await mails_due(house, now_ms) == []
    assert orders[0] != orders[1]
    assert set(orders[0]) == set(orders[1])


async def test_a_mail_that_nobody_could_note_is_told_in_a_line(
    house: House,
    an: Principal,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def away(_: str) -> None:
        raise AppError(ErrorCode.UNAVAILABLE)

    monkeypatch.setattr(house.stores.transfers, "settle_mail", away)
    await to_address(house, an, NOBODY)
    assert len(await letters_to(NOBODY, house)) == 1
    lines = [r for r in caplog.records if r.name == "services.notices"]
    assert [(r.levelno, r.getMessage()) for r in lines] == [
        (logging.WARNING, "a mail about a transfer comes twice: unavailable")
    ]


async def test_looking_goes_on_after_a_look_that_failed(
    house: House, an: Principal, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await lost(house, an)
    clock.advance(CLAIMED_MS)
    looks = 0
    honest = house.stores.transfers.mails_due

    async def failing_twice(now_ms: int, most: int) -> list[Transfer]:
        nonlocal looks
        looks += 1
        if looks < 3:
            raise [AppError(ErrorCode.UNAVAILABLE), ZeroDivisionError()][looks - 1]
        return await honest(now_ms, most)

    monkeypatch.setattr(house.stores.transfers, "mails_due", failing_twice)
    monkeypatch.setattr("services.notices.LOOK_S", 0)
    running = asyncio.ensure_future(house.notices.run())
    async with asyncio.timeout(10):
        while not await letters_to(NOBODY, house):
            await asyncio.sleep(0.01)
    running.cancel()
    assert len(await letters_to(NOBODY, house)) == 1


async def test_a_process_that_stops_leaves_the_mail_to_others(
    house: House, other: House, an: Principal, binh: Principal, clock: MovableClock
) -> None:
    await lost(house, an)
    clock.advance(CLAIMED_MS)
    house.notices.stop()
    house.sink.take()
    await to_address(house, an, BINH)
    await house.notices.mail_again()
    await house.notices.finish()
    assert len(house.sink.told(binh.user_id)) == 1
    for email in (BINH, NOBODY):
        assert await letters_to(email, house) == []
    await other.notices.mail_again()
    for email in (BINH, NOBODY):
        assert len(await letters_to(email, other)) == 1


async def test_looking_ends_with_the_stop(house: House) -> None:
    running = asyncio.ensure_future(house.notices.run())
    await asyncio.sleep(0)
    house.notices.stop()
    await house.notices.finish()
    await asyncio.wait_for(running, 10)


async def test_a_stop_waits_until_what_is_claimed_is_with_the_mailer(
    house: House, an: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    claimed, may_go_on = asyncio.Event(), asyncio.Event()
    honest = house.stores.transfers.claim_mail

    async def slow(*asked: Any) -> bool:
        is_mine = await honest(*asked)
        claimed.set()
        await may_go_on.wait()
        return is_mine

    monkeypatch.setattr(house.stores.transfers, "claim_mail", slow)
    await to_address(house, an, NOBODY)
    await claimed.wait()
    house.notices.stop()
    finishing = asyncio.ensure_future(house.notices.finish())
    await asyncio.sleep(0)
    assert not finishing.done()
    may_go_on.set()
    await finishing
    await house.mailer.close()
    assert len(await letters_to(NOBODY, house)) == 1
    assert await due(house) == []


async def test_a_link_is_nobodys_mail_and_costs_none(house: House, an: Principal) -> None:
    house.quotas._table = {**TABLE, "transfer-mail": Rate("user", 1, 1 / 86_400)}
    begun = await draft(house, an)
    files = [await whole_file(house, begun)]
    opened = await house.transfers.send(an, begun.transfer_id, contents(begun, files))
    assert opened.mail_due_ms is None
    await to_address(house, an, NOBODY)
    assert len(await letters_to(NOBODY, house)) == 1
