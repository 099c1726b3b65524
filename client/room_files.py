"""Files in a room: sent part by part while they are encrypted, and received the other way round.

    path ─▶ pad ─▶ Cobblestone ─▶ parts of 4 MiB ─▶ PUT        manifest, signed ─▶ message
    message ─▶ signature ─▶ list of hashes ─▶ root ─▶ parts ─▶ tags, padding ─▶ path

A part is on its way while the next one is being encrypted, so a file of any size needs the memory
of two. What is received gets its name only when everything has been verified.
Spec: SEAL1 §4.12; docs/crypto.md §10; docs/protocol.md, Files.
"""

import asyncio
import hashlib
import mimetypes
import os
import time
from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Literal, TypeVar

from tornado.httpclient import HTTPError

from client.api import Api
from client.errors import RefusedError
from client.incoming import Received
from client.local_files import new_file, pieces
from client.outgoing import Content
from client.seal.cobblestone import decrypt_file, encrypt_file
from client.seal.encoding import ID_BYTES, KEY_BYTES, b64url_encode, t, u64
from client.seal.errors import DecryptError, DecryptReason, MalformedError
from client.seal.file_names import is_media_type, to_file_name
from client.seal.files import (
    PART_BYTES,
    FileContext,
    FileManifest,
    PartHasher,
    PartList,
    file_context,
    pad_file,
    parse_manifest,
    sealed_bytes,
    unpad_file,
)
from client.seal.identity import LocalDevice
from client.seal.labels import Purpose
from client.state import StateFile
from protocol import bodies
from protocol.ids import FileId, RoomId
from protocol.limits import FILES_PER_MESSAGE

OCTETS = "application/octet-stream"
RETRY_S = (0.5, 1.0, 2.0, 4.0, 8.0)
"""How long a part waits before it is sent or asked for again; then the transfer has failed."""
TRANSFERS_AT_ONCE = 4
RETRYABLE = ("unavailable", "rate_limited", "internal")

Use = Literal["put", "get"]
T = TypeVar("T")


class RoomFiles:
    """Moves files of the device whose state this is."""

    def __init__(self, api: Api, file: StateFile) -> None:
        self._api = api
        self._file = file
        # Its own: a transfer holds its thread while the event loop looks names up in the others.
        self._threads = ThreadPoolExecutor(TRANSFERS_AT_ONCE, thread_name_prefix="files")

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    @property
    def _device(self) -> LocalDevice:
        return self._file.state.device

    async def upload(self, room_id: bytes, path: Path) -> FileManifest:
        """Encrypt a file and put it on the server; nobody knows of it until a message says so.

        Raises: RefusedError; MalformedError when the file changes meanwhile; OSError
        """
        file_id, file_key = os.urandom(ID_BYTES), os.urandom(KEY_BYTES)
        with path.open("rb") as file:
            size_bytes = os.fstat(file.fileno()).st_size
            padded = pad_file(pieces(file), size_bytes)
            encrypted = encrypt_file(file_key, file_context(file_id), padded)
            parts = await self._put_all(room_id, file_id, encrypted, sealed_bytes(size_bytes))
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

    def content(
        self, room_id: bytes, message_id: bytes, manifests: list[FileManifest], text: str = ""
    ) -> Content:
        """The JSON of a message that brings files, signed for exactly this message.

        Raises: MalformedError for no file, or more than FILES_PER_MESSAGE
        """
        require_count(len(manifests))
        own = self._device
        context = FileContext(room_id, message_id, own.user_id, own.device_id)
        records = [each.dump(each.sign(context, own.signing_key)) for each in manifests]
        return {"t": "files", "body": text, "files": records}

    async def download(
        self, received: Received, record: dict[str, object], signing_key: bytes, target: Path
    ) -> FileManifest:
        """Fetch, verify and save one file of a message.

        Args:
            signing_key: of the device that sent the message, 65 bytes, from its verified list

        Atomicity: `target` is whole and verified or not there; one that is there already stays
        Raises: TrustError `bad-signature`, DecryptError `auth-failed`, MalformedError, and then
            nothing is saved; RefusedError; FileExistsError; OSError
        """
        manifest, signature = parse_manifest(record)
        manifest.verify(
            FileContext(
                received.room_id,
                received.message_id,
                received.sender_user,
                received.sender_device,
            ),
            signing_key,
            signature,
        )
        with new_file(target) as output:
            await self._get_all(manifest, output.write)
        return manifest

    async def _put_all(
        self, room_id: bytes, file_id: bytes, encrypted: Iterator[bytes], size_bytes: int
    ) -> PartList:
        name, room = b64url_encode(file_id), RoomId(b64url_encode(room_id))
        start = bodies.StartFileRequest(id=FileId(name), room=room, size_bytes=size_bytes)
        await _again(lambda: self._api.call("POST", "/api/files", bodies.FileState, start))
        grant, begin = _Grant(self._api, self._device, file_id, "put"), _beginner()

        def send() -> PartList:
            hasher, under_way = PartHasher(), None
            try:
                for number, part in enumerate(_regrouped(encrypted)):
                    hasher.update(part)
                    if under_way is not None:
                        under_way.result()
                    under_way = begin(self._put(grant, number, part))
            finally:
                wait([] if under_way is None else [under_way])
            if under_way is not None:
                under_way.result()
            return hasher.finish()

        parts = await self._in_thread(send)
        path = f"/api/files/{name}/commit"
        await _again(lambda: self._api.call("POST", path, bodies.FileState))
        return parts

    async def _put(self, grant: "_Grant", number: int, part: bytes) -> None:
        digest = b64url_encode(hashlib.sha256(part).digest())
        headers = {"Content-Type": OCTETS, "X-Part-Hash": digest}
        await grant.transfer("PUT", f"parts/{number}", headers, part)

    async def _get_all(self, manifest: FileManifest, write: Callable[[bytes], object]) -> None:
        grant, begin = _Grant(self._api, self._device, manifest.file_id, "get"), _beginner()
        parts = PartList(manifest.encrypted_bytes, await grant.transfer("GET", "hashes", {}))
        try:
            root = parts.root(manifest.file_id)
        except MalformedError as error:
            raise DecryptError(DecryptReason.AUTH_FAILED) from error
        if root != manifest.root:
            raise DecryptError(DecryptReason.AUTH_FAILED)

        def fetched() -> Generator[bytes, None, None]:
            starts = range(0, manifest.encrypted_bytes, PART_BYTES)
            under_way = begin(self._get(grant, manifest, starts[0]))
            try:
                for number in range(len(starts)):
                    part = under_way.result()
                    if number + 1 < len(starts):
                        under_way = begin(self._get(grant, manifest, starts[number + 1]))
                    parts.require_part(number, part)
                    yield part
            finally:
                wait([under_way])  # whatever went wrong, no connection is left behind

        def save() -> None:
            context, arriving = file_context(manifest.file_id), fetched()
            padded = decrypt_file(manifest.file_key, context, arriving)
            try:
                for piece in unpad_file(padded, manifest.size_bytes):
                    write(piece)
            finally:
                arriving.close()

        await self._in_thread(save)

    async def _get(self, grant: "_Grant", manifest: FileManifest, start: int) -> bytes:
        last = min(start + PART_BYTES, manifest.encrypted_bytes) - 1
        return await grant.transfer("GET", "content", {"Range": f"bytes={start}-{last}"})


