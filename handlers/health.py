"""GET /health: whether this process can do its work (S0-26), and whether it is about to stop."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Literal

from tornado.routing import URLSpec

from handlers.base import BaseHandler
from handlers.messenger import Messenger
from handlers.security import public
from models.blobs import BlobStore
from models.events import Bus
from models.ports import Clock
from models.stores import Database
from protocol.bodies import Health, HealthStatus
from protocol.errors import AppError

PING_TIMEOUT_S = 1.0
FILES_ASKED_MS = 10_000  # balancers ask several times a second, and a bucket may bill each look
CRITICAL = frozenset(("database", "tcp_messenger"))

UpOrDown = Literal["up", "down"]


class Readiness:
    """Says no from the moment the process begins to stop (R-20)."""

    def __init__(self) -> None:
        self.is_draining = False


class Files:
    """Whether the store of files answers, as far as was known FILES_ASKED_MS ago at most."""

    def __init__(self, blobs: BlobStore, clock: Clock) -> None:
        self._blobs = blobs
        self._clock = clock
        self._is_up = False
        self._asked_ms: int | None = None

    async def is_up(self) -> bool:
        now_ms = self._clock.monotonic_ms()
        if self._asked_ms is None or now_ms >= self._asked_ms + FILES_ASKED_MS:
            self._is_up = await _answers(self._blobs.ping)
            self._asked_ms = now_ms
        return self._is_up


class HealthHandler(BaseHandler):
    """Answers at most a ping's timeout late.

    Without the bus everything works, only later, and without files text does (R-32): that is
    "degraded", and no reason to send people elsewhere.
    """

    def initialize(
        self,
        *,
        database: Database,
        files: Files,
        bus: Bus,
        messenger: Messenger,
        clock: Clock,
        readiness: Readiness,
    ) -> None:
        self.database = database
        self.files = files
        self.bus = bus
        self.messenger = messenger
        self.clock = clock
        self.readiness = readiness

    @public
    async def get(self) -> None:
        services = await self._services()
        if self.bus.is_up is not None:
            services["bus"] = "up" if self.bus.is_up else "down"
        down = {name for name, state in services.items() if state == "down"}
        is_able = not down & CRITICAL and not self.readiness.is_draining
        status: HealthStatus = "degraded" if down else "healthy"
        if not is_able:
            status = "draining" if self.readiness.is_draining else "unhealthy"
        now = datetime.fromtimestamp(self.clock.now_ms() / 1_000, UTC)
        timestamp = now.isoformat(timespec="milliseconds")
        self.answer(
            Health(status=status, timestamp=timestamp, services=services), 200 if is_able else 503
        )

    async def _services(self) -> dict[str, UpOrDown]:
        """Ask every part that can be asked, all at once."""
        parts = {"database": _answers(self.database.ping), "files": self.files.is_up()}
        if self.messenger.is_on:
            parts["tcp_messenger"] = self.messenger.is_up()
        answers = await asyncio.gather(*parts.values())
        return {name: "up" if is_up else "down" for name, is_up in zip(parts, answers, strict=True)}


async def _answers(ping: Callable[[], Awaitable[None]]) -> bool:
    try:
        async with asyncio.timeout(PING_TIMEOUT_S):
            await ping()
    except (AppError, TimeoutError):
        return False
    return True


def routes(
    *,
    database: Database,
    blobs: BlobStore,
    bus: Bus,
    messenger: Messenger,
    clock: Clock,
    readiness: Readiness,
) -> list[URLSpec]:
    """Return the route that balancers and supervisors ask."""
    options = {
        "database": database,
        "files": Files(blobs, clock),
        "bus": bus,
        "messenger": messenger,
        "clock": clock,
        "readiness": readiness,
    }
    return [URLSpec(r"/health", HealthHandler, options)]
