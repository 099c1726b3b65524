"""Signing up, one's profile, finding people."""

import asyncio

import pytest

from models.accounts import KdfParams, Preferences
from models.events import AccountAltered
from protocol.errors import AppError, ErrorCode
from protocol.frames import ProfileChanged
from tests.harness import MovableClock
from tests.house import BROWSER, House, auth_key, refused, until_refused

MINUTE_MS = 60_000


async def test_a_registration_becomes_an_account_when_its_address_is_proven(house: House) -> None:
    ticket = await house.register("An@Example.org", display_name="  An  ")
    assert await house.stores.accounts.by_email("an@example.org") is None
    opened = await house.accounts.verify(
        "an@example.org", ticket, await house.code("an@example.org"), BROWSER
    )
    account = await house.stores.accounts.by_email("an@example.org")
    assert account == opened.account
    assert account is not None
    assert account.display_name == "An"
    assert len(account.friend_code) == 12
    assert account.verifier.password_hash.startswith("$2b$")
    assert await house.hasher.verify(auth_key("An@Example.org"), account.verifier.password_hash)
    assert (await house.principal(opened)).user_id == account.user_id


async def test_the_code_alone_names_the_registration(house: House) -> None:
    await house.register("an@example.org")
    opened = await house.accounts.verify(
        "an@example.org", None, await house.code("an@example.org"), BROWSER
    )
    assert opened.account.email == "an@example.org"


async def test_a_code_of_one_attempt_opens_nothing_in_another(house: House) -> None:
    await house.register("an@example.org", display_name="Stranger")
    strangers_code = await house.code("an@example.org")
    own_ticket = await house.register("an@example.org", display_name="An")
    own_code = await house.code("an@example.org")
    if strangers_code != own_code:
        await refused(
            ErrorCode.BAD_CODE,
            house.accounts.verify("an@example.org", own_ticket, strangers_code, BROWSER),
        )
    opened = await house.accounts.verify("an@example.org", own_ticket, own_code, BROWSER)
    assert opened.account.display_name == "An"


async def test_a_strangers_attempt_never_holds_back_the_owners_mail(house: House) -> None:
    for _ in range(5):
        await house.register("an@example.org", address="198.51.100.7")
    ticket = await house.register("an@example.org")
    opened = await house.accounts.verify(
        "an@example.org", ticket, await house.code("an@example.org"), BROWSER
    )
    assert opened.account.email == "an@example.org"


async def test_guesses_without_a_ticket_use_up_nobodys_tries(house: House) -> None:
    ticket = await house.register("an@example.org")
    code = await house.code("an@example.org")
    wrong = f"{(int(code) + 1) % 1_000_000:06d}"
    for _ in range(10):
        await refused(
            ErrorCode.BAD_CODE, house.accounts.verify("an@example.org", None, wrong, BROWSER)
        )
    await house.accounts.verify("an@example.org", ticket, code, BROWSER)


async def test_guesses_without_a_ticket_come_to_an_end(house: House) -> None:
    await house.register("an@example.org")
    guessed = await until_refused(
        ErrorCode.RATE_LIMITED,
        lambda: house.accounts.verify("an@example.org", None, "none", BROWSER),
    )
    assert guessed == 20


async def test_the_first_of_two_proofs_of_one_address_makes_the_account(house: House) -> None:
    proofs = []
    for name in ("One", "Two"):
        ticket = await house.register("an@example.org", display_name=name)
        proofs.append((ticket, await house.code("an@example.org")))
    results = await asyncio.gather(
        *(house.accounts.verify("an@example.org", t, c, BROWSER) for t, c in proofs),
        return_exceptions=True,
    )
    lost = [result for result in results if isinstance(result, AppError)]
    assert [error.code for error in lost] == [ErrorCode.CONFLICT]


async def test_the_mail_for_a_known_address_says_so_and_the_answer_does_not(house: House) -> None:
    await house.sign_up("an@example.org")
    ticket = await house.register("an@example.org")
    newest = (await house.mails("an@example.org"))[-1]
    assert "already has an account" in newest
    assert len(ticket) == len(await house.register("binh@example.org"))
    await refused(
        ErrorCode.BAD_CODE, house.accounts.verify("an@example.org", ticket, "123456", BROWSER)
    )