def require_count(files: int) -> None:
    """Refuse what no message can bring. Raises: MalformedError."""
    if not 1 <= files <= FILES_PER_MESSAGE:
        raise MalformedError(f"a message brings 1 to {FILES_PER_MESSAGE} files")


class _Grant:
    """A token for one file, renewed with the device's key when it runs out (S2-6)."""

    def __init__(self, api: Api, device: LocalDevice, file_id: bytes, use: Use) -> None:
        self._api = api
        self._device = device
        self._file_id = file_id
        self._use: Use = use
        self._token = ""

    async def transfer(
        self, method: str, what: str, headers: dict[str, str], body: bytes | None = None
    ) -> bytes:
        """One call about the file's bytes, repeated while that can help. Raises: RefusedError."""
        path = f"/api/files/{b64url_encode(self._file_id)}/{what}"

        async def once() -> bytes:
            if not self._token:
                self._token = await self._ask()
            granted = headers | {"X-File-Grant": self._token}
            try:
                return await self._api.transfer(method, path, granted, body)
            except RefusedError as error:
                if error.code != "bad_grant":
                    raise
            self._token = await self._ask()
            granted = headers | {"X-File-Grant": self._token}
            return await self._api.transfer(method, path, granted, body)

        return await _again(once)

    async def _ask(self) -> str:
        issued_ms, own = time.time_ns() // 1_000_000, self._device
        ids = (self._file_id, self._use.encode(), own.user_id, own.device_id)
        signature = own.signing_key.sign(Purpose.FILE_GRANT, t("", *ids, u64(issued_ms)))
        request = bodies.GrantRequest(
            purpose=self._use, issued_ms=issued_ms, sig=b64url_encode(signature)
        )
        path = f"/api/files/{b64url_encode(self._file_id)}/grant"
        return (await self._api.call("POST", path, bodies.Grant, request)).token


async def _again(call: Callable[[], Awaitable[T]]) -> T:
    """Call, and again after a while when nothing answers or the server asks for patience.

    Raises: what `call` raises the last time; OSError when nothing answers even then
    """
    for pause_s in RETRY_S:
        try:
            return await call()
        except RefusedError as error:
            if error.code not in RETRYABLE:
                raise
        except (HTTPError, OSError):
            pass
        await asyncio.sleep(pause_s)
    try:
        return await call()
    except HTTPError as error:
        raise ConnectionError(f"the server does not answer: {error}") from error


def _beginner() -> Callable[[Coroutine[None, None, T]], "Future[T]"]:
    """Return what lets a thread have the event loop do something meanwhile."""
    loop = asyncio.get_running_loop()
    return lambda work: asyncio.run_coroutine_threadsafe(work, loop)


def _regrouped(encrypted: Iterable[bytes]) -> Iterator[bytes]:
    """Cut into parts of PART_BYTES; the last one is what remains."""
    held = bytearray()
    for piece in encrypted:
        held += piece
        while len(held) >= PART_BYTES:
            yield bytes(held[:PART_BYTES])
            del held[:PART_BYTES]
    if held:
        yield bytes(held)
