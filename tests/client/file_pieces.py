"""Short cuts of the tests of files."""

from collections.abc import Iterator

MIB = 1_048_576


def pattern(length: int) -> bytes:
    """Byte i is i mod 251, so that no two chunks are alike."""
    return (bytes(range(251)) * (length // 251 + 1))[:length]


def in_pieces(data: bytes, size: int) -> Iterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]
