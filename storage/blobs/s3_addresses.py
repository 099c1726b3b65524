"""Presigned addresses of parts in a bucket (SigV4), for clients that go there themselves (S-44).

    PUT   exactly this key, this size, this SHA-256 and type, for PART_PUT_ADDRESS_MS
    GET   exactly this key, as nameless bytes, for PART_GET_ADDRESS_MS

Signing asks nobody. The bucket itself stays private: nothing without a signature, and no lists.
"""

import asyncio
import contextlib
import time
from dataclasses import replace
from typing import Any

from models.blobs import PartAddress
from protocol.ids import FileId
from protocol.limits import PART_GET_ADDRESS_MS, PART_PUT_ADDRESS_MS
from storage.blobs.s3 import OCTETS, Bucket, S3BlobStore, checksum, connect


class S3PartAddresses:
    """`models.blobs.PartAddresses` of an S3 service.

    Args:
        endpoint: where clients find the service, an origin.
        put_ms, get_ms: how long an address is good, in whole seconds.
    """

    def __init__(
        self,
        store: S3BlobStore,
        bucket: Bucket,
        endpoint: str,
        *,
        put_ms: int = PART_PUT_ADDRESS_MS,
        get_ms: int = PART_GET_ADDRESS_MS,
    ) -> None:
        self._store = store
        self._bucket = replace(bucket, endpoint=endpoint)
        self._put_ms = put_ms
        self._get_ms = get_ms
        self._stack = contextlib.AsyncExitStack()
        self._client: Any = None
        self._connecting = asyncio.Lock()

    async def to_put(
        self, file_id: FileId, number: int, digest: bytes, size_bytes: int
    ) -> PartAddress:
        signed: dict[str, Any] = {
            "ContentLength": size_bytes,
            "ContentType": OCTETS,
            "ChecksumSHA256": checksum(digest),
        }
        key = self._store.key(file_id, number, digest)
        url, expires_ms = await self._signed("put_object", key, signed, self._put_ms)
        headers = {"Content-Type": OCTETS, "x-amz-checksum-sha256": checksum(digest)}
        return PartAddress(url, expires_ms, headers)

    async def to_get(self, file_id: FileId, number: int, digest: bytes) -> PartAddress:
        signed = {
            "ResponseContentType": OCTETS,
            "ResponseContentDisposition": 'attachment; filename="blob"',
        }
        key = self._store.key(file_id, number, digest)
        return PartAddress(*await self._signed("get_object", key, signed, self._get_ms))

    async def has_come(self, file_id: FileId, number: int, digest: bytes, size_bytes: int) -> bool:
        return await self._store.holds(file_id, number, digest, size_bytes)

    async def close(self) -> None:
        await self._stack.aclose()

    async def _signed(
        self, call: str, key: str, signed: dict[str, Any], good_ms: int
    ) -> tuple[str, int]:
        """Return an address, and when it expires: a second is the least that SigV4 counts."""
        client = await self._connected()
        good_s = good_ms // 1_000
        expires_ms = (int(time.time()) + good_s) * 1_000
        url: str = await client.generate_presigned_url(
            call, {"Bucket": self._bucket.name, "Key": key, **signed}, ExpiresIn=good_s
        )
        return url, expires_ms

    async def _connected(self) -> Any:
        async with self._connecting:
            if self._client is None:
                self._client = await self._stack.enter_async_context(connect(self._bucket))
        return self._client
