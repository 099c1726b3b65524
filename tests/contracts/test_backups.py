"""BackupStore."""

import asyncio

import pytest

from protocol.errors import AppError, ErrorCode


@pytest.fixture
async def user(stores, make):
    account = make.account()
    await stores.accounts.create(account)
    return account.user_id


async def test_a_backup_comes_back_as_it_was_put(stores, make, user):
    assert await stores.backups.of_user(user) is None
    backup = make.backup(user)
    await stores.backups.put(backup)
    assert await stores.backups.of_user(user) == backup


async def test_put_replaces_by_the_next_version(stores, make, user):
    await stores.backups.put(make.backup(user, 1))
    second = make.backup(user, 2)
    await stores.backups.put(second)
    assert await stores.backups.of_user(user) == second


@pytest.mark.parametrize("version", [0, 1, 3])
async def test_put_refuses_a_version_that_does_not_follow(stores, make, user, version):
    first = make.backup(user, 1)
    await stores.backups.put(first)
    with pytest.raises(AppError) as refused:
        await stores.backups.put(make.backup(user, version))
    assert refused.value.code == ErrorCode.CONFLICT
    assert await stores.backups.of_user(user) == first


async def test_the_first_version_is_one(stores, make, user):
    with pytest.raises(AppError) as refused:
        await stores.backups.put(make.backup(user, 2))
    assert refused.value.code == ErrorCode.CONFLICT


async def test_of_concurrent_puts_of_one_version_one_wins(stores, open_more, make, user):
    other_process = await open_more()
    outcomes = await asyncio.gather(
        *((stores, other_process)[n % 2].backups.put(make.backup(user, 1)) for n in range(20)),
        return_exceptions=True,
    )
    assert outcomes.count(None) == 1


async def test_backup_and_verifier_change_together(stores, make):
    account = make.account()
    await stores.accounts.create(account)
    backup, verifier = make.backup(account.user_id), make.verifier()
    await stores.backups.put_with_verifier(backup, verifier)
    assert await stores.backups.of_user(account.user_id) == backup
    assert (await stores.accounts.by_id(account.user_id)).verifier == verifier


async def test_neither_changes_when_the_version_does_not_follow(stores, make):
    account = make.account()
    await stores.accounts.create(account)
    with pytest.raises(AppError) as refused:
        await stores.backups.put_with_verifier(make.backup(account.user_id, 2), make.verifier())
    assert refused.value.code == ErrorCode.CONFLICT
    assert await stores.accounts.by_id(account.user_id) == account
    assert await stores.backups.of_user(account.user_id) is None
