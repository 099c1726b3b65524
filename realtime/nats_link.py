"""A connection to NATS that is made anew whenever it is lost.

    away ──connect, subscribe──▶ up ──any failure, or no answer to a ping──▶ away, pause, again

nats-py's own reconnection stays off: it gives up for good when the server says why it hangs up
("Slow Consumer"), sends what had become stale meanwhile, and can wait a quarter of an hour for a
peer that has vanished (nats-io/nats.py#671).
"""

import asyncio
import contextlib
import logging
import random
import ssl
from collections import deque
from dataclasses import dataclass, field
from typing import Protocol

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

WAITING_BYTES = 16 * 1024 * 1024  # packets that the server has not taken; more are dropped
PENDING_PACKETS = 65_536  # of one subject, received and not handled within one turn of the loop
PENDING_BYTES = 16 * 1024 * 1024
PING_S = 1.0
ANSWER_S = 3.0  # how long a connection may be silent; caches may be stale meanwhile (S-12)
AGAIN_S = (0.2, 1.0)  # a pause out of this range, so that processes do not come back in step

# RuntimeError is what uvloop raises for a write to a connection that is closed already.
_FAILURES = (OSError, nats.errors.Error, TimeoutError, asyncio.LimitOverrunError, RuntimeError)
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class BusAddress:
    """Where the bus is and how to log in; without `tls` it must be on loopback."""

    servers: tuple[str, ...]
    user: str = ""
    password: str = field(default="", repr=False)
    tls: ssl.SSLContext | None = None


class Listener(Protocol):
    """Whom a link tells; every call returns at once."""

    def received(self, subject: str, data: bytes) -> None: ...

    def came_up(self) -> None:
        """The link carries packets again; what was sent in between is lost."""
        ...

    def went_down(self) -> None: ...

    def overflowed(self) -> None:
        """More arrived than was handled; some of it is lost."""
        ...


class _Client(Client):
    """The driver, giving up what is left to write when it closes.

    `_serve` has flushed what counts. On a connection that broke, the driver would try to write the
    rest and fail in a task of its own, before it ends its other tasks and tells anybody.
    """

    async def _close(self, status: int, do_cbs: bool = True) -> None:
        self._pending, self._pending_data_size = [], 0
        await super()._close(status, do_cbs)


