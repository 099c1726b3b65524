"""Time and randomness of the machine: the adapters of `Clock` and `Entropy`."""

import secrets
import time
from pathlib import Path

_OFFSET_READ_MS = 50


class SystemClock:
    """The machine's clocks."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic_ms(self) -> int:
        return time.monotonic_ns() // 1_000_000


class ShiftedClock(SystemClock):
    """The machine's time plus the milliseconds a file says; lets a test see what a week does."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset_ms = 0
        self._read_at_ms = -_OFFSET_READ_MS

    def now_ms(self) -> int:
        ticks_ms = self.monotonic_ms()
        if ticks_ms - self._read_at_ms >= _OFFSET_READ_MS:
            self._read_at_ms = ticks_ms
            self._offset_ms = int(self._path.read_text()) if self._path.exists() else 0
        return super().now_ms() + self._offset_ms


class SystemEntropy:
    """The machine's source of random bytes."""

    def token(self, size_bytes: int) -> bytes:
        return secrets.token_bytes(size_bytes)

    def digits(self, count: int) -> str:
        return f"{secrets.randbelow(10**count):0{count}d}"
