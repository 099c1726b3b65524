"""Who is connected to the other processes, as far as those have said (pure).

PeopleHere of some people  ──▶ replaces what was known of these
PeopleHere of a range      ──▶ and whoever else was in the range has left
a process is gone          ──▶ everybody there has left
"""

from collections.abc import Iterable

from models.events import PeopleHere, ProcessId, Status
from protocol.ids import UserId


def merged(statuses: Iterable[Status]) -> Status:
    """Return the status of a person who is several things in several places.

    On-line anywhere is on-line; away is who is away wherever they are.
    """
    known = set(statuses)
    if "online" in known:
        return "online"
    return "away" if "away" in known else "offline"


class Elsewhere:
    """One table for each process; who is off-line stands in none."""

    def __init__(self) -> None:
        self._people: dict[ProcessId, dict[UserId, Status]] = {}

    def status_of(self, user_id: UserId) -> Status:
        return merged(there.get(user_id, "offline") for there in self._people.values())

    def heard(self, event: PeopleHere) -> set[UserId]:
        """Note what a process says of its people; returns of whom it said something new."""
        there = self._people.setdefault(event.process, {})
        said: dict[UserId, Status] = {}
        if event.between is not None:
            low, high = event.between
            said.update((user, "offline") for user in there if low < user <= high)
        said.update(event.people)
        changed = {user for user, status in said.items() if there.get(user, "offline") != status}
        for user in changed:
            if said[user] == "offline":
                del there[user]
            else:
                there[user] = said[user]
        return changed

    def gone(self, process: ProcessId) -> set[UserId]:
        """Forget a process; returns who was there."""
        return set(self._people.pop(process, ()))
