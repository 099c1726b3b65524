"""Who may connect at all. Pure: time is an argument, seconds of a monotonic clock.

A client is what `client_key` makes of its address. What is kept of one that has gone is forgotten
once its allowance is full again, so that addresses cost memory only while they are in use.
"""

import ipaddress
from dataclasses import dataclass

from lb.addresses import client_key, plain
from lb.settings import ServiceSettings

_BURST_S = 2.0  # of its rate a client may use at once: a browser opens several at the start
_SWEEP_EVERY = 1_024  # arrivals, so that forgetting costs each next to nothing


@dataclass
class _Client:
    connections: int = 0
    allowance: float = 0.0
    updated_at_s: float = 0.0


class Admission:
    """Counts connections, and refuses what the limits of a service do not allow."""

    def __init__(self, service: ServiceSettings) -> None:
        self.connections = 0
        self._clients: dict[str, _Client] = {}
        self._arrivals = 0
        self.configure(service)

    def __len__(self) -> int:
        """Return how many clients are remembered."""
        return len(self._clients)

    def configure(self, service: ServiceSettings) -> None:
        """Take other limits; nobody who is connected is affected."""
        self._limit = service.max_connections
        self._limit_per_client = service.max_connections_per_address
        self._rate = service.connection_rate_per_address
        self._burst = max(1.0, self._rate * _BURST_S)
        self._exempt = [ipaddress.ip_network(network) for network in service.exempt_networks]

    def limited(self, address: str) -> str:
        """Return the client that the limits for one address count; empty when they do not apply."""
        parsed = ipaddress.ip_address(plain(address))
        return "" if any(parsed in network for network in self._exempt) else client_key(address)

    def enter(self, client: str, now_s: float) -> str:
        """Count a new connection of what `limited` returned; `leave` has to be called for it.

        Returns: empty, or which limit forbids it: then nothing is counted.
        """
        if self._limit and self.connections >= self._limit:
            return "connections"
        if client:
            known = self._known(client, now_s)
            if self._limit_per_client and known.connections >= self._limit_per_client:
                return "connections of one address"
            if self._rate and known.allowance < 1:
                return "rate of one address"
            known.allowance -= 1
            known.connections += 1
        self.connections += 1
        return ""

    def leave(self, client: str) -> None:
        """Note that a connection has ended that `enter` had counted."""
        self.connections -= 1
        if client:
            self._clients[client].connections -= 1

    def _known(self, client: str, now_s: float) -> _Client:
        self._arrivals += 1
        if self._arrivals % _SWEEP_EVERY == 0:
            self._forget(now_s)
        known = self._clients.setdefault(client, _Client(0, self._burst, now_s))
        grown = known.allowance + (now_s - known.updated_at_s) * self._rate
        known.allowance, known.updated_at_s = min(self._burst, grown), now_s
        return known

    def _forget(self, now_s: float) -> None:
        for client, known in list(self._clients.items()):
            is_full = now_s - known.updated_at_s >= _BURST_S
            if is_full and not known.connections:
                del self._clients[client]
