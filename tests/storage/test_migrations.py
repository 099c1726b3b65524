"""Schema versions (R-43)."""

import os
import subprocess
import sys

import apsw
import pytest

from protocol.limits import FILE_PENDING_TTL_MS
from storage.errors import StorageRefused
from storage.sqlite.connection import connect, create_private_file
from storage.sqlite.schema import MIGRATIONS, migrate


@pytest.fixture
def opened(path):
    create_private_file(path)
    connection = connect(path)
    yield connection
    connection.close()


@pytest.fixture
def folder(tmp_path):
    """Three migrations, the last of which moves data."""
    made = tmp_path / "migrations"
    made.mkdir()
    (made / "0001_initial.sql").write_text("CREATE TABLE a (x); INSERT INTO a VALUES (1), (2);")
    (made / "0002_more.sql").write_text("CREATE TABLE b (y); CREATE INDEX b_y ON b (y);")
    (made / "0003_move.sql").write_text("INSERT INTO b SELECT x * 10 FROM a; DROP TABLE a;")
    return made


def version_of(connection):
    return connection.execute("PRAGMA user_version").fetchone()[0]


def schema_of(connection):
    return connection.execute("SELECT type, name, sql FROM sqlite_schema ORDER BY name").fetchall()


def test_a_new_file_gets_the_newest_schema(opened):
    migrate(opened)
    newest = max(int(path.name[:4]) for path in MIGRATIONS.glob("*.sql"))
    assert version_of(opened) == newest
    assert ("table", "messages") in [row[:2] for row in schema_of(opened)]


def test_migrating_again_changes_nothing(opened):
    migrate(opened)
    before = schema_of(opened), opened.execute("PRAGMA schema_version").fetchall()
    migrate(opened)
    assert (schema_of(opened), opened.execute("PRAGMA schema_version").fetchall()) == before


def test_migrations_are_applied_in_order_and_only_once(opened, folder):
    migrate(opened, folder)
    assert version_of(opened) == 3
    assert opened.execute("SELECT y FROM b ORDER BY y").fetchall() == [(10,), (20,)]
    (folder / "0004_last.sql").write_text("INSERT INTO b VALUES (99);")
    migrate(opened, folder)
    migrate(opened, folder)
    assert opened.execute("SELECT count(*) FROM b WHERE y = 99").fetchone() == (1,)


def test_a_migration_that_fails_leaves_the_schema_before_it(opened, folder):
    (folder / "0002_more.sql").write_text("CREATE TABLE b (y); INSERT INTO nowhere VALUES (1);")
    with pytest.raises(apsw.SQLError):
        migrate(opened, folder)
    assert version_of(opened) == 1
    assert [row[1] for row in schema_of(opened)] == ["a"]
    (folder / "0002_more.sql").write_text("CREATE TABLE b (y);")
    migrate(opened, folder)
    assert version_of(opened) == 3


def test_a_file_of_a_newer_program_is_refused_and_left_as_it_is(opened, folder):
    migrate(opened, folder)
    before = schema_of(opened)
    (folder / "0003_move.sql").unlink()
    with pytest.raises(StorageRefused, match="schema 3, this program knows 2: run a newer program"):
        migrate(opened, folder)
    assert (version_of(opened), schema_of(opened)) == (3, before)


OLD_ROWS = """
INSERT INTO files VALUES
    ('whole', 'an', 'device', 'room', 2000, 1000, 'committed', x'aa'),
    ('under way', 'an', 'device', 'room', 9000000, 1100, 'pending', x''),
    ('gone', 'binh', 'device', 'room', 10, 900, 'forgotten', x'');
INSERT INTO file_parts VALUES ('under way', 0, x'01'), ('under way', 2, x'02');
"""


