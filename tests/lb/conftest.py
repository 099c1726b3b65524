"""A balancer that runs inside a test, on both event loops where the test says so."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping

import pytest
import pytest_asyncio
import uvloop

from lb.balancer import Balancer
from tests.lb.world import World


def pytest_asyncio_loop_factories(
    item: pytest.Item,
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Run whatever uses `world` on uvloop too, as the program does: its transports differ."""
    usual = {"asyncio": asyncio.new_event_loop}
    uses_world = "world" in getattr(item, "fixturenames", ())
    return usual | {"uvloop": uvloop.new_event_loop} if uses_world else usual


@pytest_asyncio.fixture
async def world(no_errors: None) -> AsyncIterator[World]:
    made = World(Balancer())
    yield made
    await made.close()
