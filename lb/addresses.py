"""Host and port, and what of a client's address its user cannot change at will."""

import ipaddress
from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Address:
    """Where something listens; `str` writes it as `parse_address` reads it."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_address(text: str) -> Address:
    """Read `host:port`, `[IPv6]:port`, or a port alone, which means every address of the machine.

    Raises: ValueError
    """
    host, _, port = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = str(ipaddress.IPv6Address(host[1:-1]))
    elif ":" in host or text.startswith(":"):
        raise ValueError("neither host:port nor [IPv6]:port")
    if not (port.isascii() and port.isdecimal()) or int(port) > 0xFFFF:
        raise ValueError("no port from 0 to 65535")
    return Address(host or "0.0.0.0", int(port))  # noqa: S104 - what a port alone has always meant


def plain(address: str) -> str:
    """Return an address as `getpeername` gives it without zone, and IPv4 inside IPv6 as IPv4."""
    if ":" not in address:
        return address
    parsed = ipaddress.IPv6Address(address.partition("%")[0])
    return str(parsed.ipv4_mapped or parsed)


def client_key(address: str) -> str:
    """Return what stands for a client: an IPv4 address, or the /64 of an IPv6 address.

    One household or one server is given a whole /64, so within it addresses cost nothing.
    """
    address = plain(address)
    if ":" not in address:
        return address
    return str(ipaddress.IPv6Address(int(ipaddress.IPv6Address(address)) >> 64 << 64))
