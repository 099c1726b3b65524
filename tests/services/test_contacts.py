"""Who knows whom, what each of the two sees and hears, and what an address gives away."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from models.accounts import Account
from models.events import AccountAltered
from protocol.errors import AppError, ErrorCode
from protocol.frames import ContactChanged
from tests.harness import MovableClock
from tests.house import House, refused, until_refused
from tests.people import new_account

NOBODY = "nobody@example.org"


@pytest.fixture
async def an(house: House) -> Account:
    return (await house.sign_up("an@example.org")).account


@pytest.fixture
async def binh(house: House) -> Account:
    return (await house.sign_up("binh@example.org")).account


async def ask(house: House, one: Account, other: Account) -> None:
    await house.contacts.request(one.user_id, friend_code=other.friend_code, email=None)


async def ask_by_email(house: House, one: Account, email: str) -> None:
    await house.contacts.request(one.user_id, friend_code=None, email=email)


async def seen(house: House, by: Account) -> dict[str, Any]:
    """Return what somebody's list says, in short."""
    found = await house.contacts.of_user(by.user_id)
    return {
        "contacts": {account.email: contact.state for contact, account in found.contacts},
        "invites": [invite.email for invite in found.invites],
        "blocked": [account.email for account in found.blocked],
    }


def heard(house: House, by: Account) -> list[tuple[str, str]]:
    """Return whom somebody heard of since the last time, and as what."""
    frames = house.sink.told(by.user_id)
    return [(f.user, f.state) for f in frames if isinstance(f, ContactChanged)]


EMPTY = {"contacts": {}, "invites": [], "blocked": []}


async def test_a_request_by_friend_code_is_seen_and_heard_by_both(
    house: House, an: Account, binh: Account
) -> None:
    await ask(house, an, binh)
    assert await seen(house, an) == EMPTY | {"contacts": {binh.email: "outgoing"}}
    assert await seen(house, binh) == EMPTY | {"contacts": {an.email: "incoming"}}
    assert heard(house, an) == [(binh.user_id, "outgoing")]
    assert heard(house, binh) == [(an.user_id, "incoming")]


async def test_accepting_makes_contacts_of_both(house: House, an: Account, binh: Account) -> None:
    await ask(house, an, binh)
    house.sink.take()
    contact, account = await house.contacts.accept(binh.user_id, an.user_id)
    assert (contact.state, account) == ("accepted", an)
    assert heard(house, an) == [(binh.user_id, "accepted")]
    assert heard(house, binh) == [(an.user_id, "accepted")]
    altered = {e.user_id for e in house.sink.events if isinstance(e, AccountAltered)}
    assert altered == {an.user_id, binh.user_id}
    await house.access.require_contact(an.user_id, binh.user_id)


async def test_accepting_twice_is_once(house: House, an: Account, binh: Account) -> None:
    await ask(house, an, binh)
    await house.contacts.accept(binh.user_id, an.user_id)
    house.sink.take()
    await house.contacts.accept(binh.user_id, an.user_id)
    assert house.sink.take() == []


async def test_nobody_accepts_their_own_request(house: House, an: Account, binh: Account) -> None:
    await ask(house, an, binh)
    await refused(ErrorCode.NOT_FOUND, house.contacts.accept(an.user_id, binh.user_id))
    await refused(ErrorCode.NOT_CONTACT, house.access.require_contact(an.user_id, binh.user_id))


async def test_asking_back_accepts(house: House, an: Account, binh: Account) -> None:
    await ask(house, an, binh)
    await ask_by_email(house, binh, an.email)
    await house.access.require_contact(an.user_id, binh.user_id)
    assert heard(house, binh)[-1] == (an.user_id, "accepted")


async def test_two_who_ask_at_once_become_contacts(
    house: House, an: Account, binh: Account
) -> None:
    await asyncio.gather(ask(house, an, binh), ask(house, binh, an))
    await house.access.require_contact(an.user_id, binh.user_id)


async def test_asking_twice_is_once(house: House, an: Account, binh: Account) -> None:
    await ask(house, an, binh)
    house.sink.take()
    await ask(house, an, binh)
    assert house.sink.take() == []


