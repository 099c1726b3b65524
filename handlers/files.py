"""/api/files: ciphertext in parts, up and down.

    POST /api/files                      announce; the same again tells what is here
    POST /api/files/{id}/grant           a device's signature for a token (S2-6)
    PUT  /api/files/{id}/parts/{n}       one part, application/octet-stream
    POST /api/files/{id}/commit          whole from now on
    GET  /api/files/{id}/hashes          SHA-256 of each part, one after another
    GET  /api/files/{id}/content         ciphertext, or a Range of it

What is downloaded is never a page: no type, no name, a sandbox (S-41). A reader that does not read
is cut, not buffered.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from typing import cast

from tornado.http1connection import HTTP1Connection
from tornado.iostream import StreamClosedError
from tornado.routing import URLSpec
from tornado.web import stream_request_body

from handlers.base import BaseHandler
from handlers.security import guard
from handlers.streams import Stream
from models.blobs import Piece
from models.files import File
from protocol import bodies
from protocol.encoding import parse_b64url
from protocol.errors import AppError, ErrorCode
from protocol.ids import FileId
from protocol.limits import (
    FILE_PART_BYTES,
    PART_SECONDS,
    PIECE_READ_SECONDS,
)
from services.files import FileService
from services.logins import LoginService
from services.receiving import Arriving

FILE_ID = r"(?P<file_id>[A-Za-z0-9_-]{21}[AQgw])"
FILE = rf"/api/files/{FILE_ID}"
GRANT_HEADER = "X-File-Grant"
HASH_HEADER = "X-Part-Hash"
HASH_BYTES = 32
OCTETS = "application/octet-stream"

_RANGE = re.compile(r"bytes=(\d{1,15})?-(\d{1,15})?")


class _Handler(BaseHandler):
    def initialize(self, *, logins: LoginService, files: FileService) -> None:
        self.logins = logins
        self.files = files

    @property
    def grant(self) -> str:
        return self.request.headers.get(GRANT_HEADER, "")


class FilesHandler(_Handler):
    """A new file."""

    async def post(self) -> None:
        asked = self.read(bodies.StartFileRequest)
        file, received = await self.files.begin(self.principal, asked)
        self.answer(_state(file, received), 201)


class FileHandler(_Handler):
    """One's own file."""

    async def get(self, file_id: str) -> None:
        file, received = await self.files.state(self.principal, FileId(file_id))
        self.answer(_state(file, received))

    async def delete(self, file_id: str) -> None:
        await self.files.remove(self.principal, FileId(file_id))
        self.answer(bodies.Empty())


class GrantHandler(_Handler):
    """A device's signature for a token."""

    async def post(self, file_id: str) -> None:
        asked = self.read(bodies.GrantRequest)
        file, token, expires_ms = await self.files.grant(self.principal, FileId(file_id), asked)
        self.answer(
            bodies.Grant(
                token=token,
                expires_ms=expires_ms,
                size_bytes=file.size_bytes,
                direct=self.files.is_direct,
            )
        )


class CommitHandler(_Handler):
    """The end of an upload."""

    async def post(self, file_id: str) -> None:
        self.read(bodies.Empty)
        file = await self.files.commit(self.principal, FileId(file_id))
        self.answer(_state(file, list(range(file.parts))))


@stream_request_body
class PartHandler(_Handler):
    """One part on its way up; refused before it is read when it cannot be taken."""

    def initialize(self, *, logins: LoginService, files: FileService) -> None:
        super().initialize(logins=logins, files=files)
        self._part: Arriving | None = None
        self._is_storing = self._is_cut = False

    @guard
    async def prepare(self) -> None:
        # What is refused is read all the same, up to a point, so that the answer can be heard.
        connection = cast(HTTP1Connection, self.request.connection)
        connection.set_max_body_size(2 * FILE_PART_BYTES)
        await super().prepare()
        if int(self.request.headers.get("Content-Length", "0")) > FILE_PART_BYTES:
            raise AppError(ErrorCode.TOO_LARGE)
        if self.request.headers.get("Content-Type", "") != OCTETS:
            raise AppError(ErrorCode.UNSUPPORTED_MEDIA_TYPE)
        connection.set_body_timeout(PART_SECONDS)
        self._file = await self.files.for_part(
            self.principal, FileId(self.path_kwargs["file_id"]), self._number, self.grant
        )
        if not self._is_cut:  # nobody would count it out again
            self._part = self.files.begin_part(self.principal)
            self._stream = cast(Stream, connection.stream)
            self._stream.receive_into(self._part.room)

    def data_received(self, chunk: bytes) -> None:
        if self._part is not None:
            self._part.add(chunk)

    async def put(self, file_id: str, number: str) -> None:
        digest = parse_b64url(self.request.headers.get(HASH_HEADER, ""), HASH_BYTES)
        if self._part is None:  # cut between its last byte and now
            raise AppError(ErrorCode.UNAVAILABLE, "cut")
        self._is_storing = True  # also when nobody waits for the answer any more
        await self.files.put_part(self._file, self._number, self._part, digest)
        self.answer(bodies.Empty())

    def on_finish(self) -> None:
        self._count_out()

    def on_connection_close(self) -> None:
        super().on_connection_close()
        self._is_cut = True
        if not self._is_storing:
            self._count_out()

    def _count_out(self) -> None:
        part, self._part = self._part, None
        if part is not None:
            self._stream.receive_into(None)
            self.files.end_part(part)

    @property
    def _number(self) -> int:
        return int(self.path_kwargs["number"])


