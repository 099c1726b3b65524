"""Blobs in a folder: a folder for each file, a file for each part.

    <root>/incoming/<random>               a part on its way
    <root>/3f/3f09…c1/0-9f86…, 1-60a3… …   the parts of the file whose id has these bytes

Names are made of the bytes of an id, of numbers and of hashes alone, so nothing that anybody sends
becomes a path. A part is written beside, made durable, and only then given its name (S-40, R-40).
"""

import asyncio
import contextlib
import errno
import os
import re
import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TypeVar

from models.blobs import PIECE_BYTES
from protocol.encoding import b64url, parse_b64url
from protocol.errors import AppError, ErrorCode
from protocol.ids import FileId

THREADS = 4  # what a disk does well side by side; more only take the cores from the loop
LISTED_AT_ONCE = 256
WRITE_BYTES = 512 * 1024  # for more at once Linux looks for huge pages, and those are cold
STALE_S = 3_600  # a part is not on its way for longer than that

_FOLDER = re.compile("[0-9a-f]{32}")  # anything else is not ours
_FULL = (errno.ENOSPC, errno.EDQUOT)

Result = TypeVar("Result")


class LocalBlobStore:
    """`models.blobs.BlobStore` in a folder that belongs to the server alone."""

    def __init__(self, root: Path) -> None:
        """Make the folders. Raises: OSError."""
        self._root = root
        self._incoming = root / "incoming"
        self._incoming.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="blobs")
        self._closed = False
        _clear(self._incoming)

    async def put(
        self, file_id: FileId, number: int, data: bytes | memoryview, digest: bytes
    ) -> None:
        await self._run(lambda: self._put(self._part(file_id, number, digest), data))

    async def read(
        self, file_id: FileId, number: int, digest: bytes, start: int, end: int
    ) -> AsyncIterator[memoryview]:
        path = self._part(file_id, number, digest)
        descriptor = await self._run(lambda: _open_part(path, end))
        memory = memoryview(bytearray(min(PIECE_BYTES, end - start)))
        try:
            for at in range(start, end, PIECE_BYTES):
                piece = memory[: end - at]
                if _is_read_at_once(descriptor, piece, at):
                    await asyncio.sleep(0)  # others have their turn, as while a thread reads
                else:
                    await self._run(partial(_read, descriptor, piece, at))
                yield piece
        finally:
            os.close(descriptor)

    async def discard(self, file_id: FileId, number: int, digest: bytes) -> None:
        path = self._part(file_id, number, digest)
        await self._run(lambda: path.unlink(missing_ok=True))

    async def remove(self, file_id: FileId) -> None:
        await self._run(lambda: _remove(self._folder(file_id)))

    async def files(self) -> AsyncIterator[tuple[FileId, int]]:
        found = self._found()
        while batch := await self._run(lambda: _some(found, LISTED_AT_ONCE)):
            for item in batch:
                yield item

    async def tidy(self) -> None:
        await self._run(lambda: _clear(self._incoming))

    async def ping(self) -> None:
        await self._run(lambda: os.stat(self._incoming))

    async def close(self) -> None:
        self._closed = True
        await asyncio.get_running_loop().run_in_executor(None, self._threads.shutdown)

    async def _run(self, work: Callable[[], Result]) -> Result:
        if self._closed:
            raise AppError(ErrorCode.UNAVAILABLE, "closed")
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        except OSError as error:
            full = error.errno in _FULL
            code = ErrorCode.STORAGE_FULL if full else ErrorCode.UNAVAILABLE
            raise AppError(code, errno.errorcode.get(error.errno or 0, "OSError")) from error

    def _folder(self, file_id: FileId) -> Path:
        name = parse_b64url(file_id, 16).hex()
        return self._root / name[:2] / name

    def _part(self, file_id: FileId, number: int, digest: bytes) -> Path:
        return self._folder(file_id) / f"{number}-{digest.hex()}"

    def _put(self, part: Path, data: bytes | memoryview) -> None:
        folder = part.parent
        draft = self._incoming / secrets.token_hex(16)
        try:
            _write(draft, data)
            _make_folder(folder)
            with _opened(folder) as place:
                os.replace(draft, part.name, dst_dir_fd=place)
                os.fsync(place)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise
        _sync(folder.parent)  # whoever has just made the folder may not have come that far

    def _found(self) -> Iterator[tuple[FileId, int]]:
        for shelf in self._root.glob("[0-9a-f][0-9a-f]"):
            for folder in shelf.iterdir():
                if _FOLDER.fullmatch(folder.name) is None:
                    continue
                with contextlib.suppress(FileNotFoundError):
                    file_id = FileId(b64url(bytes.fromhex(folder.name)))
                    yield file_id, int(folder.stat().st_mtime * 1_000)


def _open_part(path: Path, end: int) -> int:
    try:
        with _opened(path.parent) as folder:
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
            descriptor = os.open(path.name, flags, dir_fd=folder)
    except FileNotFoundError as error:
        raise AppError(ErrorCode.NOT_FOUND, "part") from error
    if os.fstat(descriptor).st_size < end:
        os.close(descriptor)
        raise AppError(ErrorCode.NOT_FOUND, "part cut short")
    return descriptor


def _is_read_at_once(descriptor: int, piece: memoryview, at: int) -> bool:
    """Read what the system holds in memory, a tenth of a millisecond; whether that was all of it.

    Two changes of threads cost several times as much. Not every system and file system can tell.
    """
    if not hasattr(os, "RWF_NOWAIT"):
        return False
    try:
        return os.preadv(descriptor, [piece], at, os.RWF_NOWAIT) == len(piece)
    except OSError:
        return False


def _read(descriptor: int, piece: memoryview, at: int) -> None:
    data = os.pread(descriptor, len(piece), at)
    if len(data) < len(piece):
        raise AppError(ErrorCode.NOT_FOUND, "part cut short")
    piece[:] = data


def _write(path: Path, data: bytes | memoryview) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(path, flags, 0o600)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(descriptor, view[:WRITE_BYTES]) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _make_folder(folder: Path) -> None:
    if not folder.exists():
        shelf = folder.parent
        shelf.mkdir(mode=0o700, exist_ok=True)
        _sync(shelf.parent)
        folder.mkdir(mode=0o700, exist_ok=True)


@contextlib.contextmanager
def _opened(folder: Path) -> Iterator[int]:
    """Open a folder that is one: what stands there instead leads nowhere (S-40)."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _sync(folder: Path) -> None:
    """Make durable which names a folder holds."""
    with _opened(folder) as descriptor:
        os.fsync(descriptor)


def _remove(folder: Path) -> None:
    try:
        with _opened(folder) as descriptor:
            for name in os.listdir(descriptor):
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(name, dir_fd=descriptor)
        folder.rmdir()
    except FileNotFoundError:
        pass
    except OSError as error:
        if error.errno != errno.ENOTEMPTY:  # a part came in between: the next sweep finds it
            raise


def _some(found: Iterator[Result], count: int) -> list[Result]:
    return list(islice(found, count))


def _clear(incoming: Path) -> None:
    """Delete what a process that died had left on its way; another one may be at work here."""
    for draft in incoming.iterdir():
        with contextlib.suppress(FileNotFoundError):
            if time.time() - draft.stat().st_mtime > STALE_S:
                draft.unlink()
