"""GET /health: whether this process can do its work (S0-26), and whether it is about to stop."""

import asyncio
from datetime import UTC, datetime
from typing import Literal

from tornado.routing import URLSpec

from handlers.base import BaseHandler
from handlers.messenger import Messenger
from handlers.security import public
from models.events import Bus
from models.ports import Clock
from models.stores import Database
from protocol.bodies import Health, HealthStatus
from protocol.errors import AppError

PING_TIMEOUT_S = 1.0

UpOrDown = Literal["up", "down"]


class Readiness:
    """Says no from the moment the process begins to stop (R-20)."""

    def __init__(self) -> None:
        self.is_draining = False


class HealthHandler(BaseHandler):
    """Answers at most a ping's timeout late.

    Without the bus everything works, only later: that is "degraded", and no reason to send people
    elsewhere.
    """

    def initialize(
        self,
        *,
        database: Database,
        bus: Bus,
        messenger: Messenger,
        clock: Clock,
        readiness: Readiness,
    ) -> None:
        self.database = database
        self.bus = bus
        self.messenger = messenger
        self.clock = clock
        self.readiness = readiness

    @public
    async def get(self) -> None:
        services = await self._services()
        is_able = "down" not in services.values() and not self.readiness.is_draining
        status: HealthStatus = "healthy" if is_able else "unhealthy"
        if self.readiness.is_draining:
            status = "draining"
        if self.bus.is_up is not None:
            services["bus"] = "up" if self.bus.is_up else "down"
            if is_able and not self.bus.is_up:
                status = "degraded"
        now = datetime.fromtimestamp(self.clock.now_ms() / 1_000, UTC)
        timestamp = now.isoformat(timespec="milliseconds")
        self.answer(
            Health(status=status, timestamp=timestamp, services=services), 200 if is_able else 503
        )

    async def _services(self) -> dict[str, UpOrDown]:
        """Ask every part that must work, all at once."""
        parts = {"database": self._is_database_up()}
        if self.messenger.is_on:
            parts["tcp_messenger"] = self.messenger.is_up()
        answers = await asyncio.gather(*parts.values())
        return {name: "up" if is_up else "down" for name, is_up in zip(parts, answers, strict=True)}

    async def _is_database_up(self) -> bool:
        try:
            async with asyncio.timeout(PING_TIMEOUT_S):
                await self.database.ping()
        except (AppError, TimeoutError):
            return False
        return True


def routes(
    *, database: Database, bus: Bus, messenger: Messenger, clock: Clock, readiness: Readiness
) -> list[URLSpec]:
    """Return the route that balancers and supervisors ask."""
    options = {
        "database": database,
        "bus": bus,
        "messenger": messenger,
        "clock": clock,
        "readiness": readiness,
    }
    return [URLSpec(r"/health", HealthHandler, options)]
