r"""PROXY headers as a balancer writes them before a client's first byte; bytes in, address out.

    v1   PROXY TCP4 203.0.113.7 198.51.100.1 56324 443\r\n          at most 107 bytes
    v2   \r\n\r\n\0\r\nQUIT\n  version·command  family·transport  u16 length  addresses, TLVs

Both are those of HAProxy's proxy-protocol.txt, sections 2.1 and 2.2. UNKNOWN, LOCAL and what is not
TCP leave the connection its own address: so a balancer's health probes speak. The addresses' block
must be whole; what follows it is skipped. Who may send a header is the caller's business.
"""

import ipaddress
import re
from dataclasses import dataclass

from handlers.networks import plain

V1_BYTES = 107
V2_BYTES = 16 + 4_096  # the addresses and every TLV that is in use fit many times
_V1_START = b"PROXY "
_V2_START = b"\r\n\r\n\0\r\nQUIT\n"
_TELLING = 5  # bytes of `_V2_START` that nothing else begins with
_V1_FAMILY = {"TCP4": ipaddress.IPv4Address, "TCP6": ipaddress.IPv6Address}
_V2_ADDRESSES = {0x10: 12, 0x20: 36, 0x30: 216, 0x00: 0}  # bytes of both, with ports, by family
_PORT = re.compile(r"0|[1-9][0-9]{0,4}")


class ProxyHeaderError(Exception):
    """What begins like a header is none; the text says why, without anything of the header."""


@dataclass(frozen=True, slots=True)
class ProxyHeader:
    """A whole header: how many bytes it takes, and the client, or None for the peer itself."""

    size_bytes: int
    client: str | None


def could_begin(data: bytes) -> bool:
    """Whether `data`, which may be nothing yet, is or could become the beginning of a header."""
    return data.startswith((_V1_START, _V2_START[:_TELLING])) or (
        len(data) < len(_V1_START) and (_V1_START.startswith(data) or _V2_START.startswith(data))
    )


def read(data: bytes) -> ProxyHeader | None:
    """Return the header that `data` begins with, or None while that is not whole.

    Of data that `could_begin` one. Raises: ProxyHeaderError as soon as it cannot become one.
    """
    return _read_v1(data) if _V1_START.startswith(data[: len(_V1_START)]) else _read_v2(data)


def _read_v1(data: bytes) -> ProxyHeader | None:
    end = data.find(b"\r\n", 0, V1_BYTES)
    if end < 0:
        if len(data) >= V1_BYTES or b"\n" in data:
            raise ProxyHeaderError("no CRLF in time")
        return None
    try:
        fields = data[len(_V1_START) : end].decode("ascii").split(" ")
    except UnicodeDecodeError as error:
        raise ProxyHeaderError("not ASCII") from error
    return ProxyHeader(end + 2, None if fields[0] == "UNKNOWN" else _client(fields))


def _client(fields: list[str]) -> str:
    """Return the source of: family, source, destination, source port, destination port."""
    family = _V1_FAMILY.get(fields[0])
    if family is None or len(fields) != 5:
        raise ProxyHeaderError("unknown protocol or another number of fields")
    for port in fields[3:]:
        if not _PORT.fullmatch(port) or int(port) > 0xFFFF:
            raise ProxyHeaderError("not a port")
    try:
        source, destination = (family(address) for address in fields[1:3])
    except ValueError as error:
        raise ProxyHeaderError("not an address of its family") from error
    if "%" in str(source) + str(destination):
        raise ProxyHeaderError("an address with a zone")
    return plain(str(source))


def _read_v2(data: bytes) -> ProxyHeader | None:
    if not _V2_START.startswith(data[: len(_V2_START)]):
        raise ProxyHeaderError("not the signature")
    if len(data) < 16:
        return None
    command, kind, size = data[12], data[13], 16 + int.from_bytes(data[14:16], "big")
    if command not in (0x20, 0x21):
        raise ProxyHeaderError("unknown version or command")
    if size > V2_BYTES:
        raise ProxyHeaderError("too long")
    if command == 0x21:
        _check_v2(kind, size)
    if len(data) < size:
        return None
    source = {0x11: data[16:20], 0x21: data[16:32]}.get(kind) if command == 0x21 else None
    return ProxyHeader(size, plain(str(ipaddress.ip_address(source))) if source else None)


def _check_v2(kind: int, size: int) -> None:
    family, transport = kind & 0xF0, kind & 0x0F
    if family not in _V2_ADDRESSES or transport > 2:
        raise ProxyHeaderError("unknown family or transport")
    if size < 16 + _V2_ADDRESSES[family]:
        raise ProxyHeaderError("too short for its addresses")
