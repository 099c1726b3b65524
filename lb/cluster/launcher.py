"""Starts a cluster, keeps it running, restarts it worker by worker, and ends it.

    start     bus ──▶ workers ──▶ balancer ──▶ CLUSTER READY
    SIGHUP    each worker: drain in the balancer ──▶ end ──▶ start ──▶ serves ──▶ resume
    stop      balancer and workers ──▶ bus

The balancer is a child like the others, and not a part of this process: it is then exactly what
runs in production, its load cannot delay the launcher, and a fault of one ends only that one.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial

from lb.cluster import probes
from lb.cluster.child import Child, ChildEndedError, Say
from lb.cluster.front import Front
from lb.cluster.plan import Plan, Worker


class Launcher:
    """One cluster; `run` is its whole life."""

    def __init__(self, plan: Plan, say: Say) -> None:
        self._plan = plan
        self._say = say
        self._front = Front(plan)
        self._running: dict[Child, asyncio.Task[None]] = {}
        self._buses = [] if plan.options.bus else [self._bus()]
        self._workers = {worker: self._worker(worker) for worker in plan.workers}
        # Several balancers may listen on one port, so that it answers does not say which one does.
        self._balancer = Child(
            "balancer",
            plan.balancer_command,
            plan.balancer_environment,
            self._front.is_open,
            say,
            announces="is balanced at port",
        )

    def _bus(self) -> Child:
        plan = self._plan
        serves = partial(probes.greets, plan.options.bus_port, b"INFO ")
        return self._child("bus", plan.bus_command, plan.bus_environment, serves)

    def _worker(self, worker: Worker) -> Child:
        environment = self._plan.worker_environment(worker)
        serves = partial(probes.is_well, worker.health_url)
        return self._child(worker.name, self._plan.worker_command, environment, serves)

    def _child(
        self,
        name: str,
        command: list[str],
        environment: Mapping[str, str],
        serves: Callable[[], Awaitable[bool]],
    ) -> Child:
        return Child(name, command, environment, serves, self._say)

    async def run(self, told_to_stop: asyncio.Event, told_to_roll: asyncio.Event) -> int:
        """Return the exit status: 1 when something ended before the cluster was ready."""
        self._plan.write()
        loop = asyncio.get_running_loop()
        work = loop.create_task(self._work(told_to_roll))
        stop = loop.create_task(told_to_stop.wait())
        await asyncio.wait((work, stop), return_when=asyncio.FIRST_COMPLETED)
        work.cancel()
        stop.cancel()
        await asyncio.wait((work, stop))
        await self._stop()
        try:
            await work
        except asyncio.CancelledError:
            return 0
        except ChildEndedError as error:
            self._say("cluster", f"{error} Everything has been stopped.")
        return 1

    def kill(self) -> None:
        """End every child at once."""
        for child in self._running:
            child.kill()

    async def _work(self, told_to_roll: asyncio.Event) -> None:
        for stage in (self._buses, list(self._workers.values()), [self._balancer]):
            for child in stage:
                self._running[child] = asyncio.get_running_loop().create_task(child.run())
            await asyncio.gather(*(child.healthy() for child in stage))
        await self._front.until_whole()
        self._announce()
        while True:
            await told_to_roll.wait()
            told_to_roll.clear()
            await self._roll()

    def _announce(self) -> None:
        o = self._plan.options
        self._say("cluster", "CLUSTER READY")
        self._say("cluster", f"page       {o.public_url}")
        self._say("cluster", f"messenger  {o.host}:{o.tcp_port}")
        self._say("cluster", f"status     {self._plan.status_url}")

    async def _roll(self) -> None:
        """Restart every worker, one at a time; the first that does not come back ends it."""
        for worker, child in self._workers.items():
            self._say("cluster", f"restarting {worker.name}")
            await self._front.drain(worker)
            try:
                await child.restart()
            except ChildEndedError as error:
                self._say("cluster", f"{error} The others stay as they are.")
                return
            finally:
                await self._front.resume(worker)
            await self._front.until_whole()
        self._say("cluster", "CLUSTER RESTARTED")

    async def _stop(self) -> None:
        """Let nobody in any more, end the workers, and the bus last: they say goodbye on it."""
        front = [self._balancer, *self._workers.values()]
        await asyncio.gather(*(child.stop() for child in front if child in self._running))
        await asyncio.gather(*(child.stop() for child in self._buses if child in self._running))
        await asyncio.gather(*self._running.values())
