"""Listening sockets: accept without starving anybody, and stop without refusing anybody.

Tornado's accept handler lets EMFILE out and is called again at once: a process without a free
descriptor would do nothing but fail to accept. So accepting is done here.

Several processes may listen on the same address (SO_REUSEPORT): a new balancer starts, and only
then the old one stops (R-21).
"""

import asyncio
import logging
import socket
from collections.abc import Callable

from lb.addresses import Address

BACKLOG = 1_024
_AT_ONCE = 32  # connections accepted in one turn of the loop, so that it stays below a millisecond
_REST_S = 0.1  # after the system had no descriptor or memory left

Accepted = Callable[[socket.socket, str, int], None]

_log = logging.getLogger(__name__)


class Listener:
    """The socket of one address; each connection is given, with its peer, to `accepted`."""

    accepted: Accepted

    def __init__(self, address: Address) -> None:
        """Bind and let connections queue up, but accept none before `start`.

        Raises: OSError
        """
        self._socket = socket.create_server(
            (address.host, address.port),
            family=socket.AF_INET6 if ":" in address.host else socket.AF_INET,
            dualstack_ipv6=address.host == "::",
            backlog=BACKLOG,
            reuse_port=True,
        )
        self._socket.setblocking(False)
        self._rest: asyncio.TimerHandle | None = None
        self._is_started = False

    @property
    def port(self) -> int:
        port: int = self._socket.getsockname()[1]
        return port

    def start(self) -> None:
        """Begin to accept, or begin again after a rest."""
        self._is_started = True
        asyncio.get_running_loop().add_reader(self._socket, self._accept)

    def stop(self) -> None:
        """Accept what the system has already answered, then close; twice is once."""
        if self._socket.fileno() < 0:
            return
        asyncio.get_running_loop().remove_reader(self._socket)
        while self._is_started and self._accept_one():
            pass
        if self._rest is not None:
            self._rest.cancel()
        self._socket.close()

    def _accept(self) -> None:
        for _ in range(_AT_ONCE):
            if not self._accept_one():
                return

    def _accept_one(self) -> bool:
        """Accept one connection; False when there is none, or none can be had."""
        try:
            connection, address = self._socket.accept()
        except (BlockingIOError, InterruptedError):
            return False
        except ConnectionAbortedError:
            return True
        except OSError as error:
            self._pause(error)
            return False
        connection.setblocking(False)
        self.accepted(connection, address[0], address[1])
        return True

    def _pause(self, error: OSError) -> None:
        """Leave new connections in the system's queue until there is room for them again."""
        _log.warning("no connection can be accepted: %s", error.strerror)
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._socket)
        self._rest = loop.call_later(_REST_S, self.start)
