"""When a relayed connection has to be cut. Pure: time is an argument.

    first byte   the client has sent nothing for first_byte_timeout_s
    answer       the worker has sent nothing yet, and in answer_timeout_s the client sent less than
                 min_bytes_per_s: a request that trickles, or a worker that hangs
    idle         not a byte in either direction for idle_timeout_s
    slow reader  something waits for one side, which in slow_reader_timeout_s read less than
                 min_bytes_per_s of it

A time of 0 is none. Asked every `period_s`, each is noticed at most a quarter of it late.
"""

from dataclasses import dataclass

from lb.settings import ServiceSettings


@dataclass
class Counts:
    """Bytes of one direction: come from its sender, and of these not yet taken by its receiver."""

    received: int = 0
    waiting: int = 0


class _Window:
    """Progress since a moment, for comparing with the least that is allowed."""

    def __init__(self, length_s: float, bytes_per_s: int, now_s: float) -> None:
        self._length_s = length_s
        self._least = length_s * bytes_per_s
        self._began_at_s = now_s
        self._began_with = 0

    def is_too_slow(self, now_s: float, total: int) -> bool:
        """Whether a whole window has passed with less than the least; begins another when not."""
        if not self._length_s or now_s - self._began_at_s < self._length_s:
            return False
        if total - self._began_with < self._least:
            return True
        self.restart(now_s, total)
        return False

    def restart(self, now_s: float, total: int) -> None:
        self._began_at_s, self._began_with = now_s, total


class Watch:
    """The clocks of one connection."""

    def __init__(self, service: ServiceSettings, now_s: float) -> None:
        self._first_byte_s = service.first_byte_timeout_s
        self._idle_s = service.idle_timeout_s
        rate = service.min_bytes_per_s
        slow_s = service.slow_reader_timeout_s
        self._answer = _Window(service.answer_timeout_s, rate, now_s)
        self._readers = (_Window(slow_s, rate, now_s), _Window(slow_s, rate, now_s))
        self._began_at_s = self._changed_at_s = now_s
        self._seen = 0

    def verdict(self, now_s: float, up: Counts, down: Counts) -> str:
        """Return why the connection has to be cut; empty when it need not."""
        total = up.received + down.received
        if total != self._seen:
            self._seen, self._changed_at_s = total, now_s
        if not up.received and 0 < self._first_byte_s <= now_s - self._began_at_s:
            return "first byte"
        if not down.received and self._answer.is_too_slow(now_s, up.received):
            return "answer"
        if 0 < self._idle_s <= now_s - self._changed_at_s:
            return "idle"
        is_slow = [
            self._reads_slowly(now_s, window, counts)
            for window, counts in zip(self._readers, (up, down), strict=True)
        ]
        return "slow reader" if any(is_slow) else ""

    def _reads_slowly(self, now_s: float, window: _Window, counts: Counts) -> bool:
        taken = counts.received - counts.waiting
        if not counts.waiting:
            window.restart(now_s, taken)
        return window.is_too_slow(now_s, taken)


def period_s(service: ServiceSettings) -> float:
    """Return how often to ask."""
    times = (
        service.first_byte_timeout_s,
        service.answer_timeout_s,
        service.idle_timeout_s,
        service.slow_reader_timeout_s,
    )
    return min((time_s for time_s in times if time_s), default=20.0) / 4
