"""Growing from the embedded database to MongoDB loses and changes nothing."""

import asyncio
import sys
from dataclasses import replace
from pathlib import Path

import apsw
import pytest

from models.keys import Target
from models.rooms import Watermark
from protocol.errors import AppError, ErrorCode
from protocol.limits import REPORTS_PER_TRANSFER
from storage import open_stores
from storage.errors import StorageRefused
from storage.mongo.client import connect
from tests import mongo
from tests.contracts.make import Make
from tests.tools.populated import (
    ALLOWANCE,
    NOW_MS,
    ROTATION,
    SHARE,
    append,
    everything,
    populate,
)
from tools.migrate import copying
from tools.migrate.__main__ import migrate
from tools.migrate.documents import COLLECTIONS

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.mongo


@pytest.fixture
def make():
    return Make()


@pytest.fixture
def url():
    with mongo.fresh_database() as url:
        yield url


@pytest.fixture
def path(tmp_path):
    return tmp_path / "sealroom.db"


@pytest.fixture
async def embedded(path, make):
    """A populated database that no process has open, and what can be read of it."""
    stores = await open_stores(f"sqlite:///{path}")
    world = await populate(stores, make)
    found = await everything(stores, world)
    await stores.database.close()
    return world, found


@pytest.fixture
async def grown(path, url, embedded):
    await migrate(path, url)
    stores = await open_stores(url)
    yield stores, embedded[0]
    await stores.database.close()


async def test_everything_that_could_be_read_can_be_read(grown, embedded):
    stores, world = grown
    found = await everything(stores, world)
    assert found == embedded[1]
    assert all(found[f"account of {n}"] == account for n, account in enumerate(world.people))


async def test_what_the_program_does_not_know_to_copy_cannot_be_forgotten(path, embedded):
    connection = apsw.Connection(str(path))
    tables = {
        row[0] for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
    }
    connection.close()
    parts_of_documents = {
        "backups": "accounts",
        "devices": "accounts",
        "signed_prekeys": "prekeys",
        "one_time_prekeys": "prekeys",
        "claimed_prekeys": "shares",
        "refresh_tokens": "logins",
        "members": "rooms",
        "capsules": "messages",
        "blocks": "relations",
        "transfer_heads": "transfers",
        "transfer_downloads": "transfers",
    }
    of_the_embedded_one_alone = {"erased", "sqlite_sequence"}
    renamed = {parts_of_documents.get(table, table) for table in tables - of_the_embedded_one_alone}
    assert renamed | {"prekeys", "shares"} == set(COLLECTIONS)


async def test_conversations_go_on_where_they_were(grown, make):
    stores, world = grown
    room, repeated = world.rooms[0], world.messages[3]
    again = await append(stores, repeated)
    assert (again.seq, again.fresh) == (4, False)
    assert (await append(stores, make.message(room))).seq == 8
    other = room.members[1].user_id
    moved = await stores.rooms.advance([Watermark(room.room_id, other, 8, 4)])
    assert moved == [Watermark(room.room_id, other, 8, 4)]
    kept = await stores.rooms.keep(room.room_id, other, True, 1_000, NOW_MS)
    assert kept.expires_ms == room.expires_ms + 1_000
    assert (await stores.rooms.open_dm(replace(room, room_id=make.room_id()), NOW_MS))[1] is False


async def test_log_ins_go_on_and_remember_every_token(grown):
    stores, _ = grown
    assert (await stores.logins.rotate("2 token 2", "2 token 3", **ROTATION)).outcome == "rotated"
    assert (await stores.logins.rotate("3 token 2", "3 token 3", **ROTATION)).outcome == "repeated"
    assert (await stores.logins.rotate("4 token 1", "4 token 2", **ROTATION)).outcome == "reused"
    trusted = await stores.logins.is_trusted("cookie 1", *_trust(grown, 1), NOW_MS)
    assert trusted is True
    attempts = [await stores.codes.attempt("ticket 2", "00", NOW_MS, 5) for _ in range(4)]
    assert [attempt.outcome for attempt in attempts] == ["wrong"] * 3 + ["gone"]


def _trust(grown, n):
    return grown[1].people[n].user_id, f"device {n}"


async def test_prekeys_are_claimed_once_and_a_share_stays_used(grown, make):
    stores, world = grown
    an, device = world.people[0].user_id, world.devices[0].device_id
    targets = [Target(d.user_id, d.device_id) for d in world.devices]
    repeated = await stores.keys.claim(Target(an, device), world.claim_id, targets, SHARE, NOW_MS)
    assert {bundle.opk.key_id for bundle in repeated} == {6}
    for key_id in (7, None):
        bundles = await stores.keys.claim(Target(an, device), make.text(), targets, SHARE, NOW_MS)
        assert {bundle.opk and bundle.opk.key_id for bundle in bundles} == {key_id}
    with pytest.raises(AppError) as refused:
        await stores.keys.upload(an, device, make.spk(7), [])
    assert refused.value.code == ErrorCode.PREKEY_REUSED


