"""Whether the process can do its work."""

import socket
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from config.settings import Secret, Settings
from handlers.health import FILES_ASKED_MS
from protocol.errors import AppError, ErrorCode
from realtime.local_bus import LocalBus
from tests.harness import Fetch, MovableClock, RunningServer


async def test_a_healthy_server_says_so_to_anybody(fetch: Fetch) -> None:
    answer = await fetch("GET", "/health")
    assert answer.status == 200
    assert answer.json["status"] == "healthy"
    assert answer.json["services"] == {"database": "up", "files": "up", "tcp_messenger": "up"}
    assert datetime.fromisoformat(answer.json["timestamp"]).utcoffset() is not None
    assert answer.headers["cache-control"] == "no-store"


async def test_a_server_that_is_stopping_says_no(server: RunningServer, fetch: Fetch) -> None:
    server.lifecycle.readiness.is_draining = True
    answer = await fetch("GET", "/health")
    assert (answer.status, answer.json["status"]) == (503, "draining")
    assert answer.json["services"] == {"database": "up", "files": "up", "tcp_messenger": "up"}


async def test_a_database_that_is_away_makes_it_unhealthy(
    server: RunningServer, fetch: Fetch, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away() -> None:
        raise AppError(ErrorCode.UNAVAILABLE)

    monkeypatch.setattr(server.lifecycle.database, "ping", away)
    answer = await fetch("GET", "/health")
    assert (answer.status, answer.json["services"]) == (
        503,
        {"database": "down", "files": "up", "tcp_messenger": "up"},
    )


async def test_without_its_files_a_server_is_degraded_and_serves_on(
    settings: Settings, fetch: Fetch, clock: MovableClock
) -> None:
    """S0-26, R-32: text works on; the store is asked anew every ten seconds."""
    assert (await fetch("GET", "/health")).json["status"] == "healthy"
    folder = Path(settings.data_dir) / "files"
    folder.rename(folder.with_name("elsewhere"))
    clock.advance(FILES_ASKED_MS)
    answer = await fetch("GET", "/health")
    assert (answer.status, answer.json["status"]) == (200, "degraded")
    assert answer.json["services"] == {"database": "up", "files": "down", "tcp_messenger": "up"}
    folder.with_name("elsewhere").rename(folder)
    assert (await fetch("GET", "/health")).json["services"]["files"] == "down"
    clock.advance(FILES_ASKED_MS)
    assert (await fetch("GET", "/health")).json["status"] == "healthy"


@pytest.fixture(params=["refuses", "says nothing"])
def deaf_bucket(request: pytest.FixtureRequest, settings: Settings) -> Iterator[Settings]:
    """Files in a bucket whose service takes no connection, or takes it and never answers."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        if request.param == "says nothing":
            listening.listen()
        port = listening.getsockname()[1]
        yield replace(
            settings,
            files="s3://sealroom-files",
            s3_endpoint=f"http://127.0.0.1:{port}",
            s3_access_key="sealroom",
            s3_secret_key=Secret("secret"),
        )


class TestWithABucketThatIsAway:
    """R-32: what is away holds nobody up but for a ping's timeout, and once in a while only."""

    @pytest.fixture
    def settings(self, deaf_bucket: Settings) -> Settings:
        return deaf_bucket

    async def test_the_server_is_degraded_and_serves_on(
        self, fetch: Fetch, clock: MovableClock
    ) -> None:
        for _ in range(2):
            answer = await fetch("GET", "/health")
            assert (answer.status, answer.json["status"]) == (200, "degraded")
            assert answer.json["services"]["files"] == "down"
            clock.advance(FILES_ASKED_MS)


@pytest.mark.parametrize("is_up", [True, False])
async def test_a_server_whose_bus_is_away_is_degraded_and_serves_on(
    fetch: Fetch, bus: LocalBus, is_up: bool
) -> None:
    bus.is_up = is_up
    answer = await fetch("GET", "/health")
    assert answer.status == 200
    assert answer.json["status"] == ("healthy" if is_up else "degraded")
    assert answer.json["services"]["bus"] == ("up" if is_up else "down")
