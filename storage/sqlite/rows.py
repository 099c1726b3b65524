"""Reading rows, so that no statement is left half-read and holding its snapshot."""

from collections.abc import Mapping, Sequence
from typing import Any

import apsw

Value = None | int | float | str | bytes
Values = Sequence[Value] | Mapping[str, Value]


def every(connection: apsw.Connection, query: str, values: Values = ()) -> list[Any]:
    """Return all rows; their types are those of the columns asked for."""
    return connection.execute(query, values).fetchall()


def first(connection: apsw.Connection, query: str, values: Values = ()) -> Any:
    """Return the first row or None."""
    rows = connection.execute(query, values).fetchall()
    return rows[0] if rows else None
