"""The operator's port.

    GET  /                                       the status as a page
    GET  /status.json                            the same as JSON
    GET  /metrics                                the same for Prometheus
    POST /workers/<service>/<address>/drain      no new connections for this worker, old ones go on
    POST /workers/<service>/<address>/resume     take that back

A POST carries `Authorization: Bearer <admin_token>`; without a token in the settings there is none.
On loopback whoever can connect may read; from elsewhere reading wants the token too (S-58).
"""

import asyncio
import hmac
import ipaddress
import logging

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, HTTPError, RequestHandler

from lb import status
from lb.addresses import Address
from lb.balancer import Balancer
from lb.pool import Worker
from lb.service import Service

_log = logging.getLogger(__name__)


class _Handler(RequestHandler):
    """Who may ask, and what every answer carries."""

    def initialize(self, *, balancer: Balancer, token: str) -> None:
        self.balancer = balancer
        self.token = token

    def set_default_headers(self) -> None:
        self.clear_header("Server")
        self.set_header("Cache-Control", "no-store")
        self.set_header("Content-Security-Policy", status.POLICY)
        self.set_header("X-Content-Type-Options", "nosniff")

    def prepare(self) -> None:
        if not (self.request.method == "GET" and self._is_local()) and not self._has_token():
            raise HTTPError(403)

    def _is_local(self) -> bool:
        # A page elsewhere could give its own name the address of this port (DNS rebinding).
        is_named_so = self.request.host_name in ("localhost", "127.0.0.1", "::1", "[::1]")
        return is_named_so and ipaddress.ip_address(self.request.remote_ip).is_loopback

    def _has_token(self) -> bool:
        told = self.request.headers.get("Authorization", "").encode()
        return bool(self.token) and hmac.compare_digest(told, f"Bearer {self.token}".encode())

    def write_error(self, status_code: int, **_: object) -> None:
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.finish(f"{status_code}\n")

    def snapshot(self) -> status.Row:
        return status.snapshot(self.balancer.services, asyncio.get_running_loop().time())


class _PageHandler(_Handler):
    def get(self) -> None:
        self.finish(status.page(self.snapshot()))


class _JsonHandler(_Handler):
    def get(self) -> None:
        self.finish(self.snapshot())


class _MetricsHandler(_Handler):
    def get(self) -> None:
        self.set_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
        self.finish(status.prometheus(self.snapshot()))


class _WorkerHandler(_Handler):
    def post(self, service_name: str, address: str, verb: str) -> None:
        service, worker = self._find(service_name, address)
        worker.is_draining = verb == "drain"
        service.queue.look()
        _log.info("%s: %s was told to %s", service_name, address, verb)
        self.finish({"state": worker.state(asyncio.get_running_loop().time())})

    def _find(self, service_name: str, address: str) -> tuple[Service, Worker]:
        for service in self.balancer.services:
            worker = service.pool.find(address)
            if service.settings.name == service_name and worker is not None:
                return service, worker
        raise HTTPError(404)


def listen(address: Address, balancer: Balancer, token: str) -> HTTPServer:
    """Begin to answer; `token` is empty when nobody may change anything.

    Raises: OSError
    """
    options = {"balancer": balancer, "token": token}
    server = HTTPServer(
        Application(
            [
                (r"/", _PageHandler, options),
                (r"/status\.json", _JsonHandler, options),
                (r"/metrics", _MetricsHandler, options),
                (r"/workers/([\w-]+)/([^/]+)/(drain|resume)", _WorkerHandler, options),
            ],
            log_function=lambda _: None,
        ),
        max_body_size=1_024,
        max_header_size=16 * 1_024,
        idle_connection_timeout=20,
    )
    # Two processes share it while one takes over from the other, as they share the services' ports.
    server.add_sockets(bind_sockets(address.port, address.host, reuse_port=True))
    return server
