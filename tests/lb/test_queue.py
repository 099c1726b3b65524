"""Whoever waits for a worker is called in order, once, and only while it waits."""

import asyncio

import pytest

from lb.pool import Pool
from lb.queue import Queue, Refused
from tests.lb.make import service


class Waiting:
    """A full worker with room for one, and who waits for it."""

    def __init__(self, **settings: object) -> None:
        values = service(1, room=1, **settings)
        self.pool = Pool(values)
        (self.worker,) = self.pool
        self.worker.connections = 1
        self.queue = Queue(self.pool, values)
        self.served: list[str] = []

    async def begin(self, name: str) -> "asyncio.Task[None]":
        """Let somebody queue up."""
        before = len(self.queue)
        task = asyncio.get_running_loop().create_task(self._client(name))
        while len(self.queue) == before:
            await asyncio.sleep(0)
        return task

    async def _client(self, name: str) -> None:
        await self.queue.turn([])
        self.served.append(name)
        self.worker.connections += 1
        self.queue.look()

    def free(self) -> None:
        """End the connection that fills the worker."""
        self.worker.connections -= 1
        self.queue.look()


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_one_place_calls_one_and_the_rest_stay_in_order() -> None:
    waiting = Waiting()
    tasks = [await waiting.begin(name) for name in "abc"]
    for served in ("a", "ab", "abc"):
        waiting.free()
        await settle()
        assert "".join(waiting.served) == served
    assert all(task.done() for task in tasks)


async def test_who_gives_up_in_the_moment_of_being_called_is_passed_over() -> None:
    waiting = Waiting()
    leaving, staying = await waiting.begin("a"), await waiting.begin("b")
    leaving.cancel()
    waiting.free()
    await settle()
    assert waiting.served == ["b"]
    assert leaving.cancelled()
    assert staying.done()
    assert len(waiting.queue) == 0


async def test_a_newcomer_waits_behind_those_who_wait() -> None:
    waiting = Waiting()
    first = await waiting.begin("a")
    waiting.worker.connections = 0
    second = await waiting.begin("b")
    waiting.queue.look()
    await settle()
    assert waiting.served == ["a"]
    waiting.free()
    await asyncio.gather(first, second)
    assert waiting.served == ["a", "b"]


async def test_one_who_finds_the_place_taken_again_stays_the_first() -> None:
    waiting = Waiting(queue_size=1)
    first = await waiting.begin("a")
    waiting.free()
    waiting.worker.connections = 1
    await settle()
    assert (waiting.served, len(waiting.queue)) == ([], 1)
    waiting.free()
    await first


async def test_everybody_is_told_when_nobody_is_healthy() -> None:
    waiting = Waiting()
    tasks = [await waiting.begin(name) for name in "abc"]
    waiting.worker.is_draining = True
    waiting.queue.look()
    ends = await asyncio.gather(*tasks, return_exceptions=True)
    assert [getattr(end, "reason", "") for end in ends] == ["no healthy worker"] * 3


async def test_the_queue_has_a_size_and_a_time() -> None:
    waiting = Waiting(queue_size=1, queue_timeout_s=0.05)
    task = await waiting.begin("a")
    with pytest.raises(Refused, match="queue full"):
        await waiting.queue.turn([])
    with pytest.raises(Refused, match="waited too long"):
        await task
    assert len(waiting.queue) == 0


async def test_with_a_queue_of_nobody_a_full_worker_refuses_at_once() -> None:
    waiting = Waiting(queue_size=0)
    with pytest.raises(Refused, match="queue full"):
        await waiting.queue.turn([])


async def test_who_has_tried_everybody_waits_for_nobody() -> None:
    waiting = Waiting()
    waiting.worker.connections = 0
    with pytest.raises(Refused, match="no healthy worker"):
        await waiting.queue.turn([waiting.worker])
