"""BlobStore, in a folder and in a bucket of a real S3 service."""

import asyncio
import hashlib
import secrets
from dataclasses import replace

import pytest

from models.blobs import PIECE_BYTES
from protocol.encoding import b64url
from protocol.errors import AppError, ErrorCode
from protocol.limits import FILE_PART_BYTES
from storage.blobs.local import LocalBlobStore
from storage.blobs.s3 import S3BlobStore

START_MS = 1_000_000_000_000


@pytest.fixture(params=["local", "s3"])
async def blobs(request, tmp_path):
    """A store that holds nothing yet."""
    if request.param == "local":
        store = LocalBlobStore(tmp_path / "files")
    else:
        service = request.getfixturevalue("s3_service")
        await service.ready()
        store = S3BlobStore(replace(service.bucket, prefix=f"test/{secrets.token_hex(8)}"))
    yield store
    await store.close()


def new_id():
    return b64url(secrets.token_bytes(16))


def digest(data):
    return hashlib.sha256(data).digest()


async def put(blobs, file_id, number, data):
    await blobs.put(file_id, number, data, digest(data))


async def read(blobs, file_id, number, data, start=0, end=None):
    """Read of the part that was put with this data."""
    stretch = start, len(data) if end is None else end
    return [bytes(piece) async for piece in blobs.read(file_id, number, digest(data), *stretch)]


def refused(code):
    return pytest.raises(AppError, match=f"^{code}")


async def test_a_part_comes_back_whole_and_in_small_pieces(blobs):
    file_id, data = new_id(), secrets.token_bytes(FILE_PART_BYTES)
    await put(blobs, file_id, 3, data)
    pieces = await read(blobs, file_id, 3, data)
    assert b"".join(pieces) == data
    assert max(map(len, pieces)) <= PIECE_BYTES


@pytest.mark.parametrize(("start", "end"), [(0, 1), (999, 1_000), (0, 1_000), (250, 750)])
async def test_any_stretch_of_a_part_can_be_read(blobs, start, end):
    file_id, data = new_id(), secrets.token_bytes(1_000)
    await put(blobs, file_id, 0, data)
    assert b"".join(await read(blobs, file_id, 0, data, start, end)) == data[start:end]


async def test_the_same_part_again_changes_nothing(blobs):
    file_id = new_id()
    for _ in range(2):
        await put(blobs, file_id, 0, b"once")
    assert await read(blobs, file_id, 0, b"once") == [b"once"]


async def test_many_parts_at_once_do_not_mix(blobs):
    parts = {(new_id(), n): secrets.token_bytes(10_000) for n in range(20)}
    await asyncio.gather(*(put(blobs, *key, data) for key, data in parts.items()))
    for key, data in parts.items():
        assert b"".join(await read(blobs, *key, data)) == data


async def test_other_data_for_the_same_number_stands_beside_it(blobs):
    """What was noted is what is read, also when two put different data at the same moment."""
    file_id = new_id()
    contents = [secrets.token_bytes(1_000) for _ in range(8)]
    await asyncio.gather(*(put(blobs, file_id, 0, data) for data in contents))
    for data in contents:
        assert b"".join(await read(blobs, file_id, 0, data)) == data


async def test_one_part_can_be_discarded(blobs):
    file_id = new_id()
    await put(blobs, file_id, 0, b"noted")
    await put(blobs, file_id, 0, b"not noted")
    for _ in range(2):
        await blobs.discard(file_id, 0, digest(b"not noted"))
    with refused(ErrorCode.NOT_FOUND):
        await read(blobs, file_id, 0, b"not noted")
    assert await read(blobs, file_id, 0, b"noted") == [b"noted"]


async def test_a_part_that_is_not_there_is_not_found(blobs):
    file_id = new_id()
    await put(blobs, file_id, 0, b"here")
    for other, number in ((file_id, 1), (new_id(), 0)):
        with refused(ErrorCode.NOT_FOUND):
            await read(blobs, other, number, b"here")


async def test_a_part_that_ends_too_early_is_not_found(blobs):
    file_id = new_id()
    await put(blobs, file_id, 0, b"short")
    for start, end in ((0, 6), (5, 6), (100, 200)):
        with refused(ErrorCode.NOT_FOUND):
            await read(blobs, file_id, 0, b"short", start, end)


async def test_removing_a_file_removes_its_parts_and_no_others(blobs):
    gone, stays = new_id(), new_id()
    for number in range(3):
        await put(blobs, gone, number, b"x")
    await put(blobs, stays, 0, b"y")
    for _ in range(2):
        await blobs.remove(gone)
    with refused(ErrorCode.NOT_FOUND):
        await read(blobs, gone, 0, b"x")
    assert await read(blobs, stays, 0, b"y") == [b"y"]


async def test_every_file_is_listed_once(blobs):
    ids = {new_id() for _ in range(5)}
    for file_id in ids:
        for number in range(2):
            await put(blobs, file_id, number, b"x")
    found = [item async for item in blobs.files()]
    assert sorted(file_id for file_id, _ in found) == sorted(ids)
    assert all(written_ms > START_MS for _, written_ms in found)


async def leave(blobs, place):
    """Put a foreign thing where the store keeps its own."""
    if isinstance(blobs, LocalBlobStore):
        (blobs._root / place).parent.mkdir(parents=True)
        (blobs._root / place).touch()
    else:
        client = await blobs._connected()
        key = f"{blobs._prefix}{place}"
        await client.put_object(Bucket=blobs._bucket.name, Key=key, Body=b"x")


@pytest.mark.parametrize("place", ["ab/abcd/0", "ab/lost+found/0", "cd/0", "backup/notes.txt"])
async def test_what_is_not_ours_hides_nothing_and_is_not_listed(blobs, place):
    """R-41: one foreign name would end every later sweep of orphans."""
    file_id = new_id()
    await leave(blobs, place)
    await put(blobs, file_id, 0, b"x")
    assert [found async for found, _ in blobs.files()] == [file_id]


async def test_an_empty_store_lists_nothing(blobs):
    assert [item async for item in blobs.files()] == []


async def test_tidying_leaves_every_part(blobs):
    file_id = new_id()
    await put(blobs, file_id, 0, b"x")
    await blobs.tidy()
    assert await read(blobs, file_id, 0, b"x") == [b"x"]


async def test_it_answers(blobs):
    await blobs.ping()


async def test_whoever_comes_after_the_end_is_told_that_it_is_away(blobs):
    file_id = new_id()
    await put(blobs, file_id, 0, b"x")
    await blobs.close()
    for late in (put(blobs, file_id, 1, b"y"), read(blobs, file_id, 0, b"x"), blobs.ping()):
        with refused(ErrorCode.UNAVAILABLE):
            await late
    with refused(ErrorCode.UNAVAILABLE):
        assert [item async for item in blobs.files()]
