"""An S3 service that is there and does not answer, which the contracts' service never does."""

import asyncio
import gc

import pytest

from protocol.errors import AppError, ErrorCode
from protocol.ids import FileId
from storage.blobs.s3 import Bucket, S3BlobStore

FILE_ID, DIGEST = FileId("A" * 22), bytes(32)


async def put(store):
    await store.put(FILE_ID, 0, b"data", DIGEST)


async def read(store):
    async for _ in store.read(FILE_ID, 0, DIGEST, 0, 1_000):
        pass


HEAD = b"HTTP/1.1 206 Partial Content\r\nContent-Length: 1000\r\n\r\n"


@pytest.fixture
def collected():
    """Nothing is left that earlier tests forgot, and would be complained of here."""
    gc.collect()


@pytest.mark.parametrize(("call", "answer"), [(put, b""), (read, b""), (read, HEAD + b"some")])
async def test_closing_cuts_off_what_is_under_way_and_leaves_nothing_open(
    call, answer, collected, no_errors
):
    asked, writers = asyncio.Queue(), []

    async def serve(reader, writer):
        writers.append(writer)
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await asked.put(None)

    async with await asyncio.start_server(serve, "127.0.0.1") as server:
        port = server.sockets[0].getsockname()[1]
        endpoint = f"http://127.0.0.1:{port}"
        store = S3BlobStore(Bucket("b", endpoint=endpoint, access_key="a", secret_key="s"))
        calling = asyncio.ensure_future(call(store))
        await asked.get()
        await store.close()
        with pytest.raises(AppError) as refusal:
            await calling
        assert refusal.value.code == ErrorCode.UNAVAILABLE
        assert asked.empty()
        for writer in writers:
            writer.close()
    del store, calling, refusal
    gc.collect()
