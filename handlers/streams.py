"""Connections as bytes: strict about the ends of lines, and bodies can go where they belong.

Tornado copies a body four times between the socket and whoever wants it, 64 KiB at a time. Whoever
has memory ready for a body lends it to the stream, and the system writes there.
"""

from collections.abc import Awaitable, Callable
from typing import cast

from tornado.httputil import HTTPInputError
from tornado.iostream import IOStream

RECEIVE_BYTES = 512 * 1024  # of a body at once: a fifth of a millisecond of the event loop


class Stream(IOStream):
    """Tornado's stream, for requests."""

    _room: Callable[[], memoryview] | None = None

    def receive_into(self, room: Callable[[], memoryview] | None) -> None:
        """Put what comes of a body into memory that somebody lends, until this is called again.

        Args:
            room: returns where the next bytes go. They are passed on as a view of that, or as bytes
                of their own where there is no room. None: nobody lends any.
        """
        self._room = room

    async def read_until_regex(self, regex: bytes, max_bytes: int | None = None) -> bytes:
        """End header lines with CRLF only: two readers of one LF could see two requests (S-50)."""
        head = await super().read_until_regex(regex, max_bytes)
        if head.count(b"\n") != head.count(b"\r\n"):
            raise HTTPInputError("a line feed alone")
        return head

    def read_bytes(self, num_bytes: int, partial: bool = False) -> Awaitable[bytes]:
        if self._room is None or not partial:
            return super().read_bytes(num_bytes, partial)
        # Whoever reads a body counts its bytes and passes them on, and nothing else.
        return cast(Awaitable[bytes], self._receive(self._room, num_bytes))

    async def _receive(self, room: Callable[[], memoryview], num_bytes: int) -> memoryview | bytes:
        # Asked only now: what came before has been passed on by the time that this is awaited.
        if lent := room()[:num_bytes]:
            return lent[: await self.read_into(cast(bytearray, lent), partial=True)]
        return await super().read_bytes(num_bytes, partial=True)
