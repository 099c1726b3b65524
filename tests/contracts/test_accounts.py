"""AccountStore."""

import asyncio
from dataclasses import replace

import pytest

from models.accounts import Preferences
from protocol.errors import AppError, ErrorCode


async def test_an_account_is_found_by_id_address_and_friend_code(stores, make):
    account = make.account(role="admin", preferences=Preferences(read_receipts=False))
    await stores.accounts.create(account)
    assert await stores.accounts.by_id(account.user_id) == account
    assert await stores.accounts.by_email(account.email) == account
    assert await stores.accounts.by_friend_code(account.friend_code) == account


async def test_what_is_not_there_is_none(stores, make):
    await stores.accounts.create(make.account())
    assert await stores.accounts.by_id(make.user()) is None
    assert await stores.accounts.by_email("nobody@example.org") is None
    assert await stores.accounts.by_friend_code("ffffffffffff") is None


@pytest.mark.parametrize("taken", ["email", "friend_code"])
async def test_create_refuses_what_is_taken_and_says_what(stores, make, taken):
    there, fresh = make.account(), make.account()
    await stores.accounts.create(there)
    with pytest.raises(AppError) as refused:
        await stores.accounts.create(replace(fresh, **{taken: getattr(there, taken)}))
    assert (refused.value.code, refused.value.detail) == (ErrorCode.CONFLICT, taken)
    assert await stores.accounts.by_id(fresh.user_id) is None


@pytest.mark.parametrize("shared", ["email", "friend_code"])
async def test_of_concurrent_creations_exactly_one_succeeds(stores, open_more, make, shared):
    other_process = await open_more()
    value = getattr(make.account(), shared)
    outcomes = await asyncio.gather(
        *(
            (stores, other_process)[n % 2].accounts.create(make.account(**{shared: value}))
            for n in range(20)
        ),
        return_exceptions=True,
    )
    assert outcomes.count(None) == 1
    assert {o.code for o in outcomes if o is not None} == {ErrorCode.CONFLICT}


async def test_set_profile_changes_only_what_is_given(stores, make):
    account = make.account()
    await stores.accounts.create(account)
    await stores.accounts.set_profile(account.user_id, display_name="Trần Văn Ba", preferences=None)
    named = replace(account, display_name="Trần Văn Ba")
    assert await stores.accounts.by_id(account.user_id) == named
    hidden = Preferences(read_receipts=False, presence=False)
    await stores.accounts.set_profile(account.user_id, display_name=None, preferences=hidden)
    assert await stores.accounts.by_id(account.user_id) == replace(named, preferences=hidden)


async def test_set_verifier_replaces_what_log_ins_are_checked_against(stores, make):
    account, other = make.account(), make.account()
    await stores.accounts.create(account)
    await stores.accounts.create(other)
    verifier = make.verifier()
    await stores.accounts.set_verifier(account.user_id, verifier)
    assert await stores.accounts.by_id(account.user_id) == replace(account, verifier=verifier)
    assert await stores.accounts.by_id(other.user_id) == other


async def test_last_seen_never_moves_backwards(stores, make):
    first, second = make.account(), make.account(last_seen_ms=9_000)
    for account in (first, second):
        await stores.accounts.create(account)
    await stores.accounts.set_last_seen({first.user_id: 5_000, second.user_id: 8_000})
    assert (await stores.accounts.by_id(first.user_id)).last_seen_ms == 5_000
    assert (await stores.accounts.by_id(second.user_id)).last_seen_ms == 9_000
    await stores.accounts.set_last_seen({first.user_id: 4_999})
    assert (await stores.accounts.by_id(first.user_id)).last_seen_ms == 5_000


async def test_two_who_tell_when_the_same_people_were_seen_do_not_wait_for_each_other(stores, make):
    accounts = [make.account() for _ in range(20)]
    for account in accounts:
        await stores.accounts.create(account)
    user_ids = [account.user_id for account in accounts]
    await asyncio.gather(
        *(
            stores.accounts.set_last_seen(dict.fromkeys(order, seen_ms))
            for seen_ms in range(1_000, 20_000, 1_000)
            for order in (user_ids, reversed(user_ids))
        )
    )
    assert {(await stores.accounts.by_id(one)).last_seen_ms for one in user_ids} == {19_000}
