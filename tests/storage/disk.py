"""A disk that remembers what was synced, so that a power cut can be played back, and that can fail.

kill -9 cannot prove durability, because the page cache survives it (F2). This VFS lies between
SQLite and the real file system: whatever was written since the last sync of a file is lost, kept or
torn at a sector when the power goes.
"""

import random
from collections.abc import Callable
from pathlib import Path

import apsw

SECTOR_BYTES = 512


class Disk(apsw.VFS):
    """Use as a context manager: every connection opened meanwhile goes through it."""

    def __init__(self) -> None:
        super().__init__("disk", "unix", makedefault=True)
        self.calls: list[tuple[str, str]] = []
        self.fault: Callable[[str, str], Exception | None] = lambda _call, _file: None
        self._synced: dict[str, bytearray] = {}
        self._pending: dict[str, list[tuple[int, bytes | None]]] = {}

    def __enter__(self) -> "Disk":
        return self

    def __exit__(self, *_: object) -> None:
        self.unregister()

    def xOpen(self, name, flags):
        return _File(self, name, flags)

    def xDelete(self, filename, syncdir):
        super().xDelete(filename, syncdir)
        # SQLite syncs the directory where it matters, so that a deleted journal stays deleted.
        self._synced.pop(filename, None)
        self._pending.pop(filename, None)

    def note(self, call: str, file: str) -> None:
        self.calls.append((call, file))
        if error := self.fault(call, file):
            raise error

    def changed(self, file: str, offset: int, data: bytes | None) -> None:
        """Remember a write, or with None that the file was cut off at `offset`."""
        self._pending.setdefault(file, []).append((offset, data))

    def synced(self, file: str) -> None:
        image = self._synced.setdefault(file, bytearray())
        for offset, data in self._pending.pop(file, []):
            _apply(image, offset, data)

    def cut_power(self, folder: Path, into: Path, rng: random.Random | None = None) -> None:
        """Copy what `folder` holds once the power went.

        Args:
            rng: chooses what of the writes since the last sync is lost, kept or torn; without it
                all of them are lost.
        """
        into.mkdir(parents=True)
        for path in map(Path, {*self._synced, *self._pending}):
            if path.parent != folder:
                continue
            image = bytearray(self._synced.get(str(path), b""))
            for offset, data in self._pending.get(str(path), []) if rng else []:
                _apply(image, offset, data if data is None else _torn(data, rng))
            (into / path.name).write_bytes(image)


def _torn(data: bytes, rng: random.Random) -> bytes:
    sectors = rng.randrange(len(data) // SECTOR_BYTES + 1) * SECTOR_BYTES
    return data[: rng.choice((0, sectors, len(data)))]


def _apply(image: bytearray, offset: int, data: bytes | None) -> None:
    if data is None:
        del image[offset:]
        return
    if len(image) < offset + len(data):
        image.extend(bytes(offset + len(data) - len(image)))
    image[offset : offset + len(data)] = data


class _File(apsw.VFSFile):
    def __init__(self, disk: Disk, name, flags) -> None:
        filename = name.filename() if isinstance(name, apsw.URIFilename) else (name or "temporary")
        self._disk, self._name = disk, str(Path(filename).resolve())
        super().__init__("unix", name, flags)

    def xRead(self, amount, offset):
        self._disk.note("read", self._name)
        return super().xRead(amount, offset)

    def xWrite(self, data, offset):
        self._disk.note("write", self._name)
        super().xWrite(data, offset)
        self._disk.changed(self._name, offset, bytes(data))

    def xSync(self, flags):
        self._disk.note("sync", self._name)
        super().xSync(flags)
        self._disk.synced(self._name)

    def xTruncate(self, size):
        super().xTruncate(size)
        self._disk.changed(self._name, size, None)
