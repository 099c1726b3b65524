"""A MongoDB of the test's own, processes that use it, and processes that die while they do."""

import gc
import warnings
from collections.abc import AsyncIterator, Iterator

import pytest

from models.stores import Stores
from storage import open_stores
from tests import mongo
from tests.storage.mongo.deaths import Cutter, Deaths


@pytest.fixture(autouse=True)
def no_sockets_left() -> Iterator[None]:
    """Collect what the driver let go of when its connections broke (see `mongo.excuse_driver`)."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.fixture
def url() -> Iterator[str]:
    with mongo.fresh_database() as url:
        yield url


@pytest.fixture
async def stores(url: str) -> AsyncIterator[Stores]:
    """The process that lives."""
    opened = await open_stores(url)
    yield opened
    await opened.database.close()


@pytest.fixture(params=["request", "answer"])
async def deaths(request: pytest.FixtureRequest, url: str) -> AsyncIterator[Deaths]:
    """Processes of which one does not live to send a command, or not to hear the answer."""
    async with Cutter(mongo.URI, answer_lost=request.param == "answer") as cutter:
        yield Deaths(url, cutter)
