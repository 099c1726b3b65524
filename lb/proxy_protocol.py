"""The PROXY header: who the client is, told to a worker before the client's first byte.

    v1   PROXY TCP4 203.0.113.7 198.51.100.1 56324 443 CR LF
    v2   signature (12) · 2, command · family, transport · length (2) · addresses and ports

The reading side is the server's; `tests/vectors/proxy_protocol.json` keeps the two equal.

Spec: proxy-protocol.txt of HAProxy, sections 2.1 and 2.2
"""

import ipaddress
import struct

from lb.addresses import plain

_SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
_LOCAL, _PROXY = 0x20, 0x21
_UNSPECIFIED, _TCP4, _TCP6 = 0x00, 0x11, 0x21

Endpoint = tuple[str, int]  # address without zone, and port


def header(version: str, client: Endpoint, local: Endpoint) -> bytes:
    """Return what tells a worker of a relayed connection.

    Args:
        version: none, v1 or v2.
        client: where the connection comes from.
        local: where it was accepted.
    """
    if version == "none":
        return b""
    source, destination = (ipaddress.ip_address(plain(side[0])) for side in (client, local))
    ports = client[1], local[1]
    if source.version != destination.version:
        return _unknown(version)
    if version == "v1":
        return (
            f"PROXY TCP{source.version} {source} {destination} {ports[0]} {ports[1]}\r\n".encode()
        )
    block = source.packed + destination.packed + struct.pack(">HH", *ports)
    return _v2(_PROXY, _TCP4 if source.version == 4 else _TCP6, block)


def own_header(version: str, local: Endpoint, worker: Endpoint) -> bytes:
    """Return what begins a connection of the balancer's own, such as a health check.

    Version 2 has a command for it; in version 1 the addresses of the connection itself say it.
    """
    return _v2(_LOCAL, _UNSPECIFIED, b"") if version == "v2" else header(version, local, worker)


def _unknown(version: str) -> bytes:
    """Return the header for addresses that no header can hold together."""
    return b"PROXY UNKNOWN\r\n" if version == "v1" else _v2(_PROXY, _UNSPECIFIED, b"")


def _v2(command: int, family: int, block: bytes) -> bytes:
    return _SIGNATURE + struct.pack(">BBH", command, family, len(block)) + block
