"""The TCP messenger: conversations over lines, on a port of their own, with TLS when asked (S0-9).

    accept ──▶ whose connection (`handlers/arrivals.py`) ──▶ quota ──▶ TLS? ──▶ LineSocket

Messages for somebody who is not connected wait in the room's log and come by `sync` (S0-30).
"""

import asyncio
import contextlib
import secrets
import socket
import ssl
from typing import Any

from tornado.netutil import add_accept_handler, bind_sockets

from handlers.arrivals import Arrivals, TurnedAwayError
from handlers.conversation import Conversation, Live
from handlers.lines import LineSocket, last_line
from protocol.errors import CloseCode, RateLimited
from protocol.limits import AUTHENTICATE_MS, PRE_AUTH_FRAME_BYTES
from services.quotas import address_key
from services.tasks import spawn

CONNECT_S = 1.0  # for our own port to answer
TLS_CLOSE_S = 5.0
ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - to connect to, not to listen on


def tls_context(certificate_file: str, key_file: str) -> ssl.SSLContext:
    """Return what TLS 1.2 and later need of a server. Raises: OSError, ssl.SSLError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate_file, key_file)
    return context


class Messenger:
    """Accepts connections and begins their conversations."""

    def __init__(self, live: Live, arrivals: Arrivals, tls: ssl.SSLContext | None = None) -> None:
        self._live = live
        self._arrivals = arrivals
        self._tls = tls
        self._sockets: list[socket.socket] = []
        self._stop_accepting: list[Any] = []

    @property
    def is_on(self) -> bool:
        """Whether it has been told to listen."""
        return bool(self._sockets)

    def listen(self, host: str, port: int) -> int:
        """Begin to accept connections; returns the port. Raises: OSError."""
        self._sockets = bind_sockets(port, host)
        self._stop_accepting = [add_accept_handler(each, self._accept) for each in self._sockets]
        bound_port: int = self._sockets[0].getsockname()[1]
        return bound_port

    def stop(self) -> None:
        """Accept no more; what is open stays."""
        for stop in self._stop_accepting:
            stop()
        for each in self._sockets:
            each.close()
        self._stop_accepting = []

    async def is_up(self) -> bool:
        """Whether a connection to the port is made within CONNECT_S (S0-26)."""
        if not self._stop_accepting:
            return False
        host, port = self._sockets[0].getsockname()[:2]
        try:
            async with asyncio.timeout(CONNECT_S):
                _, writer = await asyncio.open_connection(ANY_ADDRESS.get(host, host), port)
        except (OSError, TimeoutError):
            return False
        writer.close()
        return True

    def _accept(self, connection: socket.socket, address: tuple[Any, ...]) -> None:
        connection.setblocking(False)
        spawn(self._serve(connection, address[0], asyncio.get_running_loop().time()))

    async def _serve(self, connection: socket.socket, peer: str, accepted_s: float) -> None:
        connection_id = secrets.token_hex(8)
        try:
            client = await self._arrivals.client(connection, peer)
            self._live.quotas.take("socket-open", address_key(client))
        except TurnedAwayError:
            connection.close()
        except RateLimited:
            self._turn_away(connection, connection_id)
        else:
            await self._begin(connection, connection_id, accepted_s)

    def _turn_away(self, connection: socket.socket, connection_id: str) -> None:
        """Close, saying why where that costs no handshake."""
        if self._tls is None:
            with contextlib.suppress(OSError):
                connection.recv(PRE_AUTH_FRAME_BYTES)  # unread, it would take the line with it
                connection.send(last_line(CloseCode.TOO_MANY, connection_id))
        connection.close()

    async def _begin(
        self, connection: socket.socket, connection_id: str, accepted_s: float
    ) -> None:
        lines = LineSocket(
            lambda wire: Conversation(self._live, wire, connection_id, accepted_s),
            connection_id,
            PRE_AUTH_FRAME_BYTES,
        )
        with_tls: dict[str, Any] = {}
        if self._tls is not None:
            handshake_s = AUTHENTICATE_MS / 1_000
            with_tls = {"ssl_handshake_timeout": handshake_s, "ssl_shutdown_timeout": TLS_CLOSE_S}
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: lines, connection, ssl=self._tls, **with_tls
            )
        except (OSError, TimeoutError):  # gone as soon as it came, or no TLS
            lines.connection_lost(None)
