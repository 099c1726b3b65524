"""How a MongoDB database is opened, and when it is not (R-01, R-43)."""

import asyncio
import os
import sys
from pathlib import Path
from unittest.mock import patch

import pytest

from protocol.limits import FILE_PENDING_TTL_MS
from storage import open_stores
from storage.errors import StorageRefused
from storage.mongo import indexes, migrations
from storage.mongo.client import connect
from storage.mongo.migrations import migrate

ROOT = Path(__file__).parents[3]
OPENING = """
import asyncio, sys
from storage import open_stores
async def main():
    stores = await open_stores(sys.argv[1])
    await stores.database.ping()
    await stores.database.close()
asyncio.run(main())
"""

pytestmark = pytest.mark.mongo


@pytest.fixture
async def documents(url):
    client = connect(url)
    yield client.get_default_database()
    await client.close()


@pytest.mark.parametrize("options", ["", "?w=0", "?w=1&journal=false&readConcernLevel=local"])
async def test_a_url_cannot_weaken_what_is_acknowledged(options):
    client = connect(f"mongodb://127.0.0.1/{options}")
    assert client.write_concern.document == {"w": "majority", "j": True}
    assert client.read_concern.level == "majority"
    await client.close()


async def test_a_database_that_is_not_named_is_called_sealroom():
    client = connect("mongodb://127.0.0.1/")
    assert client.get_default_database("sealroom").name == "sealroom"
    await client.close()


@pytest.mark.parametrize(
    "url",
    [
        "mongodb://",
        "mongodb://an:hunter2:x@127.0.0.1/",
        "mongodb://an:hunter2/@127.0.0.1/",
        "mongodb://127.0.0.1:99999/",
        "mongodb://127.0.0.1/hunter2 name",
    ],
)
async def test_a_url_the_driver_does_not_take_is_refused_and_not_repeated(url):
    with pytest.raises(StorageRefused) as refused:
        await open_stores(url)
    assert str(refused.value).startswith("The database URL is none that MongoDB's driver takes:")
    assert "hunter2" not in str(refused.value)


async def test_several_processes_may_open_a_new_database_at_once(url):
    processes = [
        await asyncio.create_subprocess_exec(sys.executable, "-c", OPENING, url, cwd=ROOT)
        for _ in range(5)
    ]
    assert [await process.wait() for process in processes] == [0] * 5


async def test_opening_again_leaves_the_indexes_as_they_are(url, documents):
    found = []
    for _ in range(2):
        await (await open_stores(url)).database.close()
        found.append(await documents["accounts"].index_information())
    assert found[0] == found[1]
    assert found[0]["email_1"]["unique"]


async def test_what_goes_alone_is_cleared_away_by_the_database_too(url, documents):
    await (await open_stores(url)).database.close()
    for collection in ("codes", "logins", "trusts", "claims", "reports"):
        ending = (await documents[collection].index_information())["expires_1"]
        assert ending["expireAfterSeconds"] == indexes.KEPT_AFTER_END_S


async def test_a_database_of_a_newer_program_is_refused_with_one_sentence(url, documents):
    await documents["schema"].insert_one({"_id": "schema", "version": 99})
    with pytest.raises(StorageRefused, match=r"^The database has schema 99, .* newer program\.$"):
        await open_stores(url)
    assert await documents.list_collection_names() == ["schema"]
    assert await documents["schema"].find_one() == {"_id": "schema", "version": 99}


async def at_version_one(documents):
    await documents["schema"].insert_one({"_id": "schema", "version": 1})


async def version_of(documents):
    return (await documents["schema"].find_one({"_id": "schema"}))["version"]


async def test_a_new_database_begins_at_the_newest_schema(documents):
    async def never(_):
        raise AssertionError

    await migrate(documents, [never, never])
    assert await version_of(documents) == 3


async def test_an_upload_of_an_older_program_ends_a_day_after_it_began(documents):
    await at_version_one(documents)
    old = [{"_id": state, "state": state, "created_ms": 5} for state in ("pending", "committed")]
    await documents["files"].insert_many(old)
    for _ in range(2):
        await migrate(documents)
    found = await documents["files"].find().to_list()
    assert {file["_id"]: file.get("ends_ms") for file in found} == {
        "pending": 5 + FILE_PENDING_TTL_MS,
        "committed": None,
    }


async def test_an_index_that_changed_is_made_anew_over_what_is_there(url, documents, make):
    stores = await open_stores(url)
    room, sent = make.room(), asyncio.get_running_loop().create_future()
    await stores.rooms.open_dm(room, 1_000)
    message = make.message(room)
    stores.messages.append(message, 1_500, sent.set_result)
    await sent
    await stores.database.close()
    await documents["schema"].update_one({"_id": "schema"}, {"$set": {"version": 2}})
    messages = documents["messages"]
    earlier = [("sender_device", 1), ("server_ms", -1), ("_id", -1)]
    await messages.create_index(earlier)
    for _ in range(2):
        stores = await open_stores(url)
        last = await stores.messages.last_of_device(message.sender, message.sender_device, 1_500)
        assert last == (room.room_id, message.msg_id)
        await stores.database.close()
    keys = [list(index["key"]) for index in (await messages.index_information()).values()]
    assert earlier not in keys
    assert [*earlier[:2], ("call", -1)] in keys


async def test_of_many_processes_one_leads_and_the_others_wait(documents):
    await at_version_one(documents)
    done = []

    def step(name):
        async def run(_):
            done.append(f"{name} begins")
            await asyncio.sleep(0)
            done.append(f"{name} ends")

        return run

    await asyncio.gather(*(migrate(documents, [step("2"), step("3")]) for _ in range(5)))
    assert done == ["2 begins", "2 ends", "3 begins", "3 ends"]
    assert await version_of(documents) == 3


async def test_what_a_dead_leader_left_is_done_again_when_its_lease_is_over(documents):
    await at_version_one(documents)
    begun = 0

    async def step(_):
        nonlocal begun
        begun += 1
        if begun == 1:
            raise KeyError("the process dies in the middle")

    with patch.object(migrations, "LEASE_MS", 300):
        with pytest.raises(KeyError):
            await migrate(documents, [step])
        assert await version_of(documents) == 1
        await migrate(documents, [step])
    assert (begun, await version_of(documents)) == (2, 2)


async def test_while_a_lease_lasts_nobody_else_begins(documents):
    await at_version_one(documents)
    begun = []

    async def step(_):
        begun.append(True)
        await asyncio.Event().wait()

    leader = asyncio.create_task(migrate(documents, [step]))
    while not begun:
        await asyncio.sleep(0.01)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(migrate(documents, [step]), 3 * migrations.POLL_S)
    leader.cancel()
    assert begun == [True]


async def test_a_server_whose_database_does_not_answer_ends_with_one_sentence(tmp_path):
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "server.py"),
        cwd=ROOT,
        env={
            **os.environ,
            "SEALROOM_DATABASE": "mongodb://an:hunter2@127.0.0.1:1/chat",
            "SEALROOM_DATABASE_WAIT_S": "0",
            "SEALROOM_DATA_DIR": str(tmp_path),
        },
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await process.communicate()
    assert said.decode() == "The database at 127.0.0.1:1 does not answer.\n"
    assert process.returncode == 2
