"""One service: from an accepted connection to a joined one.

    accepted ─▶ limits ─▶ TLS ─▶ a worker, or the queue ─▶ connect ─▶ PROXY header ─▶ relay
                  │                                  │        └─ failed: the next worker
                  └────────── refusal ◀──────────────┴─ none left, or waited too long

Nothing of the client is read before a worker has accepted, so a failed connection is tried again
elsewhere without the client noticing.
"""

import asyncio
import contextlib
import logging
import socket
import ssl
from collections import Counter
from functools import partial

from lb import health
from lb.addresses import client_key
from lb.admission import Admission
from lb.policy import make_policy, same_policy
from lb.pool import Pool, Worker
from lb.proxy_protocol import Endpoint, header
from lb.queue import Queue, Refused
from lb.refusal import Refusal
from lb.relay import Relay, Side
from lb.settings import ServiceSettings
from lb.tasks import spawn
from lb.watch import Watch, period_s

_REFUSALS_AT_ONCE = 1_000  # that are told so; beyond it a client is closed without a word

_log = logging.getLogger(__name__)


class Service:
    """The workers behind one listening address, and the connections to them."""

    def __init__(self, settings: ServiceSettings, tls: ssl.SSLContext | None) -> None:
        self.settings = settings
        self._tls = tls
        self.pool = Pool(settings)
        self.queue = Queue(self.pool, settings)
        self.refusals: Counter[str] = Counter()  # by reason, as are cuts
        self.cuts: Counter[str] = Counter()
        self._policy = make_policy(settings)
        self._admission = Admission(settings)
        self._relays: set[Relay] = set()
        self._opening: set[asyncio.Task[None]] = set()  # not joined yet
        self._checks: list[asyncio.Task[None]] = []
        self._refusing: set[Refusal] = set()
        self._is_idle = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    @property
    def connections(self) -> int:
        """How many were accepted and have not ended, those that wait included."""
        return self._admission.connections

    def configure(self, settings: ServiceSettings, tls: ssl.SSLContext | None) -> None:
        """Take other settings; connections stay, also those to workers that are gone from them."""
        keeps_policy = same_policy(settings, self.settings)
        self.settings, self._tls = settings, tls
        self.pool.configure(settings)
        self.queue.configure(settings)
        self._admission.configure(settings)
        if not keeps_policy:
            self._policy = make_policy(settings)

    async def start(self) -> None:
        """Ask every worker for its health, and from then on again and again."""
        self.stop()
        if self.settings.check != "none":
            await asyncio.gather(*(health.look(worker, self.settings) for worker in self.pool))
            watched = (health.watch(worker, self.settings, self.queue.look) for worker in self.pool)
            self._checks = [spawn(watch) for watch in watched]
        self.queue.look()

    def stop(self) -> None:
        """Ask no more."""
        for task in self._checks:
            task.cancel()
        self._checks = []

    async def idle(self) -> None:
        """Wait until no connection is left."""
        while self.connections or self._refusing:
            self._is_idle.clear()
            await self._is_idle.wait()

    def cut_all(self, reason: str) -> None:
        """End every connection at once, also those that wait for a worker."""
        for task in list(self._opening):
            task.cancel()
        for refusal in list(self._refusing):
            refusal.cut()
        for relay in list(self._relays):
            relay.cut(reason)

    def accept(self, connection: socket.socket, host: str, port: int) -> None:
        """Serve a connection that was accepted, or refuse it."""
        limited = self._admission.limited(host)
        forbidden = self._admission.enter(limited, self._loop.time())
        if forbidden:
            self.refusals[forbidden] += 1
            spawn(self._refuse_unopened(connection))
        else:
            task = spawn(self._serve(connection, (host, port), limited))
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)

    async def _serve(self, connection: socket.socket, peer: Endpoint, limited: str) -> None:
        local = connection.getsockname()[:2]
        client = Side()
        try:
            await self._open(client, connection)
            target, worker = await self._reach(client_key(peer[0]))
        except OSError:
            self.refusals["handshake"] += 1
            self._leave(limited)
        except Refused as refused:
            self.refusals[refused.reason] += 1
            self._refuse(client)
            self._leave(limited)
        except asyncio.CancelledError:
            client.cut()
            self._leave(limited)
            raise
        else:
            worker.transport.write(header(self.settings.proxy_protocol, peer, local))
            self._join(client, worker, target, limited)

    async def _open(self, client: Side, connection: socket.socket) -> None:
        """Take over an accepted socket, and shake hands where TLS ends here. Raises: OSError."""
        limit_s = self.settings.handshake_timeout_s if self._tls else None
        await self._loop.connect_accepted_socket(
            lambda: client, connection, ssl=self._tls, ssl_handshake_timeout=limit_s
        )

    def _join(self, client: Side, worker: Side, target: Worker, limited: str) -> None:
        ended = partial(self._ended, target=target, limited=limited)
        watch = Watch(self.settings, self._loop.time())
        relay = Relay(client, worker, target, watch, ended, period_s=period_s(self.settings))
        self._relays.add(relay)
        relay.start()

    def _ended(self, relay: Relay, *, target: Worker, limited: str) -> None:
        self._relays.discard(relay)
        if relay.cut_for:
            self.cuts[relay.cut_for] += 1
        target.connections -= 1
        self.queue.look()
        self._leave(limited)

    def _leave(self, limited: str) -> None:
        self._admission.leave(limited)
        self._is_idle.set()

    async def _reach(self, client: str) -> tuple[Worker, Side]:
        """Connect to one worker after another until one accepts.

        Raises: Refused
        """
        tried: list[Worker] = []
        while True:
            usable = await self.queue.turn(tried)
            target = self._policy.choose(usable, client, self._loop.time())
            tried.append(target)
            side = await self._connect(target)
            if side is not None:
                return target, side

    async def _connect(self, target: Worker) -> Side | None:
        """Connect; None when the worker does not accept. Raises: Refused."""
        target.connections += 1
        self.queue.look()
        address = target.settings.target
        try:
            async with asyncio.timeout(self.settings.connect_timeout_s):
                _, side = await self._loop.create_connection(Side, address.host, address.port)
        except OSError as error:
            target.connections -= 1
            if health.is_own_fault(error):
                raise Refused("out of descriptors or ports") from error
            reason = health.reason_of(error)
            if target.connect_failed(reason):
                _log.warning("%s: %s is unhealthy: %s", self.settings.name, target.name, reason)
            self.queue.look()
            return None
        target.connections_total += 1
        return side

    async def _refuse_unopened(self, connection: socket.socket) -> None:
        # A handshake is what a flood would like to be paid.
        if self.settings.protocol == "tcp" or self._tls or len(self._refusing) >= _REFUSALS_AT_ONCE:
            connection.close()
            return
        with contextlib.suppress(OSError):
            await self._loop.connect_accepted_socket(self._refusal, connection)

    def _refuse(self, client: Side) -> None:
        if self.settings.protocol == "tcp" or client.is_lost:
            client.cut()
            return
        refusal = self._refusal()
        client.transport.set_protocol(refusal)
        refusal.connection_made(client.transport)
        client.transport.resume_reading()

    def _refusal(self) -> Refusal:
        return Refusal(self._refusing, self._is_idle.set)
