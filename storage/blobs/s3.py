"""Blobs in a bucket of an S3 service: an object for each part.

    <prefix>/3f09…c1/0-9f86…, 1-60a3… …   the parts of the file whose id has these bytes

A part is smaller than the least that S3 takes as one of several in an upload, so each is an object
of its own, and nothing half-uploaded is ever left behind. The service is told the SHA-256 of each
part and refuses another. The bucket is private: nobody but the server reads it, and whoever the
server gives an address of a part (s3_addresses.py).
"""

import asyncio
import base64
import contextlib
import re
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import aioboto3
from aiohttp import ClientError as HttpError
from aiohttp import ClientPayloadError
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from models.blobs import PIECE_BYTES
from protocol.encoding import b64url, parse_b64url
from protocol.errors import AppError, ErrorCode
from protocol.ids import FileId

CONNECT_TIMEOUT_S = 3
READ_TIMEOUT_S = 10
ATTEMPTS = 3  # by the library, with a growing pause
CONNECTIONS = 32
DELETED_AT_ONCE = 1_000  # what one call takes
OCTETS = "application/octet-stream"
AWAY_S = 1.0  # after the service did not answer, callers are refused at once for so long

_PART = re.compile(r"([0-9a-f]{32})/[0-9]+-[0-9a-f]{64}")  # anything else in the bucket is not ours
_MISSING = ("NoSuchKey", "404", "InvalidRange", "416")
_FULL = ("InsufficientStorage", "QuotaExceeded", "507")


@dataclass(frozen=True, slots=True)
class Bucket:
    """Where a bucket is; `endpoint` empty means Amazon's own service."""

    name: str
    prefix: str = ""
    endpoint: str = ""
    region: str = "us-east-1"
    addressing: str = "path"
    access_key: str = ""
    secret_key: str = field(default="", repr=False)


