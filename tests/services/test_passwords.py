"""Forgotten and changed passwords (SEAL1 §4.11, S-08)."""

import pytest

from models.accounts import KdfParams
from models.events import LoginsEnded
from protocol.errors import AppError, ErrorCode
from services.logins import Opened
from services.sign_in import Challenge, KnownBrowser
from tests.house import BROWSER, HOME, KDF, House, Seal, auth_key, backup, refused

AN = "an@example.org"
NEW_SALT = "B" * 21 + "A"
NEW_KDF = KdfParams(131_072, 3, 1)
NEW = auth_key("new password")


async def reset(house: House) -> Opened:
    ticket = await house.passwords.forget(AN, HOME)
    code = await house.code(AN)
    return await house.passwords.reset(AN, ticket, code, NEW_SALT, NEW_KDF, NEW, BROWSER)


async def can_log_in(house: House, key: bytes) -> bool:
    try:
        return isinstance(await house.sign_in.log_in(AN, key, BROWSER, None), Challenge)
    except AppError:
        return False


async def test_a_reset_replaces_the_password_and_logs_in(house: House) -> None:
    await house.sign_up(AN)
    opened = await reset(house)
    assert (await house.principal(opened)).user_id == opened.account.user_id
    assert await house.sign_in.prelogin(AN, HOME) == (NEW_SALT, NEW_KDF)
    assert await can_log_in(house, NEW)
    assert not await can_log_in(house, auth_key(AN))


async def test_a_reset_ends_every_log_in_and_forgets_every_browser(house: House) -> None:
    first = await house.sign_up(AN)
    seal = Seal(first.account.user_id, house.clock.now_ms())
    request = seal.enrolment()
    enrolled = await house.devices.enrol(await house.principal(first), request, None)
    house.sink.take()
    await reset(house)
    assert (
        LoginsEnded(first.account.user_id, (first.login_id,), "password_changed")
        in house.sink.take()
    )
    await refused(ErrorCode.SESSION_REVOKED, house.principal(first))
    known = KnownBrowser(request.certificate.device_id, enrolled.trust_token)
    assert isinstance(await house.sign_in.log_in(AN, NEW, BROWSER, known), Challenge)


@pytest.mark.parametrize("is_known", [True, False])
async def test_a_log_in_that_overlaps_a_reset_does_not_survive_it(
    house: House, monkeypatch: pytest.MonkeyPatch, is_known: bool
) -> None:
    """The old password is checked before the reset, and the log-in would be opened after it."""
    first = await house.sign_up(AN)
    seal = Seal(first.account.user_id, house.clock.now_ms())
    request = seal.enrolment()
    enrolled = await house.devices.enrol(await house.principal(first), request, None)
    known = KnownBrowser(request.certificate.device_id, enrolled.trust_token)
    honest = house.hasher.verify

    async def slow(key: bytes, stored: str | None) -> bool:
        is_right = await honest(key, stored)
        await reset(house)
        return is_right

    monkeypatch.setattr(house.hasher, "verify", slow)
    await refused(
        ErrorCode.BAD_CREDENTIALS,
        house.sign_in.log_in(AN, auth_key(AN), BROWSER, known if is_known else None),
    )


async def test_a_reset_keeps_devices_and_backup(house: House) -> None:
    opened = await house.sign_up(AN)
    user_id = opened.account.user_id
    await house.enrol(opened, Seal(user_id, house.clock.now_ms()))
    await house.backups.put(backup(user_id, 1))
    before = (
        await house.stores.devices.newest_list(user_id),
        await house.stores.backups.of_user(user_id),
    )
    await reset(house)
    assert before == (
        await house.stores.devices.newest_list(user_id),
        await house.stores.backups.of_user(user_id),
    )
    assert None not in before


async def test_after_a_reset_a_device_goes_on_with_its_keys(house: House) -> None:
    opened = await house.sign_up(AN)
    seal = Seal(opened.account.user_id, house.clock.now_ms())
    request = seal.enrolment()
    await house.devices.enrol(await house.principal(opened), request, None)
    again = await reset(house)
    principal = await house.principal(again)
    assert principal.device_id is None
    await house.devices.enrol(principal, request, None)
    assert (await house.principal(again)).device_id == request.certificate.device_id


async def test_a_reset_with_a_wrong_code_changes_nothing(house: House) -> None:
    opened = await house.sign_up(AN)
    ticket = await house.passwords.forget(AN, HOME)
    await refused(
        ErrorCode.BAD_CODE,
        house.passwords.reset(AN, ticket, "wrong!", NEW_SALT, NEW_KDF, NEW, BROWSER),
    )
    await house.principal(opened)
    assert await can_log_in(house, auth_key(AN))


