"""What clients did and saw, and whether a server that keeps its promises can explain it.

Every attempt to send ends in one of three ways: *ok* (acknowledged with a number), *fail* (refused:
it has not happened), *info* (nobody knows, for example because the connection broke). What a device
showed is kept in the order it was shown.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

Outcome = Literal["ok", "fail", "info"]


@dataclass(frozen=True)
class Attempt:
    """One try to send a message; times are seconds of one monotonic clock."""

    room: str
    msg_id: str
    began_s: float
    ended_s: float
    outcome: Outcome
    seq: int = 0  # 0 unless acknowledged


@dataclass(frozen=True)
class Shown:
    """A device showed a message under a number."""

    device: str
    room: str
    seq: int
    msg_id: str


@dataclass
class History:
    """All of one run. `members` are the devices that read each room."""

    members: dict[str, tuple[str, ...]]
    attempts: list[Attempt] = field(default_factory=list)
    shown: list[Shown] = field(default_factory=list)

    def violations(self) -> list[str]:
        """Return every broken promise in words; nothing for a history without fault."""
        return [
            fault
            for room in self.members
            for fault in _faults(
                self.members[room],
                [attempt for attempt in self.attempts if attempt.room == room],
                [shown for shown in self.shown if shown.room == room],
            )
        ]

    @property
    def acknowledged(self) -> set[str]:
        return {attempt.msg_id for attempt in self.attempts if attempt.outcome == "ok"}


def _faults(members: tuple[str, ...], attempts: list[Attempt], shown: list[Shown]) -> Iterator[str]:
    logs: dict[str, list[Shown]] = defaultdict(list)
    for each in shown:
        logs[each.device].append(each)
    for device in members:
        yield from _log_faults(device, logs[device], attempts)
    if len({tuple((s.seq, s.msg_id) for s in logs[device]) for device in members}) > 1:
        yield "torn: the members saw different logs"
    yield from _order_faults(attempts)


def _log_faults(device: str, log: list[Shown], attempts: list[Attempt]) -> Iterator[str]:
    numbers = [shown.seq for shown in log]
    if numbers != list(range(1, len(log) + 1)):
        yield f"order: {device} was shown {numbers}"
    ids = [shown.msg_id for shown in log]
    for msg_id in {each for each in ids if ids.count(each) > 1}:
        yield f"doubled: {device} was shown {msg_id} more than once"
    places = {(shown.msg_id, shown.seq) for shown in log}
    for attempt in attempts:
        if attempt.outcome == "ok" and (attempt.msg_id, attempt.seq) not in places:
            yield f"lost: {device} was not shown {attempt.msg_id} at {attempt.seq}"
    possible = {attempt.msg_id for attempt in attempts if attempt.outcome != "fail"}
    for msg_id in set(ids) - possible:
        yield f"phantom: {device} was shown {msg_id}, which nobody can have sent"


def _order_faults(attempts: list[Attempt]) -> Iterator[str]:
    """What was first sent after something else was acknowledged has a higher number."""
    began_s: dict[str, float] = {}
    acknowledged: dict[str, Attempt] = {}
    for attempt in sorted(attempts, key=lambda attempt: attempt.began_s):
        began_s.setdefault(attempt.msg_id, attempt.began_s)
        if attempt.outcome == "ok":
            acknowledged.setdefault(attempt.msg_id, attempt)
    by_end = sorted(acknowledged.values(), key=lambda attempt: attempt.ended_s)
    highest, passed = 0, 0
    for attempt in sorted(acknowledged.values(), key=lambda attempt: began_s[attempt.msg_id]):
        while passed < len(by_end) and by_end[passed].ended_s < began_s[attempt.msg_id]:
            highest = max(highest, by_end[passed].seq)
            passed += 1
        if attempt.seq <= highest:
            yield f"overtaken: {attempt.msg_id} got {attempt.seq} when {highest} was known"
