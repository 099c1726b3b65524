"""Blobs in a bucket of an S3 service: an object for each part.

    <prefix>/3f09…c1/0, 1, 2 …      the parts of the file whose id has these bytes

A part is smaller than the least that S3 takes as one of several in an upload, so each is an object
of its own, and nothing half-uploaded is ever left behind. The service is told the SHA-256 of each
part and refuses another. The bucket is private: nobody but the server reads it.
"""

import asyncio
import base64
import contextlib
import re
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
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
AWAY_S = 1.0  # after the service did not answer, callers are refused at once for so long

_PART = re.compile(r"([0-9a-f]{32})/[0-9]+")  # anything else in the bucket is not ours
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
        self._away_until_s = 0.0

    async def put(self, file_id: FileId, number: int, data: bytes, digest: bytes) -> None:
        client = await self._connected()
        with self._translating():
            await client.put_object(
                Bucket=self._bucket.name,
                Key=self._key(file_id, number),
                Body=data,
                ContentType="application/octet-stream",
                ChecksumSHA256=base64.b64encode(digest).decode("ascii"),
            )

    async def read(
        self, file_id: FileId, number: int, start: int, end: int
    ) -> AsyncIterator[bytes]:
        client = await self._connected()
        with self._translating():
            answer = await client.get_object(
                Bucket=self._bucket.name,
                Key=self._key(file_id, number),
                Range=f"bytes={start}-{end - 1}",
            )
            if answer["ContentLength"] != end - start:
                raise AppError(ErrorCode.NOT_FOUND, "part cut short")
            body = answer["Body"]
            async with body:
                while piece := await body.read(PIECE_BYTES):
                    yield piece

    async def remove(self, file_id: FileId) -> None:
        client = await self._connected()
        with self._translating():
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

    async def ping(self) -> None:
        client = await self._connected()
        with self._translating():
            await client.head_bucket(Bucket=self._bucket.name)

    async def close(self) -> None:
        await self._stack.aclose()

    def _folder(self, file_id: FileId) -> str:
        return f"{self._prefix}{parse_b64url(file_id, 16).hex()}/"

    def _key(self, file_id: FileId, number: int) -> str:
        return f"{self._folder(file_id)}{number}"

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
            if self._client is None:
                self._client = await self._stack.enter_async_context(_client(self._bucket))
        return self._client

    @contextlib.contextmanager
    def _translating(self) -> Iterator[None]:
        try:
            yield
        except ClientError as error:
            raise _refusal(error) from error
        except (BotoCoreError, HttpError, ClientPayloadError, TimeoutError, OSError) as error:
            self._away_until_s = time.monotonic() + AWAY_S
            raise AppError(ErrorCode.UNAVAILABLE, type(error).__name__) from error


def _client(bucket: Bucket) -> Any:
    config = Config(
        signature_version="s3v4",
        s3={"addressing_style": bucket.addressing},
        connect_timeout=CONNECT_TIMEOUT_S,
        read_timeout=READ_TIMEOUT_S,
        max_pool_connections=CONNECTIONS,
        retries={"mode": "standard", "max_attempts": ATTEMPTS},
    )
    return aioboto3.Session().client(
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
