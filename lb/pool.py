"""What the balancer knows of the workers of one service. Pure: time is an argument.

    unhealthy ──successes_up checks pass──▶ healthy, its share growing for slow_start_s
        ▲                                      │
        └── failures_down failures in a row, ──┘
            or at once when it says that it drains

    draining, by an operator or because it left the settings: no new connections, whatever else

Failures are checks that failed and connections that the worker did not accept; only a check that
passes forgives them, because a stopped process still accepts (its kernel does). Every time is in
seconds of one monotonic clock.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from enum import StrEnum

from lb.settings import ServiceSettings, WorkerSettings

KEPT_CHECKS = 10  # enough to see a trend on the status page
_LEAST_SHARE = 0.1  # of its weight for a worker that has just come back; 0 would starve it


class State(StrEnum):
    """What of a worker is told to an operator."""

    HEALTHY = "healthy"
    SLOW_START = "slow start"
    UNHEALTHY = "unhealthy"
    DRAINING = "draining"


class Worker:
    """One worker: whether it may be chosen, and what it has done so far."""

    __slots__ = (
        "__weakref__",
        "_came_back_at_s",
        "_service",
        "_successes",
        "bytes_down",
        "bytes_up",
        "checks_s",
        "connect_failures",
        "connections",
        "connections_total",
        "failures",
        "is_draining",
        "is_up",
        "last_error",
        "settings",
        "was_checked",
    )

    def __init__(self, settings: WorkerSettings, service: ServiceSettings) -> None:
        self._service = service
        self.settings = settings
        self.is_draining = False
        self.is_up = service.check == "none"
        self.was_checked = self.is_up
        self.failures = 0  # in a row
        self.last_error = ""
        self.connections = 0
        self.connections_total = 0
        self.connect_failures = 0
        self.bytes_up = 0  # from clients to the worker
        self.bytes_down = 0
        self.checks_s: deque[float | None] = deque(maxlen=KEPT_CHECKS)  # None: it failed
        self._successes = 0
        self._came_back_at_s: float | None = None

    @property
    def name(self) -> str:
        """Its address as the settings spell it."""
        return self.settings.address

    @property
    def is_healthy(self) -> bool:
        """Whether it could do work, were it not full."""
        return self.is_up and not self.is_draining

    @property
    def is_usable(self) -> bool:
        """Whether it may be given one more connection."""
        limit = self.settings.max_connections
        return self.is_healthy and (not limit or self.connections < limit)

    def state(self, now_s: float) -> State:
        if self.is_draining:
            return State.DRAINING
        if not self.is_up:
            return State.UNHEALTHY
        return State.HEALTHY if self._ramp(now_s) == 1 else State.SLOW_START

    def share(self, now_s: float) -> float:
        """Return its weight, less while it starts slowly; always more than 0."""
        return self.settings.weight * self._ramp(now_s)

    def _ramp(self, now_s: float) -> float:
        duration_s = self._service.slow_start_s
        if self._came_back_at_s is None or not duration_s:
            return 1.0
        return min(1.0, max(_LEAST_SHARE, (now_s - self._came_back_at_s) / duration_s))

    def check_passed(self, now_s: float, took_s: float) -> bool:
        """Note a check that passed; True when that makes the worker healthy."""
        self.checks_s.append(took_s)
        self.failures, self.last_error = 0, ""
        self._successes += 1
        is_first, self.was_checked = not self.was_checked, True
        # A worker that nothing bad is known of need not prove itself again, nor start slowly.
        if self.is_up or (self._successes < self._service.successes_up and not is_first):
            return False
        self.is_up = True
        self._came_back_at_s = None if is_first else now_s
        return True

    def check_failed(self, reason: str, *, is_final: bool = False) -> bool:
        """Note a check that failed; True when that makes the worker unhealthy.

        Args:
            is_final: the worker itself said that it wants no more connections.
        """
        self.checks_s.append(None)
        self.was_checked = True
        return self._failed(reason, is_final=is_final)

    def connect_failed(self, reason: str) -> bool:
        """Note a connection that was not accepted; True when that makes the worker unhealthy."""
        self.connect_failures += 1
        # Where nothing asks for its health, nothing could forgive the failure either.
        return self._service.check != "none" and self._failed(reason)

    def _failed(self, reason: str, *, is_final: bool = False) -> bool:
        self._successes = 0
        self.failures += 1
        self.last_error = reason
        if not self.is_up or not (is_final or self.failures >= self._service.failures_down):
            return False
        self.is_up = False
        return True

    def configure(self, settings: WorkerSettings, service: ServiceSettings) -> None:
        """Take other settings for the same address; what is known of its health stays."""
        self.settings, self._service = settings, service
        if service.check == "none":
            self.is_up = self.was_checked = True


class Pool:
    """The workers of a service, and those that left the settings while connections are left."""

    def __init__(self, service: ServiceSettings) -> None:
        self._workers: dict[str, Worker] = {}
        self._leaving: list[Worker] = []
        self.configure(service)

    def __iter__(self) -> Iterator[Worker]:
        yield from self._workers.values()

    @property
    def leaving(self) -> Iterable[Worker]:
        """Those that left the settings and still carry connections."""
        self._leaving = [worker for worker in self._leaving if worker.connections]
        return self._leaving

    def usable(self, tried: Iterable[Worker] = ()) -> list[Worker]:
        """Return whom a connection can be given to, in the order of the settings."""
        return [worker for worker in self if worker.is_usable and worker not in tried]

    @property
    def is_any_healthy(self) -> bool:
        """Whether waiting for a worker could help."""
        return any(worker.is_healthy for worker in self)

    def find(self, name: str) -> Worker | None:
        return self._workers.get(name)

    def configure(self, service: ServiceSettings) -> None:
        """Take other settings: a worker that is still there keeps its counts and its health."""
        before, self._workers = self._workers, {}
        for settings in service.workers:
            worker = before.pop(settings.address, None) or Worker(settings, service)
            worker.configure(settings, service)
            self._workers[worker.name] = worker
        for worker in before.values():
            worker.is_draining = True
        self._leaving += before.values()
