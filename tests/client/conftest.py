"""A server in a process of its own, and a crowd of people on it; the vectors of files."""

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.client.crowd import Crowd
from tests.process import ServerProcess


@pytest.fixture(scope="module")
def server_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    # For a module, since one address may not register people without end.
    process = ServerProcess(tmp_path_factory.mktemp("server"))
    process.start()
    yield process
    assert process.stop() == 0


@pytest_asyncio.fixture
async def crowd(server_process: ServerProcess, tmp_path: Path) -> AsyncIterator[Crowd]:
    crowd = Crowd(server_process, tmp_path)
    yield crowd
    for device in crowd.devices:
        device.api.close()


@pytest.fixture(scope="session")
def file_vectors() -> dict[str, Any]:
    path = Path(__file__).parents[1] / "vectors" / "seal_file.json"
    vectors: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return vectors
