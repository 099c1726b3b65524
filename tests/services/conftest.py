"""The services of the people half."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from config.secrets import Secrets
from models.stores import Stores
from services.logins import Principal
from tests.harness import MovableClock, StillClock
from tests.house import House
from tests.services.sending import person


@pytest.fixture
def clock() -> MovableClock:
    return StillClock()


@pytest_asyncio.fixture
async def house(
    stores: Stores, clock: MovableClock, keys: Secrets, tmp_path: Path
) -> AsyncIterator[House]:
    opened = House(stores, clock, keys, tmp_path / "outbox")
    yield opened
    await opened.close()


@pytest.fixture
async def an(house: House) -> Principal:
    return await person(house, "an@example.org")


@pytest.fixture
async def binh(house: House, an: Principal) -> Principal:
    """A contact of An."""
    binh = await person(house, "binh@example.org")
    await house.befriend(an.user_id, binh.user_id)
    return binh
