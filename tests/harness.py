"""A server that runs inside a test, and how tests speak with it."""

import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from handlers.lifecycle import Lifecycle
from tests.people import Wire


class MovableClock:
    """The machine's time, moved by `advance`."""

    def __init__(self) -> None:
        self.offset_ms = 0

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000 + self.offset_ms

    def monotonic_ms(self) -> int:
        return time.monotonic_ns() // 1_000_000 + self.offset_ms

    def advance(self, step_ms: int) -> None:
        self.offset_ms += step_ms


class StillClock(MovableClock):
    """Time that passes only by `advance`, so that a busy machine refills no bucket meanwhile."""

    def __init__(self) -> None:
        super().__init__()
        self._start_ms = super().now_ms()

    def now_ms(self) -> int:
        return self._start_ms + self.offset_ms

    def monotonic_ms(self) -> int:
        return self._start_ms + self.offset_ms


@dataclass
class RunningServer:
    """A server on free ports; `origin` is where, `messenger_port` where it takes lines."""

    lifecycle: Lifecycle
    origin: str
    messenger_port: int

    @property
    def port(self) -> int:
        return int(self.origin.rpartition(":")[2])


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def code(self) -> str:
        """The error code."""
        return str(self.json["error"]["code"])


Fetch = Callable[..., Awaitable[Answer]]
Connect = Callable[..., Awaitable[Wire]]
