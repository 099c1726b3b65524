"""The two ways of a part: through the server, or past it when a grant says `direct`.

    address ─▶ bucket ─▶ arrived          PUT parts/n, GET content: what always works

Whatever does not work at the bucket goes through the server, and so does the rest of that file.
"""

from collections.abc import Awaitable, Callable
from typing import Protocol

import msgspec

from client.bucket import BucketConnections
from client.errors import RefusedError
from client.seal.encoding import Octets, b64url_encode
from protocol import bodies

OCTETS = "application/octet-stream"
JSON = {"Content-Type": "application/json"}
NOT_THAT_WAY = ("not_found", "bad_part")
"""Refusals that may concern the way only; the other one tells whether the file is there."""


class FileAccess(Protocol):
    """What gets somebody at the bytes of one file."""

    @property
    def bucket(self) -> BucketConnections: ...

    async def is_direct(self) -> bool:
        """Whether parts go past the server. Raises: RefusedError; OSError."""
        ...

    async def move(
        self,
        method: str,
        what: str,
        headers: dict[str, str],
        body: Octets | None = None,
        into: memoryview | None = None,
    ) -> memoryview:
        """One call about the file's bytes as `Api.transfer`, repeated while that can help.

        Raises: RefusedError; OSError
        """
        ...


class PartWay:
    """Takes the parts of one file to and fro."""

    def __init__(self, access: FileAccess) -> None:
        self._access = access
        self._is_open = True

    async def put(self, number: int, part: memoryview, digest: bytes) -> None:
        """Send a part; it is durable when this returns. Raises: RefusedError; OSError."""
        if not await self._went_past(lambda: self._put_past(number, part, digest)):
            headers = {"Content-Type": OCTETS, "X-Part-Hash": b64url_encode(digest)}
            await self._access.move("PUT", f"parts/{number}", headers, part)

    async def get(self, number: int, start: int, memory: memoryview) -> memoryview:
        """Fetch the part that begins at `start` and fills the memory; it is not verified here.

        Raises: RefusedError; OSError
        """
        if await self._went_past(lambda: self._get_past(number, memory)):
            return memory
        headers = {"Range": f"bytes={start}-{start + len(memory) - 1}"}
        return await self._access.move("GET", "content", headers, into=memory)

    async def _went_past(self, move: Callable[[], Awaitable[bool]]) -> bool:
        """Move a part past the server if that works; where it does not, no further one tries."""
        if not self._is_open or not await self._access.is_direct():
            return False
        try:
            went = await move()
        except RefusedError as error:
            if error.code not in NOT_THAT_WAY:
                raise
            went = False
        if not went:
            self._is_open = False
        return went

    async def _put_past(self, number: int, part: memoryview, digest: bytes) -> bool:
        said = msgspec.json.encode(bodies.PartHash(hash=b64url_encode(digest)))
        answer = await self._access.move("POST", f"parts/{number}/address", JSON, said)
        address = msgspec.json.decode(answer, type=bodies.PutAddress)
        if not await self._access.bucket.put(address, part):
            return False
        await self._access.move("POST", f"parts/{number}/arrived", JSON, said)
        return True

    async def _get_past(self, number: int, memory: memoryview) -> bool:
        answer = await self._access.move("GET", f"parts/{number}/address", {})
        address = msgspec.json.decode(answer, type=bodies.GetAddress)
        return await self._access.bucket.get(address, memory)
