"""A disk that is full or fails, and a file that somebody else has locked (R-30, R-35)."""

import asyncio
import subprocess
import time
from pathlib import Path

import apsw
import pytest

from models.messages import Appended
from protocol.errors import AppError, ErrorCode
from storage import open_stores
from storage.sqlite import connection

CAP_SYS_ADMIN = 1 << 21


@pytest.fixture
async def room(stores, make):
    room = make.room()
    await stores.rooms.open_dm(room, 1_000)
    return room


async def append(stores, *messages):
    loop = asyncio.get_running_loop()
    outcomes = [loop.create_future() for _ in messages]
    for message, outcome in zip(messages, outcomes, strict=True):
        stores.messages.append(message, 1_500, outcome.set_result)
    return await asyncio.gather(*outcomes)


async def log_of(stores, room):
    reader = (room.members[1].user_id, "none")
    page, _ = await stores.messages.page(room.room_id, reader, now_ms=1_500, limit=10_000)
    assert [m.seq for m in page] == list(range(1, len(page) + 1))
    return [m.msg_id for m in page]


@pytest.mark.parametrize(
    ("call", "error", "code"),
    [
        ("write", apsw.FullError, ErrorCode.STORAGE_FULL),
        ("write", apsw.IOError, ErrorCode.UNAVAILABLE),
        ("sync", apsw.IOError, ErrorCode.UNAVAILABLE),
    ],
)
async def test_nothing_of_a_failed_batch_is_acknowledged_and_the_next_one_works(
    disk, stores, make, room, call, error, code
):
    (before,) = await append(stores, make.message(room))
    disk.fault = lambda c, file: error() if (c, file[-4:]) == (call, "-wal") else None
    messages = [make.message(room) for _ in range(5)]
    assert [outcome.code for outcome in await append(stores, *messages)] == [code] * 5
    with pytest.raises(AppError) as refused:
        await stores.accounts.create(make.account())
    assert refused.value.code == code
    # Reading goes on.
    assert len(await log_of(stores, room)) == before.seq
    await stores.database.ping()
    disk.fault = lambda *_: None
    retried = await append(stores, *messages)
    assert [(o.seq, o.fresh) for o in retried] == [(n, True) for n in range(2, 7)]
    assert (await log_of(stores, room))[1:] == [message.msg_id for message in messages]


async def test_after_a_failed_sync_the_connection_is_a_new_one(disk, stores, make, room):
    opened = []
    apsw.connection_hooks.append(opened.append)
    try:
        disk.fault = lambda call, _: apsw.IOError() if call == "sync" else None
        await append(stores, make.message(room))
        disk.fault = lambda *_: None
        assert opened == []
        await append(stores, make.message(room))
        assert len(opened) == 1
        await append(stores, make.message(room))
        assert len(opened) == 1
    finally:
        apsw.connection_hooks.remove(opened.append)


async def test_a_read_that_fails_is_unavailable_and_the_next_one_works(disk, stores, make, room):
    account = make.account()
    await stores.accounts.create(account)
    disk.fault = lambda call, _: apsw.IOError() if call == "read" else None
    for read in (stores.accounts.by_id(account.user_id), stores.rooms.of_user("an", 1_500)):
        with pytest.raises(AppError) as refused:
            await read
        assert refused.value.code == ErrorCode.UNAVAILABLE
    disk.fault = lambda *_: None
    assert await stores.accounts.by_id(account.user_id) == account
    assert await stores.rooms.of_user("an", 1_500) == []


async def test_a_mistake_in_a_statement_is_not_disguised_as_an_outage(stores):
    for way in (stores.database.read, stores.database.scan, stores.database.write):
        with pytest.raises(apsw.SQLError):
            await way(lambda opened: opened.execute("SELECT nothing FROM nowhere"))
    await stores.database.ping()


async def append_until_stored(stores, message):
    for _ in range(3):
        (outcome,) = await append(stores, message)
        if isinstance(outcome, Appended):
            return outcome
        assert outcome.code in (ErrorCode.UNAVAILABLE, ErrorCode.STORAGE_FULL)
    raise AssertionError("the store did not recover")


@pytest.mark.parametrize("error", [apsw.FullError, apsw.IOError])
async def test_whichever_disk_call_fails_every_message_is_there_once_in_the_end(
    disk, tmp_path, make, error
):
    nth, met = 0, True
    while met:
        nth, met = nth + 1, False
        stores = await open_stores(f"sqlite:///{tmp_path}/{nth}/sealroom.db")
        room, left = make.room(), nth
        await stores.rooms.open_dm(room, 1_000)

        def fail_once(*_):
            nonlocal left, met
            left -= 1
            met = met or left == 0
            return error() if left == 0 else None

        disk.fault = fail_once
        messages = [make.message(room) for _ in range(4)]
        for message in messages:
            await append_until_stored(stores, message)
        disk.fault = lambda *_: None
        assert await log_of(stores, room) == [message.msg_id for message in messages]
        await stores.database.close()
    assert nth > 10


