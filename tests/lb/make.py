"""Settings and workers of the pure tests."""

from typing import Any

from lb.pool import Pool, Worker
from lb.settings import ServiceSettings, WorkerSettings


def service(*weights: int, room: int = 0, **settings: Any) -> ServiceSettings:
    """A service with a worker of this room for each weight: w1:1, w2:1 and so on."""
    workers = tuple(
        WorkerSettings(f"w{number}:1", weight, room) for number, weight in enumerate(weights, 1)
    )
    values = {"name": "web", "listen": "127.0.0.1:0", "check": "none", "workers": workers}
    return ServiceSettings(**values | settings)


def workers(*weights: int, **settings: Any) -> list[Worker]:
    """Healthy workers of these weights."""
    return list(Pool(service(*weights, **settings)))