async def test_declining_and_ending_are_heard_by_both(
    house: House, an: Account, binh: Account
) -> None:
    await ask(house, an, binh)
    house.sink.take()
    await house.contacts.remove(binh.user_id, an.user_id)
    assert (await seen(house, an), await seen(house, binh)) == (EMPTY, EMPTY)
    assert heard(house, an) == [(binh.user_id, "none")]
    assert heard(house, binh) == [(an.user_id, "none")]
    await refused(ErrorCode.NOT_FOUND, house.contacts.remove(binh.user_id, an.user_id))


async def test_ending_a_contact_leaves_the_room(
    house: House, an: Account, binh: Account, people: Any
) -> None:
    await house.befriend(an.user_id, binh.user_id)
    room = await people.room(an, binh)
    await house.contacts.remove(an.user_id, binh.user_id)
    assert await house.access.room(binh.user_id, room.room_id) == room


async def test_an_unknown_friend_code_is_not_found(house: House, an: Account) -> None:
    await refused(
        ErrorCode.NOT_FOUND,
        house.contacts.request(an.user_id, friend_code="0" * 12, email=None),
    )


async def test_nobody_asks_themselves(house: House, an: Account) -> None:
    await refused(ErrorCode.BAD_REQUEST, ask(house, an, an))
    await ask_by_email(house, an, an.email)
    assert await seen(house, an) == EMPTY


@pytest.mark.parametrize(("friend_code", "email"), [(None, None), ("0" * 12, NOBODY)])
async def test_a_request_names_exactly_one_way(
    house: House, an: Account, friend_code: str | None, email: str | None
) -> None:
    await refused(
        ErrorCode.BAD_REQUEST,
        house.contacts.request(an.user_id, friend_code=friend_code, email=email),
    )


# ── by address ──────────────────────────────────────────────────────────────────────────────────


async def test_a_request_by_address_looks_the_same_whether_it_is_known(
    house: House, an: Account, binh: Account
) -> None:
    await ask_by_email(house, an, binh.email)
    await ask_by_email(house, an, NOBODY)
    assert await seen(house, an) == EMPTY | {"invites": [binh.email, NOBODY]}
    assert heard(house, an) == []
    assert await seen(house, binh) == EMPTY | {"contacts": {an.email: "incoming"}}
    for hidden in (house.access.person, house.contacts.remove, house.devices.directory):
        extra = (0,) if hidden == house.devices.directory else ()
        await refused(ErrorCode.NOT_FOUND, hidden(an.user_id, binh.user_id, *extra))  # type: ignore[operator]


