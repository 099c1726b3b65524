"""The services of the people half."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from config.secrets import Secrets
from models.stores import Stores
from tests.harness import MovableClock, StillClock
from tests.house import House


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
