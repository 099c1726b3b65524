"""A real SQLite file, and a disk beneath it that can be watched and broken."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from models.stores import Stores
from storage import open_stores
from tests.contracts.make import Make
from tests.storage.disk import Disk


@pytest.fixture
def make() -> Make:
    return Make()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "sealroom.db"


@pytest.fixture
async def stores(path: Path) -> AsyncIterator[Stores]:
    opened = await open_stores(f"sqlite:///{path}")
    yield opened
    await opened.database.close()


@pytest.fixture
def disk() -> Iterator[Disk]:
    """Ask for it before `stores`, so that their file lies on it."""
    with Disk() as watched:
        yield watched
