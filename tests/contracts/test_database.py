"""Database."""

import asyncio

import pytest

from models.codes import PendingCode
from models.keys import ClaimShare, Target
from protocol.errors import AppError, ErrorCode
from protocol.limits import DAY_MS, FILE_PENDING_TTL_MS, REPORT_TTL_MS


async def test_ping_answers(stores):
    assert await stores.database.ping() is None


async def test_ping_of_a_closed_database_is_unavailable(stores):
    await stores.database.close()
    with pytest.raises(AppError) as refused:
        await stores.database.ping()
    assert refused.value.code == ErrorCode.UNAVAILABLE


async def test_closing_commits_what_is_queued(stores, open_more, make):
    room, told = make.room(), []
    await stores.rooms.open_dm(room, 1_000)
    for _ in range(100):
        stores.messages.append(make.message(room), 1_500, told.append)
    await stores.database.close()
    assert [outcome.seq for outcome in told] == list(range(1, 101))
    reopened = await open_more()
    assert (await reopened.rooms.by_id(room.room_id, 1_500)).last_seq == 100


async def test_later_calls_are_unavailable_and_closing_twice_is_once(stores, make):
    await stores.database.close()
    await stores.database.close()
    for call in (
        stores.accounts.by_id(make.user()),
        stores.accounts.create(make.account()),
        stores.contacts.of_user(make.user()),
        stores.rooms.open_dm(make.room(), 1_000),
        stores.database.sweep(1_000),
    ):
        with pytest.raises(AppError) as refused:
            await call
        assert refused.value.code == ErrorCode.UNAVAILABLE


async def test_a_second_opening_finds_what_the_first_one_stored(stores, open_more, make):
    account = make.account()
    await stores.accounts.create(account)
    await stores.database.close()
    assert await (await open_more()).accounts.by_id(account.user_id) == account


@pytest.fixture
async def expiring(stores, make, append):
    """One of everything that expires at 5,000, and one of everything that does not yet."""
    for n, expires_ms in enumerate((5_000, 5_001)):
        room = make.room(expires_ms=expires_ms)
        await stores.rooms.open_dm(room, 1_000)
        for _ in range(40):
            await append(make.message(room))
        await stores.logins.create(make.login(expires_ms=expires_ms), f"token{n}")
        await stores.logins.trust(f"cookie{n}", make.user(), make.device_id(), expires_ms)
        code = PendingCode("login", "an@example.org", f"{n:02x}", "cc", 1_000, expires_ms)
        await stores.codes.put(code)
        claimer = Target(make.user(), make.device_id())
        share = ClaimShare(1_000, 1, 1)
        await stores.keys.claim(claimer, make.text(), [], share, expires_ms - DAY_MS)
        draft = make.transfer(created_ms=expires_ms - FILE_PENDING_TTL_MS)
        await stores.transfers.begin(draft, 1, 1_500)
        await stores.reports.add(make.report(created_ms=expires_ms - REPORT_TTL_MS))


async def test_a_sweep_deletes_what_has_expired_and_says_how_much(stores, expiring):
    assert await stores.database.sweep(4_999) == 0
    assert await stores.database.sweep(5_000) == 7
    assert await stores.database.sweep(5_000) == 0
    assert await stores.database.sweep(5_001) == 7


async def test_a_sweep_leaves_what_lives_whole(stores, make, append, expiring):
    room = make.room(expires_ms=9_000)
    await stores.rooms.open_dm(room, 1_000)
    await append(make.message(room))
    await stores.database.sweep(8_999)
    reader = (room.members[1].user_id, "none")
    messages, _ = await stores.messages.page(room.room_id, reader, now_ms=8_999, limit=9)
    assert [m.seq for m in messages] == [1]
    assert (await append(make.message(room), 8_999)).seq == 2


async def test_sweeps_at_once_delete_everything_once(stores, open_more, expiring):
    other_process = await open_more()
    deleted = await asyncio.gather(
        *((stores, other_process)[n % 2].database.sweep(9_000) for n in range(4))
    )
    assert sum(deleted) == 14