class NatsLink:
    """Sends and receives while it is up; keeps the list of subjects while it is not."""

    def __init__(self, address: BusAddress) -> None:
        self._address = address
        self._listener: Listener
        self._wanted: set[str] = set()
        self._subscriptions: dict[str, Subscription] = {}
        self._waiting: deque[tuple[str, bytes]] = deque()
        self._waiting_bytes = 0
        self._changed: set[str] = set()
        self._has_work = asyncio.Event()
        self._is_stopping = False
        self._task: asyncio.Task[None] | None = None
        self.is_up = False
        self.max_bytes = 0  # of one packet, once the server has said it

    def open(self, listener: Listener) -> None:
        """Begin to connect; never gives up."""
        self._listener = listener
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def close(self) -> None:
        """Send what is waiting, for a moment, and hang up."""
        self._is_stopping = True
        self._has_work.set()
        if self._task is not None:
            done, _ = await asyncio.wait([self._task], timeout=ANSWER_S / 2)
            if not done:
                self._task.cancel()
                await asyncio.wait([self._task])

    def send(self, subject: str, data: bytes) -> bool:
        """Queue one packet; False when it was dropped, for want of a connection or of room."""
        size = len(subject) + len(data)
        if not self.is_up or self._waiting_bytes + size > WAITING_BYTES:
            return False
        self._waiting.append((subject, data))
        self._waiting_bytes += size
        self._has_work.set()
        return True

    def want(self, subject: str) -> None:
        """Receive what is sent under this subject from now on."""
        self._wanted.add(subject)
        self._look_at(subject)

    def unwant(self, subject: str) -> None:
        self._wanted.discard(subject)
        self._look_at(subject)

    def _look_at(self, subject: str) -> None:
        self._changed.add(subject)
        self._has_work.set()

    async def _run(self) -> None:
        reason = ""
        while not self._is_stopping:
            client = _Client()
            try:
                await self._connect(client)
                reason = ""
                await self._serve(client)
            except _FAILURES as error:
                if (now := str(error) or type(error).__name__) != reason:  # or it fills the disk
                    reason = now
                    _log.warning("the bus is away: %s", reason)
            except Exception:  # noqa: BLE001 - whatever the driver does, the next try is due
                _log.exception("the bus failed")
            finally:
                self._go_down()
                await _hang_up(client)
            if not self._is_stopping:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(random.uniform(*AGAIN_S)):
                        await self._stopping()

    async def _stopping(self) -> None:
        while not self._is_stopping:
            self._has_work.clear()
            await self._has_work.wait()

    async def _connect(self, client: Client) -> None:
        address = self._address

        def password() -> str:
            # The server offers encryption in the clear; who strips the offer gets no password.
            if address.tls is not None and not client._server_info.get("tls_required"):
                raise ConnectionRefusedError("The bus does not offer TLS.")
            return address.password

        failure: Exception = OSError("no server")

        async def failed(error: Exception) -> None:
            nonlocal failure
            failure = error
            if isinstance(error, nats.errors.FlushTimeoutError):
                raise error  # out of `publish`, which would go on to the next packet
            if isinstance(error, nats.errors.SlowConsumerError):
                self._listener.overflowed()
            elif "permissions violation" in str(error).lower():  # the connection stays
                _log.warning("the bus refuses a subject: permissions must cover sealroom.>")

        async def closed() -> None:
            self._has_work.set()

        try:
            await client.connect(
                list(address.servers),
                name="sealroom",
                user=address.user or None,
                password=password if address.user else None,
                tls=address.tls,
                error_cb=failed,
                closed_cb=closed,
                allow_reconnect=False,
                max_reconnect_attempts=1,
                reconnect_time_wait=0,
                flush_timeout=ANSWER_S,
                ping_interval=3_600,  # `_serve` pings, and waits for less long
                no_echo=True,
            )
        except nats.errors.NoServersError:
            raise failure from None

    async def _serve(self, client: Client) -> None:
        """Carry packets until the connection fails or `close` is called."""
        self._subscriptions, self._changed = {}, set(self._wanted)
        await self._subscribe(client)
        for _ in range(2):  # the driver's ping overtakes a subscription that it has just taken
            await client.flush(int(ANSWER_S))
        self.max_bytes = client.max_payload
        self.is_up = True
        self._listener.came_up()
        _log.info("the bus is there")
        ping_at = self._now() + PING_S
        while client.is_connected and not self._is_stopping:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(ping_at):
                    await self._has_work.wait()
            self._has_work.clear()
            await self._subscribe(client)
            await self._pass_on(client)
            if self._now() >= ping_at:
                await client.flush(int(ANSWER_S))
                ping_at = self._now() + PING_S
        await self._pass_on(client)
        if client.is_connected:
            await client.flush(1)
        elif not self._is_stopping:
            raise client.last_error or ConnectionResetError("closed")

    async def _subscribe(self, client: Client) -> None:
        while self._changed:
            subject = self._changed.pop()
            has = subject in self._subscriptions
            if subject in self._wanted and not has:
                self._subscriptions[subject] = await client.subscribe(
                    subject,
                    cb=self._receive,
                    pending_msgs_limit=PENDING_PACKETS,
                    pending_bytes_limit=PENDING_BYTES,
                )
            elif subject not in self._wanted and has:
                await self._subscriptions.pop(subject).unsubscribe()

    async def _pass_on(self, client: Client) -> None:
        while self._waiting:
            subject, data = self._waiting.popleft()
            self._waiting_bytes -= len(subject) + len(data)
            await client.publish(subject, data)

    async def _receive(self, message: Msg) -> None:
        self._listener.received(message.subject, message.data)

    def _go_down(self) -> None:
        self._waiting.clear()
        self._waiting_bytes = 0
        was_up, self.is_up = self.is_up, False
        if was_up and not self._is_stopping:
            self._listener.went_down()

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()


async def _hang_up(client: Client) -> None:
    """Close what may be closed already, or not answer any more."""
    with contextlib.suppress(*_FAILURES):
        async with asyncio.timeout(1):
            await client.close()
