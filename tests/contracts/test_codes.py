"""CodeStore."""

import asyncio
from dataclasses import replace

from models.codes import PendingCode, Registration

TRIES = 5


def pending(**fields):
    values = {
        "purpose": "login",
        "email": "an@example.org",
        "ticket_hash": "aa" * 32,
        "code_hash": "cc" * 32,
        "sent_ms": 1_000,
        "expires_ms": 2_000,
    }
    return PendingCode(**{**values, **fields})


async def test_a_code_comes_back_as_it_was_put(stores, make):
    registration = Registration("Bình", make.text(), 65_536, 3, 1, "$2b$12$hash")
    for code in (
        pending(purpose="verify", ticket_hash="01", registration=registration),
        pending(ticket_hash="02", user_id=make.user()),
        pending(purpose="reset", ticket_hash="03"),
    ):
        await stores.codes.put(code)
        assert await stores.codes.of_ticket(code.ticket_hash, 1_999) == code


async def test_an_expired_code_is_never_read(stores):
    code = pending()
    await stores.codes.put(code)
    assert await stores.codes.of_ticket(code.ticket_hash, 2_000) is None
    assert await stores.codes.of_email("login", code.email, 2_000) == []
    attempt = await stores.codes.attempt(code.ticket_hash, code.code_hash, 2_000, TRIES)
    assert (attempt.outcome, attempt.code) == ("gone", None)


async def test_the_codes_of_an_address_come_newest_first(stores):
    codes = [
        pending(ticket_hash=f"{n:02x}", code_hash=f"{n:02x}", sent_ms=at_ms)
        for n, at_ms in enumerate((1_000, 1_300, 1_200))
    ]
    for code in (
        *codes,
        pending(ticket_hash="f0", email="binh@example.org"),
        pending(ticket_hash="f1", purpose="reset"),
    ):
        await stores.codes.put(code)
    found = await stores.codes.of_email("login", "an@example.org", 1_500)
    assert found == [codes[1], codes[2], codes[0]]


async def test_the_right_code_works_exactly_once(stores):
    code = pending()
    await stores.codes.put(code)
    attempt = await stores.codes.attempt(code.ticket_hash, code.code_hash, 1_500, TRIES)
    assert (attempt.outcome, attempt.code) == ("right", code)
    again = await stores.codes.attempt(code.ticket_hash, code.code_hash, 1_500, TRIES)
    assert again.outcome == "gone"
    assert await stores.codes.of_ticket(code.ticket_hash, 1_500) is None


async def test_wrong_attempts_are_counted_until_the_tries_are_used_up(stores):
    code = pending()
    await stores.codes.put(code)
    for _ in range(TRIES):
        wrong = await stores.codes.attempt(code.ticket_hash, "00" * 32, 1_500, TRIES)
        assert (wrong.outcome, wrong.code) == ("wrong", code)
    right = await stores.codes.attempt(code.ticket_hash, code.code_hash, 1_500, TRIES)
    assert right.outcome == "gone"


async def test_the_last_try_may_still_be_right(stores):
    code = pending()
    await stores.codes.put(code)
    for _ in range(TRIES - 1):
        await stores.codes.attempt(code.ticket_hash, "00" * 32, 1_500, TRIES)
    right = await stores.codes.attempt(code.ticket_hash, code.code_hash, 1_500, TRIES)
    assert right.outcome == "right"


async def test_an_unknown_ticket_is_gone(stores):
    assert (await stores.codes.attempt("bb", "cc", 1_500, TRIES)).outcome == "gone"


async def test_a_new_code_for_a_ticket_replaces_the_old_and_keeps_its_attempts(stores):
    code = pending()
    await stores.codes.put(code)
    for _ in range(TRIES - 1):
        await stores.codes.attempt(code.ticket_hash, "00" * 32, 1_500, TRIES)
    sent_again = replace(code, code_hash="dd" * 32, sent_ms=1_500, expires_ms=2_500)
    await stores.codes.put(sent_again)
    assert await stores.codes.of_ticket(code.ticket_hash, 2_400) == sent_again
    old = await stores.codes.attempt(code.ticket_hash, code.code_hash, 1_600, TRIES)
    assert old.outcome == "wrong"
    new = await stores.codes.attempt(code.ticket_hash, sent_again.code_hash, 1_600, TRIES)
    assert new.outcome == "gone"


async def test_a_new_ticket_starts_with_all_tries(stores):
    used_up = pending()
    await stores.codes.put(used_up)
    for _ in range(TRIES):
        await stores.codes.attempt(used_up.ticket_hash, "00" * 32, 1_500, TRIES)
    fresh = pending(ticket_hash="bb" * 32)
    await stores.codes.put(fresh)
    attempt = await stores.codes.attempt(fresh.ticket_hash, fresh.code_hash, 1_500, TRIES)
    assert attempt.outcome == "right"


async def test_an_expired_row_that_was_not_swept_is_like_none(stores):
    code = pending()
    await stores.codes.put(code)
    for _ in range(TRIES):
        await stores.codes.attempt(code.ticket_hash, "00" * 32, 1_500, TRIES)
    await stores.codes.put(replace(code, sent_ms=3_000, expires_ms=4_000))
    attempt = await stores.codes.attempt(code.ticket_hash, code.code_hash, 3_500, TRIES)
    assert attempt.outcome == "right"


async def test_of_fifty_concurrent_right_attempts_one_is_right(stores, open_more):
    code, other_process = pending(), await open_more()
    await stores.codes.put(code)
    attempts = await asyncio.gather(
        *(
            (stores, other_process)[n % 2].codes.attempt(
                code.ticket_hash, code.code_hash, 1_500, TRIES
            )
            for n in range(50)
        )
    )
    outcomes = [attempt.outcome for attempt in attempts]
    assert outcomes.count("right") == 1
    assert outcomes.count("gone") == 49


async def test_concurrent_wrong_attempts_cannot_outrun_the_count(stores):
    code = pending()
    await stores.codes.put(code)
    attempts = await asyncio.gather(
        *(stores.codes.attempt(code.ticket_hash, "00" * 32, 1_500, TRIES) for _ in range(50))
    )
    assert [attempt.outcome for attempt in attempts].count("wrong") == TRIES
