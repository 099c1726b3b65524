"""Stores to try the ports on, once for each adapter."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from models.files import File
from models.messages import Appended, NewMessage
from models.stores import Stores
from models.transfers import Transfer
from protocol.errors import AppError
from protocol.ids import UserId
from storage import open_stores
from tests import mongo
from tests.contracts.indexed_queries import IndexedQueries
from tests.contracts.make import Make
from tests.contracts.query_plans import QueryPlans
from tests.contracts.transfers import (
    EMAIL,
    MOST,
    NOW_MS,
    AddFile,
    Begin,
    add_whole_file,
    open_with_one_file,
)

Open = Callable[[], Awaitable[Stores]]
Append = Callable[..., Awaitable[Appended | AppError]]


@pytest.fixture(params=mongo.EVERY_DATABASE)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database of its own for the test; every statement it gets must use an index."""
    if request.param == "mongo":
        with mongo.fresh_database() as url, IndexedQueries(mongo.name_of(url)) as queries:
            yield url
            with mongo.connect() as client:
                assert queries.scans(client) == []
        return
    path = tmp_path / "database" / "sealroom.db"
    with QueryPlans() as plans:
        yield f"sqlite:///{path}"
    assert plans.scans(str(path)) == []


@pytest.fixture
async def open_more(database_url: str) -> AsyncIterator[Open]:
    """Open the same database as often as wanted, as several processes would."""
    opened: list[Stores] = []

    async def open_one() -> Stores:
        opened.append(await open_stores(database_url))
        return opened[-1]

    yield open_one
    for stores in opened:
        await stores.database.close()


@pytest.fixture
async def stores(open_more: Open) -> Stores:
    return await open_more()


@pytest.fixture
def make() -> Make:
    return Make()


@pytest.fixture
def person(stores: Stores, make: Make) -> Callable[[], Awaitable[UserId]]:
    """Somebody with an account, of which only the id matters."""

    async def add() -> UserId:
        account = make.account()
        await stores.accounts.create(account)
        return account.user_id

    return add


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


@pytest.fixture
async def both(stores: Stores, open_more: Open) -> tuple[Stores, Stores]:
    """Two processes."""
    return stores, await open_more()


@pytest.fixture
def draft(stores: Stores, make: Make) -> Begin:
    """Begin a transfer."""

    async def begin(**fields: object) -> Transfer:
        return await stores.transfers.begin(make.transfer(**fields), MOST, NOW_MS)

    return begin


@pytest.fixture
def with_file(stores: Stores, make: Make) -> AddFile:
    """Give a draft a whole file."""

    async def add(transfer: Transfer) -> File:
        return await add_whole_file(stores, make, transfer)

    return add


@pytest.fixture
def opened(stores: Stores, make: Make, draft: Begin) -> Begin:
    """Begin a transfer and open it with one file."""

    async def open_one(**fields: object) -> Transfer:
        return await open_with_one_file(stores, make, await draft(**fields))

    return open_one


@pytest.fixture
def to_address(opened: Begin) -> Begin:
    """Open a transfer to an address."""

    async def open_one(**fields: object) -> Transfer:
        return await opened(kind="address", email=EMAIL, **fields)

    return open_one
