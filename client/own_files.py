"""Files of this device: put on the server for a room or a transfer, and fetched with its grant.

    path ─▶ pad ─▶ Cobblestone ─▶ parts ─▶ server        key, root, name ─▶ whoever it is for

Spec: docs/crypto.md §10; docs/protocol.md, Files.
"""

import mimetypes
import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Literal

from client.api import Api
from client.bucket import BucketConnections
from client.errors import RefusedError
from client.file_parts import FileParts, again
from client.local_files import pieces
from client.people import People
from client.progress import Moved, Watch, readable, unwatched
from client.seal.cobblestone import encrypt_file
from client.seal.encoding import ID_BYTES, KEY_BYTES, Octets, b64url_encode, t, u64
from client.seal.file_names import is_media_type, to_file_name
from client.seal.files import FileManifest, PartList, file_context, pad_file, sealed_bytes
from client.seal.identity import LocalDevice
from client.seal.labels import Purpose
from client.state import StateFile
from protocol import bodies
from protocol.ids import FileId, RoomId, TransferId

Use = Literal["put", "get"]


class OwnFiles:
    """Moves files of the device whose state this is."""

    def __init__(self, api: Api, file: StateFile, watch: Watch = unwatched) -> None:
        self._api = api
        self._file = file
        self._watch = watch
        self._parts = FileParts()

    async def require_taken(self, paths: Sequence[Path]) -> None:
        """Refuse what the server would not take, before anything is encrypted.

        Raises: RefusedError `too_large`; OSError
        """
        largest = (await People(self._api).me()).server.file_bytes
        for path in paths:
            if path.stat().st_size > largest:
                message = f"{path.name} is larger than {readable(largest)}, which this server takes"
                raise RefusedError({"code": "too_large", "message": message})

    async def upload(
        self, path: Path, *, room: RoomId | None = None, transfer: TransferId | None = None
    ) -> FileManifest:
        """Encrypt a file and put it on the server, for one of the two; nobody knows of it yet.

        Raises: RefusedError; MalformedError when the file changes meanwhile; OSError
        """
        await self.require_taken([path])
        file_id, file_key = os.urandom(ID_BYTES), os.urandom(KEY_BYTES)
        with path.open("rb") as file:
            size_bytes = os.fstat(file.fileno()).st_size
            padded = pad_file(pieces(file), size_bytes)
            start = bodies.StartFileRequest(
                id=FileId(b64url_encode(file_id)),
                room=room,
                transfer=transfer,
                size_bytes=sealed_bytes(size_bytes),
            )
            encrypted = encrypt_file(file_key, file_context(file_id), padded)
            with self._watch(path.name, size_bytes) as moved:
                parts = await self._put_all(file_id, start, encrypted, moved)
        mime = mimetypes.guess_type(path.name)[0] or ""
        return FileManifest(
            file_id=file_id,
            size_bytes=size_bytes,
            encrypted_bytes=parts.size_bytes,
            root=parts.root(file_id),
            name=to_file_name(path.name),
            mime=mime if is_media_type(mime) else "",
            file_key=file_key,
        )

    async def fetch(self, manifest: FileManifest, write: Callable[[bytes], object]) -> None:
        """Fetch and decrypt; what was written is the file only when this returns.

        Raises: DecryptError `auth-failed`; RefusedError; OSError
        """
        grant = FileGrant(self._api, self._file.state.device, manifest.file_id, "get")
        with self._watch(manifest.name, manifest.size_bytes) as moved:
            await self._parts.get_all(grant, manifest, write, moved)

    async def fetch_encrypted(
        self, manifest: FileManifest, write: Callable[[Octets], object]
    ) -> None:
        """Fetch as it is on the server; see `FileParts.get_encrypted`.

        Raises: DecryptError `auth-failed`; RefusedError; OSError
        """
        grant = FileGrant(self._api, self._file.state.device, manifest.file_id, "get")
        with self._watch(manifest.name, manifest.size_bytes) as moved:
            await self._parts.get_encrypted(grant, manifest, write, moved)

    async def _put_all(
        self,
        file_id: bytes,
        start: bodies.StartFileRequest,
        encrypted: Iterator[bytes],
        moved: Moved,
    ) -> PartList:
        await again(lambda: self._api.call("POST", "/api/files", bodies.FileState, start))
        grant = FileGrant(self._api, self._file.state.device, file_id, "put")
        parts = await self._parts.put_all(grant, encrypted, moved)
        path = f"/api/files/{start.id}/commit"
        await again(lambda: self._api.call("POST", path, bodies.FileState))
        return parts


class FileGrant:
    """A token for one file, renewed with the device's key when it runs out (S2-6)."""

    def __init__(self, api: Api, device: LocalDevice, file_id: bytes, use: Use) -> None:
        self._api = api
        self._device = device
        self._file_id = file_id
        self._use: Use = use
        self._token = ""
        self._is_direct = False

    @property
    def bucket(self) -> BucketConnections:
        return self._api.bucket

    async def is_direct(self) -> bool:
        if not self._token:
            self._token = await again(self.ask)
        return self._is_direct

    async def move(
        self,
        method: str,
        what: str,
        headers: dict[str, str],
        body: Octets | None = None,
        into: memoryview | None = None,
    ) -> memoryview:
        path = f"/api/files/{b64url_encode(self._file_id)}/{what}"

        async def granted() -> memoryview:
            if not self._token:
                self._token = await self.ask()
            grant = headers | {"X-File-Grant": self._token}
            return await self._api.transfer(method, path, grant, body, into)

        async def once() -> memoryview:
            try:
                return await granted()
            except RefusedError as error:
                if error.code != "bad_grant":
                    raise
            self._token = ""
            return await granted()

        return await again(once)

    async def ask(self) -> str:
        """Sign for a token, which is good for some minutes. Raises: RefusedError; OSError."""
        issued_ms, own = time.time_ns() // 1_000_000, self._device
        ids = (self._file_id, self._use.encode(), own.user_id, own.device_id)
        signature = own.signing_key.sign(Purpose.FILE_GRANT, t("", *ids, u64(issued_ms)))
        request = bodies.GrantRequest(
            purpose=self._use, issued_ms=issued_ms, sig=b64url_encode(signature)
        )
        path = f"/api/files/{b64url_encode(self._file_id)}/grant"
        grant = await self._api.call("POST", path, bodies.Grant, request)
        self._is_direct = grant.direct
        return grant.token
