"""Sealed files on this disk: made and opened in streams, and never shown before they are whole.

Output goes to a temporary file beside its place, which only its owner can read, and gets its name
when everything has been verified and written through.
"""

import mimetypes
import os
import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from client.progress import Watch, counted, unwatched
from client.seal.encoding import Octets
from client.seal.file_names import NAME_BYTES, is_media_type, to_file_name
from client.seal.sealed_files import OpenedFile, Sealer, open_file
from client.seal.sealed_head import SealedHead
from client.seal.sealed_manifest import PlainFile

SUFFIX = ".seal"
PIECE_BYTES = 1_048_576
"""Read and written at once."""


def seal_path(
    source: Path, target: Path, sealer: Sealer, now_ms: int, watch: Watch = unwatched
) -> None:
    """Seal one file into another.

    Atomicity: `target` is whole or not there; one that is there already stays as it is
    Raises: FileExistsError; MalformedError when the file changes meanwhile; OSError
    """
    with source.open("rb") as file, new_file(target) as output:
        size_bytes = os.fstat(file.fileno()).st_size
        mime = mimetypes.guess_type(source.name)[0] or ""
        known_mime = mime if is_media_type(mime) else ""
        plain = PlainFile(to_file_name(source.name), known_mime, size_bytes, now_ms)
        output.write(bytes(sealer.head_bytes(plain)))
        with watch(source.name, size_bytes) as moved:
            for piece in sealer.content(counted(pieces(file), moved), size_bytes):
                output.write(piece)
        output.seek(0)
        output.write(sealer.head(plain))


class SealedPath:
    """A sealed file that is being opened; close it by leaving the `with` block.

    Raises: NotSealedError, DecryptError `unsupported` or `auth-failed`; OSError
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")
        try:
            self.head = SealedHead.read(self._file)
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> "SealedPath":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def open(self, key: bytes) -> OpenedFile:
        """What the file says, its seal and signature verified; see `open_file`."""
        return open_file(self.head, key, os.fstat(self._file.fileno()).st_size)

    def release(self, opened: OpenedFile, target: Path, watch: Watch = unwatched) -> None:
        """Write the content, once.

        Atomicity: `target` is whole and verified or not there; one that is there already stays
        Raises: DecryptError `auth-failed`; FileExistsError; OSError
        """
        file = opened.manifest.file
        with new_file(target) as output, watch(file.name, file.size_bytes) as moved:
            for piece in opened.content(counted(pieces(self._file), moved)):
                output.write(piece)


def pieces(file: BinaryIO) -> Iterator[bytes]:
    """What is left of a file, PIECE_BYTES at a time."""
    while piece := file.read(PIECE_BYTES):
        yield piece


def sealed_name(name: str) -> str:
    """The name to keep a file under that stays sealed."""
    return to_file_name(name, NAME_BYTES - len(SUFFIX)) + SUFFIX


def visible(name: str) -> str:
    """The name to save somebody else's file under: programs read hidden ones of themselves."""
    return f"_{name[1:]}" if name.startswith(".") else name


def different(names: Iterable[str]) -> list[str]:
    """The names to save under, with a number in front of each that stood there before."""
    found: list[str] = []
    for name in map(visible, names):
        free, number = name, 2
        while free in found:
            free, number = to_file_name(f"({number}) {name}"), number + 1
        found.append(free)
    return found


@contextmanager
def new_file(target: Path) -> Iterator[BinaryIO]:
    """A file that appears as `target` when the block ends well, and vanishes when it does not."""
    if os.path.lexists(target):
        raise _there_already(target)
    temporary = target.with_name(f".{secrets.token_hex(8)}.part")
    descriptor = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb", PIECE_BYTES) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        # A rename replaces what is there; taking the name first makes that impossible.
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        temporary.replace(target)
    finally:
        with suppress(FileNotFoundError):
            temporary.unlink()


@contextmanager
def new_or_same_file(target: Path, size_bytes: int) -> Iterator[Callable[[Octets], object]]:
    """Where `target` is written to; one that is there already is read, and must hold the same.

    So what broke off can be repeated. Nothing that is there is ever changed.

    Raises: FileExistsError when it holds anything else; OSError
    """
    if not os.path.lexists(target):
        with new_file(target) as output:
            yield output.write
        return
    if not target.is_file() or target.stat().st_size != size_bytes:
        raise _there_already(target)
    with target.open("rb") as there:

        def compare(piece: Octets) -> None:
            if there.read(len(piece)) != piece:
                raise _there_already(target)

        yield compare


def _there_already(target: Path) -> FileExistsError:
    return FileExistsError(f"{target} is there already; it stays as it is")
