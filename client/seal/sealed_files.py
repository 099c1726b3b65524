"""One file that needs no server: sealing it for devices or under a passphrase, and opening it.

    sealed file = head ‖ Cobblestone-256(FK, T("SEAL1/file", fileId), file ‖ zeros)

The head names the root of what follows, so it is made last and written over the room left for it.
Nothing here holds more than a few chunks of a file.
Spec: docs/crypto.md §11.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Self

from client.seal import cobblestone, files
from client.seal.encoding import ID_BYTES, KEY_BYTES, ZERO_32, lp, t
from client.seal.errors import DecryptError, DecryptReason, MalformedError
from client.seal.identity import DeviceIdentity, LocalDevice
from client.seal.keys import AgreementKey
from client.seal.labels import Label
from client.seal.password import PasswordParameters
from client.seal.primitives import Entropy, aead_seal, equal, secure_entropy, sha256
from client.seal.sealed_head import (
    MAX_SLOTS,
    SealedHead,
    SealedKind,
    passphrase_key,
    slot_key,
)
from client.seal.sealed_manifest import PlainFile, SealedManifest, open_manifest, seal_manifest


@dataclass(frozen=True, slots=True)
class OpenedFile:
    """A manifest whose seal and signature hold.

    `sender` is the device that signed, of whichever account vouches for it; None under a
    passphrase.
    """

    file_id: bytes
    manifest: SealedManifest
    sender: DeviceIdentity | None

    def content(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """The file, out of everything behind the head; release it only after the end.

        Raises: DecryptError `auth-failed`
        """
        hasher = files.PartHasher()
        context = files.file_context(self.file_id)
        ciphertext = _hashed(pieces, hasher)
        plaintext = cobblestone.decrypt_file(self.manifest.file_key, context, ciphertext)
        yield from files.unpad_file(plaintext, self.manifest.file.size_bytes)
        if not equal(hasher.finish().root(self.file_id), self.manifest.root):
            raise DecryptError(DecryptReason.AUTH_FAILED)


@dataclass(slots=True)
class Sealer:
    """Seals one file: first its content, then the head that stands before it.

    `sender` signs, and is None exactly when `kind` is a passphrase.
    """

    kind: SealedKind
    prefix: bytes
    file_id: bytes
    sender: LocalDevice | None
    entropy: Entropy
    _key: bytes = field(repr=False)
    _file_key: bytes = field(repr=False)
    _hasher: files.PartHasher = field(default_factory=files.PartHasher)

    @classmethod
    def for_devices(
        cls,
        recipients: Iterable[DeviceIdentity],
        sender: LocalDevice,
        entropy: Entropy = secure_entropy,
        ephemeral: AgreementKey | None = None,
    ) -> Self:
        """Seal for verified devices; `ephemeral` is drawn unless given.

        Raises: MalformedError for no recipient or more than 1,024
        """
        file_id, key = entropy(ID_BYTES), entropy(KEY_BYTES)
        prefix = _prefix(recipients, file_id, key, entropy, ephemeral)
        return cls(SealedKind.PEOPLE, prefix, file_id, sender, entropy, key, entropy(KEY_BYTES))

    @classmethod
    def for_passphrase(cls, passphrase: str, entropy: Entropy = secure_entropy) -> Self:
        """Seal for whoever knows a passphrase; takes 64 MiB and a fraction of a second."""
        file_id, parameters = entropy(ID_BYTES), PasswordParameters()
        key = passphrase_key(file_id, passphrase, parameters)
        header = t(Label.SEALED_FILE, file_id, parameters.encode())
        prefix = SealedKind.PASSPHRASE.preamble + lp(header)
        return cls(SealedKind.PASSPHRASE, prefix, file_id, None, entropy, key, entropy(KEY_BYTES))

    def content(self, pieces: Iterable[bytes], size_bytes: int) -> Iterator[bytes]:
        """What stands behind the head, once and in order.

        Raises: MalformedError when the file does not have that size
        """
        padded = files.pad_file(pieces, size_bytes)
        context = files.file_context(self.file_id)
        ciphertext = cobblestone.encrypt_file(self._file_key, context, padded, entropy=self.entropy)
        return _hashed(ciphertext, self._hasher)

    def head(self, file: PlainFile) -> bytes:
        """The head, after all of the content has passed.

        Raises: MalformedError for a name or type that nobody would take
        """
        root = self._hasher.finish().root(self.file_id)
        return self._head(SealedManifest(file, root, self._file_key))

    def head_bytes(self, file: PlainFile) -> int:
        """How long the head will be, so that room can be left for it."""
        return len(self._head(SealedManifest(file, ZERO_32, self._file_key)))

    def _head(self, manifest: SealedManifest) -> bytes:
        binding = sha256(self.prefix)
        sealed = seal_manifest(self._key, binding, manifest, self.sender, self.entropy)
        return self.prefix + lp(sealed)


def seal_head(
    recipients: Iterable[DeviceIdentity],
    sender: LocalDevice,
    file: files.FileManifest,
    sealed_at_ms: int,
    entropy: Entropy = secure_entropy,
) -> bytes:
    """The head for a content that is encrypted already, for verified devices.

    Raises: MalformedError for no recipient or more than 1,024
    """
    key = entropy(KEY_BYTES)
    prefix = _prefix(recipients, file.file_id, key, entropy)
    plain = PlainFile(file.name, file.mime, file.size_bytes, sealed_at_ms)
    manifest = SealedManifest(plain, file.root, file.file_key)
    return prefix + lp(seal_manifest(key, sha256(prefix), manifest, sender, entropy))


def open_file(head: SealedHead, key: bytes, total_bytes: int) -> OpenedFile:
    """Open the manifest under K, and check that the file is as long as it says.

    Raises: see `open_manifest`; also DecryptError `auth-failed` for a file cut or extended
    """
    manifest, sender = open_manifest(head, key)
    if head.size_bytes + files.sealed_bytes(manifest.file.size_bytes) != total_bytes:
        raise DecryptError(DecryptReason.AUTH_FAILED)
    return OpenedFile(head.file_id, manifest, sender)


def _prefix(
    recipients: Iterable[DeviceIdentity],
    file_id: bytes,
    key: bytes,
    entropy: Entropy,
    ephemeral: AgreementKey | None = None,
) -> bytes:
    """What stands before the sealed manifest: K for each device, under a key pair of this head."""
    ephemeral = ephemeral or AgreementKey.generate()
    slots = []
    for recipient in recipients:
        secret = ephemeral.exchange(recipient.identity_key)
        wrapping = slot_key(secret, file_id, ephemeral.public, recipient)
        slots.append(aead_seal(wrapping, key, SealedKind.PEOPLE.preamble, entropy))
    if not 0 < len(slots) <= MAX_SLOTS:
        raise MalformedError("number of recipients")
    return SealedKind.PEOPLE.preamble + lp(t(Label.SEALED_FILE, file_id, ephemeral.public, *slots))


def _hashed(pieces: Iterable[bytes], hasher: files.PartHasher) -> Iterator[bytes]:
    for piece in pieces:
        hasher.update(piece)
        yield piece
