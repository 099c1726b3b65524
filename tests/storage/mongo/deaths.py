"""Processes that die in the middle: cut off from the database for good at their N-th command."""

import asyncio
import itertools
import struct
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from unittest.mock import patch
from urllib.parse import urlsplit, urlunsplit

from models.stores import Stores
from protocol.errors import ErrorCode
from storage import open_stores
from storage.mongo import append
from tests.storage.mongo.proxy import Proxy

HEADER = struct.Struct("<iiii")  # size, request id, what it answers, opcode
OP_MSG = 2013
NAME_AT = 10  # after flags, kind of section, size of the document, type of its first element
OWN_AFFAIRS = {b"hello", b"isMaster", b"ismaster", b"ping", b"endSessions", b"killCursors"}


class Cutter(Proxy):
    """Counts commands, and at the one it was told of breaks everything until `heal`.

    Either that command never reaches the database, or its answer never comes back.
    """

    def __init__(self, url: str, *, answer_lost: bool) -> None:
        super().__init__(url)
        self._answer_lost = answer_lost
        self._left: int | None = None
        self._last_request: int | None = None
        self.cut_through = asyncio.Event()

    def arm(self, at: int) -> None:
        self._left = at

    def heal(self) -> None:
        self._left = self._last_request = None
        self.cut_through.clear()

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while True:
                header = await source.readexactly(HEADER.size)
                size, request_id, answers, opcode = HEADER.unpack(header)
                body = await source.readexactly(size - HEADER.size)
                if not answers and opcode == OP_MSG:
                    self._count(request_id, body[NAME_AT : body.index(b"\0", NAME_AT)])
                elif answers and answers == self._last_request:
                    self.cut_through.set()
                if self.cut_through.is_set():
                    raise ConnectionError("cut")
                sink.write(header + body)
                await sink.drain()
        except asyncio.IncompleteReadError as error:
            raise ConnectionError("one end has closed") from error

    def _count(self, request_id: int, name: bytes) -> None:
        if self._left is None or name in OWN_AFFAIRS:
            return
        self._left -= 1
        if self._left == 0 and self._answer_lost:
            self._last_request = request_id
        elif self._left == 0:
            self.cut_through.set()


def through(proxy: Proxy, url: str) -> str:
    """Return the URL of the database as it is reached through a proxy, at the first attempt."""
    parts = urlsplit(url)._replace(netloc=f"127.0.0.1:{proxy.port}")
    return urlunsplit(parts._replace(query="directConnection=true&retryReads=false"))


class Deaths:
    """Opens a database for processes that each live one command longer than the one before."""

    def __init__(self, url: str, cutter: Cutter) -> None:
        self._url = through(cutter, url)
        self._cutter = cutter
        self.count = 0

    async def each(self) -> AsyncIterator[int]:
        """Count processes, the one that lives to its end included."""
        for at in itertools.count(1):
            self.count = at - 1
            yield at
            if not self._has_died:
                return

    @asynccontextmanager
    async def process(self, at: int) -> AsyncIterator[Stores]:
        """Open the database for a process that dies at its command number `at`."""
        dying = await open_stores(self._url)
        self._cutter.arm(at)
        try:
            with patch.object(append, "PATIENCE_S", 0):  # the dead do not try again
                yield dying
        finally:
            self._has_died = self._cutter.cut_through.is_set()
            self._cutter.heal()
            await dying.database.close()


async def outcome_of(call: Awaitable[object]) -> str:
    """Return "done", or "unknown" for what the process did not live to hear."""
    (result,) = await asyncio.gather(call, return_exceptions=True)
    if not isinstance(result, BaseException):
        return "done"
    assert getattr(result, "code", result) == ErrorCode.UNAVAILABLE
    return "unknown"
