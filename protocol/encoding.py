"""Bytes on the wire (base64url without padding, RFC 4648 §5), and the tuple T of SEAL1 §4.0."""

import base64
import binascii

from protocol.errors import AppError, ErrorCode


def b64url(data: bytes) -> str:
    """Encode without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def parse_b64url(text: str, length: int | None = None) -> bytes:
    """Decode canonical unpadded base64url.

    Args:
        length: the exact number of bytes the value must have, where the caller knows it.

    Raises: AppError(bad_request) for padding, foreign characters, a non-canonical last character
    or a wrong length: one value has exactly one accepted spelling.
    """
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise AppError(ErrorCode.BAD_REQUEST, "not base64url") from error
    if b64url(data) != text or (length is not None and len(data) != length):
        raise AppError(ErrorCode.BAD_REQUEST, "base64url value of the wrong length or spelling")
    return data


def checked_bytes(text: str) -> bytes:
    """Decode what a canonical pattern has already admitted."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def lp(data: bytes) -> bytes:
    """Prefix with the length as a big-endian u32 (SEAL1 §4.0 LP)."""
    return len(data).to_bytes(4, "big") + data


def sealed_tuple(label: str, *fields: bytes) -> bytes:
    """Join label and fields so that no two different inputs give the same bytes (SEAL1 §4.0 T)."""
    return lp(label.encode("ascii")) + b"".join(map(lp, fields))


def split_sealed_tuple(data: bytes) -> list[bytes]:
    """Split what `sealed_tuple` joined; the label is the first element.

    Raises: AppError(bad_request) when a length runs past the end.
    """
    parts: list[bytes] = []
    at = 0
    while at < len(data):
        end = at + 4 + int.from_bytes(data[at : at + 4], "big")
        if len(data) - at < 4 or end > len(data):
            raise AppError(ErrorCode.BAD_REQUEST, "truncated tuple")
        parts.append(data[at + 4 : end])
        at = end
    return parts
