"""A disk of a few megabytes that is really full when it is full."""

import hashlib
import shutil
from dataclasses import dataclass
from pathlib import Path

from tests.process import ServerProcess

_MOUNT = 'mount -t tmpfs -o size="$1" tmpfs "$2" && shift 2 && exec "$@"'


@dataclass
class SmallDisk:
    """The files of a server on a disk of their own, which only that process sees and ends with it.

    In a namespace of users and mounts, so nothing has to be cleaned up and nobody has to be root.
    """

    data_dir: Path
    size_bytes: int

    def server(self) -> ServerProcess:
        """A server that has not been started yet."""
        self._path.mkdir()
        into = ("unshare", "--map-root-user", "--mount", "sh", "-c", _MOUNT, "sh")
        self._process = ServerProcess(
            self.data_dir, within=(*into, str(self.size_bytes), str(self._path))
        )
        return self._process

    @property
    def _path(self) -> Path:
        return self.data_dir / "files"

    @property
    def _seen(self) -> Path:
        return Path(f"/proc/{self._process.pid}/root{self._path}")

    @property
    def _ballast(self) -> Path:
        return self._seen / "ballast"

    def fill(self, left_bytes: int) -> None:
        """Leave no more than so much of it."""
        free_bytes = shutil.disk_usage(self._seen).free
        self._ballast.write_bytes(bytes(free_bytes - left_bytes))

    def clear(self) -> None:
        """Give back what `fill` took."""
        self._ballast.unlink()

    def whole_parts(self) -> int:
        """How many parts the server has put on the disk; fails for what is not a whole one."""
        found = [path for path in self._seen.rglob("*") if path.is_file()]
        parts = [path for path in found if path != self._ballast]
        for part in parts:
            digest = hashlib.sha256(part.read_bytes()).hexdigest()
            assert part.name.partition("-")[2] == digest, part
        return len(parts)
