"""Network addresses in their usual spelling, and networks that are trusted with something."""

import ipaddress
from collections.abc import Iterable

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def plain(address: str) -> str:
    """Return an address without zone; IPv4 inside IPv6 as IPv4. Raises: ValueError."""
    parsed = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(parsed)


class Networks:
    """A set of addresses."""

    def __init__(self, networks: Iterable[str] = ()) -> None:
        self._networks: list[_Network] = [ipaddress.ip_network(network) for network in networks]

    def __contains__(self, address: str) -> bool:
        parsed = ipaddress.ip_address(address)
        return any(parsed in network for network in self._networks)