class S3BlobStore:
    """`models.blobs.BlobStore` in a bucket; connects with the first call."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._prefix = f"{bucket.prefix.strip('/')}/" if bucket.prefix.strip("/") else ""
        self._stack = contextlib.AsyncExitStack()
        self._client: Any = None
        self._connecting = asyncio.Lock()
        self._calls: set[asyncio.Timeout] = set()
        self._call_ended = asyncio.Event()
        self._away_until_s = 0.0
        self._closed = False

    async def put(
        self, file_id: FileId, number: int, data: bytes | memoryview, digest: bytes
    ) -> None:
        client = await self._connected()
        async with self._calling():
            await client.put_object(
                Bucket=self._bucket.name,
                Key=self.key(file_id, number, digest),
                Body=bytes(data),  # the library may still read it when this has been given up
                ContentType=OCTETS,
                ChecksumSHA256=checksum(digest),
            )

    async def read(
        self, file_id: FileId, number: int, digest: bytes, start: int, end: int
    ) -> AsyncIterator[bytes]:
        client = await self._connected()
        async with self._calling():
            answer = await client.get_object(
                Bucket=self._bucket.name,
                Key=self.key(file_id, number, digest),
                Range=f"bytes={start}-{end - 1}",
            )
        if answer["ContentLength"] != end - start:
            raise AppError(ErrorCode.NOT_FOUND, "part cut short")
        body = answer["Body"]
        async with body:
            while piece := await self._read(body):
                yield piece

    async def discard(self, file_id: FileId, number: int, digest: bytes) -> None:
        client = await self._connected()
        async with self._calling():
            await client.delete_object(
                Bucket=self._bucket.name, Key=self.key(file_id, number, digest)
            )

    async def holds(self, file_id: FileId, number: int, digest: bytes, size_bytes: int) -> bool:
        """Tell whether a part is there, of this size and, if the service tells it, of this hash.

        Raises: AppError(unavailable)
        """
        client = await self._connected()
        try:
            async with self._calling():
                found = await client.head_object(
                    Bucket=self._bucket.name,
                    Key=self.key(file_id, number, digest),
                    ChecksumMode="ENABLED",
                )
        except AppError as error:
            if error.code is ErrorCode.NOT_FOUND:
                return False
            raise
        told = found.get("ChecksumSHA256", checksum(digest))
        return bool(found["ContentLength"] == size_bytes and told == checksum(digest))

    async def remove(self, file_id: FileId) -> None:
        client = await self._connected()
        async with self._calling():
            keys = [entry["Key"] async for entry in self._entries(client, self._folder(file_id))]
            for at in range(0, len(keys), DELETED_AT_ONCE):
                some = [{"Key": key} for key in keys[at : at + DELETED_AT_ONCE]]
                done = await client.delete_objects(
                    Bucket=self._bucket.name, Delete={"Objects": some, "Quiet": True}
                )
                if done.get("Errors"):
                    raise AppError(ErrorCode.UNAVAILABLE, "not deleted")

    async def files(self) -> AsyncIterator[tuple[FileId, int]]:
        client = await self._connected()
        name, written_ms = "", 0
        with self._translating():
            async for entry in self._entries(client, self._prefix):
                part = _PART.fullmatch(entry["Key"].removeprefix(self._prefix))
                if part is None:
                    continue
                if name and part[1] != name:
                    yield _file_id(name), written_ms
                    written_ms = 0
                name = part[1]
                written_ms = max(written_ms, int(entry["LastModified"].timestamp() * 1_000))
            if name:
                yield _file_id(name), written_ms

    async def tidy(self) -> None:
        """Do nothing: a part that was cut off on its way in leaves nothing in a bucket."""

    async def ping(self) -> None:
        client = await self._connected()
        async with self._calling():
            await client.head_bucket(Bucket=self._bucket.name)

    async def close(self) -> None:
        """Cut off what is under way, which the library would go on with on a new connection."""
        self._closed = True
        for call in self._calls:
            call.reschedule(0)
        while self._calls:
            self._call_ended.clear()
            await self._call_ended.wait()
        async with self._connecting:
            await self._stack.aclose()

    def _folder(self, file_id: FileId) -> str:
        return f"{self._prefix}{parse_b64url(file_id, 16).hex()}/"

    def key(self, file_id: FileId, number: int, digest: bytes) -> str:
        """Return the name of a part in the bucket."""
        return f"{self._folder(file_id)}{number}-{digest.hex()}"

    async def _entries(self, client: Any, prefix: str) -> AsyncIterator[Any]:
        pages = client.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket.name, Prefix=prefix
        )
        async for page in pages:
            for entry in page.get("Contents", ()):
                yield entry

    async def _connected(self) -> Any:
        """Return the client, unless the service has just not answered. Raises: AppError."""
        if time.monotonic() < self._away_until_s:
            raise AppError(ErrorCode.UNAVAILABLE, "blobs were away a moment ago")
        async with self._connecting:
            self._require_open()
            if self._client is None:
                self._client = await self._stack.enter_async_context(connect(self._bucket))
        return self._client

    def _require_open(self) -> None:
        if self._closed:
            raise AppError(ErrorCode.UNAVAILABLE, "closed")

    @contextlib.asynccontextmanager
    async def _calling(self) -> AsyncIterator[None]:
        """Let `close` cut off what is awaited within. Raises: AppError."""
        self._require_open()
        with self._translating():
            async with asyncio.timeout(None) as call:
                self._calls.add(call)
                try:
                    yield
                finally:
                    self._calls.discard(call)
                    self._call_ended.set()

    async def _read(self, body: Any) -> bytes:
        async with self._calling():
            piece: bytes = await body.read(PIECE_BYTES)
        return piece

    @contextlib.contextmanager
    def _translating(self) -> Iterator[None]:
        try:
            yield
        except ClientError as error:
            raise _refusal(error) from error
        except (BotoCoreError, HttpError, ClientPayloadError, TimeoutError, OSError) as error:
            self._away_until_s = time.monotonic() + AWAY_S
            raise AppError(ErrorCode.UNAVAILABLE, type(error).__name__) from error


def checksum(digest: bytes) -> str:
    """Return a SHA-256 as S3 writes it."""
    return base64.b64encode(digest).decode("ascii")


@cache
def _session() -> aioboto3.Session:
    """Return what all clients share: reading the model of S3 takes a while."""
    return aioboto3.Session()


def connect(bucket: Bucket) -> Any:
    """Return a client, to be entered and left; it asks nobody before its first call."""
    config = Config(
        signature_version="s3v4",
        s3={"addressing_style": bucket.addressing},
        connect_timeout=CONNECT_TIMEOUT_S,
        read_timeout=READ_TIMEOUT_S,
        max_pool_connections=CONNECTIONS,
        retries={"mode": "standard", "max_attempts": ATTEMPTS},
    )
    return _session().client(
        "s3",
        endpoint_url=bucket.endpoint or None,
        region_name=bucket.region,
        aws_access_key_id=bucket.access_key or None,
        aws_secret_access_key=bucket.secret_key or None,
        config=config,
    )


def _refusal(error: ClientError) -> AppError:
    code = str(error.response.get("Error", {}).get("Code", ""))
    if code in _MISSING:
        return AppError(ErrorCode.NOT_FOUND, "part")
    return AppError(
        ErrorCode.STORAGE_FULL if code in _FULL else ErrorCode.UNAVAILABLE, code or "S3"
    )


def _file_id(name: str) -> FileId:
    return FileId(b64url(bytes.fromhex(name)))
