"""Several processes on one database, and processes that die (R-05, R-22)."""

import asyncio
import itertools
import sys

import pytest

from storage import open_stores

KILLS = 6

pytestmark = pytest.mark.every_database


@pytest.fixture
async def stores(database_url):
    opened = await open_stores(database_url)
    yield opened
    await opened.database.close()


@pytest.fixture
async def room(stores, make):
    room = make.room()
    await stores.rooms.open_dm(room, 1_000)
    return room


async def start_appending(url, room, count):
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.storage.appending", url),
        *(room.room_id, room.members[0].user_id, str(count)),
        stdout=asyncio.subprocess.PIPE,
    )


def acknowledged_in(output):
    """Return (seq, msg_id) of every whole line; a killed process may leave half of one."""
    lines = output.decode().split("\n")[:-1]
    return [(int(seq), msg_id) for seq, msg_id in (line.split(" ") for line in lines)]


async def log_of(stores, room):
    reader = (room.members[1].user_id, "none")
    page, has_more = await stores.messages.page(room.room_id, reader, now_ms=1_500, limit=1_000_000)
    assert not has_more
    return [(m.seq, m.msg_id) for m in page]


async def test_processes_on_one_database_number_a_room_without_gaps(stores, database_url, room):
    processes = [await start_appending(database_url, room, 300) for _ in range(3)]
    outputs = [(await process.communicate())[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0]
    log = await log_of(stores, room)
    assert [seq for seq, _ in log] == list(range(1, 901))
    assert len({msg_id for _, msg_id in log}) == 900
    acknowledged = [acknowledged_in(output) for output in outputs]
    for one_process in acknowledged:
        assert one_process == sorted(one_process)
    assert sorted(itertools.chain(*acknowledged)) == log


async def test_what_was_acknowledged_survives_kill_9_once_and_in_order(stores, database_url, room):
    await stores.database.close()
    acknowledged = []
    for _ in range(KILLS):
        process = await start_appending(database_url, room, 0)
        first = await process.stdout.readline()
        await asyncio.sleep(0.15)
        process.kill()
        output, _ = await process.communicate()
        acknowledged += acknowledged_in(first + output)
        reopened = await open_stores(database_url)
        log = await log_of(reopened, room)
        await reopened.database.close()
        assert [seq for seq, _ in log] == list(range(1, len(log) + 1))
        assert len({msg_id for _, msg_id in log}) == len(log)
        assert set(acknowledged) <= set(log)
    assert acknowledged == sorted(acknowledged)
    assert len(acknowledged) > KILLS


async def test_a_killed_writer_does_not_stop_the_others(stores, database_url, room, make):
    killed = await start_appending(database_url, room, 0)
    await killed.stdout.readline()
    survivor = await start_appending(database_url, room, 200)
    await survivor.stdout.readline()
    killed.kill()
    await killed.communicate()
    await survivor.communicate()
    assert survivor.returncode == 0
    log = await log_of(stores, room)
    assert [seq for seq, _ in log] == list(range(1, len(log) + 1))