@pytest.mark.parametrize(
    "kdf", [KdfParams(65_535, 3, 1), KdfParams(65_536, 2, 1), KdfParams(8, 1, 1)]
)
async def test_a_weak_derivation_is_refused_before_any_work(house: House, kdf: KdfParams) -> None:
    await refused(ErrorCode.WEAK_KDF, house.register("an@example.org", kdf=kdf))
    assert house.hasher.calls == []
    assert await house.mails("an@example.org") == []


async def test_a_taken_friend_code_is_drawn_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await house.sign_up("an@example.org")
    ticket = await house.register("binh@example.org")
    code = await house.code("binh@example.org")
    draws = [bytes.fromhex(first.account.friend_code), b"\x01\x02\x03\x04\x05\x06"]
    honest = house.accounts._entropy.token

    class Loaded:
        def token(self, size_bytes: int) -> bytes:
            return draws.pop(0) if size_bytes == 6 else honest(size_bytes)

        def digits(self, count: int) -> str:
            raise AssertionError

    monkeypatch.setattr(house.accounts, "_entropy", Loaded())
    opened = await house.accounts.verify("binh@example.org", ticket, code, BROWSER)
    assert opened.account.friend_code == "010203040506"


async def test_a_changed_profile_is_told_to_oneself_and_to_contacts(house: House) -> None:
    an = (await house.sign_up("an@example.org")).account
    binh = (await house.sign_up("binh@example.org")).account
    stranger = (await house.sign_up("chi@example.org")).account
    await house.befriend(an.user_id, binh.user_id)
    changed = await house.accounts.change_profile(
        an.user_id, display_name="An Nguyễn", preferences=Preferences(presence=False)
    )
    assert (changed.display_name, changed.preferences.presence) == ("An Nguyễn", False)
    assert house.sink.told(binh.user_id) == [ProfileChanged(user=an.user_id)]
    assert house.sink.told(an.user_id) == [ProfileChanged(user=an.user_id)]
    assert house.sink.told(stranger.user_id) == []
    assert AccountAltered(an.user_id) in house.sink.events


async def test_contacts_do_not_hear_that_somebody_begins_to_hide(house: House) -> None:
    an = (await house.sign_up("an@example.org")).account
    binh = (await house.sign_up("binh@example.org")).account
    await house.befriend(an.user_id, binh.user_id)
    await house.accounts.change_profile(
        an.user_id, display_name=None, preferences=Preferences(read_receipts=False, presence=False)
    )
    assert house.sink.told(binh.user_id) == []
    assert house.sink.told(an.user_id) == [ProfileChanged(user=an.user_id)]


async def test_people_are_found_by_friend_code_and_never_by_address(house: House) -> None:
    an = (await house.sign_up("an@example.org")).account
    binh = (await house.sign_up("binh@example.org")).account
    find = house.accounts.find
    assert await find(an.user_id, friend_code=binh.friend_code, email=None) == binh
    assert await find(an.user_id, friend_code="0" * 12, email=None) is None
    assert await find(an.user_id, friend_code=None, email="binh@example.org") is None
    await refused(ErrorCode.BAD_REQUEST, find(an.user_id, friend_code=None, email=None))
    await refused(
        ErrorCode.BAD_REQUEST, find(an.user_id, friend_code=binh.friend_code, email="b@x.org")
    )


async def test_searching_is_limited(house: House) -> None:
    an = (await house.sign_up("an@example.org")).account
    found = await until_refused(
        ErrorCode.RATE_LIMITED,
        lambda: house.accounts.find(an.user_id, friend_code="0" * 12, email=None),
    )
    assert found == 60


async def test_codes_expire_after_ten_minutes(house: House, clock: MovableClock) -> None:
    ticket = await house.register("an@example.org")
    code = await house.code("an@example.org")
    clock.advance(10 * MINUTE_MS)
    await refused(
        ErrorCode.CODE_EXPIRED, house.accounts.verify("an@example.org", ticket, code, BROWSER)
    )
