"""The browser's limits and error codes, and the tables of docs/protocol.md, equal protocol/."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from protocol import limits
from protocol.errors import AppError, CloseCode, ErrorCode

Exports = Callable[[str], dict[str, Any]]
LIMITS = {name: value for name, value in vars(limits).items() if name.isupper()}


def table(text: str, heading: str) -> Iterator[list[str]]:
    """Yield the cells of each row of the first table under `heading`."""
    section = text.split(f"\n{heading}\n", 1)[1]
    rows = re.findall(r"^\|(.+)\|$", section.split("\n## ", 1)[0], re.MULTILINE)
    for row in rows[2:]:
        yield [cell.strip() for cell in row.split("|")]


def error_rows(text: str) -> list[tuple[str, int, str]]:
    return [(code.strip("`"), int(status), rest) for code, status, rest in table(text, "## Errors")]


def close_codes(text: str) -> list[int]:
    return [int(row[0]) for row in table(text, "### Close codes")]


def wrong_limits(mirror: dict[str, Any]) -> list[str]:
    """Name the limits of the browser that the server does not have, or has with another value."""
    return [name for name, value in mirror.items() if LIMITS.get(name) != value]


ERROR_ROWS = [
    (str(code), AppError(code).http_status, str(AppError(code).body("")["message"]))
    for code in ErrorCode
]


def test_every_limit_of_the_browser_is_the_servers(exports: Exports) -> None:
    mirror = exports("frontend/js/protocol/limits.js")
    assert len(mirror) >= 10
    assert wrong_limits(mirror) == []


def test_a_limit_that_drifts_is_found() -> None:
    assert wrong_limits({"HISTORY_PAGE": limits.HISTORY_PAGE + 1}) == ["HISTORY_PAGE"]
    assert wrong_limits({"NOT_A_LIMIT": 1}) == ["NOT_A_LIMIT"]


def test_the_browser_knows_exactly_the_error_and_close_codes_of_the_server(
    exports: Exports,
) -> None:
    mirror = exports("frontend/js/protocol/errors.js")
    assert mirror["ErrorCode"] == {code.name: code.value for code in ErrorCode}
    assert mirror["CloseCode"] == {code.name: code.value for code in CloseCode}


def test_the_table_of_errors_is_the_enum(root: Path) -> None:
    assert error_rows((root / "docs/protocol.md").read_text()) == ERROR_ROWS


def test_the_table_of_close_codes_is_the_enum(root: Path) -> None:
    text = (root / "docs/protocol.md").read_text()
    assert sorted(close_codes(text)) == sorted(CloseCode)


def test_a_row_that_is_missing_or_differs_is_found(root: Path) -> None:
    text = (root / "docs/protocol.md").read_text()
    missing = re.sub(r"^\| `not_found` .*\n", "", text, flags=re.MULTILINE)
    assert error_rows(missing) != ERROR_ROWS
    assert error_rows(text.replace("| `not_found` | 404 |", "| `not_found` | 403 |")) != ERROR_ROWS
