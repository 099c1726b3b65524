"""Whether the process can do its work."""

from datetime import datetime

import pytest

from protocol.errors import AppError, ErrorCode
from realtime.local_bus import LocalBus
from tests.harness import Fetch, RunningServer


async def test_a_healthy_server_says_so_to_anybody(fetch: Fetch) -> None:
    answer = await fetch("GET", "/health")
    assert answer.status == 200
    assert answer.json["status"] == "healthy"
    assert answer.json["services"] == {"database": "up", "tcp_messenger": "up"}
    assert datetime.fromisoformat(answer.json["timestamp"]).utcoffset() is not None
    assert answer.headers["cache-control"] == "no-store"


async def test_a_server_that_is_stopping_says_no(server: RunningServer, fetch: Fetch) -> None:
    server.lifecycle.readiness.is_draining = True
    answer = await fetch("GET", "/health")
    assert (answer.status, answer.json["status"]) == (503, "draining")
    assert answer.json["services"] == {"database": "up", "tcp_messenger": "up"}


async def test_a_database_that_is_away_makes_it_unhealthy(
    server: RunningServer, fetch: Fetch, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away() -> None:
        raise AppError(ErrorCode.UNAVAILABLE)

    monkeypatch.setattr(server.lifecycle.database, "ping", away)
    answer = await fetch("GET", "/health")
    assert (answer.status, answer.json["services"]) == (
        503,
        {"database": "down", "tcp_messenger": "up"},
    )


@pytest.mark.parametrize("is_up", [True, False])
async def test_a_server_whose_bus_is_away_is_degraded_and_serves_on(
    fetch: Fetch, bus: LocalBus, is_up: bool
) -> None:
    bus.is_up = is_up
    answer = await fetch("GET", "/health")
    assert answer.status == 200
    assert answer.json["status"] == ("healthy" if is_up else "degraded")
    assert answer.json["services"]["bus"] == ("up" if is_up else "down")