async def test_a_weak_reset_leaves_the_code_good(house: House) -> None:
    await house.sign_up(AN)
    ticket = await house.passwords.forget(AN, HOME)
    code = await house.code(AN)
    weak = KdfParams(1_024, 1, 1)
    await refused(
        ErrorCode.WEAK_KDF,
        house.passwords.reset(AN, ticket, code, NEW_SALT, weak, NEW, BROWSER),
    )
    await house.passwords.reset(AN, ticket, code, NEW_SALT, NEW_KDF, NEW, BROWSER)


async def test_the_owner_is_told_of_a_new_password(house: House) -> None:
    opened = await house.sign_up(AN)
    await reset(house)
    assert "password was changed" in (await house.mails(AN))[-1]
    opened = await house.logins.open(opened.account, BROWSER)
    await house.passwords.change(
        await house.principal(opened),
        NEW,
        (NEW_SALT, KDF, auth_key("third")),
        backup(opened.account.user_id, 1),
        HOME,
    )
    mails = await house.mails(AN)
    assert len([mail for mail in mails if "password was changed" in mail]) == 2


async def change(
    house: House, opened: Opened, old: bytes, version: int, *, address: str = HOME, **kdf: int
) -> None:
    await house.passwords.change(
        await house.principal(opened),
        old,
        (NEW_SALT, KdfParams(**({"m_kib": 131_072, "t": 3, "p": 1} | kdf)), NEW),
        backup(opened.account.user_id, version),
        address,
    )


async def test_a_change_replaces_password_and_backup_and_ends_the_others(house: House) -> None:
    opened = await house.sign_up(AN)
    other = await house.logins.open(opened.account, BROWSER)
    await change(house, opened, auth_key(AN), 1)
    await house.principal(opened)
    await refused(ErrorCode.SESSION_REVOKED, house.principal(other))
    assert await house.backups.of_user(opened.account.user_id) == backup(opened.account.user_id, 1)
    assert await can_log_in(house, NEW)
    assert not await can_log_in(house, auth_key(AN))


@pytest.mark.parametrize(
    ("old", "version", "kdf", "code"),
    [
        ("wrong", 2, {}, ErrorCode.BAD_CREDENTIALS),
        (AN, 1, {}, ErrorCode.CONFLICT),
        (AN, 3, {}, ErrorCode.CONFLICT),
        (AN, 2, {"m_kib": 65_535}, ErrorCode.WEAK_KDF),
        (AN, 2, {"t": 2}, ErrorCode.WEAK_KDF),
    ],
    ids=["wrong password", "old backup", "backup from the future", "little memory", "few rounds"],
)
async def test_a_refused_change_changes_nothing(
    house: House, old: str, version: int, kdf: dict[str, int], code: ErrorCode
) -> None:
    opened = await house.sign_up(AN)
    stored = await house.backups.put(backup(opened.account.user_id, 1))
    other = await house.logins.open(opened.account, BROWSER)
    await refused(code, change(house, opened, auth_key(old), version, **kdf))
    assert await can_log_in(house, auth_key(AN))
    assert await house.backups.of_user(opened.account.user_id) == stored
    await house.principal(other)


async def test_a_change_that_overlaps_a_reset_does_not_undo_it(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = await house.sign_up(AN)
    honest = house.hasher.verify

    async def slow(key: bytes, stored: str | None) -> bool:
        is_right = await honest(key, stored)
        monkeypatch.setattr(house.hasher, "verify", honest)
        await reset(house)
        return is_right

    monkeypatch.setattr(house.hasher, "verify", slow)
    await refused(ErrorCode.BAD_CREDENTIALS, change(house, opened, auth_key(AN), 1))
    await refused(ErrorCode.NOT_FOUND, house.backups.of_user(opened.account.user_id))


async def test_guessing_the_old_password_is_slowed(house: House) -> None:
    opened = await house.sign_up(AN)
    for _ in range(20):
        await refused(ErrorCode.BAD_CREDENTIALS, change(house, opened, auth_key("guess"), 1))
    await refused(ErrorCode.RATE_LIMITED, change(house, opened, auth_key(AN), 1))


async def test_guessing_the_old_password_from_many_places_is_slowed_too(house: House) -> None:
    opened = await house.sign_up(AN)
    for place in range(20):
        guess = change(house, opened, auth_key("guess"), 1, address=f"198.51.{place}.1")
        await refused(ErrorCode.BAD_CREDENTIALS, guess)
    elsewhere = change(house, opened, auth_key(AN), 1, address="203.0.113.9")
    await refused(ErrorCode.RATE_LIMITED, elsewhere)
    assert await can_log_in(house, auth_key(AN))
