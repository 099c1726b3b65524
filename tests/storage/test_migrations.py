"""Schema versions (R-43)."""

import os
import subprocess
import sys

import apsw
import pytest

from storage.errors import StorageRefused
from storage.sqlite.connection import connect, create_private_file
from storage.sqlite.schema import MIGRATIONS, migrate

KILLED = -9


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


KILLED_AT = """
import os, signal, sys
from pathlib import Path
from storage.sqlite.connection import connect
from storage.sqlite.schema import migrate

connection, left = connect(Path(sys.argv[1])), int(sys.argv[2])

def count_down(*_):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return True

connection.exec_trace = count_down
migrate(connection)
"""


@pytest.mark.slow
def test_a_process_killed_at_any_statement_leaves_a_file_that_the_next_one_completes(tmp_path):
    whole = tmp_path / "whole.db"
    create_private_file(whole)
    expected = connect(whole)
    migrate(expected)
    completed, statement = False, 0
    while not completed:
        statement += 1
        path = tmp_path / f"killed{statement}.db"
        create_private_file(path)
        killed = subprocess.run(
            [sys.executable, "-c", KILLED_AT, str(path), str(statement)],
            env={**os.environ, "PYTHONPATH": "."},
            check=False,
        )
        assert killed.returncode in (KILLED, 0)
        completed = killed.returncode == 0
        opened = connect(path)
        assert version_of(opened) in (0, version_of(expected))
        assert schema_of(opened) in ([], schema_of(expected))
        migrate(opened)
        assert (version_of(opened), schema_of(opened)) == (
            version_of(expected),
            schema_of(expected),
        )
        assert opened.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        opened.close()
    expected.close()
    assert statement > 30
