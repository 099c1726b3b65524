"""The application: every route under every host name we answer to, and one log line a request."""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

from tornado.httputil import (
    HTTPHeaders,
    HTTPMessageDelegate,
    HTTPServerRequest,
    RequestStartLine,
    ResponseStartLine,
)
from tornado.routing import HostMatches, Rule, URLSpec
from tornado.web import Application, RequestHandler

from handlers import (
    accounts,
    assets,
    backups,
    contacts,
    devices,
    file_addresses,
    files,
    health,
    keys,
    links,
    logins,
    messages,
    openapi,
    rooms,
    socket,
    transfers,
)
from handlers.base import BaseHandler, NotFoundHandler
from handlers.conversation import Live
from handlers.conversations import Conversations
from handlers.messenger import Messenger
from handlers.paths import template
from handlers.security import audit_routes, guard
from models.blobs import BlobStore
from models.events import Bus
from models.ports import Clock
from models.stores import Database
from protocol.errors import AppError, ErrorCode
from realtime.hub import Hub
from services.assembly import Services
from services.logins import address_prefix

_log = logging.getLogger("sealroom.access")


def build_live(services: Services, hub: Hub, clock: Clock) -> Live:
    """Return what every connection talks to."""
    s = services
    return Live(
        logins=s.logins,
        rooms=s.rooms,
        messages=s.messages,
        watermarks=s.watermarks,
        typing=s.typing,
        presence=s.presence,
        quotas=s.quotas,
        hub=hub,
        clock=clock,
        conversations=Conversations(),
    )


def build_routes(
    services: Services,
    live: Live,
    messenger: Messenger,
    database: Database,
    blobs: BlobStore,
    bus: Bus,
    readiness: health.Readiness,
    page: assets.Assets,
    origins: frozenset[str],
) -> list[URLSpec]:
    """Return every route there is.

    Args:
        origins: of which pages may connect, besides those from the host they connect to.
    """
    s, clock = services, live.clock
    calls = [
        *health.routes(
            database=database,
            blobs=blobs,
            bus=bus,
            messenger=messenger,
            clock=clock,
            readiness=readiness,
        ),
        *logins.routes(
            logins=s.logins,
            accounts=s.accounts,
            codes=s.codes,
            sign_in=s.sign_in,
            passwords=s.passwords,
        ),
        *accounts.routes(logins=s.logins, accounts=s.accounts, access=s.access, terms=s.terms),
        *contacts.routes(logins=s.logins, contacts=s.contacts),
        *devices.routes(logins=s.logins, devices=s.devices),
        *keys.routes(logins=s.logins, keys=s.keys, clock=clock),
        *backups.routes(logins=s.logins, backups=s.backups),
        *rooms.routes(logins=s.logins, rooms=s.rooms),
        *messages.routes(logins=s.logins, messages=s.messages),
        *files.routes(logins=s.logins, files=s.files),
        *file_addresses.routes(logins=s.logins, addresses=s.file_addresses),
        *transfers.routes(logins=s.logins, transfers=s.transfers),
        *links.routes(links=s.links),
    ]
    return [
        *calls,
        *openapi.routes(others=calls),
        *socket.routes(live=live, origins=origins),
        *assets.routes(assets=page),
    ]


class _Begun(HTTPMessageDelegate):
    """Passes one request on, and tells when it ends without ever having been whole.

    That may be after its answer: one that is refused is answered before its body has come.
    """

    def __init__(self, delegate: HTTPMessageDelegate, broken_off: Callable[[], None]) -> None:
        self._delegate = delegate
        self._broken_off = broken_off

    def headers_received(
        self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders
    ) -> Awaitable[None] | None:
        return self._delegate.headers_received(start_line, headers)

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        return self._delegate.data_received(chunk)

    def finish(self) -> None:
        self._delegate.finish()

    def on_connection_close(self) -> None:
        self._delegate.on_connection_close()
        self._broken_off()


class MisdirectedHandler(NotFoundHandler):
    """Answers for host names that are not ours (S-16): DNS rebinding, poisoned links."""

    @guard
    async def prepare(self) -> None:
        raise AppError(ErrorCode.MISDIRECTED)


class SealroomApplication(Application):
    """Counts what is under way and logs what is done.

    Args:
        origins: whose pages may call, besides those from the host they call.
    Raises: ValueError when somebody forgot to decide who may call a route.
    """

    def __init__(
        self, routes: Sequence[URLSpec], *, hosts: Iterable[str], origins: Iterable[str] = ()
    ) -> None:
        ours = [*routes, URLSpec(r".*", NotFoundHandler, name="not found")]
        audit_routes(ours)
        names = "|".join(re.escape(host) for host in hosts)
        super().__init__(
            [
                Rule(HostMatches(f"^(?:{names})$"), ours),
                (r".*", MisdirectedHandler),
            ],
            log_function=self._done,
            websocket_ping_interval=0,
            trusted_origins=frozenset(origins),
        )
        self.routes = ours
        self._under_way: set[HTTPServerRequest] = set()
        self._finished = asyncio.Event()
        self._templates: dict[type, list[URLSpec]] = {}
        for spec in ours:
            self._templates.setdefault(spec.handler_class, []).append(spec)

    def find_handler(  # type: ignore[override]
        self, request: HTTPServerRequest, **kwargs: Any
    ) -> HTTPMessageDelegate:
        self._under_way.add(request)
        return _Begun(super().find_handler(request, **kwargs), lambda: self._ended(request))

    def let_go(self) -> None:
        """From now on ask with every answer that its connection be closed."""
        self.settings["lets_go"] = True

    async def idle(self) -> None:
        """Wait until no request is under way."""
        while self._under_way:
            self._finished.clear()
            await self._finished.wait()

    def _ended(self, request: HTTPServerRequest) -> None:
        """Count one out; twice is once, for what was answered may be broken off as well."""
        self._under_way.discard(request)
        self._finished.set()

    def _done(self, handler: RequestHandler) -> None:
        self._ended(handler.request)
        # A balancer asks several times a second; only what is wrong is worth a line.
        is_well = isinstance(handler, health.HealthHandler) and handler.get_status() == 200
        _log.log(
            logging.DEBUG if is_well else logging.INFO,
            "request",
            extra={
                "request_id": handler.request_id if isinstance(handler, BaseHandler) else None,
                "method": handler.request.method,
                "route": self._route(handler),
                "status": handler.get_status(),
                "duration_ms": round(handler.request.request_time() * 1_000, 1),
                "address_prefix": address_prefix(str(handler.request.remote_ip)),
            },
        )

    def _route(self, handler: RequestHandler) -> str:
        for spec in self._templates.get(type(handler), ()):
            if spec.regex.match(handler.request.path):
                return template(spec)
        return "-"
