"""Bringing a file to the schema of this program (R-43).

`migrations/NNNN_name.sql` are applied in order, each in one transaction together with the number
it leads to, which SQLite keeps in the file's header (`user_version`). A process that dies in
between leaves either the old schema or the new one. Of several processes that start at once one
migrates and the others find it done.
"""

from pathlib import Path

import apsw

from storage.errors import StorageRefused
from storage.sqlite.rows import every, first

MIGRATIONS = Path(__file__).parent / "migrations"


def _version(connection: apsw.Connection) -> int:
    return int(first(connection, "PRAGMA user_version")[0])


def migrate(connection: apsw.Connection, folder: Path = MIGRATIONS) -> None:
    """Apply what the file does not have yet.

    Raises: StorageRefused when the file was made by a newer program; it is left as it is.
    """
    scripts = {int(path.name[:4]): path for path in folder.glob("[0-9][0-9][0-9][0-9]_*.sql")}
    newest = max(scripts)
    if (found := _version(connection)) > newest:
        raise StorageRefused(
            f"The database has schema {found}, this program knows {newest}: run a newer program."
        )
    for number in sorted(scripts):
        _apply(connection, number, scripts[number].read_text(encoding="utf-8"))


def _apply(connection: apsw.Connection, number: int, script: str) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        # Read again under the lock: another process may have been faster.
        if _version(connection) < number:
            every(connection, script)
            connection.execute(f"PRAGMA user_version = {number}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
