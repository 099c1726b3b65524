"""LoginStore."""

import asyncio
from dataclasses import replace

import pytest

GRACE_MS = 10_000


@pytest.fixture
def rotate(stores):
    async def rotate_once(token_hash, successor_hash, now_ms=2_000, to=None, **fields):
        return await (to or stores).logins.rotate(
            token_hash,
            successor_hash,
            **{
                "now_ms": now_ms,
                "grace_ms": GRACE_MS,
                "expires_ms": now_ms + 1_000_000,
                "address_prefix": "198.51.100.0/24",
                **fields,
            },
        )

    return rotate_once


async def test_a_log_in_comes_back_as_it_was_created(stores, make):
    for login in (make.login(), make.login(device_id=make.device_id())):
        await stores.logins.create(login, make.text(32))
        assert await stores.logins.by_id(login.login_id, 1_500) == login


async def test_an_expired_log_in_is_never_read(stores, make, rotate):
    login = make.login(expires_ms=5_000)
    await stores.logins.create(login, "t0")
    assert await stores.logins.by_id(login.login_id, 4_999) == login
    assert await stores.logins.by_id(login.login_id, 5_000) is None
    assert await stores.logins.of_user(login.user_id, 5_000) == []
    assert await rotate("t0", "t1", now_ms=5_000) is None


async def test_the_live_log_ins_come_most_recently_used_first(stores, make):
    user = make.user()
    logins = [
        make.login(user, last_used_ms=1_000),
        make.login(user, last_used_ms=3_000),
        make.login(user, last_used_ms=2_000),
        make.login(user, last_used_ms=9_000, expires_ms=9_500),
        make.login(),
    ]
    for login in logins:
        await stores.logins.create(login, make.text(32))
    assert await stores.logins.of_user(user, 10_000) == [logins[1], logins[2], logins[0]]


async def test_the_current_token_is_exchanged_for_its_successor(stores, make, rotate):
    login = make.login()
    await stores.logins.create(login, "t0")
    rotation = await rotate("t0", "t1", 2_000, expires_ms=70_000, address_prefix="2001:db8::/48")
    used = replace(login, last_used_ms=2_000, expires_ms=70_000, address_prefix="2001:db8::/48")
    assert (rotation.outcome, rotation.login) == ("rotated", used)
    assert await stores.logins.by_id(login.login_id, 2_000) == used
    assert (await rotate("t1", "t2", 3_000)).outcome == "rotated"


async def test_the_predecessor_within_the_grace_changes_nothing(stores, make, rotate):
    login = make.login()
    await stores.logins.create(login, "t0")
    rotated = await rotate("t0", "t1", 2_000)
    repeated = await rotate("t0", "t1", 2_000 + GRACE_MS, address_prefix="203.0.113.0/24")
    assert (repeated.outcome, repeated.login) == ("repeated", rotated.login)
    assert await stores.logins.by_id(login.login_id, 3_000) == rotated.login
    assert (await rotate("t1", "t2", 2_000 + GRACE_MS)).outcome == "rotated"


async def test_the_predecessor_after_the_grace_ends_the_log_in(stores, make, rotate):
    login = make.login()
    await stores.logins.create(login, "t0")
    await rotate("t0", "t1", 2_000)
    reused = await rotate("t0", "t1", 2_001 + GRACE_MS)
    assert (reused.outcome, reused.login.login_id) == ("reused", login.login_id)
    assert await stores.logins.by_id(login.login_id, 3_000) is None
    assert await rotate("t1", "t2", 2_002 + GRACE_MS) is None


async def test_an_older_token_ends_the_log_in_even_within_the_grace(stores, make, rotate):
    login, other = make.login(), make.login()
    await stores.logins.create(login, "t0")
    await stores.logins.create(other, "o0")
    await rotate("t0", "t1", 2_000)
    await rotate("t1", "t2", 2_001)
    assert (await rotate("t0", "t1", 2_002)).outcome == "reused"
    assert await rotate("t2", "t3", 2_003) is None
    assert (await rotate("o0", "o1", 2_004)).outcome == "rotated"


async def test_a_token_no_live_log_in_ever_had_is_none(stores, make, rotate):
    await stores.logins.create(make.login(), "t0")
    assert await rotate("never", "t1") is None


