"""The parts of files on their way to a server and back, encrypted and verified in passing.

    content ─▶ Cobblestone ─▶ parts of 4 MiB ─▶ their way
    list of hashes ─▶ root ─▶ their way ─▶ parts ─▶ tags, padding ─▶ content

Parts are on their way while others are encrypted or hashed, in memory that is used again: a file
of any size needs that of three parts. Who may move a file's bytes, and how that is shown, is the
affair of its `FileAccess`; which way they take, that of `client/part_ways.py`.
Spec: docs/crypto.md §10; docs/protocol.md, Files.
"""

import asyncio
import hashlib
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import closing
from itertools import islice
from typing import TypeVar

from tornado.httpclient import HTTPError

from client.errors import RefusedError
from client.part_ways import FileAccess, PartWay
from client.progress import Moved, untold
from client.seal.cobblestone import decrypt_file
from client.seal.encoding import HASH_BYTES, Octets
from client.seal.errors import DecryptError, DecryptReason, MalformedError
from client.seal.files import (
    PART_BYTES,
    FileManifest,
    PartList,
    file_context,
    unpad_file,
)

RETRY_S = (0.5, 1.0, 2.0, 4.0, 8.0)
"""How long a part waits before it is sent or asked for again; then it has failed."""
FILES_AT_ONCE = 4
PARTS_AT_ONCE = 2
"""On their way for each file; a server takes eight of one person."""
RETRYABLE = ("unavailable", "rate_limited", "internal")

T = TypeVar("T")


class FileParts:
    """Moves files in threads of its own: the event loop looks names up in the others."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(FILES_AT_ONCE, thread_name_prefix="files")

    async def put_all(
        self, access: FileAccess, encrypted: Iterator[bytes], moved: Moved = untold
    ) -> PartList:
        """Send a ciphertext part by part; `moved` hears of each that has arrived.

        Raises: RefusedError; OSError; whatever `encrypted` raises
        """
        begin, way = _beginner(), PartWay(access)
        under_way: deque[tuple[Future[bytes], memoryview]] = deque()
        hashes = bytearray()

        def arrived() -> memoryview:
            future, memory = under_way.popleft()
            hashes.extend(future.result())
            return memory

        def memory() -> memoryview:
            return (
                arrived() if len(under_way) == PARTS_AT_ONCE else memoryview(bytearray(PART_BYTES))
            )

        def send() -> PartList:
            size_bytes = 0
            try:
                for number, part in enumerate(_regrouped(encrypted, memory)):
                    size_bytes += len(part)
                    under_way.append((begin(_put(way, number, part, moved)), _whole(part)))
                while under_way:
                    arrived()
            finally:
                wait([future for future, _ in under_way])
            return PartList(size_bytes, bytes(hashes))

        return await self._in_thread(send)

    async def get_all(
        self,
        access: FileAccess,
        manifest: FileManifest,
        write: Callable[[bytes], object],
        moved: Moved = untold,
    ) -> None:
        """Fetch and decrypt; what was written is the file only when this returns.

        `moved` hears of each part whose hash is right.
        Raises: DecryptError `auth-failed`; RefusedError; OSError
        """

        def open_parts(arriving: Iterator[Octets]) -> None:
            padded = decrypt_file(manifest.file_key, file_context(manifest.file_id), arriving)
            for piece in unpad_file(padded, manifest.size_bytes):
                write(piece)

        await self._get_parts(access, manifest, open_parts, moved)

    async def get_encrypted(
        self,
        access: FileAccess,
        manifest: FileManifest,
        write: Callable[[Octets], object],
        moved: Moved = untold,
    ) -> None:
        """Fetch without decrypting: each part has the hash that the manifest stands for.

        What `write` is given is good until it returns. Raises: as `get_all`
        """

        def keep_parts(arriving: Iterator[Octets]) -> None:
            for part in arriving:
                write(part)

        await self._get_parts(access, manifest, keep_parts, moved)

    async def _get_parts(
        self,
        access: FileAccess,
        manifest: FileManifest,
        take: Callable[[Iterator[Octets]], None],
        moved: Moved,
    ) -> None:
        """Fetch the parts for `take`, in order; each is good until the next one is asked for."""
        begin, way = _beginner(), PartWay(access)
        starts = range(0, manifest.encrypted_bytes, PART_BYTES)
        hashes = memoryview(bytearray(len(starts) * HASH_BYTES))
        listed = bytes(await access.move("GET", "hashes", {}, into=hashes))
        parts = PartList(manifest.encrypted_bytes, listed)
        try:
            root = parts.root(manifest.file_id)
        except MalformedError as error:
            raise DecryptError(DecryptReason.AUTH_FAILED) from error
        if root != manifest.root:
            raise DecryptError(DecryptReason.AUTH_FAILED)

        under_way: deque[Future[memoryview]] = deque()
        numbers = iter(range(len(starts)))

        def ask(memory: memoryview) -> None:
            for number in islice(numbers, 1):
                under_way.append(begin(_get(way, parts, number, memory, moved)))

        def fetched() -> Generator[Octets, None, None]:
            try:
                for _ in range(PARTS_AT_ONCE + 1):
                    ask(memoryview(bytearray(min(PART_BYTES, manifest.encrypted_bytes))))
                while under_way:
                    part = under_way.popleft().result()
                    yield part
                    ask(_whole(part))
            finally:
                wait(under_way)  # whatever went wrong, no connection is left behind

        def take_all() -> None:
            with closing(fetched()) as arriving:
                take(arriving)

        await self._in_thread(take_all)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)


async def again(call: Callable[[], Awaitable[T]]) -> T:
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


async def _put(way: PartWay, number: int, part: memoryview, moved: Moved) -> bytes:
    """Send a part; returns its hash."""
    digest = await asyncio.to_thread(lambda: hashlib.sha256(part).digest())
    await way.put(number, part, digest)
    moved(len(part))
    return digest


async def _get(
    way: PartWay, parts: PartList, number: int, memory: memoryview, moved: Moved
) -> memoryview:
    """Fetch a part and verify its hash; returns as much of the memory as it takes."""
    start = number * PART_BYTES
    room = memory[: parts.size_bytes - start]
    part = await way.get(number, start, room)
    await asyncio.to_thread(parts.require_part, number, part)
    moved(len(part))
    return part


def _beginner() -> Callable[[Coroutine[None, None, T]], "Future[T]"]:
    """Return what lets a thread have the event loop do something meanwhile."""
    loop = asyncio.get_running_loop()
    return lambda work: asyncio.run_coroutine_threadsafe(work, loop)


def _regrouped(
    encrypted: Iterable[bytes], memory: Callable[[], memoryview]
) -> Iterator[memoryview]:
    """Cut into parts of PART_BYTES, each in its own `memory`; the last one is what remains."""
    part, used = memory(), 0
    for piece in encrypted:
        rest = memoryview(piece)
        while rest:
            count = min(len(rest), PART_BYTES - used)
            part[used : used + count] = rest[:count]
            rest, used = rest[count:], used + count
            if used == PART_BYTES:
                yield part
                part, used = memory(), 0
    if used:
        yield part[:used]


def _whole(part: memoryview) -> memoryview:
    """The memory that a part is the beginning of."""
    return memoryview(part.obj)
