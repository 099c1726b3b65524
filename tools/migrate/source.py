"""The embedded database while it is copied: nobody else has it open, and nothing changes it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import apsw

from storage.errors import StorageRefused
from storage.sqlite.schema import migrate

Row = dict[str, Any]


def _named(cursor: apsw.Cursor, row: tuple[Any, ...]) -> Row:
    return dict(zip((column[0] for column in cursor.get_description()), row, strict=True))


class Source:
    """A file opened for this program alone, from `with` to its end."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> Self:
        """Open the file and bring its schema up to date.

        Raises: StorageRefused when it is not there, not a database, or somebody has it open.
        """
        try:
            self._connection = apsw.Connection(str(self._path), flags=apsw.SQLITE_OPEN_READWRITE)
            try:
                # Before the first look at the file, or it would not keep out who only reads.
                self._connection.execute("PRAGMA locking_mode = EXCLUSIVE").fetchall()
                migrate(self._connection)
                self._connection.execute("BEGIN EXCLUSIVE").fetchall()
                self._connection.row_trace = _named
            except BaseException:
                self._connection.close()
                raise
        except apsw.BusyError as error:
            raise StorageRefused(f"{self._path} is in use: stop the server first.") from error
        except apsw.Error as error:
            raise StorageRefused(f"{self._path} cannot be read: {error}.") from error
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def rows(self, query: str, *values: str | int) -> Iterator[Row]:
        """Yield the rows of a query by the names of their columns."""
        yield from self._connection.execute(query, values)
