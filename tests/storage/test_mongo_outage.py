"""A MongoDB that goes away and comes back (R-30)."""

import asyncio
from urllib.parse import urlsplit, urlunsplit

import pytest

from protocol.errors import ErrorCode
from storage import open_stores
from tests import mongo
from tests.storage.proxy import Proxy

pytestmark = pytest.mark.mongo


@pytest.fixture
async def proxy():
    async with Proxy(mongo.URI) as opened:
        yield opened


@pytest.fixture
def url(proxy):
    with mongo.fresh_database() as url:
        direct = urlsplit(url)._replace(netloc=f"127.0.0.1:{proxy.port}")
        yield urlunsplit(direct._replace(query="directConnection=true"))


@pytest.fixture
async def stores(url):
    opened = await open_stores(url)
    yield opened
    await opened.database.close()


async def test_a_start_waits_for_a_database_that_is_not_there_yet(proxy, url):
    await proxy.cut()
    opening = asyncio.create_task(open_stores(url, wait_s=60))
    await asyncio.sleep(0.2)
    assert not opening.done()
    await proxy.restore()
    stores = await opening
    await stores.database.ping()
    await stores.database.close()


@pytest.mark.parametrize("how", ["cut", "hang"])
async def test_while_it_is_away_calls_are_refused_and_afterwards_they_work(
    proxy, stores, make, how
):
    account = make.account()
    await stores.accounts.create(account)
    if how == "cut":
        await proxy.cut()
    else:
        proxy.hang()
    calls = (
        stores.database.ping(),
        stores.accounts.by_id(account.user_id),
        stores.accounts.create(make.account()),
        stores.contacts.of_user(account.user_id),
    )
    refused = await asyncio.gather(*calls, return_exceptions=True)
    assert [getattr(error, "code", error) for error in refused] == [ErrorCode.UNAVAILABLE] * 4
    await proxy.restore()
    assert await stores.accounts.by_id(account.user_id) == account
