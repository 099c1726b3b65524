"""Byte layouts shared by everything: big-endian integers, length prefixes, tuples, base64url.

    uN(x)               big-endian, N bits
    LP(b)               u32(len b) ‖ b
    T(label, f1..fn)    LP(ascii label) ‖ LP(f1) ‖ … ‖ LP(fn)

`T` is injective: two different tuples never have the same bytes.
Spec: SEAL1 §4.0.
"""

import base64
import binascii

from client.seal.errors import MalformedError

Octets = bytes | bytearray | memoryview
"""Bytes that are read and not kept."""
ID_BYTES = 16
ROOM_ID_BYTES = 32
HASH_BYTES = 32
KEY_BYTES = 32
ZERO_32 = bytes(32)


def u8(value: int) -> bytes:
    """One byte."""
    return value.to_bytes(1, "big")


def u32(value: int) -> bytes:
    """Four bytes, big-endian."""
    return value.to_bytes(4, "big")


def u64(value: int) -> bytes:
    """Eight bytes, big-endian."""
    return value.to_bytes(8, "big")


def lp(data: bytes) -> bytes:
    """`data` behind its length."""
    return u32(len(data)) + data


def t(label: str, *fields: bytes) -> bytes:
    """The tuple of a label and its fields; every signed or hashed object is one."""
    return b"".join(lp(part) for part in (label.encode("ascii"), *fields))


def parse_lp(data: bytes) -> tuple[bytes, ...]:
    """Split a sequence of length-prefixed parts.

    Raises: MalformedError when the parts do not end exactly where the data does
    """
    parts: list[bytes] = []
    position = 0
    while position < len(data):
        start = position + 4
        end = start + int.from_bytes(data[position:start], "big")
        if start > len(data) or end > len(data):
            raise MalformedError("length prefix beyond the data")
        parts.append(data[start:end])
        position = end
    return tuple(parts)


def parse_t(label: str, data: bytes) -> tuple[bytes, ...]:
    """The fields of a tuple that carries `label`.

    Raises: MalformedError for another label or broken prefixes
    """
    parts = parse_lp(data)
    if not parts or parts[0] != label.encode("ascii"):
        raise MalformedError(f"not a {label} tuple")
    return parts[1:]


def require_bytes(data: bytes, length_bytes: int) -> bytes:
    """Return `data` when it has exactly that length.

    Raises: MalformedError
    """
    if len(data) != length_bytes:
        raise MalformedError(f"expected {length_bytes} bytes, got {len(data)}")
    return data


def b64url_encode(data: bytes) -> str:
    """base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def b64url_decode(text: str) -> bytes:
    """Bytes of a base64url text without padding; exactly one text is accepted per value.

    Raises: MalformedError for padding, another alphabet or non-zero unused bits
    """
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise MalformedError("not base64url") from error
    if b64url_encode(data) != text:
        raise MalformedError("not canonical base64url")
    return data
