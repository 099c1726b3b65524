"""Plain HTTP with bytes that are ready: one connection, one request after the other, no cipher.

What is sent is read from a file, what comes is written to one, and that is on the disk before it
counts as saved, as the Python client does it.
"""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from urllib.parse import urlsplit

from protocol.encoding import b64url
from protocol.limits import FILE_PART_BYTES

PIECE_BYTES = 1_048_576
Headers = dict[str, str]


@dataclass(frozen=True, slots=True)
class Ciphertext:
    """A file as large as a sealed one, and the hashes of its parts, computed beforehand."""

    path: Path
    size_bytes: int
    hashes: tuple[str, ...]

    @classmethod
    def make(cls, path: Path, size_bytes: int) -> "Ciphertext":
        """Write random bytes."""
        hashes = []
        with path.open("wb") as file:
            for start in range(0, size_bytes, FILE_PART_BYTES):
                part = os.urandom(min(FILE_PART_BYTES, size_bytes - start))
                file.write(part)
                hashes.append(b64url(hashlib.sha256(part).digest()))
        return cls(path, size_bytes, tuple(hashes))

    def parts(self) -> Iterator[bytes]:
        """Give the parts, read when they are asked for."""
        with self.path.open("rb") as file:
            for _ in self.hashes:
                yield file.read(FILE_PART_BYTES)


def put(origin: str, path: str, data: Ciphertext, headers: Headers) -> None:
    """PUT each part to `path`, which has a place for its number. Raises: RuntimeError."""
    connection = _connection(origin)
    for number, part in enumerate(data.parts()):
        told = {"Content-Type": "application/octet-stream", "X-Part-Hash": data.hashes[number]}
        connection.request("PUT", path.format(number), part, headers | told)
        _answer(connection).read()
    connection.close()


def get(origin: str, paths: list[str], target: Path, headers: Headers) -> None:
    """GET these, one after another into one file. Raises: RuntimeError."""
    connection, piece = _connection(origin), memoryview(bytearray(PIECE_BYTES))
    with target.open("wb", buffering=0) as file:
        for path in paths:
            connection.request("GET", path, headers=headers)
            answer = _answer(connection)
            while count := answer.readinto(piece):
                file.write(piece[:count])
        os.fsync(file.fileno())
    connection.close()


def _connection(origin: str) -> HTTPConnection:
    parts = urlsplit(origin)
    return HTTPConnection(parts.hostname or "", parts.port, timeout=60)


def _answer(connection: HTTPConnection) -> HTTPResponse:
    answer = connection.getresponse()
    if answer.status >= 300:
        raise RuntimeError(f"HTTP {answer.status}: {answer.read(500)!r}")
    return answer
