"""MongoDB for tests: a fresh database for each, and what happens where there is none."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch
from urllib.parse import urlsplit, urlunsplit

import pytest
from pymongo import MongoClient

from storage.mongo import indexes

VARIABLE = "SEALROOM_TEST_MONGODB_URI"
URI = os.environ.get(VARIABLE, "")

EVERY_DATABASE = ["sqlite", pytest.param("mongo", marks=pytest.mark.mongo)]

_NOT_RUN = f"The tests on MongoDB were left out: set {VARIABLE}=mongodb://host/ to run them."

# Most tests live in 1970; the database, which knows no other time than its own, would clear away
# under their hands.
_SIXTY_EIGHT_YEARS_S = 2**31 - 1


@contextmanager
def fresh_database() -> Iterator[str]:
    """Yield the URL of a database that nobody else uses, and drop it afterwards."""
    with database_of_today() as url, in_1970():
        yield url


@contextmanager
def in_1970() -> Iterator[None]:
    """Let a database that is opened keep what ended long ago until it is swept."""
    with patch.object(indexes, "KEPT_AFTER_END_S", _SIXTY_EIGHT_YEARS_S):
        yield


@contextmanager
def database_of_today() -> Iterator[str]:
    """Yield such a URL for servers in processes of their own, which know what time it is."""
    name = f"sealroom_test_{secrets.token_hex(8)}"
    try:
        yield urlunsplit(urlsplit(URI)._replace(path=f"/{name}"))
    finally:
        with connect() as client:
            client.drop_database(name)


def connect() -> MongoClient[dict[str, Any]]:
    """Return a client of the test's own, beside those of the program."""
    return MongoClient(URI)


def name_of(url: str) -> str:
    """Return the name of the database in a URL."""
    return urlsplit(url).path.removeprefix("/")


def require_in_ci() -> None:
    """Let nothing be left out where nobody would read that it was."""
    if os.environ.get("CI") == "true" and not URI:
        raise pytest.UsageError(f"CI runs every test: {VARIABLE} must name a MongoDB.")


def excuse_driver(config: pytest.Config) -> None:
    """Overlook the socket that the driver was opening when its client was closed.

    It lets go of it without closing it, which shows whenever the garbage is collected.
    """
    if URI:
        place = rf"raddr=\('[^']+', {urlsplit(URI).port or 27_017}\b"
        config.addinivalue_line(
            "filterwarnings", f"ignore:unclosed <socket.*{place}:ResourceWarning"
        )


def deselect(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the tests marked `mongo` where no database is named."""
    if URI:
        return
    kept, left_out = [], []
    for item in items:
        (left_out if item.get_closest_marker("mongo") else kept).append(item)
    items[:] = kept
    config.hook.pytest_deselected(items=left_out)


def tell(reporter: pytest.TerminalReporter) -> None:
    """Say in one line that tests were left out."""
    if not URI:
        reporter.write_line(_NOT_RUN)
