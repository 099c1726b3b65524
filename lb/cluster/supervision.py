"""When a child process that ended is started again: the rule, without processes and clocks (R-25).

    waiting ──▶ starting ──▶ healthy
       ▲            │           │
       └────────────┴───────────┘  ended

An end after STEADY_S of health is an accident: the child is back after FIRST_PAUSE_S. Each end
before that doubles the pause, up to LONGEST_PAUSE_S, so that a crash loop costs next to nothing.
An end that was asked for is no failure: a restart follows at once, a stop is the last.
"""

from dataclasses import dataclass
from enum import StrEnum

FIRST_PAUSE_S = 0.25  # a worker is back within a second, most of which it takes itself
LONGEST_PAUSE_S = 30.0
STEADY_S = 2.0  # longer than any start-up fault takes to show


class State(StrEnum):
    """What a child is doing."""

    WAITING = "waiting"
    STARTING = "starting"
    HEALTHY = "healthy"
    STOPPED = "stopped"


class Wish(StrEnum):
    """What has been asked for; a stop is never taken back."""

    RUN = "run"
    RESTART = "restart"
    STOP = "stop"


@dataclass
class Supervision:
    """One child. All times are seconds of one monotonic clock."""

    state: State = State.WAITING
    wish: Wish = Wish.RUN
    _early_ends: int = 0
    _healthy_since_s: float = 0.0

    def started(self) -> None:
        """A new life has begun."""
        self.state = State.STARTING
        if self.wish is Wish.RESTART:
            self.wish = Wish.RUN

    def answered(self, now_s: float) -> None:
        """The child serves."""
        self.state, self._healthy_since_s = State.HEALTHY, now_s

    def restart(self) -> None:
        """The next end is asked for, and another life shall follow."""
        if self.wish is Wish.RUN:
            self.wish = Wish.RESTART

    def stop(self) -> None:
        """The next end is the last one."""
        self.wish = Wish.STOP

    def ended(self, now_s: float) -> float | None:
        """Return how many seconds to wait before the next life, or None when there is none."""
        was_steady = self.state is State.HEALTHY and now_s - self._healthy_since_s >= STEADY_S
        self.state = State.STOPPED if self.wish is Wish.STOP else State.WAITING
        if self.wish is not Wish.RUN:
            return None if self.wish is Wish.STOP else 0.0
        self._early_ends = 0 if was_steady else self._early_ends + 1
        doublings = max(0, self._early_ends - 1)
        return min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0**doublings)