class HashesHandler(_Handler):
    """The hashes of the parts, to be checked against the root before anything else is."""

    async def get(self, file_id: str) -> None:
        send_hashes(self, await self.files.readable(self.principal, FileId(file_id), self.grant))


class ContentHandler(_Handler):
    """The ciphertext."""

    async def get(self, file_id: str) -> None:
        file = await self.files.readable(self.principal, FileId(file_id), self.grant)
        await send_content(
            self,
            file.size_bytes,
            lambda start, end: self.files.read(self.principal, file, start, end),
        )


def send_hashes(handler: BaseHandler, file: File) -> None:
    """Answer with the hashes of a file's parts."""
    _as_octets(handler, len(file.hashes))
    handler.finish(file.hashes)


async def send_content(
    handler: BaseHandler, size_bytes: int, read: Callable[[int, int], AsyncIterator[Piece]]
) -> None:
    """Answer with all of a file, or with the range that was asked for.

    Args:
        read: gives the bytes from the first number up to the second.

    Raises: AppError(bad_range), and what `read` raises before its first byte
    """
    wanted = handler.request.headers.get("Range")
    start, end = _range(wanted, size_bytes) if wanted else (0, size_bytes)
    _as_octets(handler, end - start)
    handler.set_header("Accept-Ranges", "bytes")
    if wanted:
        handler.set_status(206)
        handler.set_header("Content-Range", f"bytes {start}-{end - 1}/{size_bytes}")
    connection = cast(HTTP1Connection, handler.request.connection)
    try:
        async for piece in read(start, end):
            async with asyncio.timeout(PIECE_READ_SECONDS):
                if not handler._headers_written:
                    await handler.flush()
                # Not through the handler, which would copy it.
                await connection.write(cast(bytes, piece))
    except StreamClosedError:
        pass  # whoever hangs up in the middle wants no answer
    except (AppError, TimeoutError):
        if not handler._headers_written:
            raise
        # What has been promised cannot come any more; the reader sees a broken connection.
        handler.detach().close()


def _as_octets(handler: BaseHandler, size_bytes: int) -> None:
    handler.set_header("Content-Type", OCTETS)
    handler.set_header("Content-Disposition", 'attachment; filename="blob"')
    handler.set_header("Content-Security-Policy", "sandbox; default-src 'none'")
    handler.set_header("Content-Length", str(size_bytes))


def _range(text: str, size_bytes: int) -> tuple[int, int]:
    """Return where one range begins and ends (RFC 9110 §14.1.2); several are not served.

    Raises: AppError(bad_range)
    """
    found = _RANGE.fullmatch(text.strip())
    first, last = found.groups() if found else (None, None)
    if first is None and last is None:
        raise AppError(ErrorCode.BAD_RANGE)
    if first is None:
        start, end = max(size_bytes - int(last or 0), 0), size_bytes
    else:
        start, end = int(first), min(int(last or size_bytes) + 1, size_bytes)
    if start >= end:
        raise AppError(ErrorCode.BAD_RANGE)
    return start, end


def _state(file: File, received: list[int]) -> bodies.FileState:
    return bodies.FileState(
        id=file.file_id,
        room=file.room_id,
        transfer=file.transfer_id,
        size_bytes=file.size_bytes,
        part_bytes=FILE_PART_BYTES,
        parts=file.parts,
        received=received,
        state=file.state,
    )


def routes(*, logins: LoginService, files: FileService) -> list[URLSpec]:
    """Return the routes of files."""
    options = {"logins": logins, "files": files}
    return [
        URLSpec(r"/api/files", FilesHandler, options),
        URLSpec(FILE, FileHandler, options),
        URLSpec(FILE + r"/grant", GrantHandler, options),
        URLSpec(FILE + r"/parts/(?P<number>[0-9]{1,6})", PartHandler, options),
        URLSpec(FILE + r"/commit", CommitHandler, options),
        URLSpec(FILE + r"/hashes", HashesHandler, options),
        URLSpec(FILE + r"/content", ContentHandler, options),
    ]
