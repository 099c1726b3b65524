"""The identity backup: kept by version, opened by nobody here."""

import pytest

from models.accounts import KdfParams
from models.backups import Wrap
from protocol.errors import ErrorCode
from protocol.ids import UserId
from tests.house import KDF, House, backup, refused

SALT = "A" * 22
RECOVERY = Wrap("recovery", "BBBB")


@pytest.fixture
async def user_id(house: House) -> UserId:
    return (await house.sign_up("an@example.org")).account.user_id


async def test_there_is_none_at_first(house: House, user_id: UserId) -> None:
    await refused(ErrorCode.NOT_FOUND, house.backups.of_user(user_id))


async def test_each_write_follows_the_one_before(house: House, user_id: UserId) -> None:
    await refused(ErrorCode.CONFLICT, house.backups.put(backup(user_id, 2)))
    await house.backups.put(backup(user_id, 1))
    await house.backups.put(backup(user_id, 2, identity="EEEE"))
    for version in (1, 2, 4):
        await refused(ErrorCode.CONFLICT, house.backups.put(backup(user_id, version)))
    assert (await house.backups.of_user(user_id)).identity == "EEEE"


async def test_the_same_write_again_changes_nothing(house: House, user_id: UserId) -> None:
    first = await house.backups.put(backup(user_id))
    assert await house.backups.put(backup(user_id)) == first


async def test_people_without_a_password_wrap_keep_the_recovery_code(
    house: House, user_id: UserId
) -> None:
    await house.backups.put(backup(user_id, wraps=(RECOVERY,)))


@pytest.mark.parametrize(
    ("wraps", "code"),
    [
        ((), ErrorCode.BAD_REQUEST),
        ((RECOVERY, RECOVERY), ErrorCode.BAD_REQUEST),
        ((Wrap("password", "AAAA"),), ErrorCode.BAD_REQUEST),
        ((Wrap("password", "AAAA", KDF),), ErrorCode.BAD_REQUEST),
        ((Wrap("recovery", "AAAA", KDF, SALT),), ErrorCode.BAD_REQUEST),
        ((Wrap("password", "AAAA", KdfParams(65_535, 3, 1), SALT),), ErrorCode.WEAK_KDF),
        ((Wrap("password", "AAAA", KdfParams(65_536, 2, 1), SALT),), ErrorCode.WEAK_KDF),
    ],
)
async def test_a_backup_its_owner_could_not_open_is_refused(
    house: House, user_id: UserId, wraps: tuple[Wrap, ...], code: ErrorCode
) -> None:
    await refused(code, house.backups.put(backup(user_id, wraps=wraps)))
    await refused(ErrorCode.NOT_FOUND, house.backups.of_user(user_id))


async def test_version_nought_is_refused(house: House, user_id: UserId) -> None:
    await refused(ErrorCode.BAD_REQUEST, house.backups.put(backup(user_id, 0)))
