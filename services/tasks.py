"""The one place where work is started that nobody waits for."""

import asyncio
import logging
from collections.abc import Collection, Coroutine

CANCEL_AGAIN_S = 0.05  # until a task that was cancelled has ended
CANCEL_TIMES = 40  # what has not ended by then is left to itself: a stop has to end

_log = logging.getLogger(__name__)
_running: set[asyncio.Task[None]] = set()


def spawn(work: Coroutine[object, object, None]) -> asyncio.Task[None]:
    """Run a coroutine to its end; what it raises is a bug and is logged.

    The loop itself keeps only weak references, so the task is held here (python/cpython#91887).
    """
    task = asyncio.get_running_loop().create_task(_logged(work))
    _running.add(task)
    task.add_done_callback(_running.discard)
    task.add_done_callback(lambda _: work.close())  # it may have been cut off before it began
    return task


async def _logged(work: Coroutine[object, object, None]) -> None:
    try:
        await work
    except Exception:  # noqa: BLE001 - nobody waits for it, so nobody else would ever know
        _log.exception("a background task failed")


async def finish() -> None:
    """Wait for everything that was spawned."""
    while _running:
        await asyncio.wait(_running)


async def cut_off(tasks: Collection[asyncio.Task[None]]) -> None:
    """Cancel these, and wait until they have ended, for two seconds at most.

    Until then they are cancelled again and again: with Python 3.11 `asyncio.wait_for`, through
    which drivers write and wait, forgets a cancellation that comes together with its result.
    """
    for _ in range(CANCEL_TIMES):
        left = {task for task in tasks if not task.done()}
        if not left:
            return
        for task in left:
            task.cancel()
        await asyncio.wait(left, timeout=CANCEL_AGAIN_S)
    _log.warning("background work does not end")


async def end() -> None:
    """Cut off everything that was spawned, for what it needs is gone."""
    await cut_off(_running)
