"""A MongoDB that goes away and comes back (R-30)."""

import asyncio
import itertools
from urllib.parse import urlsplit, urlunsplit

import pytest

from protocol.errors import AppError, ErrorCode
from storage import open_stores
from tests import mongo
from tests.storage.mongo.proxy import Proxy

OUTAGES = 4

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


async def test_through_outages_what_is_acknowledged_is_kept_once_and_in_order(
    proxy, url, stores, make
):
    room = make.room()
    await stores.rooms.open_dm(room, 1_000)
    processes = [stores, await open_stores(url)]
    outages = asyncio.create_task(disturb(proxy))
    acknowledged = await asyncio.gather(
        *(send_until(outages, opened, make, room) for opened in processes)
    )
    await outages
    assert all(acknowledged)
    log = await log_of(stores, room)
    assert [seq for seq, _ in log] == list(range(1, len(log) + 1))
    assert sorted(itertools.chain(*acknowledged)) == log
    await processes[1].database.close()


async def disturb(proxy):
    for _ in range(OUTAGES):
        await asyncio.sleep(0.3)
        await proxy.cut()
        await asyncio.sleep(0.2)
        await proxy.restore()
    await asyncio.sleep(0.3)


async def send_until(outages, stores, make, room):
    """Send one message after the other, each again until it is acknowledged; return which."""
    acknowledged = []
    while not outages.done():
        message = make.message(room)
        while (outcome := await append(stores, message)) is None:
            pass
        acknowledged.append((outcome.seq, message.msg_id))
    return acknowledged


async def append(stores, message):
    outcome = asyncio.get_running_loop().create_future()
    stores.messages.append(message, 1_500, outcome.set_result)
    told = await outcome
    if isinstance(told, AppError):
        assert told.code == ErrorCode.UNAVAILABLE
        return None
    return told


async def log_of(stores, room):
    reader = (room.members[1].user_id, "none")
    page, has_more = await stores.messages.page(room.room_id, reader, now_ms=1_500, limit=100_000)
    assert not has_more
    return [(message.seq, message.msg_id) for message in page]
