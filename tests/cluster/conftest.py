"""A cluster of real processes for the drills of one file, on the database a drill asks for."""

import contextlib
from collections.abc import Iterator

import pytest
import pytest_asyncio

from tests import mongo
from tests.cluster.crowd import Crowd
from tests.cluster.process import ClusterProcess

PAIRS = 4
NO_LIMITS = {"SEALROOM_FRAMES_PER_SECOND": "10000", "SEALROOM_FRAME_BURST": "10000"}


@pytest.fixture(scope="module")
def cluster(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ClusterProcess]:
    """Three workers, a bus and a balancer; the parameter is `sqlite` or `mongo`."""
    folder = tmp_path_factory.mktemp("cluster")
    with contextlib.ExitStack() as stack:
        process = ClusterProcess(folder, NO_LIMITS)
        if request.param == "mongo":
            process.database = stack.enter_context(mongo.database_of_today())
        process.start()
        yield process
        assert process.stop() == 0
        assert process.errors == []


@pytest_asyncio.fixture
async def whole_cluster(cluster: ClusterProcess) -> ClusterProcess:
    """The cluster of the file, after it has got over the drill before."""
    await cluster.until_whole()
    return cluster


@pytest_asyncio.fixture
async def crowd(whole_cluster: ClusterProcess) -> Crowd:
    """Pairs of new people on it."""
    return await Crowd.of_pairs(whole_cluster.data_dir, whole_cluster.database_url, PAIRS)
