"""A server in a process of its own, and a crowd of people on it; the vectors of files and links."""

import contextlib
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests import mongo
from tests.client.crowd import Crowd
from tests.cluster.process import ClusterProcess
from tests.process import ServerProcess


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    is_asked = metafunc.definition.get_closest_marker("on_cluster")
    if is_asked and "server_process" in metafunc.fixturenames:
        where = ["process", pytest.param("cluster", marks=pytest.mark.mongo)]
        metafunc.parametrize("server_process", where, indirect=True, scope="module")


@pytest.fixture(scope="module")
def server_process(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServerProcess]:
    """A server on SQLite; as a `cluster` three behind a balancer, on a bus and on MongoDB.

    For a module, since one address may not register people without end.
    """
    folder = tmp_path_factory.mktemp("server")
    with contextlib.ExitStack() as stack:
        process = ServerProcess(folder)
        if getattr(request, "param", "process") == "cluster":
            database = stack.enter_context(mongo.database_of_today())
            process = ClusterProcess(folder, database=database)
        process.start()
        yield process
        assert process.stop() == 0


@pytest_asyncio.fixture
async def crowd(server_process: ServerProcess, tmp_path: Path) -> AsyncIterator[Crowd]:
    crowd = Crowd(server_process, tmp_path)
    yield crowd
    for device in crowd.devices:
        device.close()


@pytest.fixture(scope="session")
def file_vectors() -> dict[str, Any]:
    return _vectors("seal_file.json")


@pytest.fixture(scope="session")
def link_vectors() -> dict[str, Any]:
    return _vectors("seal_link.json")


def _vectors(name: str) -> dict[str, Any]:
    path = Path(__file__).parents[1] / "vectors" / name
    vectors: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return vectors