async def fill(stores, make):
    """Append to rooms until one message does not fit; returns the rooms and what was stored."""
    room, stored = make.room(), []
    await stores.rooms.open_dm(room, 1_000)
    while True:
        message = make.message(room, payload="p" * 50_000)
        (outcome,) = await append(stores, message)
        if isinstance(outcome, AppError):
            assert outcome.code == ErrorCode.STORAGE_FULL
            return room, stored
        stored.append(message.msg_id)


async def create_accounts(stores, make, count):
    for _ in range(count):
        await stores.accounts.create(make.account())


def may_mount():
    status = Path("/proc/self/status").read_text()
    capabilities = next(line for line in status.splitlines() if line.startswith("CapEff"))
    return bool(int(capabilities.split()[1], 16) & CAP_SYS_ADMIN) and Path("/bin/mount").exists()


@pytest.fixture(params=["page limit", *(["small disk"] if may_mount() else [])])
def small(request, tmp_path, monkeypatch):
    """A folder whose database cannot grow, and how to make space again."""
    folder, ballast = tmp_path / "small", tmp_path / "small" / "ballast"
    folder.mkdir()
    if request.param == "page limit":
        monkeypatch.setitem(connection._PRAGMAS, "max_page_count", 300)
        yield folder, lambda stores: stores.database.sweep(10**12)
        return
    subprocess.run(["/bin/mount", "-t", "tmpfs", "-o", "size=2m", "none", folder], check=True)
    try:
        ballast.write_bytes(bytes(512 * 1024))
        yield folder, lambda _: asyncio.to_thread(ballast.unlink)
    finally:
        subprocess.run(["/bin/umount", folder], check=True)


async def test_a_full_disk_refuses_messages_until_there_is_space(small, make):
    folder, make_space = small
    stores = await open_stores(f"sqlite:///{folder}/sealroom.db")
    room, stored = await fill(stores, make)
    assert await log_of(stores, room) == stored
    with pytest.raises(AppError) as refused:
        await create_accounts(stores, make, 10_000)
    assert refused.value.code == ErrorCode.STORAGE_FULL
    await make_space(stores)
    fresh = make.room()
    await stores.rooms.open_dm(fresh, 1_000)
    (outcome,) = await append(stores, make.message(fresh))
    assert outcome.seq == 1
    await stores.database.close()
    reopened = await open_stores(f"sqlite:///{folder}/sealroom.db")
    assert await log_of(reopened, room) in (stored, [])
    assert len(await log_of(reopened, fresh)) == 1
    await reopened.database.close()


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setitem(connection._PRAGMAS, "busy_timeout", 1_500)
    monkeypatch.setattr(connection, "BUSY_TIMEOUT_MS", 1_500)


@pytest.fixture
def locked(path):
    """Hold the write lock, as another process would; call it to let go."""
    other = apsw.Connection(str(path))
    other.execute("BEGIN IMMEDIATE")
    yield lambda: other.execute("ROLLBACK")
    other.close()


async def test_a_locked_file_is_unavailable_and_never_blocks_the_loop(
    impatient, stores, make, room, locked
):
    longest_s, ticking = 0.0, True

    async def tick():
        nonlocal longest_s
        while ticking:
            before = time.monotonic()
            await asyncio.sleep(0.001)
            longest_s = max(longest_s, time.monotonic() - before)

    ticker = asyncio.get_running_loop().create_task(tick())
    outcomes = await append(stores, *(make.message(room) for _ in range(3)))
    assert [outcome.code for outcome in outcomes] == [ErrorCode.UNAVAILABLE] * 3
    assert await log_of(stores, room) == []
    ticking = False
    await ticker
    assert longest_s < 1.0  # a blocked loop would stand still for the whole 1.5 s
    locked()
    (outcome,) = await append(stores, make.message(room))
    assert outcome.seq == 1


async def test_a_short_lock_is_waited_for(stores, make, room, locked):
    asyncio.get_running_loop().call_later(0.2, locked)
    (outcome,) = await append(stores, make.message(room))
    assert outcome.seq == 1


async def test_a_read_that_meets_a_lock_waits_in_a_thread(stores, make, path):
    account = make.account()
    await stores.accounts.create(account)
    database = stores.database

    def busy_on_the_loop(opened):
        if opened is database._reader:
            raise apsw.BusyError
        return "read elsewhere"

    assert await database.read(busy_on_the_loop) == "read elsewhere"


async def test_a_cancelled_write_happens_all_the_same(stores, make):
    account = make.account()
    writing = asyncio.get_running_loop().create_task(stores.accounts.create(account))
    await asyncio.sleep(0)
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    await stores.accounts.set_last_seen({})
    assert await stores.accounts.by_id(account.user_id) == account


async def test_a_write_that_raises_undoes_itself_and_nothing_else(stores, make):
    first, second = make.account(), make.account()

    def half(opened):
        opened.execute("UPDATE accounts SET display_name = 'half'")
        raise KeyError("a bug")

    outcomes = await asyncio.gather(
        stores.accounts.create(first),
        stores.database.write(half),
        stores.accounts.create(second),
        return_exceptions=True,
    )
    assert (outcomes[0], type(outcomes[1]), outcomes[2]) == (None, KeyError, None)
    assert await stores.accounts.by_id(first.user_id) == first
    assert await stores.accounts.by_id(second.user_id) == second
