"""Listening sockets: accept without starving anybody, and come to rest without refusing anybody.

Tornado binds; accepting is done here, because its handler lets EMFILE out and is called again at
once, so that a process without a free descriptor would do nothing but fail to accept.

Several processes may listen on the same address (SO_REUSEPORT): a new balancer starts, and only
then the old one stops (R-21).
"""

import asyncio
import logging
import socket
from collections.abc import Callable

from tornado.netutil import bind_sockets

from lb.addresses import Address

BACKLOG = 1_024
_AT_ONCE = 32  # connections accepted in one turn of the loop, so that it stays below a millisecond
_REST_S = 0.1  # after the system had no descriptor or memory left

Accepted = Callable[[socket.socket, str, int], None]

_log = logging.getLogger(__name__)


class Listener:
    """The sockets of one address; each connection is given, with its peer, to `accepted`."""

    accepted: Accepted

    def __init__(self, address: Address) -> None:
        """Bind, but accept nothing before `start`.

        Raises: OSError
        """
        self._sockets = bind_sockets(address.port, address.host, backlog=BACKLOG, reuse_port=True)
        self._is_started = False
        self._timers: dict[socket.socket, asyncio.TimerHandle] = {}

    @property
    def port(self) -> int:
        port: int = self._sockets[0].getsockname()[1]
        return port

    def start(self) -> None:
        """Begin to accept."""
        self._is_started = True
        for listening in self._sockets:
            asyncio.get_running_loop().add_reader(listening, self._accept, listening)

    def stop(self) -> None:
        """Accept what the system has already answered, then close; twice is once."""
        sockets, self._sockets = self._sockets, []
        for listening in sockets:
            asyncio.get_running_loop().remove_reader(listening)
            while self._is_started and self._accept_one(listening):
                pass
            if listening in self._timers:
                self._timers.pop(listening).cancel()
            listening.close()

    def _accept(self, listening: socket.socket) -> None:
        for _ in range(_AT_ONCE):
            if not self._accept_one(listening):
                return

    def _accept_one(self, listening: socket.socket) -> bool:
        """Accept one connection; False when there is none, or none can be had."""
        try:
            connection, address = listening.accept()
        except (BlockingIOError, InterruptedError):
            return False
        except ConnectionAbortedError:
            return True
        except OSError as error:
            self._rest(listening, error)
            return False
        connection.setblocking(False)
        self.accepted(connection, address[0], address[1])
        return True

    def _rest(self, listening: socket.socket, error: OSError) -> None:
        """Leave new connections in the system's queue until there is room for them again."""
        _log.warning("no connection can be accepted: %s", error.strerror)
        loop = asyncio.get_running_loop()
        loop.remove_reader(listening)
        self._timers[listening] = loop.call_later(_REST_S, self._resume, listening)

    def _resume(self, listening: socket.socket) -> None:
        del self._timers[listening]
        asyncio.get_running_loop().add_reader(listening, self._accept, listening)
