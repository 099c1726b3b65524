"""Blobs in a folder: a folder for each file, a file for each part.

    <root>/incoming/<random>         a part on its way
    <root>/3f/3f09…c1/0, 1, 2 …      the parts of the file whose id has these bytes

Names are made of the bytes of an id and of numbers alone, so nothing that anybody sends becomes a
path. A part is written beside, made durable, and only then given its name (S-40, R-40).
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
        _clear(self._incoming)

    async def put(self, file_id: FileId, number: int, data: bytes, digest: bytes) -> None:
        await self._run(lambda: self._put(self._folder(file_id), str(number), data))

    async def read(
        self, file_id: FileId, number: int, start: int, end: int
    ) -> AsyncIterator[bytes]:
        path = self._folder(file_id) / str(number)
        descriptor = await self._run(lambda: _open_part(path, end))
        try:
            for at in range(start, end, PIECE_BYTES):
                size = min(PIECE_BYTES, end - at)
                yield await self._run(partial(_pread, descriptor, size, at))
        finally:
            os.close(descriptor)

    async def remove(self, file_id: FileId) -> None:
        await self._run(lambda: _remove(self._folder(file_id)))

    async def files(self) -> AsyncIterator[tuple[FileId, int]]:
        found = self._found()
        while batch := await self._run(lambda: _some(found, LISTED_AT_ONCE)):
            for item in batch:
                yield item

    async def ping(self) -> None:
        await self._run(lambda: os.stat(self._incoming))

    async def close(self) -> None:
        await asyncio.get_running_loop().run_in_executor(None, self._threads.shutdown)

    async def _run(self, work: Callable[[], Result]) -> Result:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        except OSError as error:
            full = error.errno in _FULL
            code = ErrorCode.STORAGE_FULL if full else ErrorCode.UNAVAILABLE
            raise AppError(code, errno.errorcode.get(error.errno or 0, "OSError")) from error

    def _folder(self, file_id: FileId) -> Path:
        name = parse_b64url(file_id, 16).hex()
        return self._root / name[:2] / name

    def _put(self, folder: Path, name: str, data: bytes) -> None:
        draft = self._incoming / secrets.token_hex(16)
        try:
            _write(draft, data)
            _make_folder(folder)
            draft.replace(folder / name)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise
        _sync(folder)
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
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise AppError(ErrorCode.NOT_FOUND, "part") from error
    if os.fstat(descriptor).st_size < end:
        os.close(descriptor)
        raise AppError(ErrorCode.NOT_FOUND, "part cut short")
    return descriptor


def _pread(descriptor: int, size: int, at: int) -> bytes:
    data = os.pread(descriptor, size, at)
    if len(data) < size:
        raise AppError(ErrorCode.NOT_FOUND, "part cut short")
    return data


def _write(path: Path, data: bytes) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(path, flags, 0o600)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(descriptor, view) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _make_folder(folder: Path) -> None:
    if not folder.exists():
        shelf = folder.parent
        shelf.mkdir(mode=0o700, exist_ok=True)
        _sync(shelf.parent)
        folder.mkdir(mode=0o700, exist_ok=True)


def _sync(folder: Path) -> None:
    """Make durable which names a folder holds."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove(folder: Path) -> None:
    try:
        for part in folder.iterdir():
            part.unlink(missing_ok=True)
        folder.rmdir()
    except FileNotFoundError:
        pass
    except OSError as error:
        if error.errno != errno.ENOTEMPTY:  # a part came in between: the next sweep finds it
            raise


def _some(found: Iterator[Result], count: int) -> list[Result]:
    return list(islice(found, count))


def _clear(incoming: Path) -> None:
    """Delete what a process that died had left on its way."""
    for draft in incoming.iterdir():
        with contextlib.suppress(FileNotFoundError):
            if time.time() - draft.stat().st_mtime > STALE_S:
                draft.unlink()
