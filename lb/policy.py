"""Choosing one of the workers that may be chosen. Pure: time is an argument, nothing is random.

Every policy is given the usable workers only, at least one and in the order of the settings, and
returns one of them. Choosing costs time linear in their number.
"""

import hashlib
import math
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Protocol
from weakref import WeakKeyDictionary

from lb.pool import Worker
from lb.settings import ServiceSettings


class Policy(Protocol):
    """How a worker is chosen for a connection."""

    def choose(self, workers: Sequence[Worker], client: str, now_s: float) -> Worker:
        """Return one of `workers`.

        Args:
            client: what `client_key` makes of the client's address.
        """
        ...


class WeightedRoundRobin:
    """Smooth weighted round-robin: of A3 B2 C1 it takes A B A C B A, never A A A B B C.

    While workers and weights stay the same, every window as long as the sum of whole weights gives
    each worker exactly its weight (S0-52, R-23).
    """

    def __init__(self) -> None:
        self._credit: WeakKeyDictionary[Worker, float] = WeakKeyDictionary()

    def choose(self, workers: Sequence[Worker], client: str, now_s: float) -> Worker:
        # Each earns its share, and the richest pays what all have earned: credits stay bounded.
        earned = 0.0
        for worker in workers:
            share = self._share(worker, now_s)
            self._credit[worker] = self._credit.get(worker, 0.0) + share
            earned += share
        chosen = max(workers, key=self._credit.__getitem__)
        self._credit[chosen] -= earned
        return chosen

    def _share(self, worker: Worker, now_s: float) -> float:
        return worker.share(now_s)


class RoundRobin(WeightedRoundRobin):
    """One after the other, whatever their weights (S0-59)."""

    def _share(self, worker: Worker, now_s: float) -> float:
        return worker.share(now_s) / worker.settings.weight


class LeastConnections:
    """The worker with the fewest connections for its weight; the first of equals.

    At equal weights no two usable workers differ by more than one connection, as long as none ends.
    """

    def choose(self, workers: Sequence[Worker], client: str, now_s: float) -> Worker:
        # With the new one counted in, an idle heavy worker comes before an idle light one.
        return min(workers, key=lambda worker: (worker.connections + 1) / worker.share(now_s))


class IpHash:
    """The same worker for the same client: weighted rendezvous hashing.

    A worker that goes away moves its own clients only, one that comes takes its share from all.
    """

    def choose(self, workers: Sequence[Worker], client: str, now_s: float) -> Worker:
        return max(workers, key=lambda worker: _score(worker, client))


def _score(worker: Worker, client: str) -> float:
    digest = hashlib.blake2b(f"{client} {worker.name}".encode(), digest_size=8).digest()
    # Halfway between two of 2^53 steps: neither 0 nor 1, whose logarithms are useless.
    uniform = ((int.from_bytes(digest) >> 11) + 0.5) / 2**53
    return -worker.settings.weight / math.log(uniform)


class Sticky:
    """A table of clients and their workers; who is not in it gets the next in turn (S0-57).

    An entry ends `ttl_s` after its last use, and the longest unused one when there are too many.
    When its worker cannot be chosen, the client moves for good.
    """

    def __init__(self, ttl_s: float, entries: int) -> None:
        self._ttl_s = ttl_s
        self._entries = entries
        self._turn = WeightedRoundRobin()
        self._table: OrderedDict[str, tuple[Worker, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._table)

    def choose(self, workers: Sequence[Worker], client: str, now_s: float) -> Worker:
        worker, used_at_s = self._table.get(client, (None, now_s))
        if worker is None or worker not in workers or now_s - used_at_s >= self._ttl_s:
            worker = self._turn.choose(workers, client, now_s)
        self._table[client] = worker, now_s
        self._table.move_to_end(client)
        while len(self._table) > self._entries:
            self._table.popitem(last=False)
        return worker


_POLICIES: dict[str, Callable[[ServiceSettings], Policy]] = {
    "round_robin": lambda _: RoundRobin(),
    "weighted_round_robin": lambda _: WeightedRoundRobin(),
    "least_connections": lambda _: LeastConnections(),
    "ip_hash": lambda _: IpHash(),
    "sticky": lambda service: Sticky(service.sticky_ttl_s, service.sticky_entries),
}


def make_policy(service: ServiceSettings) -> Policy:
    """Return the policy that the settings name, knowing nothing yet."""
    return _POLICIES[service.policy](service)


def same_policy(one: ServiceSettings, other: ServiceSettings) -> bool:
    """Whether a policy made for one, with what it knows, still serves the other."""
    return (one.policy, one.sticky_ttl_s, one.sticky_entries) == (
        other.policy,
        other.sticky_ttl_s,
        other.sticky_entries,
    )
