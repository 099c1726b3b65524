"""Log-ins: recognised, refreshed, ended (S-12, S-13)."""

import asyncio

import pytest

from models.events import LoginsEnded
from protocol.errors import AppError, ErrorCode
from protocol.ids import LoginId
from protocol.limits import DAY_MS, SECOND_MS
from services.logins import LOGIN_LIFE_MS, Browser, LoginService, Principal, address_prefix
from services.system import SystemEntropy
from tests.harness import MovableClock
from tests.house import BROWSER, HOME, House, Seal, refused


async def test_a_token_of_an_ended_log_in_is_refused_at_once(house: House) -> None:
    opened = await house.sign_up("an@example.org")
    await house.principal(opened)
    await house.logins.end(opened.account.user_id, opened.login_id, "logged_out")
    await refused(ErrorCode.SESSION_REVOKED, house.principal(opened))
    assert house.sink.take() == [
        LoginsEnded(opened.account.user_id, (opened.login_id,), "logged_out")
    ]


async def test_an_end_in_another_process_counts_within_five_seconds(
    house: House, clock: MovableClock
) -> None:
    opened = await house.sign_up("an@example.org")
    await house.principal(opened)
    await house.stores.logins.end(opened.login_id)
    clock.advance(5 * SECOND_MS)
    await refused(ErrorCode.SESSION_REVOKED, house.principal(opened))


async def test_an_end_that_is_heard_of_counts_at_once(house: House) -> None:
    opened = await house.sign_up("an@example.org")
    await house.principal(opened)
    await house.stores.logins.end(opened.login_id)
    house.logins.forget([opened.login_id])
    await refused(ErrorCode.SESSION_REVOKED, house.principal(opened))


