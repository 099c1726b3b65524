"""What must be on the disk before a part in a folder is acknowledged."""

import hashlib
import os
from pathlib import Path

import pytest

from protocol.encoding import b64url
from protocol.ids import FileId
from storage.blobs.local import LocalBlobStore

DATA = b"x" * 100


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