async def test_devices_and_backups_follow_their_versions(grown, make):
    stores, world = grown
    user, (first, second, _) = world.people[0].user_id, world.devices[:3]
    with pytest.raises(AppError):
        await stores.devices.put_list(make.device_list(user, 4, first.device_id))
    back = make.device_list(user, 5, first.device_id, second.device_id)
    await stores.devices.put_list(back)
    assert await stores.keys.count(user, second.device_id) is None
    await stores.keys.upload(user, second.device_id, make.spk(9), make.opks(30))
    assert (await stores.keys.count(user, second.device_id)).opk == 1
    assert [each.version for each in await stores.devices.lists_after(user, 0)] == [1, 2, 3, 4, 5]
    await stores.backups.put(make.backup(user, 3))
    with pytest.raises(AppError):
        await stores.backups.put(make.backup(user, 2))


async def test_requests_blocks_and_files_go_on(grown, make):
    stores, world = grown
    an, binh, cuc, _, em = (account.user_id for account in world.people)
    assert await stores.contacts.accept(cuc, an) is True
    assert await stores.contacts.unblock(em, an) is True
    assert await stores.contacts.request(em, an, NOW_MS) == "accepted"
    new = make.user()
    assert await stores.contacts.fulfil_invites(world.emails[0], new, NOW_MS) == [binh, an, cuc]
    with pytest.raises(AppError, match=r"^conflict"):
        await stores.files.add_part(world.files[0].file_id, 1, bytes(32), NOW_MS)
    await stores.files.add_part(world.files[0].file_id, 1, bytes([1]) * 32, NOW_MS)
    assert (await stores.files.commit(world.files[0].file_id, NOW_MS)).state == "committed"
    assert (await stores.files.begin(world.files[1], ALLOWANCE, NOW_MS)).state == "committed"


async def test_transfers_and_reports_go_on(grown, make):
    stores, world = grown
    draft, person, address, link, ended = world.transfers
    file = await stores.files.begin(make.file(draft, created_ms=NOW_MS), ALLOWANCE, NOW_MS)
    assert await stores.files.by_id(file.file_id, NOW_MS) == file
    assert await stores.transfers.begin(person, 1, NOW_MS) == await stores.transfers.by_id(
        person.transfer_id, NOW_MS
    )
    for holder in ("one", "two", "three"):
        assert await stores.transfers.take_download(link.transfer_id, holder, NOW_MS)
    with pytest.raises(AppError, match=r"^used_up"):
        await stores.transfers.take_download(link.transfer_id, "four", NOW_MS)
    with pytest.raises(AppError, match=r"^conflict"):
        await stores.transfers.begin(ended, 9, NOW_MS)
    for _ in range(REPORTS_PER_TRANSFER):
        await stores.reports.add(make.report(transfer_id=link.transfer_id))
    assert len(await stores.reports.all()) == REPORTS_PER_TRANSFER + 1
    assert await stores.transfers.end(address.transfer_id) is True
    assert await stores.files.by_id(world.files[-3].file_id, NOW_MS) is None


async def test_a_database_that_is_not_empty_is_refused_and_left_alone(path, url, embedded, make):
    stores, there = await open_stores(url), make.account()
    await stores.accounts.create(there)
    with pytest.raises(StorageRefused, match=r"^The database is not empty"):
        await migrate(path, url)
    assert await stores.accounts.by_id(there.user_id) == there
    await stores.database.close()


async def test_what_was_interrupted_is_not_opened_and_can_be_repeated(
    path, url, embedded, monkeypatch
):
    async def interrupted(_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(copying, "create_indexes", interrupted)
        with pytest.raises(KeyboardInterrupt):
            await migrate(path, url)
    with pytest.raises(StorageRefused, match="unfinished copy"):
        await open_stores(url)
    await migrate(path, url)
    stores = await open_stores(url)
    assert await everything(stores, embedded[0]) == embedded[1]
    await stores.database.close()


async def test_what_is_not_there_as_it_was_written_is_noticed(path, url, embedded, monkeypatch):
    async def losing(collection, documents):
        written = copying.Sum()
        while batch := copying._batch(documents, written):
            await collection.insert_many(batch[:-1] if len(batch) > 1 else batch)
        return written

    monkeypatch.setattr(copying, "_write", losing)
    with pytest.raises(StorageRefused, match=r"^What was written to accounts is not what is there"):
        await migrate(path, url)


async def test_a_running_server_keeps_its_database(path, url, embedded):
    running = await open_stores(f"sqlite:///{path}")
    process = await run(f"sqlite:///{path}", url)
    assert process == (2, "", f"{path} is in use: stop the server first.\n")
    await running.database.close()


@pytest.mark.parametrize("made", [None, b"not a database"])
async def test_what_is_no_database_is_refused_and_not_made(tmp_path, url, made):
    path = tmp_path / "elsewhere.db"
    if made:
        path.write_bytes(made)
    with pytest.raises(StorageRefused, match="cannot be read"):
        await migrate(path, url)
    assert path.exists() is bool(made)


async def test_the_command_says_what_it_copied(path, url, embedded):
    status, said, _ = await run(f"sqlite:///{path}", url)
    assert status == 0
    assert [line.split() for line in said.splitlines()[:2]] == [
        ["accounts", "5", "copied", "and", "verified"],
        ["device_lists", "9", "copied", "and", "verified"],
    ]
    client = connect(url)
    assert await client.get_default_database()["messages"].count_documents({}) == 21
    await client.close()


async def run(*arguments):
    """Run the command; returns exit status, output and errors."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tools.migrate", *arguments),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    said, complained = await process.communicate()
    return process.returncode, said.decode(), complained.decode()
