"""E-mailed codes: sent, tried, used up (S-05)."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from protocol.errors import ErrorCode
from protocol.limits import MINUTE_MS, SECOND_MS
from services.codes import Attempt
from services.logins import Opened
from services.sign_in import DEFAULT_KDF, Challenge
from tests.harness import MovableClock
from tests.house import BROWSER, HOME, House, auth_key, refused, until_refused

AN, NOBODY = "an@example.org", "nobody@example.org"


async def challenge(house: House) -> Challenge:
    """Log An in as far as the code."""
    step = await house.sign_in.log_in(AN, auth_key(AN), BROWSER, None)
    assert isinstance(step, Challenge)
    return step


def other(code: str) -> str:
    return f"{(int(code) + 1) % 1_000_000:06d}"


async def test_a_code_works_once(house: House) -> None:
    await house.sign_up(AN)
    step = await challenge(house)
    code = await house.code(AN)
    await house.sign_in.log_in_with_code(AN, step.ticket, code, BROWSER)
    await refused(
        ErrorCode.CODE_EXPIRED, house.sign_in.log_in_with_code(AN, step.ticket, code, BROWSER)
    )


async def test_of_fifty_simultaneous_tries_of_the_right_code_one_logs_in(house: House) -> None:
    await house.sign_up(AN)
    step = await challenge(house)
    code = await house.code(AN)
    tries = (house.sign_in.log_in_with_code(AN, step.ticket, code, BROWSER) for _ in range(50))
    results = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(isinstance(result, Opened) for result in results) == 1


async def test_five_wrong_tries_use_a_code_up(house: House) -> None:
    await house.sign_up(AN)
    step = await challenge(house)
    code = await house.code(AN)
    for _ in range(5):
        await refused(
            ErrorCode.BAD_CODE,
            house.sign_in.log_in_with_code(AN, step.ticket, other(code), BROWSER),
        )
    await refused(
        ErrorCode.CODE_EXPIRED, house.sign_in.log_in_with_code(AN, step.ticket, code, BROWSER)
    )


async def test_a_code_sent_again_has_no_more_tries(house: House, clock: MovableClock) -> None:
    await house.sign_up(AN)
    step = await challenge(house)
    for _ in range(4):
        await refused(
            ErrorCode.BAD_CODE, house.sign_in.log_in_with_code(AN, step.ticket, "none", BROWSER)
        )
    clock.advance(MINUTE_MS)
    await house.codes.send_again("login", AN, step.ticket, HOME)
    await refused(
        ErrorCode.BAD_CODE, house.sign_in.log_in_with_code(AN, step.ticket, "none", BROWSER)
    )
    await refused(
        ErrorCode.CODE_EXPIRED,
        house.sign_in.log_in_with_code(AN, step.ticket, await house.code(AN), BROWSER),
    )


async def test_a_code_is_sent_again_after_a_minute_and_not_before(
    house: House, clock: MovableClock
) -> None:
    await house.sign_up(AN)
    step = await challenge(house)
    first, sent = await house.code(AN), len(await house.mails(AN))
    clock.advance(MINUTE_MS - SECOND_MS)
    await house.codes.send_again("login", AN, step.ticket, HOME)
    assert len(await house.mails(AN)) == sent
    clock.advance(SECOND_MS)
    await house.codes.send_again("login", AN, step.ticket, HOME)
    assert len(await house.mails(AN)) == sent + 1
    second = await house.code(AN)
    if first != second:
        await refused(
            ErrorCode.BAD_CODE, house.sign_in.log_in_with_code(AN, step.ticket, first, BROWSER)
        )
    await house.sign_in.log_in_with_code(AN, step.ticket, second, BROWSER)


async def test_a_registration_is_reminded_without_a_ticket(
    house: House, clock: MovableClock
) -> None:
    await house.register(AN)
    clock.advance(MINUTE_MS)
    await house.codes.send_again("verify", AN, None, HOME)
    assert len(await house.mails(AN)) == 2
    await house.accounts.verify(AN, None, await house.code(AN), BROWSER)


@pytest.mark.parametrize("purpose", ["login", "reset"])
async def test_nothing_else_is_sent_without_a_ticket(house: House, purpose: Any) -> None:
    await house.sign_up(AN)
    sent = len(await house.mails(AN))
    await house.codes.send_again(purpose, AN, None, HOME)
    assert len(await house.mails(AN)) == sent


async def test_a_ticket_is_good_for_its_own_address_and_purpose_only(house: House) -> None:
    await house.sign_up(AN)
    await house.sign_up("binh@example.org")
    step = await challenge(house)
    code = await house.code(AN)
    await refused(
        ErrorCode.CODE_EXPIRED,
        house.sign_in.log_in_with_code("binh@example.org", step.ticket, code, BROWSER),
    )
    await refused(
        ErrorCode.CODE_EXPIRED,
        house.passwords.reset(
            AN, step.ticket, code, "A" * 22, DEFAULT_KDF, auth_key("new"), BROWSER
        ),
    )
    await house.sign_in.log_in_with_code(AN, step.ticket, code, BROWSER)


async def test_a_login_code_needs_its_ticket(house: House) -> None:
    await house.sign_up(AN)
    await challenge(house)
    await refused(
        ErrorCode.BAD_REQUEST,
        house.sign_in.log_in_with_code(AN, None, await house.code(AN), BROWSER),
    )


async def test_a_code_is_over_after_ten_minutes(house: House, clock: MovableClock) -> None:
    await house.sign_up(AN)
    step = await challenge(house)
    code = await house.code(AN)
    clock.advance(10 * MINUTE_MS)
    await refused(
        ErrorCode.CODE_EXPIRED, house.sign_in.log_in_with_code(AN, step.ticket, code, BROWSER)
    )


async def test_no_ticket_is_in_the_database(house: House) -> None:
    await house.sign_up(AN)
    step = await challenge(house)
    row = (await house.stores.codes.of_email("login", AN, house.clock.now_ms()))[0]
    stored = b"".join(file.read_bytes() for file in house.outbox.parent.glob("sealroom.db*"))
    assert row.ticket_hash.encode() in stored
    assert step.ticket.encode() not in stored


@pytest.mark.parametrize("purpose", ["verify", "login", "reset"])
async def test_the_right_code_of_an_attempt_that_leads_nowhere_opens_nothing(
    house: House, monkeypatch: pytest.MonkeyPatch, purpose: Any
) -> None:
    """Somebody guesses, in a million tries, the code that was never mailed."""
    monkeypatch.setattr(house.codes._entropy, "digits", lambda _: "123456", raising=False)
    ticket = await house.codes.begin(Attempt(purpose, NOBODY, HOME))
    calls: dict[str, Callable[[], Awaitable[Any]]] = {
        "verify": lambda: house.accounts.verify(NOBODY, ticket, "123456", BROWSER),
        "login": lambda: house.sign_in.log_in_with_code(NOBODY, ticket, "123456", BROWSER),
        "reset": lambda: house.passwords.reset(
            NOBODY, ticket, "123456", "A" * 22, DEFAULT_KDF, auth_key("new"), BROWSER
        ),
    }
    await refused(ErrorCode.BAD_CODE, calls[purpose]())
    assert await house.stores.accounts.by_email(NOBODY) is None


async def test_resets_are_a_minute_apart_and_never_lock_the_owner_out(
    house: House, clock: MovableClock
) -> None:
    await house.sign_up(AN)
    sent = len(await house.mails(AN))
    await house.passwords.forget(AN, "198.51.100.7")
    assert len(await house.mails(AN)) == sent + 1
    clock.advance(30 * SECOND_MS)
    ticket = await house.passwords.forget(AN, HOME)
    assert len(await house.mails(AN)) == sent + 1
    clock.advance(30 * SECOND_MS)
    await house.codes.send_again("reset", AN, ticket, HOME)
    assert len(await house.mails(AN)) == sent + 2
    await house.passwords.reset(
        AN, ticket, await house.code(AN), "A" * 22, DEFAULT_KDF, auth_key("new"), BROWSER
    )


async def test_codes_of_one_person_are_limited_and_of_others_are_not(house: House) -> None:
    await house.sign_up(AN)
    await house.sign_up("binh@example.org")
    sent = await until_refused(ErrorCode.RATE_LIMITED, lambda: house.passwords.forget(AN, HOME))
    assert sent == 5
    await house.passwords.forget("binh@example.org", HOME)
    await house.passwords.forget(AN, "198.51.100.7")
