"""Asking workers whether they are well: one loop a worker, one connection a question.

An answer 200 is good, even when it says "degraded". Any other, none within check_timeout_s, and a
connection that is not accepted are failures. A worker that answers 503 and says "draining" is
believed at once: it is about to close its port. The deadline covers everything from the connection
to the last byte, so that one that accepts and never answers fails like one that is away.
"""

import asyncio
import errno
import logging
import os
import re
import time
from collections.abc import Callable

from lb.pool import Worker
from lb.proxy_protocol import own_header
from lb.settings import ServiceSettings

_ANSWER_BYTES = 16 * 1024  # head and body; more than that is no answer to a health check
_STATUS = re.compile(rb"HTTP/1\.[01] ([0-9]{3})(?: [^\r\n]*)?\r\n")
_LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]{1,6}) *\r\n", re.IGNORECASE)
_DRAINING = re.compile(rb'"status" *: *"draining"')

_OWN_FAULTS = frozenset(
    {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL}
)

_log = logging.getLogger(__name__)


class CheckFailed(Exception):
    """Why a worker is not well; `is_final` when it said itself that it stops."""

    def __init__(self, reason: str, *, is_final: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.is_final = is_final


async def check(worker: Worker, service: ServiceSettings) -> None:
    """Ask once.

    Raises: CheckFailed; OSError when the balancer itself has no descriptor or port left
    """
    try:
        async with asyncio.timeout(service.check_timeout_s):
            await _ask(worker, service)
    except TimeoutError as error:
        raise CheckFailed("no answer in time") from error
    except OSError as error:
        if is_own_fault(error):
            raise
        raise CheckFailed(reason_of(error)) from error
    except (EOFError, asyncio.LimitOverrunError) as error:
        raise CheckFailed("not an answer in HTTP") from error


def is_own_fault(error: OSError) -> bool:
    """Whether a connection failed for want of something on this side."""
    return error.errno in _OWN_FAULTS


def reason_of(error: OSError) -> str:
    """Return the system's words, which asyncio replaces by its own with the address in them."""
    return os.strerror(error.errno) if error.errno else "no connection in time"


async def _ask(worker: Worker, service: ServiceSettings) -> None:
    target = worker.settings.check_target
    reader, writer = await asyncio.open_connection(target.host, target.port, limit=_ANSWER_BYTES)
    try:
        local, peer = (writer.get_extra_info(name)[:2] for name in ("sockname", "peername"))
        writer.write(own_header(service.proxy_protocol, local, peer))
        if service.check == "http":
            host = service.check_host or str(target)
            request = f"GET {service.check_path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n"
            writer.write(f"{request}User-Agent: health check\r\n\r\n".encode())
            _judge(await _read_answer(reader))
    finally:
        # Not waited for: a worker that does not answer would not take its leave either.
        writer.transport.abort()


async def _read_answer(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    told = _LENGTH.search(head)
    if told:
        return head + await reader.readexactly(min(int(told[1]), _ANSWER_BYTES))
    return head + await reader.read(_ANSWER_BYTES)


def _judge(answer: bytes) -> None:
    status = _STATUS.match(answer)
    if status is None:
        raise CheckFailed("not an answer in HTTP")
    if status[1] != b"200":
        is_final = status[1] == b"503" and _DRAINING.search(answer) is not None
        raise CheckFailed(f"status {status[1].decode()}", is_final=is_final)


async def look(worker: Worker, service: ServiceSettings) -> None:
    """Ask once and note the answer."""
    began_at_s = time.perf_counter()  # the loop's own clock stands still within a turn
    try:
        await check(worker, service)
    except CheckFailed as failure:
        if worker.check_failed(failure.reason, is_final=failure.is_final):
            _log.warning("%s: %s is unhealthy: %s", service.name, worker.name, failure.reason)
    except OSError as error:
        _log.warning("%s: %s was not asked: %s", service.name, worker.name, reason_of(error))
    else:
        if worker.check_passed(asyncio.get_running_loop().time(), time.perf_counter() - began_at_s):
            _log.info("%s: %s is healthy", service.name, worker.name)


async def watch(worker: Worker, service: ServiceSettings, looked: Callable[[], None]) -> None:
    """Look for ever, beginning after one interval; `looked` is called after each time."""
    while True:
        await asyncio.sleep(service.check_interval_s)
        await look(worker, service)
        looked()
