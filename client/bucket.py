"""Parts at addresses in a bucket, which a server has signed (docs/protocol.md, Files).

A server is not believed further than this: an address is `https`, or on loopback like the server
itself, and only headers that a bucket reads go along. No log-in, grant, cookie or proxy does, no
redirect is followed, and no address stands in an error.
"""

from collections.abc import Mapping
from contextlib import suppress
from urllib.parse import urlsplit

from client.octets import OctetConnections
from client.seal.encoding import Octets
from protocol import bodies

LOOPBACK = ("localhost", "127.0.0.1", "::1")


class BucketConnections:
    """Connections to the bucket of one server; to one place at a time, which is where it is."""

    def __init__(self, base_url: str) -> None:
        self._is_near = urlsplit(base_url).hostname in LOOPBACK
        self._origin = ""
        self._connections: OctetConnections | None = None

    def close(self) -> None:
        """End every call that is under way, and give the connections back."""
        if self._connections is not None:
            self._connections.close()

    async def put(self, address: bodies.PutAddress, part: Octets) -> bool:
        """Send a part; returns whether the bucket has taken it."""
        if not all(map(_is_harmless, address.headers)):
            return False
        return await self._call("PUT", address.url, address.headers, part, None) is not None

    async def get(self, address: bodies.GetAddress, into: memoryview) -> bool:
        """Fetch a part; returns whether the bucket has filled the memory."""
        part = await self._call("GET", address.url, {}, None, into)
        return part is not None and len(part) == len(into)

    async def _call(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: Octets | None,
        into: memoryview | None,
    ) -> memoryview | None:
        """Return what was answered, None for anything but success."""
        with suppress(OSError, ValueError):
            connections, place = self._connected(url)
            status, answer = await connections.call(method, place, dict(headers), body, into)
            return answer if status == 200 else None
        return None

    def _connected(self, url: str) -> tuple[OctetConnections, str]:
        """Return the connections, and what stands behind the origin. Raises: ValueError."""
        parts = urlsplit(url)
        is_safe = parts.scheme == "https" or (
            parts.scheme == "http" and self._is_near and parts.hostname in LOOPBACK
        )
        is_whole = bool(parts.hostname) and parts.port != 0 and "@" not in parts.netloc
        if not (is_safe and is_whole and _is_plain(url)):
            raise ValueError("not an address of a bucket")
        origin = f"{parts.scheme}://{parts.netloc}"
        if self._connections is None or origin != self._origin:
            self.close()
            self._origin, self._connections = origin, OctetConnections(origin)
        return self._connections, f"{parts.path}?{parts.query}"


def _is_harmless(header: str) -> bool:
    name = header.lower()
    return name == "content-type" or name.startswith("x-amz-")


def _is_plain(url: str) -> bool:
    return url.isascii() and url.isprintable() and " " not in url
