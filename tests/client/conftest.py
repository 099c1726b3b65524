"""A server in a process of its own, and a crowd of people on it."""

import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.client.crowd import ROOT, Crowd, ServerProcess


@pytest.fixture(scope="session")
def server_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    data_dir = tmp_path_factory.mktemp("server")
    environment = os.environ | {"SEALROOM_PORT": "0", "SEALROOM_DATA_DIR": str(data_dir)}
    with (
        (data_dir / "log").open("wb") as log,
        subprocess.Popen(
            [sys.executable, "server.py"],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        ) as process,
    ):
        assert process.stdout is not None
        greeting = process.stdout.readline()
        assert greeting, (data_dir / "log").read_text(encoding="utf-8")[-2_000:]
        yield ServerProcess(greeting.split()[-1], data_dir)
        process.terminate()
        assert process.wait(timeout=15) == 0


@pytest_asyncio.fixture
async def crowd(server_process: ServerProcess, tmp_path: Path) -> AsyncIterator[Crowd]:
    crowd = Crowd(server_process, tmp_path)
    yield crowd
    for device in crowd.devices:
        device.api.close()
