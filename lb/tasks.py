"""The one place where the balancer starts work that nobody waits for."""

import asyncio
import logging
from collections.abc import Coroutine

_log = logging.getLogger(__name__)
_running: set[asyncio.Task[None]] = set()


def spawn(work: Coroutine[object, object, None]) -> asyncio.Task[None]:
    """Run a coroutine to its end; what it raises is a bug and is logged.

    The loop itself keeps only weak references, so the task is held here (python/cpython#91887).
    """
    task = asyncio.get_running_loop().create_task(_logged(work))
    _running.add(task)
    task.add_done_callback(_running.discard)
    return task


async def _logged(work: Coroutine[object, object, None]) -> None:
    try:
        await work
    except Exception:  # noqa: BLE001 - nobody waits for it, so nobody else would ever know
        _log.exception("a background task failed")
