"""The ways a file can go: by plain HTTP, the Python client or a page, to one server or the other.

A way is gone once up and once down; what it needs in between is not part of the time.
"""

import asyncio
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from bench.plain_client import Ciphertext, get, put
from client.own_files import FileGrant, Use
from client.seal.encoding import ID_BYTES, b64url_encode
from protocol import bodies
from protocol.ids import FileId, RoomId
from tests.client.crowd import Device
from tests.e2e.file_engine import FileEngine

FETCH = """async (key) => {
  const { engine, room } = globalThis.tested;
  return (await engine.call("fetchAttachment", { room, key, index: 0 })).file.size;
}"""


class Way(Protocol):
    """One way to a server with this process id."""

    pid: int

    async def up(self) -> None: ...

    async def between(self) -> None: ...

    async def down(self) -> None: ...


@dataclass
class ToPlain:
    """Ready bytes to the plain server, part by part as to Sealroom."""

    pid: int
    origin: str
    data: Ciphertext
    target: Path

    async def up(self) -> None:
        await asyncio.to_thread(put, self.origin, "/put/{}", self.data, {})

    async def between(self) -> None:
        pass

    async def down(self) -> None:
        paths = [f"/{number}" for number in range(len(self.data.hashes))]
        await asyncio.to_thread(get, self.origin, paths, self.target, {})


@dataclass
class ToSealroom:
    """Ready bytes through the same calls that the Python client makes."""

    pid: int
    alice: Device
    bob: Device
    room: bytes
    data: Ciphertext
    target: Path
    _file_id: bytes = b""

    @property
    def _path(self) -> str:
        return f"/api/files/{b64url_encode(self._file_id)}"

    async def up(self) -> None:
        self._file_id = os.urandom(ID_BYTES)
        start = bodies.StartFileRequest(
            id=FileId(b64url_encode(self._file_id)),
            room=RoomId(b64url_encode(self.room)),
            size_bytes=self.data.size_bytes,
        )
        api = self.alice.api
        await api.call("POST", "/api/files", bodies.FileState, start)
        parts, granted = f"{self._path}/parts/{{}}", await self._granted(self.alice)
        await asyncio.to_thread(put, api.base_url, parts, self.data, granted)
        await api.call("POST", f"{self._path}/commit", bodies.FileState)

    async def between(self) -> None:
        pass

    async def down(self) -> None:
        origin, paths = self.bob.api.base_url, [f"{self._path}/content"]
        granted = await self._granted(self.bob)
        await asyncio.to_thread(get, origin, paths, self.target, granted)

    async def _granted(self, device: Device) -> dict[str, str]:
        use: Use = "put" if device is self.alice else "get"
        token = await FileGrant(device.api, device.file.state.device, self._file_id, use).ask()
        return {"Authorization": f"Bearer {device.api.access_token}", "X-File-Grant": token}


@dataclass
class ByClient:
    """A file from Alice to Bob, encrypted, signed, sent, fetched, verified and saved."""

    pid: int
    alice: Device
    bob: Device
    room: bytes
    source: Path
    target: Path
    _received: list[Any] = field(default_factory=list)

    async def up(self) -> None:
        await self.alice.engine.send_files(self.room, [self.source])

    async def between(self) -> None:
        self._received = [each for each in await self.bob.read(self.room) if each.files]

    async def down(self) -> None:
        (received,) = self._received
        await self.bob.engine.save_file(received, received.files[0], self.target)


@dataclass
class ByPage:
    """A file from a page to Carol at a terminal, and one from her to the page."""

    pid: int
    page: FileEngine
    carol: Device
    room: bytes
    source: Path
    _sent: int = 0
    _key: str = ""

    async def up(self) -> None:
        self._sent += 1
        await self.page.send(self.source, text=f"up {self._sent}")
        await self.page.received(f"up {self._sent}")

    async def between(self) -> None:
        await self.carol.read(self.room)
        await self.carol.engine.send_files(self.room, [self.source], f"down {self._sent}")
        self._key = await self.page.received(f"down {self._sent}")

    async def down(self) -> None:
        size_bytes = await self.page.page.evaluate(FETCH, self._key)
        if size_bytes != self.source.stat().st_size:
            raise RuntimeError("the page did not get the file")
