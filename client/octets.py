"""Bytes of files over HTTP, in threads: connections stay open, and answers go where they belong.

The event loop's own client would copy each part three times and connect for each anew; everything
that is JSON takes that one (`client/api.py`).
"""

import asyncio
import socket
import ssl
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cached_property
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from urllib.parse import urlsplit

from client.seal.encoding import Octets

AT_ONCE = 8
"""As many parts as a server takes of one person side by side."""
TIMEOUT_S = 30.0
"""For each step: connecting, and whatever the server says next."""
IDLE_S = 10.0
"""A server closes what says nothing for 20 seconds; it must not do so under a request."""
SMALL_BYTES = 65_536
"""Of an answer for which nobody has memory: an error, or nothing to speak of."""


class OctetConnections:
    """Connections to one server."""

    def __init__(self, base_url: str) -> None:
        self._address = urlsplit(base_url)
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="octets")
        self._open: set[HTTPConnection] = set()
        self._idle: list[tuple[HTTPConnection, float]] = []

    def close(self) -> None:
        """End every call that is under way, and give the connections back."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        for connection in tuple(self._open):
            if isinstance(connection.sock, socket.socket):
                with suppress(OSError):
                    connection.sock.shutdown(socket.SHUT_RDWR)
            self._drop(connection)

    async def call(
        self,
        method: str,
        path: str,
        headers: dict[str, str],
        body: Octets | None,
        into: memoryview | None,
    ) -> tuple[int, memoryview]:
        """One call; returns the status and the body of the answer.

        Args:
            into: where a body goes that is no error; what does not fit is not read

        Raises: OSError when nothing answers, or an answer ends too early
        """

        def work() -> tuple[int, memoryview]:
            return self._call(method, path, headers, body, into)

        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def _call(
        self,
        method: str,
        path: str,
        headers: dict[str, str],
        body: Octets | None,
        into: memoryview | None,
    ) -> tuple[int, memoryview]:
        connection = self._take()
        try:
            connection.request(method, self._address.path + path, body, headers)
            answer = connection.getresponse()
            small = memoryview(bytearray(SMALL_BYTES))
            read = _read(answer, small if into is None or answer.status >= 400 else into)
        except BaseException as error:
            self._drop(connection)
            if isinstance(error, HTTPException) and not isinstance(error, OSError):
                raise ConnectionError(f"the server does not speak HTTP: {error!r}") from error
            raise
        if answer.isclosed():
            self._idle.append((connection, time.monotonic()))
        else:
            self._drop(connection)
        return answer.status, read

    def _take(self) -> HTTPConnection:
        while self._idle:
            connection, since_s = self._idle.pop()
            if time.monotonic() - since_s < IDLE_S:
                return connection
            self._drop(connection)
        connection = self._new()
        self._open.add(connection)
        return connection

    def _new(self) -> HTTPConnection:
        host, port = self._address.hostname or "", self._address.port
        if self._address.scheme == "https":
            return HTTPSConnection(host, port, timeout=TIMEOUT_S, context=self._tls)
        return HTTPConnection(host, port, timeout=TIMEOUT_S)

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return ssl.create_default_context()

    def _drop(self, connection: HTTPConnection) -> None:
        self._open.discard(connection)
        connection.close()


def _read(answer: HTTPResponse, memory: memoryview) -> memoryview:
    filled = 0
    while filled < len(memory) and (count := answer.readinto(memory[filled:])):
        filled += count
    if answer.length and answer.isclosed():
        raise ConnectionError("the answer ended too early")
    return memory[:filled]
