"""Stores to try the ports on, once for each adapter."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from models.messages import Appended, NewMessage
from models.stores import Stores
from protocol.errors import AppError
from storage import open_stores
from tests.contracts.make import Make
from tests.contracts.query_plans import QueryPlans

Open = Callable[[], Awaitable[Stores]]
Append = Callable[..., Awaitable[Appended | AppError]]


@pytest.fixture(params=["sqlite"])
async def open_more(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Open]:
    """Open the same database as often as wanted, as several processes would."""
    assert request.param == "sqlite"
    path = tmp_path / "database" / "sealroom.db"
    opened: list[Stores] = []

    async def open_one() -> Stores:
        opened.append(await open_stores(f"sqlite:///{path}"))
        return opened[-1]

    with QueryPlans() as plans:
        yield open_one
    for stores in opened:
        await stores.database.close()
    assert plans.scans(str(path)) == []


@pytest.fixture
async def stores(open_more: Open) -> Stores:
    return await open_more()


@pytest.fixture
def make() -> Make:
    return Make()


@pytest.fixture
def append(stores: Stores) -> Append:
    """Append one message and wait for its outcome."""

    async def append_one(
        message: NewMessage, now_ms: int = 1_500, to: Stores | None = None
    ) -> Appended | AppError:
        outcome: asyncio.Future[Appended | AppError] = asyncio.get_running_loop().create_future()
        (to or stores).messages.append(message, now_ms, outcome.set_result)
        return await outcome

    return append_one
