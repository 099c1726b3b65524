"""The balancer as the launcher speaks with it, by its admin address."""

import asyncio
import contextlib

from lb.cluster import probes
from lb.cluster.plan import LOOPBACK, Plan, Worker

LOOK_S = 0.1
UP = ("healthy", "slow start")
SETTLE_S = 15.0  # for the balancer to see that a worker serves again


class Front:
    """What of the balancer's admin address a rolling restart needs.

    A balancer that does not answer holds nothing up: it retries a worker that is away by itself.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan

    async def is_open(self) -> bool:
        """Whether people get an answer by now."""
        return await probes.is_well(f"http://{LOOPBACK}:{self._plan.options.port}/health")

    async def drain(self, worker: Worker) -> None:
        """Give a worker no new connections."""
        await self._order(worker, "drain")

    async def resume(self, worker: Worker) -> None:
        """Give it connections again, once it is healthy."""
        await self._order(worker, "resume")

    async def _order(self, worker: Worker, order: str) -> None:
        for service, port in (("web", worker.port), ("messenger", worker.tcp_port)):
            url = f"{self._plan.status_url}/workers/{service}/{LOOPBACK}:{port}/{order}"
            await probes.fetch(url, "POST", Authorization=f"Bearer {self._plan.admin_token}")

    async def until_whole(self) -> None:
        """Wait until it gives connections to every worker; not for ever."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SETTLE_S):
                while not await self.is_whole():  # noqa: ASYNC110 - it cannot set an event here
                    await asyncio.sleep(LOOK_S)

    async def is_whole(self) -> bool:
        """Whether every worker of every service may be chosen."""
        services = (await probes.status(f"{self._plan.status_url}/status.json")).get("services", [])
        states = [worker["state"] for service in services for worker in service["workers"]]
        return bool(states) and all(state in UP for state in states)
