"""What must be on the disk before a part in a folder is acknowledged."""

import hashlib
import os
import time
from pathlib import Path

import pytest

from models.blobs import PIECE_BYTES
from protocol.encoding import b64url
from protocol.errors import AppError
from protocol.ids import FileId
from storage.blobs.local import STALE_S, LocalBlobStore

DATA = b"x" * 100


async def test_what_a_dead_process_left_half_put_goes_after_an_hour(tmp_path: Path) -> None:
    """R-40: also while the server runs; what is on its way just now stays."""
    store = LocalBlobStore(tmp_path)
    old, young = (tmp_path / "incoming" / name for name in ("old", "young"))
    for draft in (old, young):
        draft.write_bytes(DATA)
    an_hour_ago_s = time.time() - STALE_S - 1
    os.utime(old, (an_hour_ago_s, an_hour_ago_s))
    await store.tidy()
    await store.close()
    assert (old.exists(), young.exists()) == (False, True)


@pytest.mark.parametrize("what", ["part", "folder"])
async def test_no_link_in_the_place_of_a_part_or_its_folder_is_followed(
    tmp_path: Path, what: str
) -> None:
    """S-40: what lies elsewhere is neither read nor changed through the store."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    store, file_id = LocalBlobStore(tmp_path / "files"), FileId(b64url(b"\xab" * 16))
    digest = hashlib.sha256(DATA).digest()
    await store.put(file_id, 0, DATA, digest)
    folder = tmp_path / "files" / "ab" / ("ab" * 16)
    place = folder / f"0-{digest.hex()}" if what == "part" else folder
    place.rename(elsewhere / "kept")
    place.symlink_to(elsewhere / "kept")
    with pytest.raises(AppError, match=r"^unavailable"):
        _ = [bytes(piece) async for piece in store.read(file_id, 0, digest, 0, len(DATA))]
    if what == "folder":
        with pytest.raises(AppError, match=r"^unavailable"):
            await store.put(file_id, 1, DATA, digest)
        with pytest.raises(AppError, match=r"^unavailable"):
            await store.remove(file_id)
    else:
        await store.put(file_id, 0, DATA, digest)
        await store.remove(file_id)
    await store.close()
    kept = [path for path in elsewhere.rglob("*") if path.is_file()]
    assert [path.read_bytes() for path in kept] == [DATA]


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> set[Path]:
    """What has been made durable."""
    paths, sync = set(), os.fsync

    def note(descriptor: int) -> None:
        paths.add(Path(os.readlink(f"/proc/self/fd/{descriptor}")))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", note)
    return paths


@pytest.mark.parametrize("is_there", [False, True], ids=["its first part", "beside another part"])
async def test_every_name_on_the_way_to_a_part_is_durable(
    tmp_path: Path, synced: set[Path], is_there: bool
) -> None:
    """R-40: a second part may come while the first one has made the folder, but not synced it."""
    root, file_id = tmp_path / "files", FileId(b64url(b"\xab" * 16))
    shelf = root / "ab"
    folder = shelf / ("ab" * 16)
    store = LocalBlobStore(root)
    if is_there:
        folder.mkdir(parents=True)
    await store.put(file_id, 0, DATA, hashlib.sha256(DATA).digest())
    await store.close()
    assert {folder, shelf} <= synced
    assert is_there or root in synced


@pytest.mark.parametrize("is_in_memory", [True, False], ids=["in memory", "on the disk"])
async def test_a_part_is_read_from_where_it_is(tmp_path: Path, is_in_memory: bool) -> None:
    data, file_id = os.urandom(3 * PIECE_BYTES + 1), FileId(b64url(b"\xab" * 16))
    digest = hashlib.sha256(data).digest()
    store = LocalBlobStore(tmp_path)
    await store.put(file_id, 0, data, digest)
    if not is_in_memory:
        drop_from_memory(part_in(tmp_path))
    read = store.read(file_id, 0, digest, 0, len(data))
    assert b"".join([bytes(piece) async for piece in read]) == data
    await store.close()


async def test_a_part_that_shrinks_while_it_is_read_is_not_found(tmp_path: Path) -> None:
    data, file_id = bytes(2 * PIECE_BYTES), FileId(b64url(b"\xab" * 16))
    digest = hashlib.sha256(data).digest()
    store = LocalBlobStore(tmp_path)
    await store.put(file_id, 0, data, digest)
    read = store.read(file_id, 0, digest, 0, len(data))
    assert len(await anext(read)) == PIECE_BYTES
    os.truncate(part_in(tmp_path), PIECE_BYTES + 1)
    with pytest.raises(AppError, match=r"^not_found"):
        await anext(read)
    await store.close()


def part_in(root: Path) -> Path:
    """The only part there."""
    (part,) = root.glob("ab/*/*")
    return part


def drop_from_memory(path: Path) -> None:
    with path.open("rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
