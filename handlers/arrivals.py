"""Whose connection it is: the peer's, or with a PROXY header that of the client before a balancer.

    accept ──▶ the first bytes, looked at and left where they are
                 ├─ a header, from a balancer's network ──▶ taken off; its client counts
                 ├─ a header, from anywhere else        ──▶ closed and logged
                 ├─ a header that is none               ──▶ closed and logged
                 └─ anything else                       ──▶ the peer counts

This happens on the bare socket, so that whatever reads on, Tornado or TLS, finds its own first byte
first. A client whose balancer writes the header before anything of the client's cannot add one of
its own: it would come second, where nobody looks for it.
"""

import asyncio
import logging
import socket

from handlers.networks import Networks, plain
from handlers.proxy_protocol import V2_BYTES, ProxyHeaderError, could_begin, read
from services.logins import address_prefix

ARRIVAL_S = 5.0  # for the first bytes of a header to be there
LOOK_AGAIN_S = 0.01  # at a header that has come in part; then after twice as long, and so on

_log = logging.getLogger("sealroom.arrivals")


class TurnedAwayError(Exception):
    """The connection is to be closed without a word; why has been logged where that matters."""


class Arrivals:
    """Accepted connections of which it is not known yet whose they are."""

    def __init__(self, balancers: Networks) -> None:
        """Args: balancers: from where a header is believed."""
        self._balancers = balancers
        self._waiting: set[asyncio.Future[None]] = set()

    async def client(self, connection: socket.socket, peer: str) -> str:
        """Return whose connection this is; what can be read from it then is the client's own.

        Returns after ARRIVAL_S at the latest, the peer when it has not said anything.
        Raises: TurnedAwayError
        """
        peer = plain(peer)
        is_balancer = peer in self._balancers
        try:
            async with asyncio.timeout(ARRIVAL_S):
                return await self._read(connection, is_balancer=is_balancer) or peer
        except TimeoutError as error:
            if not is_balancer:
                return peer
            _log.info("No PROXY header in time", extra=_from(peer))
            raise TurnedAwayError from error
        except ProxyHeaderError as error:
            _log.warning("A PROXY header was refused: %s", error, extra=_from(peer))
            raise TurnedAwayError from error
        except OSError as error:
            raise TurnedAwayError from error

    def close(self) -> None:
        """Turn away whoever has not said anything yet."""
        for first_byte in self._waiting:
            if not first_byte.done():
                first_byte.set_exception(ConnectionAbortedError())

    async def _read(self, connection: socket.socket, *, is_balancer: bool) -> str | None:
        await self._first_byte(connection)
        pause_s = LOOK_AGAIN_S
        while could_begin(seen := _peek(connection)):
            header = read(seen)
            if header is not None:
                if not is_balancer:
                    raise ProxyHeaderError("not from a balancer")
                connection.recv(header.size_bytes)
                return header.client
            # No second wait for bytes: they would be there at once, the ones seen already.
            await asyncio.sleep(pause_s)
            pause_s *= 2
        return None

    async def _first_byte(self, connection: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        first_byte = loop.create_future()
        self._waiting.add(first_byte)
        loop.add_reader(connection.fileno(), _arrive, first_byte)
        try:
            await first_byte
        finally:
            self._waiting.discard(first_byte)
            loop.remove_reader(connection.fileno())


def _from(peer: str) -> dict[str, str]:
    return {"address_prefix": address_prefix(peer)}


def _arrive(first_byte: asyncio.Future[None]) -> None:
    if not first_byte.done():
        first_byte.set_result(None)


def _peek(connection: socket.socket) -> bytes:
    seen = connection.recv(V2_BYTES, socket.MSG_PEEK)
    if not seen:
        raise ConnectionResetError
    return seen
