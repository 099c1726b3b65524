"""Something breaks under load: nothing acknowledged is lost, doubled or out of order.

What people noticed meanwhile is asserted too: a reconnect at most, and nobody but those concerned.
Everything is checked by the history of all clients, in `Crowd.talking`.
"""

import os
import signal

import apsw
import pytest

from tests.cluster.crowd import Crowd
from tests.cluster.errands import Errands
from tests.cluster.process import ClusterProcess

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

SQLITE = pytest.mark.parametrize("cluster", ["sqlite"], indirect=True)
BOTH = pytest.mark.parametrize(
    "cluster", ["sqlite", pytest.param("mongo", marks=pytest.mark.mongo)], indirect=True
)
KILLS = 20
SAID_BETWEEN = 20
RECONNECT = {"closed: 1006", "closed: 1012", "not connected: InvalidMessage"}
REFUSAL = {"refused: unavailable"}


@BOTH
async def test_killing_workers_again_and_again(cluster: ClusterProcess, crowd: Crowd) -> None:
    """R-22, R-25."""
    async with crowd.talking(cluster.origin):
        for kill in range(KILLS):
            await cluster.kill_child(f"worker-{kill % cluster.workers + 1}")
            await crowd.says(SAID_BETWEEN)
    assert set(crowd.notices) <= RECONNECT


@BOTH
async def test_restarting_every_worker_in_turn(cluster: ClusterProcess, crowd: Crowd) -> None:
    """R-20, R-21: people reconnect when told to, and no other call fails."""
    errands = Errands(crowd.talkers[0].peer)
    async with errands.running(cluster.origin), crowd.talking(cluster.origin):
        cluster.restart_workers()
        await cluster.prints("CLUSTER RESTARTED")
        await crowd.says(SAID_BETWEEN)
    assert set(crowd.notices) == {"closed: 1012"}
    assert set(errands.seen) == {"GET 200", "POST 200"}


@SQLITE
async def test_a_frozen_worker_leaves_the_rotation_and_comes_back(
    cluster: ClusterProcess, crowd: Crowd
) -> None:
    """R-22: nobody waits for it, and what it still says afterwards deceives nobody."""
    frozen = cluster.process_of("worker-1")
    async with crowd.talking(cluster.origin):
        os.kill(frozen, signal.SIGSTOP)
        try:
            await cluster.shows(1, "unhealthy")
            await crowd.says(5 * SAID_BETWEEN)
        finally:
            os.kill(frozen, signal.SIGCONT)
        await cluster.until_whole()
        await crowd.says(SAID_BETWEEN)
    assert set(crowd.notices) <= {*RECONNECT, "not connected: TimeoutError"}


@SQLITE
async def test_a_database_that_is_held_by_somebody_else(
    cluster: ClusterProcess, crowd: Crowd
) -> None:
    """R-30: a send is refused, never acknowledged, and repeated; nobody is even disconnected."""
    async with crowd.talking(cluster.origin):
        other = apsw.Connection(cluster.database_url.removeprefix("sqlite:///"))
        other.execute("BEGIN IMMEDIATE")
        try:
            await crowd.until(lambda: all(talker.notices for talker in crowd.talkers))
        finally:
            other.execute("ROLLBACK")
            other.close()
        await crowd.says(SAID_BETWEEN)
    assert set(crowd.notices) == REFUSAL


@SQLITE
async def test_a_bus_that_crashes_and_one_that_hangs(cluster: ClusterProcess, crowd: Crowd) -> None:
    """R-31: nobody notices anything, and everything arrives."""
    async with crowd.talking(cluster.origin):
        await cluster.kill_child("bus")
        await crowd.says(SAID_BETWEEN)
        os.kill(cluster.process_of("bus"), signal.SIGSTOP)
        try:
            await crowd.says(10 * SAID_BETWEEN)
        finally:
            os.kill(cluster.process_of("bus"), signal.SIGCONT)
        await crowd.says(SAID_BETWEEN)
    assert crowd.notices == {}
