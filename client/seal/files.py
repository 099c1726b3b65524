"""A file inside a message: its padding, the root of its parts, the manifest and its signature.

    root    = H(T("SEAL1/file/root", fileId, u64 size, u32 4 MiB, H(part 0) ‖ … ‖ H(part n)))
    context = T("SEAL1/file", fileId)
    sig     = SIGN(DSK, "file", T("", roomId, msgId, senderUser, senderDevice, fileId, root,
                                  u64 size, H(T("", name, mime))))

Parts are 4 MiB of ciphertext; the plaintext is padded with zeros to the sizes of `payload.pad`.
The manifest travels inside the end-to-end encrypted message, whose session says who sent it.
Spec: SEAL1 §4.12.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from client.seal.cobblestone import encrypted_bytes
from client.seal.encoding import (
    HASH_BYTES,
    ID_BYTES,
    KEY_BYTES,
    Octets,
    b64url_decode,
    b64url_encode,
    require_bytes,
    t,
    u32,
    u64,
)
from client.seal.errors import DecryptError, DecryptReason, MalformedError
from client.seal.file_names import is_file_name, is_media_type
from client.seal.keys import SigningKey, require_signed
from client.seal.labels import Label, Purpose
from client.seal.payload import padded_size_bytes
from client.seal.primitives import equal, sha256

PART_BYTES = 4 * 1_024 * 1_024
"""Ciphertext that is hashed, and sent again after a failure, as one."""
MAX_FILE_BYTES = 2**53 - 1
"""What a browser can count exactly."""
_ZEROS = bytes(65_536)


def file_context(file_id: bytes) -> bytes:
    """What the chunked encryption of a file is bound to."""
    return t(Label.FILE, file_id)


def sealed_bytes(size_bytes: int) -> int:
    """Size of the ciphertext of a file with its padding."""
    return encrypted_bytes(padded_size_bytes(size_bytes))


def pad_file(pieces: Iterable[bytes], size_bytes: int) -> Iterator[bytes]:
    """The pieces of a file of that size, and zeros behind them.

    Raises: MalformedError when the file has another size
    """
    passed = 0
    for piece in pieces:
        passed += len(piece)
        if passed > size_bytes:
            break
        yield piece
    if passed != size_bytes:
        raise MalformedError("the file changed while it was read")
    padding = padded_size_bytes(size_bytes) - size_bytes
    while padding > 0:
        yield _ZEROS[:padding]
        padding -= len(_ZEROS)


def unpad_file(pieces: Iterable[bytes], size_bytes: int) -> Iterator[bytes]:
    """The file alone, out of its padded pieces.

    Raises: DecryptError `auth-failed` when the rest is not exactly the padding of `pad_file`
    """
    left, total = size_bytes, 0
    for piece in pieces:
        content, zeros = piece[:left], piece[left:]
        left -= len(content)
        total += len(piece)
        if content:
            yield content
        if any(zeros):
            raise DecryptError(DecryptReason.AUTH_FAILED)
    if total != padded_size_bytes(size_bytes):
        raise DecryptError(DecryptReason.AUTH_FAILED)


@dataclass(frozen=True, slots=True)
class PartList:
    """The size of a ciphertext and the hash of each of its parts, joined."""

    size_bytes: int
    hashes: bytes

    def root(self, file_id: bytes) -> bytes:
        """What a signature covers in place of the ciphertext.

        Raises: MalformedError when there is not one hash for each part
        """
        require_bytes(self.hashes, -(-self.size_bytes // PART_BYTES) * HASH_BYTES)
        size, part_size = u64(self.size_bytes), u32(PART_BYTES)
        return sha256(t(Label.FILE_ROOT, file_id, size, part_size, self.hashes))

    def require_part(self, index: int, part: Octets) -> None:
        """Refuse anything but part number `index`; the list must have been checked by its root.

        Raises: DecryptError `auth-failed`
        """
        expected = self.hashes[index * HASH_BYTES : (index + 1) * HASH_BYTES]
        if not equal(sha256(part), expected):
            raise DecryptError(DecryptReason.AUTH_FAILED)


class PartHasher:
    """Hashes a ciphertext part by part while it passes."""

    def __init__(self) -> None:
        self._size_bytes = 0
        self._part = hashlib.sha256()
        self._hashes = bytearray()

    def update(self, piece: bytes) -> None:
        """Take the next bytes, however many."""
        rest = memoryview(piece)
        while rest:
            room = PART_BYTES - self._size_bytes % PART_BYTES
            self._part.update(rest[:room])
            self._size_bytes += len(rest[:room])
            if self._size_bytes % PART_BYTES == 0:
                self._close()
            rest = rest[room:]

    def finish(self) -> PartList:
        """The list of everything that passed; once, at the end."""
        if self._size_bytes % PART_BYTES:
            self._close()
        return PartList(self._size_bytes, bytes(self._hashes))

    def _close(self) -> None:
        self._hashes += self._part.digest()
        self._part = hashlib.sha256()


@dataclass(frozen=True, slots=True)
class FileContext:
    """The message that brings a file; a receiver fills it from its session and its own view."""

    room_id: bytes
    message_id: bytes
    sender_user: bytes
    sender_device: bytes


@dataclass(frozen=True, slots=True)
class FileManifest:
    """What a message says about a file; `mime` is empty when it is not known."""

    file_id: bytes
    size_bytes: int
    encrypted_bytes: int
    root: bytes
    name: str
    mime: str
    file_key: bytes = field(repr=False)

    def require_valid(self) -> None:
        """Refuse what no receiver would take.

        Raises: MalformedError
        """
        if not 0 <= self.size_bytes <= MAX_FILE_BYTES:
            raise MalformedError("file size")
        if sealed_bytes(self.size_bytes) != self.encrypted_bytes:
            raise MalformedError("file size")
        if not is_file_name(self.name) or not is_media_type(self.mime):
            raise MalformedError("file name or type")

    def sign(self, context: FileContext, signing_key: SigningKey) -> bytes:
        """The signature of the sending device, 64 bytes."""
        self.require_valid()
        return signing_key.sign(Purpose.FILE, self._signed_body(context))

    def verify(self, context: FileContext, signing_key: bytes, signature: bytes) -> None:
        """Refuse a manifest that this device did not sign for this message.

        Raises: TrustError `bad-signature`; MalformedError
        """
        self.require_valid()
        require_signed(signing_key, Purpose.FILE, self._signed_body(context), signature)

    def record(self) -> dict[str, object]:
        """What JSON says of it, without a signature."""
        return {
            "file_id": b64url_encode(self.file_id),
            "key": b64url_encode(self.file_key),
            "size": self.size_bytes,
            "ct_size": self.encrypted_bytes,
            "root": b64url_encode(self.root),
            "name": self.name,
            "mime": self.mime,
        }

    def dump(self, signature: bytes) -> dict[str, object]:
        """The record in the JSON of the message."""
        return {**self.record(), "sig": b64url_encode(signature)}

    def signed_fields(self) -> tuple[bytes, ...]:
        """What a signature covers: fileId, root, u64 size, H(T("", name, mime))."""
        names = sha256(t("", self.name.encode(), self.mime.encode()))
        return self.file_id, self.root, u64(self.size_bytes), names

    def _signed_body(self, context: FileContext) -> bytes:
        return t(
            "",
            context.room_id,
            context.message_id,
            context.sender_user,
            context.sender_device,
            *self.signed_fields(),
        )


def parse_file(record: object) -> FileManifest:
    """What JSON says of a file, not believed yet; what else stands there is ignored.

    Raises: MalformedError
    """
    if not isinstance(record, dict):
        raise MalformedError("file manifest")
    texts = [record.get(name) for name in ("file_id", "key", "root", "name", "mime")]
    sizes = [record.get(name) for name in ("size", "ct_size")]
    if not all(isinstance(text, str) for text in texts):
        raise MalformedError("file manifest")
    if not all(type(size) is int for size in sizes):
        raise MalformedError("file manifest")
    file_id, key, root = (b64url_decode(str(text)) for text in texts[:3])
    return FileManifest(
        file_id=require_bytes(file_id, ID_BYTES),
        size_bytes=int(str(sizes[0])),
        encrypted_bytes=int(str(sizes[1])),
        root=require_bytes(root, HASH_BYTES),
        name=str(texts[3]),
        mime=str(texts[4]),
        file_key=require_bytes(key, KEY_BYTES),
    )


def parse_manifest(record: dict[str, object]) -> tuple[FileManifest, bytes]:
    """The manifest in the JSON of a message, and its signature, neither believed yet.

    Raises: MalformedError
    """
    signature = record.get("sig")
    if not isinstance(signature, str):
        raise MalformedError("file manifest")
    return parse_file(record), b64url_decode(signature)
