"""The HTTP server, with the client's address as trusted proxies tell it (S-52).

    X-Forwarded-For: a, b, c     from peer p

The address is the right-most of a, b, c, p that is not a trusted proxy: everything left of it could
have been written by the client. Nothing is believed when p itself is not trusted.
"""

from collections.abc import Awaitable, Iterable
from typing import Any, cast

from tornado.httpserver import HTTPServer
from tornado.httputil import (
    HTTPConnection,
    HTTPHeaders,
    HTTPInputError,
    HTTPMessageDelegate,
    RequestStartLine,
    ResponseStartLine,
)
from tornado.iostream import IOStream
from tornado.web import Application

from handlers.arrivals import Arrivals, TurnedAwayError
from handlers.networks import Networks, plain
from handlers.streams import RECEIVE_BYTES, Stream


class TrustedProxies:
    """Networks whose word about the client is believed."""

    def __init__(self, networks: Iterable[str]) -> None:
        self._networks = Networks(networks)

    def client(self, peer: str, forwarded_for: str) -> str:
        """Return the client's address, in its usual spelling."""
        address = plain(peer)
        for hop in reversed(forwarded_for.split(",")):
            if not self.trusts(address):
                return address
            try:
                address = plain(hop.strip())
            except ValueError:
                return address
        return address

    def trusts(self, address: str) -> bool:
        """Whether this is the address of a trusted proxy."""
        return address in self._networks


class Listener(HTTPServer):
    """Tornado's server with our limits (S-56, S-57), `Arrivals` and `TrustedProxies`."""

    def initialize(  # type: ignore[override]
        self,
        application: Application,
        *,
        arrivals: Arrivals,
        proxies: TrustedProxies,
        max_body_bytes: int,
    ) -> None:
        self._arrivals = arrivals
        self._proxies = proxies
        super().initialize(
            application,
            decompress_request=False,
            chunk_size=RECEIVE_BYTES,
            max_header_size=16 * 1024,
            max_body_size=max_body_bytes,
            max_buffer_size=2 * max_body_bytes,
            idle_connection_timeout=20,
            body_timeout=15,
        )

    async def handle_stream(  # type: ignore[override]
        self, stream: IOStream, address: tuple[Any, ...]
    ) -> None:
        try:
            client = await self._arrivals.client(stream.socket, address[0])
        except TurnedAwayError:
            stream.close()
        else:
            ours = Stream(stream.socket, self.max_buffer_size)
            super().handle_stream(ours, (client, *address[1:]))

    async def close_all_connections(self) -> None:
        """Cut what is open, those who have not said anything yet included."""
        self._arrivals.close()
        await super().close_all_connections()

    def start_request(
        self, server_conn: object, request_conn: HTTPConnection
    ) -> HTTPMessageDelegate:
        delegate = super().start_request(server_conn, request_conn)
        return _Request(delegate, request_conn, self._proxies)


class _Request(HTTPMessageDelegate):
    """Passes one request on, refusing what Tornado would let pass (F4)."""

    def __init__(
        self, delegate: HTTPMessageDelegate, connection: HTTPConnection, proxies: TrustedProxies
    ) -> None:
        self._delegate = delegate
        self._context = cast(Any, connection).context
        self._proxies = proxies

    def headers_received(
        self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders
    ) -> Awaitable[None] | None:
        line = cast(RequestStartLine, start_line)
        if line.version not in ("HTTP/1.1", "HTTP/1.0") or not line.path.startswith("/"):
            raise HTTPInputError("not a request line of a browser")
        lengths = headers.get_list("Content-Length")
        if len(lengths) > 1 or "," in "".join(lengths):
            raise HTTPInputError("more than one length")
        if line.version == "HTTP/1.0" and "Transfer-Encoding" in headers:
            raise HTTPInputError("chunks before HTTP/1.1")
        peer = self._context.address[0]
        self._context.remote_ip = self._proxies.client(peer, headers.get("X-Forwarded-For", ""))
        scheme = headers.get("X-Forwarded-Proto", "").rpartition(",")[2].strip().lower()
        is_told = scheme in ("http", "https") and self._proxies.trusts(plain(peer))
        self._context.protocol = scheme if is_told else "http"
        return self._delegate.headers_received(start_line, headers)

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        return self._delegate.data_received(chunk)

    def finish(self) -> None:
        self._delegate.finish()

    def on_connection_close(self) -> None:
        self._delegate.on_connection_close()