async def test_an_end_during_a_lookup_is_not_remembered_as_alive(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = await house.sign_up("an@example.org")
    honest = house.stores.logins.by_id

    async def slow(login_id: LoginId, now_ms: int) -> object:
        found = await honest(login_id, now_ms)
        await house.stores.logins.end(login_id)
        house.logins.forget([login_id])
        return found

    monkeypatch.setattr(house.stores.logins, "by_id", slow)
    await house.principal(opened)
    monkeypatch.undo()
    await refused(ErrorCode.SESSION_REVOKED, house.principal(opened))


async def test_a_live_log_in_is_read_from_the_store_once(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = await house.sign_up("an@example.org")
    await house.devices.enrol(
        await house.principal(opened),
        Seal(opened.account.user_id, house.clock.now_ms()).enrolment(),
        None,
    )
    honest, reads = house.stores.logins.by_id, 0

    async def counted(login_id: LoginId, now_ms: int) -> object:
        nonlocal reads
        reads += 1
        return await honest(login_id, now_ms)

    monkeypatch.setattr(house.stores.logins, "by_id", counted)
    for _ in range(50):
        await house.principal(opened)
    assert reads == 1


async def test_only_so_many_log_ins_are_remembered(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.logins.LIVE_LOGINS", 3)
    opened = await house.sign_up("an@example.org")
    seal = Seal(opened.account.user_id, house.clock.now_ms())
    device = (await house.enrol(opened, seal)).device_id
    for _ in range(10):
        await house.principal(await house.logins.open(opened.account, BROWSER, device))
    assert len(house.logins._live) == 3
    await house.principal(opened)


async def test_refreshing_gives_new_tokens_for_the_same_log_in(house: House) -> None:
    first = await house.sign_up("an@example.org")
    second = await house.logins.refresh(first.refresh_token, HOME)
    assert second.login_id == first.login_id
    assert second.refresh_token != first.refresh_token
    assert second.account == first.account


async def test_a_lost_answer_logs_nobody_out(house: House) -> None:
    opened = await house.sign_up("an@example.org")
    token = opened.refresh_token
    for _ in range(200):
        lost = await house.logins.refresh(token, HOME)
        again = await house.logins.refresh(token, HOME)
        assert again.refresh_token == lost.refresh_token
        token = again.refresh_token


async def test_two_tabs_at_once_get_the_same_successor(house: House) -> None:
    opened = await house.sign_up("an@example.org")
    both = await asyncio.gather(
        *(house.logins.refresh(opened.refresh_token, HOME) for _ in range(10))
    )
    assert len({each.refresh_token for each in both}) == 1


async def test_a_token_used_again_after_ten_seconds_ends_the_log_in(
    house: House, clock: MovableClock
) -> None:
    opened = await house.sign_up("an@example.org")
    newer = await house.logins.refresh(opened.refresh_token, HOME)
    house.sink.take()
    clock.advance(11 * SECOND_MS)
    await refused(ErrorCode.TOKEN_REUSED, house.logins.refresh(opened.refresh_token, HOME))
    assert house.sink.take() == [LoginsEnded(opened.account.user_id, (opened.login_id,), "revoked")]
    await refused(ErrorCode.UNAUTHENTICATED, house.logins.refresh(newer.refresh_token, HOME))
    await refused(ErrorCode.SESSION_REVOKED, house.principal(newer))


async def test_a_token_older_than_the_predecessor_ends_the_log_in_at_once(house: House) -> None:
    opened = await house.sign_up("an@example.org")
    second = await house.logins.refresh(opened.refresh_token, HOME)
    await house.logins.refresh(second.refresh_token, HOME)
    await refused(ErrorCode.TOKEN_REUSED, house.logins.refresh(opened.refresh_token, HOME))


async def test_a_reused_token_leaves_other_log_ins_alone(house: House, clock: MovableClock) -> None:
    opened = await house.sign_up("an@example.org")
    other = await house.logins.open(opened.account, BROWSER)
    await house.logins.refresh(opened.refresh_token, HOME)
    clock.advance(11 * SECOND_MS)
    await refused(ErrorCode.TOKEN_REUSED, house.logins.refresh(opened.refresh_token, HOME))
    await house.logins.refresh(other.refresh_token, HOME)


async def test_a_log_in_that_is_not_used_for_a_week_is_over(
    house: House, clock: MovableClock
) -> None:
    opened = await house.sign_up("an@example.org")
    clock.advance(7 * DAY_MS)
    await refused(ErrorCode.UNAUTHENTICATED, house.logins.refresh(opened.refresh_token, HOME))


async def test_a_log_in_in_daily_use_is_over_after_thirty_days(
    house: House, clock: MovableClock
) -> None:
    opened = await house.sign_up("an@example.org")
    token = opened.refresh_token
    for _ in range(LOGIN_LIFE_MS // DAY_MS - 1):
        clock.advance(DAY_MS)
        token = (await house.logins.refresh(token, HOME)).refresh_token
    clock.advance(DAY_MS)
    await refused(ErrorCode.SESSION_REVOKED, house.logins.refresh(token, HOME))
    await refused(ErrorCode.UNAUTHENTICATED, house.logins.refresh(token, HOME))


@pytest.mark.parametrize("token", ["", "x", "A" * 43, "A" * 5_000, "ü" * 43, "\x00" * 43])
async def test_a_foreign_refresh_token_is_unauthenticated(house: House, token: str) -> None:
    await refused(ErrorCode.UNAUTHENTICATED, house.logins.refresh(token, HOME))


async def test_no_refresh_token_is_in_the_database(house: House) -> None:
    opened = await house.sign_up("an@example.org")
    newer = await house.logins.refresh(opened.refresh_token, HOME)
    stored = b"".join(file.read_bytes() for file in house.outbox.parent.glob("sealroom.db*"))
    assert opened.login_id.encode() in stored
    for secret in (opened.refresh_token, newer.refresh_token, opened.access_token):
        assert secret.encode() not in stored


async def test_somebody_elses_log_in_is_not_found(house: House) -> None:
    an = await house.sign_up("an@example.org")
    binh = await house.sign_up("binh@example.org")
    await refused(
        ErrorCode.NOT_FOUND, house.logins.end(binh.account.user_id, an.login_id, "revoked")
    )
    await house.principal(an)


async def test_ending_all_but_one_keeps_that_one(house: House) -> None:
    opened = await house.sign_up("an@example.org")
    others = [await house.logins.open(opened.account, BROWSER) for _ in range(3)]
    user_id = opened.account.user_id
    await house.logins.end_all(user_id, "password_changed", keep=opened.login_id)
    await house.principal(opened)
    assert [login.login_id for login in await house.logins.of_user(user_id)] == [opened.login_id]
    for other in others:
        await refused(ErrorCode.SESSION_REVOKED, house.principal(other))


async def test_a_log_in_belongs_to_its_device_as_soon_as_it_is_bound(house: House) -> None:
    opened = await house.sign_up("an@example.org")
    principal = await house.principal(opened)
    with pytest.raises(AppError, match="not_enrolled"):
        principal.require_device()
    user_id = opened.account.user_id
    device = (await house.enrol(opened, Seal(user_id, house.clock.now_ms()))).require_device()
    token = await house.logins.bind(principal, device)
    assert (await house.principal(opened)).require_device() == device
    assert await house.logins.is_trusted(token, user_id, device)
    await house.logins.end_of_devices(user_id, [device])
    assert not await house.logins.is_trusted(token, user_id, device)
    await refused(ErrorCode.SESSION_REVOKED, house.principal(opened))


async def test_a_device_bound_by_another_process_counts_at_once(house: House) -> None:
    opened = await house.sign_up("an@example.org")
    other = LoginService(
        house.stores,
        house.clock,
        SystemEntropy(),
        house.sink,
        jwt_key=house.secrets.jwt_key,
        refresh_key=house.secrets.refresh_key,
    )
    assert (await other.principal(opened.access_token)).device_id is None
    enrolled = await house.enrol(opened, Seal(opened.account.user_id, house.clock.now_ms()))
    assert (await other.principal(opened.access_token)).device_id == enrolled.device_id


async def test_a_token_for_another_users_log_in_is_refused(house: House) -> None:
    an = await house.sign_up("an@example.org")
    binh = await house.sign_up("binh@example.org")
    forged = house.logins._tokens.issue(binh.account.user_id, an.login_id)
    await refused(ErrorCode.SESSION_REVOKED, house.logins.principal(forged))


@pytest.mark.parametrize(
    ("address", "prefix"),
    [
        ("192.0.2.77", "192.0.2.0/24"),
        ("::ffff:192.0.2.77", "192.0.2.0/24"),
        ("2001:db8:1:2::3", "2001:db8:1::/48"),
        ("fe80::1%eth0", "fe80::/48"),
        ("", ""),
        ("/run/socket", ""),
    ],
)
def test_of_an_address_only_a_prefix_is_kept(address: str, prefix: str) -> None:
    assert address_prefix(address) == prefix


async def test_tokens_are_not_shown_by_repr(house: House) -> None:
    opened = await house.sign_up("an@example.org")
    assert opened.access_token not in repr(opened)
    assert opened.refresh_token not in repr(opened)
    assert isinstance(await house.principal(opened), Principal)
    assert repr(Browser("a", "web", HOME))
