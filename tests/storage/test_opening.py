"""How a database is opened, and when it is not."""

import asyncio
import os
import stat
import sys
import threading

import apsw
import pytest

from storage import open_stores
from storage.errors import StorageRefused
from storage.sqlite import connection
from storage.sqlite.connection import connect, require_sqlite_version


def mode_of(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize(
    "url", ["", "sealroom.db", "sqlite:", "sqlite://", "sqlite:///", "sqlite://host", "mysql://x/y"]
)
async def test_a_url_that_names_no_database_is_refused_with_one_sentence(url):
    with pytest.raises(ValueError, match=r"^The database URL must look like sqlite:///path or"):
        await open_stores(url)


async def test_a_url_with_a_password_is_not_repeated():
    with pytest.raises(ValueError) as refused:
        await open_stores("mysql://root:secret@host/db")
    assert "secret" not in str(refused.value)


async def test_three_slashes_are_relative_and_four_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for url in ("sqlite:///near/a.db", f"sqlite:///{tmp_path}/far/b.db"):
        await (await open_stores(url)).database.close()
    assert (tmp_path / "near" / "a.db").exists()
    assert (tmp_path / "far" / "b.db").exists()


async def test_only_the_owner_can_read_the_files(stores, path, make):
    await stores.accounts.create(make.account())
    assert mode_of(path.parent) == 0o700
    names = [path, path.with_name("sealroom.db-wal"), path.with_name("sealroom.db-shm")]
    assert [mode_of(name) for name in names] == [0o600] * 3


async def test_a_file_that_others_could_read_is_closed_to_them(path):
    path.parent.mkdir()
    path.parent.chmod(0o755)
    path.touch(0o644)
    await (await open_stores(f"sqlite:///{path}")).database.close()
    assert mode_of(path) == 0o600
    assert mode_of(path.parent) == 0o755  # not ours to change


async def test_every_connection_has_the_settings_the_promises_rest_on(stores, path):
    opened = connect(path)
    for name, value in {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "busy_timeout": 5_000,
        "secure_delete": 1,
    }.items():
        assert opened.execute(f"PRAGMA {name}").fetchone()[0] == value
    opened.close()


async def test_only_reads_on_the_loop_never_wait_for_a_lock(stores):
    def timeout_ms(opened):
        return opened.execute("PRAGMA busy_timeout").fetchone()[0]

    assert await stores.database.read(timeout_ms) == 0
    assert await stores.database.scan(timeout_ms) == 5_000
    assert await stores.database.write(timeout_ms) == 5_000


async def test_a_setting_that_does_not_take_effect_stops_the_start(path, monkeypatch):
    # SQLite ignores what it does not know, as it would ignore a mode the file system cannot do.
    monkeypatch.setitem(connection._PRAGMAS, "synchronous", 7)
    with pytest.raises(StorageRefused, match="does not accept synchronous = 7"):
        await open_stores(f"sqlite:///{path}")


@pytest.mark.parametrize("version", [3_040_001, 3_051_002])
def test_a_sqlite_that_can_corrupt_the_file_is_refused(version):
    with pytest.raises(StorageRefused, match=r"SQLite 3\.51\.3 or later is needed"):
        require_sqlite_version(version)


def test_the_sqlite_of_this_program_is_new_enough():
    require_sqlite_version(apsw.SQLITE_VERSION_NUMBER)
    assert apsw.sqlitelibversion() == ".".join(
        str(apsw.SQLITE_VERSION_NUMBER // 1_000**n % 1_000) for n in (2, 1, 0)
    )


async def test_what_is_not_a_database_is_refused_and_left_as_it_is(path):
    path.parent.mkdir()
    path.write_bytes(b"not a database, but long enough to look at" * 100)
    before = path.read_bytes()
    with pytest.raises(StorageRefused, match="cannot be used"):
        await open_stores(f"sqlite:///{path}")
    assert path.read_bytes() == before


async def test_a_database_of_a_newer_program_is_refused_with_one_sentence(path):
    await (await open_stores(f"sqlite:///{path}")).database.close()
    newer = apsw.Connection(str(path))
    newer.execute("PRAGMA user_version = 99")
    newer.close()
    with pytest.raises(StorageRefused, match=r"^The database has schema 99, .* newer program\.$"):
        await open_stores(f"sqlite:///{path}")


async def test_a_directory_that_cannot_be_made_is_an_os_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        await open_stores(f"sqlite:///{tmp_path}/file/sealroom.db")


async def test_several_processes_may_open_a_new_database_at_once(path):
    program = (
        "import asyncio, sys; from storage import open_stores\n"
        "async def main():\n"
        "    stores = await open_stores(sys.argv[1])\n"
        "    await stores.database.ping()\n"
        "    await stores.database.close()\n"
        "asyncio.run(main())"
    )
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            program,
            f"sqlite:///{path}",
            env={**os.environ, "PYTHONPATH": "."},
        )
        for _ in range(4)
    ]
    assert [await process.wait() for process in processes] == [0] * 4


async def test_closing_leaves_one_file_and_no_thread(path):
    stores = await open_stores(f"sqlite:///{path}")
    await stores.contacts.of_user("nobody")
    await stores.database.close()
    assert [file.name for file in path.parent.iterdir()] == ["sealroom.db"]
    assert not [thread for thread in threading.enumerate() if "sqlite" in thread.name]