@pytest.mark.parametrize("code_first", [True, False])
@pytest.mark.parametrize("is_accepted", [True, False])
async def test_asking_by_code_and_by_address_does_not_tell_that_they_are_one_person(
    house: House,
    an: Account,
    binh: Account,
    clock: MovableClock,
    code_first: bool,
    is_accepted: bool,
) -> None:
    async def ask_both(email: str) -> tuple[list[tuple[str, str]], list[int]]:
        """Return what the asker hears, and when the entries of their list are from, in seconds."""
        start_ms = house.clock.now_ms()
        house.sink.take()
        calls: list[Callable[[], Awaitable[None]]] = [
            lambda: ask(house, an, binh),
            lambda: ask_by_email(house, an, email),
        ]
        for call in calls if code_first else reversed(calls):
            clock.advance(10_000)
            await call()
            if is_accepted and call is calls[0]:
                await house.contacts.accept(binh.user_id, an.user_id)
        found = await house.contacts.of_user(an.user_id)
        assert [invite.email for invite in found.invites] == [email]
        dates_ms = [found.contacts[0][0].created_ms, found.invites[0].created_ms]
        return heard(house, an), [(at_ms - start_ms) // 5_000 for at_ms in dates_ms]

    known = await ask_both(binh.email)
    await house.contacts.withdraw(an.user_id, binh.email)
    await house.contacts.remove(an.user_id, binh.user_id)
    assert await ask_both(NOBODY) == known


async def test_an_address_asked_before_and_after_a_block_stands_in_the_list_once(
    house: House, an: Account, binh: Account
) -> None:
    await house.contacts.block(an.user_id, binh.user_id)
    await ask_by_email(house, an, binh.email)
    await house.contacts.unblock(an.user_id, binh.user_id)
    await ask_by_email(house, an, binh.email)
    assert await seen(house, an) == EMPTY | {"invites": [binh.email]}


async def test_addresses_asked_in_the_same_millisecond_are_listed_alphabetically(
    house: House, an: Account, binh: Account
) -> None:
    await house.stores.contacts.invite(an.user_id, "ada@example.org", 1_000)
    await house.stores.contacts.request(an.user_id, binh.user_id, 1_000, binh.email)
    assert (await seen(house, an))["invites"] == ["ada@example.org", binh.email]


async def test_an_accepted_request_by_address_shows_who_it_was(
    house: House, an: Account, binh: Account
) -> None:
    await ask_by_email(house, an, binh.email)
    await house.contacts.accept(binh.user_id, an.user_id)
    assert await seen(house, an) == EMPTY | {"contacts": {binh.email: "accepted"}}


@pytest.mark.parametrize("answer", ["remove", "block"])
async def test_a_refused_request_by_address_looks_never_answered(
    house: House, an: Account, binh: Account, answer: str
) -> None:
    """Declined or blocked: the asker must not learn that the address has an account."""
    await ask_by_email(house, an, binh.email)
    before = (await house.contacts.of_user(an.user_id)).invites
    house.sink.take()
    await getattr(house.contacts, answer)(binh.user_id, an.user_id)
    assert heard(house, an) == []
    assert (await house.contacts.of_user(an.user_id)).invites == before
    assert (await seen(house, binh))["contacts"] == {}


async def test_who_was_declined_by_address_may_ask_again(
    house: House, an: Account, binh: Account
) -> None:
    await ask_by_email(house, an, binh.email)
    await house.contacts.remove(binh.user_id, an.user_id)
    await ask_by_email(house, an, binh.email)
    assert await seen(house, binh) == EMPTY | {"contacts": {an.email: "incoming"}}
    assert await seen(house, an) == EMPTY | {"invites": [binh.email]}
    await house.contacts.accept(binh.user_id, an.user_id)
    assert await seen(house, an) == EMPTY | {"contacts": {binh.email: "accepted"}}


async def test_an_invitation_waits_for_its_address(
    house: House, an: Account, clock: MovableClock
) -> None:
    await ask_by_email(house, an, NOBODY.upper())
    before = (await house.contacts.of_user(an.user_id)).invites
    clock.advance(60_000)
    newcomer = (await house.sign_up(NOBODY)).account
    assert await seen(house, newcomer) == EMPTY | {"contacts": {an.email: "incoming"}}
    assert (await house.contacts.of_user(an.user_id)).invites == before
    await house.contacts.accept(newcomer.user_id, an.user_id)
    assert await seen(house, an) == EMPTY | {"contacts": {NOBODY: "accepted"}}


async def test_an_invitation_made_while_the_account_comes_to_be_is_not_lost(
    house: House, an: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = house.stores.contacts.invite

    async def late(*args: Any) -> None:
        await house.sign_up(NOBODY)
        await honest(*args)

    monkeypatch.setattr(house.stores.contacts, "invite", late)
    await ask_by_email(house, an, NOBODY)
    account = await house.stores.accounts.by_email(NOBODY)
    assert account is not None
    assert await seen(house, account) == EMPTY | {"contacts": {an.email: "incoming"}}


@pytest.mark.parametrize("is_known", [True, False])
async def test_a_request_by_address_is_withdrawn(
    house: House, an: Account, binh: Account, is_known: bool
) -> None:
    email = binh.email if is_known else NOBODY
    await ask_by_email(house, an, email)
    house.sink.take()
    await house.contacts.withdraw(an.user_id, email)
    await house.contacts.withdraw(an.user_id, email)
    assert await seen(house, an) == EMPTY
    assert await seen(house, binh) == EMPTY
    assert heard(house, binh) == ([(an.user_id, "none")] if is_known else [])


async def test_a_known_and_an_unknown_address_cost_about_the_same(
    house: House, an: Account, binh: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both write once; what is told to the other one is told after that."""
    writes: list[str] = []
    honest = house.stores.database.write  # type: ignore[attr-defined]

    async def counted(work: Any) -> Any:
        writes.append("write")
        return await honest(work)

    monkeypatch.setattr(house.stores.database, "write", counted)
    await ask_by_email(house, an, binh.email)
    known = len(writes)
    writes.clear()
    await ask_by_email(house, an, NOBODY)
    assert known == len(writes) == 1


# ── blocks ──────────────────────────────────────────────────────────────────────────────────────


async def test_a_block_ends_the_relation_for_both(house: House, an: Account, binh: Account) -> None:
    await house.befriend(an.user_id, binh.user_id)
    await house.contacts.block(binh.user_id, an.user_id)
    assert await seen(house, an) == EMPTY
    assert await seen(house, binh) == EMPTY | {"blocked": [an.email]}
    assert heard(house, an) == [(binh.user_id, "none")]
    await refused(ErrorCode.NOT_CONTACT, house.access.require_contact(an.user_id, binh.user_id))


async def test_a_request_to_who_blocked_one_looks_never_answered(
    house: House, an: Account, binh: Account
) -> None:
    await house.contacts.block(binh.user_id, an.user_id)
    house.sink.take()
    await ask(house, an, binh)
    assert await seen(house, an) == EMPTY | {"contacts": {binh.email: "outgoing"}}
    assert await seen(house, binh) == EMPTY | {"blocked": [an.email]}
    assert heard(house, binh) == []
    await house.contacts.remove(an.user_id, binh.user_id)
    assert heard(house, binh) == []


async def test_a_withdrawn_request_to_who_blocked_one_is_not_heard_of(
    house: House, an: Account, binh: Account
) -> None:
    await house.contacts.block(binh.user_id, an.user_id)
    house.sink.take()
    await ask_by_email(house, an, binh.email)
    await house.contacts.withdraw(an.user_id, binh.email)
    assert heard(house, binh) == []


async def test_a_block_is_taken_back_once(house: House, an: Account, binh: Account) -> None:
    await house.contacts.block(binh.user_id, an.user_id)
    await house.contacts.block(binh.user_id, an.user_id)
    await house.contacts.unblock(binh.user_id, an.user_id)
    await refused(ErrorCode.NOT_FOUND, house.contacts.unblock(binh.user_id, an.user_id))
    assert await seen(house, binh) == EMPTY


async def test_asking_someone_one_has_blocked_lifts_the_block(
    house: House, an: Account, binh: Account
) -> None:
    await house.contacts.block(an.user_id, binh.user_id)
    await ask(house, binh, an)
    await ask(house, an, binh)
    assert await seen(house, an) == EMPTY | {"contacts": {binh.email: "accepted"}}
    await house.access.require_contact(an.user_id, binh.user_id)


async def test_the_address_of_someone_one_has_blocked_looks_like_any_other(
    house: House, an: Account, binh: Account
) -> None:
    await house.contacts.block(an.user_id, binh.user_id)
    await ask(house, binh, an)
    house.sink.take()
    await ask_by_email(house, an, binh.email)
    assert await seen(house, an) == EMPTY | {"blocked": [binh.email], "invites": [binh.email]}
    assert house.sink.take() == []
    await house.contacts.withdraw(an.user_id, binh.email)
    assert await seen(house, an) == EMPTY | {"blocked": [binh.email]}


async def test_blocking_oneself_or_nobody_is_refused(house: House, an: Account) -> None:
    await refused(ErrorCode.BAD_REQUEST, house.contacts.block(an.user_id, an.user_id))
    unknown = type(an.user_id)("A" * 22)
    await refused(ErrorCode.NOT_FOUND, house.contacts.block(an.user_id, unknown))


# ── limits ──────────────────────────────────────────────────────────────────────────────────────


async def test_requests_are_limited(house: House, an: Account) -> None:
    count = iter(range(1_000))
    asked = await until_refused(
        ErrorCode.RATE_LIMITED,
        lambda: ask_by_email(house, an, f"user{next(count)}@example.org"),
    )
    assert asked == 60


async def test_a_long_list_lets_others_go_on(house: House, an: Account) -> None:
    for number in range(100):
        other = new_account(f"user{number}", house.clock.now_ms())
        await house.stores.accounts.create(other)
        await house.stores.contacts.request(other.user_id, an.user_id, number)
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    going_on = asyncio.ensure_future(others())
    found = await house.contacts.of_user(an.user_id)
    going_on.cancel()
    assert [account.email for _, account in found.contacts] == [
        f"user{number}@example.org" for number in range(100)
    ]
    assert turns > 3


async def test_a_list_holds_a_thousand_and_incoming_requests_do_not_count(
    house: House, an: Account, binh: Account
) -> None:
    now_ms = house.clock.now_ms()
    for number in range(999):
        await house.stores.contacts.invite(an.user_id, f"user{number}@example.org", now_ms)
    await ask(house, binh, an)
    await ask_by_email(house, an, NOBODY)
    with pytest.raises(AppError, match="forbidden"):
        await ask_by_email(house, an, "one.more@example.org")
