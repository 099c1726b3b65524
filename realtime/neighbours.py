"""What was heard of the other processes, and what was not.

Each process numbers what it tells everybody 1, 2, 3 … and says its last number in every heartbeat.

    first heard, at 0 or 1    ──▶ it has just begun: nothing was missed
    first heard, beyond       ──▶ missed
    the number after the last ──▶ nothing was missed
    the last one or a lower   ──▶ a repeat
    any other                 ──▶ missed
    silent for SILENT_MS      ──▶ gone
"""

from enum import Enum, auto

from models.events import ProcessId

SILENT_MS = 10_000  # ten heartbeats: longer than any pause of a healthy process


class Heard(Enum):
    """What a number says about those before it."""

    NEXT = auto()
    MISSED = auto()  # it is new, and something before it never came
    REPEATED = auto()


class Neighbours:
    """Last numbers and last signs of life; times are milliseconds of a clock that never jumps."""

    def __init__(self) -> None:
        self._last: dict[ProcessId, int] = {}
        self._heard_ms: dict[ProcessId, int] = {}

    def told(self, process: ProcessId, number: int, now_ms: int) -> Heard:
        """Note an event."""
        last = self._last.get(process, 0)
        if number <= last:
            return Heard.REPEATED
        self._note(process, number, now_ms)
        return Heard.NEXT if number == last + 1 else Heard.MISSED

    def beat(self, process: ProcessId, last: int, now_ms: int) -> Heard:
        """Note a heartbeat, which repeats the last number."""
        known = self._last.get(process, 0)
        if last < known:
            return Heard.REPEATED
        self._note(process, last, now_ms)
        return Heard.NEXT if last == known else Heard.MISSED

    def left(self, process: ProcessId) -> bool:
        """Forget a process; False when it was not known."""
        self._heard_ms.pop(process, None)
        return self._last.pop(process, None) is not None

    def take_silent(self, now_ms: int) -> list[ProcessId]:
        """Forget and return those that have been silent for too long."""
        silent = [one for one, ms in self._heard_ms.items() if now_ms - ms >= SILENT_MS]
        for process in silent:
            self.left(process)
        return silent

    def pardon(self, now_ms: int) -> None:
        """Count everybody's silence from now: it was we who could not hear."""
        self._heard_ms = dict.fromkeys(self._heard_ms, now_ms)

    def _note(self, process: ProcessId, number: int, now_ms: int) -> None:
        self._last[process] = number
        self._heard_ms[process] = now_ms
