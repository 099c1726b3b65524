"""bcrypt off the event loop (S-01, S-03, F11)."""

import asyncio
import threading
from collections.abc import Iterator

import bcrypt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import ErrorCode
from services.hashing import COST, THREADS, WAITING, BcryptHasher
from tests.house import CHEAP, auth_key, refused

PEPPER = bytes(range(32))


@pytest.fixture
def hasher() -> Iterator[BcryptHasher]:
    made = BcryptHasher(pepper=PEPPER, cost=CHEAP)
    yield made
    made.close()


async def test_a_hash_verifies_its_own_key_only(hasher: BcryptHasher) -> None:
    stored = await hasher.hash(auth_key("right"))
    assert await hasher.verify(auth_key("right"), stored)
    assert not await hasher.verify(auth_key("wrong"), stored)


async def test_a_hash_is_worth_nothing_without_the_pepper(hasher: BcryptHasher) -> None:
    other = BcryptHasher(pepper=bytes(32), cost=CHEAP)
    assert not await other.verify(auth_key("right"), await hasher.hash(auth_key("right")))
    other.close()


async def test_nobody_never_verifies(hasher: BcryptHasher) -> None:
    assert not await hasher.verify(b"", None)
    assert not await hasher.verify(auth_key("right"), None)


async def test_nobody_costs_what_somebody_costs(
    hasher: BcryptHasher, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest, costs = bcrypt.checkpw, []

    def noted(password: bytes, hashed: bytes) -> bool:
        costs.append(hashed[:7])
        return honest(password, hashed)

    monkeypatch.setattr(bcrypt, "checkpw", noted)
    await hasher.verify(auth_key("a"), await hasher.hash(auth_key("a")))
    await hasher.verify(auth_key("a"), None)
    assert costs[0] == costs[1]


@given(st.binary(max_size=2_000))
def test_any_key_stays_below_what_bcrypt_takes(key: bytes) -> None:
    keyed = BcryptHasher._keyed(_Peppered(), key)  # type: ignore[arg-type]
    assert len(keyed) == 44
    assert b"\0" not in keyed


class _Peppered:
    _pepper = PEPPER


async def test_the_two_hundredth_bit_of_a_long_key_counts(hasher: BcryptHasher) -> None:
    stored = await hasher.hash(b"x" * 100 + b"a")
    assert not await hasher.verify(b"x" * 100 + b"b", stored)


async def test_more_than_32_waiting_calls_are_asked_to_come_back(
    hasher: BcryptHasher, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = threading.Event()
    honest = bcrypt.hashpw

    def held(password: bytes, salt: bytes) -> bytes:
        gate.wait()
        return honest(password, salt)

    monkeypatch.setattr(bcrypt, "hashpw", held)
    calls = [asyncio.ensure_future(hasher.hash(b"key")) for _ in range(THREADS + WAITING)]
    await asyncio.sleep(0)
    await refused(ErrorCode.UNAVAILABLE, hasher.hash(b"key"))
    await refused(ErrorCode.UNAVAILABLE, hasher.verify(b"key", None))
    gate.set()
    assert len(await asyncio.gather(*calls)) == THREADS + WAITING
    await hasher.hash(b"key")


async def test_who_goes_away_makes_room(
    hasher: BcryptHasher, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = threading.Event()
    honest = bcrypt.hashpw

    def held(password: bytes, salt: bytes) -> bytes:
        gate.wait()
        return honest(password, salt)

    monkeypatch.setattr(bcrypt, "hashpw", held)
    calls = [asyncio.ensure_future(hasher.hash(b"key")) for _ in range(THREADS + WAITING)]
    await asyncio.sleep(0)
    for call in calls:
        call.cancel()
    await asyncio.gather(*calls, return_exceptions=True)
    gate.set()
    await hasher.hash(b"key")


async def test_the_event_loop_goes_on_while_passwords_are_hashed() -> None:
    """The hashing thread is another one; ticks of the loop pass in between."""
    hasher = BcryptHasher(pepper=PEPPER, cost=8)
    threads: set[int] = set()
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            ticks += 1
            await asyncio.sleep(0)

    ticker = asyncio.ensure_future(tick())
    threads.add(threading.get_ident())
    await asyncio.gather(*(hasher.hash(b"key") for _ in range(6)))
    ticker.cancel()
    hasher.close()
    assert ticks > 20


def test_the_cost_is_at_least_twelve() -> None:
    assert COST >= 12
