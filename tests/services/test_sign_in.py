"""Passwords and codes: logging in, and what a guesser learns (S-04, S-05, S-09)."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from models.accounts import KdfParams
from protocol.errors import AppError, ErrorCode
from protocol.ids import DeviceId
from protocol.limits import SECOND_MS
from services.logins import Browser, Opened
from services.sign_in import DEFAULT_KDF, Challenge, KnownBrowser
from tests.harness import MovableClock
from tests.house import BROWSER, HOME, House, Seal, auth_key, refused, until_refused

AN, NOBODY = "an@example.org", "nobody@example.org"
ELSEWHERE = Browser("Elsewhere", "web", "198.51.100.7")


async def challenge(house: House, browser: Browser = BROWSER) -> Challenge:
    """Log An in as far as the code."""
    step = await house.sign_in.log_in(AN, auth_key(AN), browser, None)
    assert isinstance(step, Challenge)
    return step


async def test_a_new_browser_shows_password_and_code(house: House) -> None:
    await house.sign_up(AN)
    step = await challenge(house)
    opened = await house.sign_in.log_in_with_code(AN, step.ticket, await house.code(AN), BROWSER)
    principal = await house.principal(opened)
    assert (principal.user_id, principal.device_id) == (opened.account.user_id, None)
    assert opened.access_token


async def test_each_browser_gets_its_code_at_once(house: House) -> None:
    """Two browsers of one person within a minute: both log in."""
    await house.sign_up(AN)
    for browser in (BROWSER, ELSEWHERE):
        step = await challenge(house, browser)
        await house.sign_in.log_in_with_code(AN, step.ticket, await house.code(AN), browser)


async def test_a_wrong_password_and_an_unknown_address_are_the_same(house: House) -> None:
    await house.sign_up(AN)
    for address in (AN, NOBODY):
        await refused(
            ErrorCode.BAD_CREDENTIALS,
            house.sign_in.log_in(address, auth_key("wrong"), BROWSER, None),
        )


async def known_browser(house: House) -> tuple[Opened, KnownBrowser, Seal]:
    """Sign An up with an enrolled device; returns what its browser is known by."""
    opened = await house.sign_up(AN)
    seal = Seal(opened.account.user_id, house.clock.now_ms())
    request = seal.enrolment()
    enrolled = await house.devices.enrol(await house.principal(opened), request, None)
    return opened, KnownBrowser(request.certificate.device_id, enrolled.trust_token), seal


async def test_an_enrolled_browser_is_spared_the_code(house: House) -> None:
    _, known, _ = await known_browser(house)
    opened = await house.sign_in.log_in(AN, auth_key(AN), BROWSER, known)
    assert isinstance(opened, Opened)
    assert (await house.principal(opened)).device_id == known.device_id


async def test_an_enrolled_browser_still_needs_the_password(house: House) -> None:
    _, known, _ = await known_browser(house)
    await refused(
        ErrorCode.BAD_CREDENTIALS, house.sign_in.log_in(AN, auth_key("no"), BROWSER, known)
    )


@pytest.mark.parametrize(
    "change",
    [
        lambda known: KnownBrowser(known.device_id, "A" * 43),
        lambda known: KnownBrowser(DeviceId("A" * 22), known.trust_token),
    ],
    ids=["another token", "another device"],
)
async def test_a_browser_that_is_not_known_is_asked_for_a_code(
    house: House, change: Callable[[KnownBrowser], KnownBrowser]
) -> None:
    _, known, _ = await known_browser(house)
    step = await house.sign_in.log_in(AN, auth_key(AN), BROWSER, change(known))
    assert isinstance(step, Challenge)


async def test_a_browser_of_somebody_elses_device_is_not_known(house: House) -> None:
    _, known, _ = await known_browser(house)
    await house.sign_up("binh@example.org")
    step = await house.sign_in.log_in(
        "binh@example.org", auth_key("binh@example.org"), BROWSER, known
    )
    assert isinstance(step, Challenge)


async def test_a_removed_device_is_asked_for_a_code(house: House) -> None:
    opened, known, seal = await known_browser(house)
    other = await house.logins.open(opened.account, BROWSER)
    principal = await house.enrol(other, seal)
    seal.revoke(seal.devices[0])
    await house.devices.put_list(principal, seal.sign_list())
    step = await house.sign_in.log_in(AN, auth_key(AN), BROWSER, known)
    assert isinstance(step, Challenge)


async def test_a_device_that_is_removed_while_it_logs_in_is_asked_for_a_code(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened, known, seal = await known_browser(house)
    other = await house.logins.open(opened.account, BROWSER)
    principal = await house.enrol(other, seal)
    honest = house.hasher.verify

    async def slow(key: bytes, stored: str | None) -> bool:
        is_right = await honest(key, stored)
        seal.revoke(seal.devices[0])
        await house.devices.put_list(principal, seal.sign_list())
        return is_right

    monkeypatch.setattr(house.hasher, "verify", slow)
    step = await house.sign_in.log_in(AN, auth_key(AN), BROWSER, known)
    assert isinstance(step, Challenge)


async def test_prelogin_tells_a_person_their_salt(house: House) -> None:
    opened = await house.sign_up(AN)
    salt, kdf = await house.sign_in.prelogin(AN.upper(), HOME)
    assert (salt, kdf) == (opened.account.verifier.salt, KdfParams(65_536, 3, 1))


async def test_prelogin_makes_up_a_stable_salt_for_an_unknown_address(house: House) -> None:
    first = await house.sign_in.prelogin(NOBODY, HOME)
    assert first == await house.sign_in.prelogin(NOBODY.title(), HOME)
    assert first[1] == DEFAULT_KDF
    assert len(first[0]) == 22
    assert first != await house.sign_in.prelogin("other@example.org", HOME)


# ── the same work, whether or not an address is known (S-04) ────────────────────────────────────


class Steps:
    """Counts every call of a store method, by its name: what an answer's time is made of."""

    def __init__(self, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
        self.names: list[str] = []
        for store in ("accounts", "codes", "logins", "devices", "contacts"):
            for name in ("by_email", "put", "of_email", "of_ticket", "attempt", "is_trusted"):
                self._count(getattr(house.stores, store), name, monkeypatch)
        self._count(house.stores.devices, "active", monkeypatch)
        self.house = house

    def _count(self, store: Any, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        honest = getattr(store, name, None)
        if honest is None:
            return

        async def counted(*args: Any, **kwargs: Any) -> Any:
            self.names.append(name)
            return await honest(*args, **kwargs)

        monkeypatch.setattr(store, name, counted)

    async def of(self, call: Awaitable[Any]) -> tuple[list[str], list[str], str]:
        """Return the store calls, the bcrypt calls and the kind of answer of one request."""
        self.names.clear()
        self.house.hasher.calls.clear()
        try:
            outcome = type(await call).__name__
        except AppError as error:
            outcome = str(error.code)
        return list(self.names), list(self.house.hasher.calls), outcome


REQUESTS: dict[str, Callable[[House, str], Awaitable[Any]]] = {
    "register": lambda house, address: house.register(address),
    "wrong password": lambda house, address: house.sign_in.log_in(
        address, auth_key("wrong"), BROWSER, None
    ),
    "wrong password of a known browser": lambda house, address: house.sign_in.log_in(
        address, auth_key("wrong"), BROWSER, KnownBrowser(DeviceId("A" * 22), "A" * 43)
    ),
    "forgotten password": lambda house, address: house.passwords.forget(address, HOME),
    "code again": lambda house, address: house.codes.send_again("reset", address, "x" * 32, HOME),
    "unnamed code": lambda house, address: house.accounts.verify(address, None, "000000", BROWSER),
    "prelogin": lambda house, address: house.sign_in.prelogin(address, HOME),
    "reset with a wrong code": lambda house, address: reset(house, address),
}


async def reset(house: House, address: str) -> Opened:
    ticket = await house.passwords.forget(address, HOME)
    return await house.passwords.reset(
        address, ticket, "wrong!", "A" * 22, DEFAULT_KDF, auth_key("new"), BROWSER
    )


@pytest.mark.parametrize("name", REQUESTS)
async def test_known_and_unknown_addresses_cost_and_answer_the_same(
    house: House, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    await house.sign_up(AN)
    steps = Steps(house, monkeypatch)
    known = await steps.of(REQUESTS[name](house, AN))
    unknown = await steps.of(REQUESTS[name](house, NOBODY))
    assert known == unknown
    assert known[0], "the request did nothing"


async def test_no_mail_is_made_before_the_answer(house: House) -> None:
    await house.sign_up(AN)
    sent: list[str] = []
    honest = house.mailer.send

    def noted(*, to: str, subject: str, body: str, is_urgent: bool) -> None:
        sent.append(to)
        honest(to=to, subject=subject, body=body, is_urgent=is_urgent)

    house.mailer.send = noted  # type: ignore[method-assign]
    await house.passwords.forget(AN, HOME)
    assert sent == []
    await asyncio.sleep(0)
    assert sent == [AN]


async def test_a_reset_for_an_unknown_address_mails_nobody(house: House) -> None:
    await house.passwords.forget(NOBODY, HOME)
    assert await house.mails(NOBODY) == []


# ── guessing (S-09) ─────────────────────────────────────────────────────────────────────────────


async def test_guessing_from_one_place_is_slowed_and_the_owner_elsewhere_is_not(
    house: House, clock: MovableClock
) -> None:
    await house.sign_up(AN)

    async def guess() -> None:
        await house.sign_in.log_in(AN, auth_key("guess"), ELSEWHERE, None)

    assert await until_refused(ErrorCode.RATE_LIMITED, guess) == 20
    assert house.hasher.calls.count("verify") == 20
    await challenge(house)
    clock.advance(30 * SECOND_MS)
    await refused(ErrorCode.BAD_CREDENTIALS, guess())


async def test_guessing_from_many_places_ends_at_a_hundred_but_a_known_browser_logs_in(
    house: House,
) -> None:
    _, known, _ = await known_browser(house)
    place = iter(range(1_000))

    async def guess() -> None:
        browser = Browser("Bot", "web", f"198.51.{next(place)}.1")
        await house.sign_in.log_in(AN, auth_key("guess"), browser, None)

    house.hasher.calls.clear()
    await until_refused(ErrorCode.RATE_LIMITED, guess)
    assert house.hasher.calls.count("verify") == 100
    await refused(ErrorCode.RATE_LIMITED, house.sign_in.log_in(AN, auth_key(AN), BROWSER, None))
    assert isinstance(await house.sign_in.log_in(AN, auth_key(AN), BROWSER, known), Opened)


async def test_a_right_password_forgives_the_wrong_ones(house: House) -> None:
    await house.sign_up(AN)
    for _ in range(3):
        for _ in range(19):
            await refused(
                ErrorCode.BAD_CREDENTIALS,
                house.sign_in.log_in(AN, auth_key("typo"), BROWSER, None),
            )
        await challenge(house)


async def test_three_browsers_at_one_address_never_meet_a_limit(house: House) -> None:
    """Forty people sign up and log in on a second browser, all behind one address."""
    for number in range(40):
        address = f"user{number}@example.org"
        await house.sign_up(address)
        step = await house.sign_in.log_in(address, auth_key(address), BROWSER, None)
        assert isinstance(step, Challenge)
        await house.sign_in.log_in_with_code(
            address, step.ticket, await house.code(address), BROWSER
        )


async def test_refreshing_from_one_place_is_limited(house: House) -> None:
    opened = await house.sign_up(AN)

    async def guess() -> None:
        await refused(ErrorCode.UNAUTHENTICATED, house.sign_in.refresh("A" * 43, HOME))

    for _ in range(300):
        await guess()
    await refused(ErrorCode.RATE_LIMITED, house.sign_in.refresh("A" * 43, HOME))
    await house.sign_in.refresh(opened.refresh_token, ELSEWHERE.address)


async def test_strangers_who_use_up_the_mails_of_the_server_keep_nobody_out(house: House) -> None:
    await house.sign_up(AN)
    number = iter(range(2_000))

    async def ask() -> None:
        stranger = next(number)
        await house.passwords.forget(f"user{stranger}@example.org", f"198.51.{stranger // 90}.1")

    await until_refused(ErrorCode.RATE_LIMITED, ask)
    step = await challenge(house)
    await house.sign_in.log_in_with_code(AN, step.ticket, await house.code(AN), BROWSER)