async def test_of_concurrent_rotations_one_is_rotated_and_the_rest_repeated(
    stores, open_more, make, rotate
):
    other_process, login = await open_more(), make.login()
    await stores.logins.create(login, "t0")
    rotations = await asyncio.gather(
        *(rotate("t0", "t1", to=(stores, other_process)[n % 2]) for n in range(50))
    )
    outcomes = [rotation.outcome for rotation in rotations]
    assert (outcomes.count("rotated"), outcomes.count("repeated")) == (1, 49)
    assert len({rotation.login for rotation in rotations}) == 1
    assert (await rotate("t1", "t2")).outcome == "rotated"


async def test_a_log_in_is_bound_to_its_device(stores, make):
    login, device_id = make.login(), make.device_id()
    await stores.logins.create(login, "t0")
    await stores.logins.bind_device(login.login_id, device_id)
    bound = replace(login, device_id=device_id)
    assert await stores.logins.by_id(login.login_id, 1_500) == bound


async def test_ending_a_log_in_removes_it_with_its_tokens(stores, make, rotate):
    login = make.login()
    await stores.logins.create(login, "t0")
    assert await stores.logins.end(login.login_id) is True
    assert await stores.logins.by_id(login.login_id, 1_500) is None
    assert await rotate("t0", "t1") is None
    assert await stores.logins.end(login.login_id) is False


async def test_all_log_ins_of_a_user_end_but_one(stores, make):
    user = make.user()
    logins = [make.login(user) for _ in range(3)]
    other = make.login()
    for login in (*logins, other):
        await stores.logins.create(login, make.text(32))
    ended = await stores.logins.end_all(user, keep=logins[1].login_id)
    assert set(ended) == {logins[0].login_id, logins[2].login_id}
    assert await stores.logins.of_user(user, 1_500) == [logins[1]]
    assert await stores.logins.end_all(user) == [logins[1].login_id]
    assert await stores.logins.by_id(other.login_id, 1_500) == other


async def test_of_many_log_ins_those_that_live_are_found_at_once(stores, make):
    logins = [make.login(expires_ms=5_000 + n) for n in range(4)]
    for login in logins:
        await stores.logins.create(login, make.text(32))
    await stores.logins.end(logins[3].login_id)
    asked = [login.login_id for login in logins] + [make.login().login_id]
    assert await stores.logins.live_of(asked, 5_000) == {login.login_id for login in logins[1:3]}
    assert await stores.logins.live_of([], 5_000) == set()


async def test_the_log_ins_of_a_device_end(stores, make):
    user, device_id = make.user(), make.device_id()
    mine = [make.login(user, device_id=device_id) for _ in range(2)]
    others = [make.login(user, device_id=make.device_id()), make.login(device_id=device_id)]
    for login in (*mine, *others):
        await stores.logins.create(login, make.text(32))
    assert set(await stores.logins.end_of_device(user, device_id)) == {
        login.login_id for login in mine
    }
    assert await stores.logins.of_user(user, 1_500) == [others[0]]
    assert await stores.logins.by_id(others[1].login_id, 1_500) == others[1]


async def test_trust_holds_for_one_cookie_user_and_device_until_it_expires(stores, make):
    user, device_id = make.user(), make.device_id()
    await stores.logins.trust("cookie", user, device_id, 5_000)
    assert await stores.logins.is_trusted("cookie", user, device_id, 4_999) is True
    assert await stores.logins.is_trusted("cookie", user, device_id, 5_000) is False
    assert await stores.logins.is_trusted("other", user, device_id, 1_000) is False
    assert await stores.logins.is_trusted("cookie", make.user(), device_id, 1_000) is False
    assert await stores.logins.is_trusted("cookie", user, make.device_id(), 1_000) is False


async def test_trusting_again_moves_the_end(stores, make):
    user, device_id = make.user(), make.device_id()
    await stores.logins.trust("cookie", user, device_id, 5_000)
    await stores.logins.trust("cookie", user, device_id, 9_000)
    assert await stores.logins.is_trusted("cookie", user, device_id, 8_999) is True


async def test_distrust_forgets_one_device_or_all(stores, make):
    user, devices = make.user(), [make.device_id() for _ in range(3)]
    for device_id in devices:
        await stores.logins.trust("cookie", user, device_id, 5_000)
    stranger = make.user()
    await stores.logins.trust("cookie", stranger, devices[0], 5_000)

    async def trusted():
        return [await stores.logins.is_trusted("cookie", user, d, 1_000) for d in devices]

    await stores.logins.distrust(user, devices[0])
    assert await trusted() == [False, True, True]
    await stores.logins.distrust(user)
    assert await trusted() == [False, False, False]
    assert await stores.logins.is_trusted("cookie", stranger, devices[0], 1_000) is True