def test_files_of_rooms_stay_as_they_are_when_transfers_come(opened, tmp_path):
    before = tmp_path / "schema 3"
    before.mkdir()
    for script in MIGRATIONS.glob("000[1-3]_*.sql"):
        (before / script.name).write_bytes(script.read_bytes())
    migrate(opened, before)
    opened.execute(OLD_ROWS).fetchall()
    files = "SELECT file_id, owner, device_id, room_id, size_bytes, created_ms, state, hashes"
    parts = "SELECT file_id, number, digest FROM file_parts ORDER BY number"
    both = (f"{files} FROM files ORDER BY file_id", parts)
    rows = [opened.execute(query).fetchall() for query in both]
    migrate(opened)
    assert version_of(opened) >= 4
    assert [opened.execute(query).fetchall() for query in both] == rows
    assert [len(found) for found in rows] == [3, 2]
    assert opened.execute("SELECT DISTINCT transfer_id FROM files").fetchall() == [(None,)]
    assert opened.execute("SELECT DISTINCT is_here FROM file_parts").fetchall() == [(1,)]
    assert not [row for row in schema_of(opened) if "old_" in f"{row[1]} {row[2]}"]
    assert opened.execute("PRAGMA foreign_key_check").fetchall() == []
    opened.execute("DELETE FROM files WHERE file_id = 'under way'")
    assert opened.execute("SELECT count(*) FROM file_parts").fetchone() == (0,)


@pytest.mark.parametrize("home", [("NULL", "NULL"), ("'room'", "'transfer'")])
def test_a_file_belongs_to_a_room_or_to_a_transfer(opened, home):
    migrate(opened)
    values = f"'id', 'an', 'device', {', '.join(home)}, 1, 1, 'pending', x'', 1"
    with pytest.raises(apsw.ConstraintError, match="CHECK"):
        opened.execute(f"INSERT INTO files VALUES ({values})")


# One child for each statement, forked so that 50 of them do not start Python 50 times.
KILL_AT_EACH = """
import os, signal, sys
from pathlib import Path
from storage.sqlite.connection import connect, create_private_file
from storage.sqlite.schema import migrate

def migrate_until(path, left):
    def count_down(*_):
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return True

    create_private_file(path)
    connection = connect(path)
    connection.exec_trace = count_down
    migrate(connection)
    os._exit(0)

statement, status = 0, signal.SIGKILL
while status == signal.SIGKILL:
    statement += 1
    child = os.fork() or migrate_until(Path(sys.argv[1]) / f"{statement}.db", statement)
    status = os.waitpid(child, 0)[1]
sys.exit(status)
"""


def test_a_process_killed_at_any_statement_leaves_a_file_that_the_next_one_completes(tmp_path):
    whole, killed = tmp_path / "whole.db", tmp_path / "killed"
    create_private_file(whole)
    expected = connect(whole)
    migrate(expected)
    subprocess.run(
        [sys.executable, "-c", KILL_AT_EACH, str(killed)],
        env={**os.environ, "PYTHONPATH": "."},
        check=True,
    )
    found = set()
    for path in killed.glob("*.db"):
        opened = connect(path)
        found.add(version_of(opened))
        assert version_of(opened) or schema_of(opened) == []
        migrate(opened)
        assert (version_of(opened), schema_of(opened)) == (
            version_of(expected),
            schema_of(expected),
        )
        assert opened.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        opened.close()
    assert {0, version_of(expected)} <= found
    expected.close()
    assert len(list(killed.glob("*.db"))) > 30


def older(folder, version):
    """The steps of the program that made that version."""
    for path in sorted(MIGRATIONS.glob("*.sql"))[:version]:
        (folder / path.name).write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    return folder


def test_an_upload_of_an_older_program_ends_a_day_after_it_began(opened, tmp_path):
    migrate(opened, older(tmp_path, 5))
    opened.execute(
        "INSERT INTO files (file_id, owner, device_id, room_id, size_bytes, created_ms, state,"
        " hashes) VALUES ('f', 'o', 'd', 'r', 1, 5, 'pending', x'')"
    )
    migrate(opened)
    assert opened.execute("SELECT ends_ms FROM files").fetchall() == [(5 + FILE_PENDING_TTL_MS,)]


def test_a_transfer_of_an_older_program_has_no_mail_to_send(opened, tmp_path):
    migrate(opened, older(tmp_path, 7))
    opened.execute(
        "INSERT INTO transfers (transfer_id, sender, kind, created_ms, expires_ms, ends_ms, email,"
        " state, files) VALUES ('t', 's', 'address', 5, 9, 9, 'an@example.org', 'open', '[]')"
    )
    migrate(opened)
    assert opened.execute("SELECT mail_due_ms FROM transfers").fetchall() == [(None,)]
