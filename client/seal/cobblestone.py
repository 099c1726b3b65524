"""Cobblestone-256: files encrypted in chunks of 16 KiB (C2SP chunked-encryption v1).

    out     = HKDF-Expand(SHA-512, FK, info ‖ salt24 ‖ context, 76)
            = key32 ‖ base_nonce12 ‖ commitment32
    info    = "c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM" ‖ 00
    file    = salt ‖ commitment ‖ chunk 0 ‖ chunk 1 …
    chunk i = AES-256-GCM(key, base_nonce XOR u96(i), plaintext)

Every chunk but the last holds 16 KiB, the last one less, perhaps nothing: it marks the end.
Both directions are generators over pieces of any size and hold one chunk in memory. A piece may be
a view of memory that its owner uses again once the next piece is asked for.
What `decrypt_file` yields is authentic, but only when it ends without an error is the file whole.
Spec: SEAL1 §4.12.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from client.seal.encoding import HASH_BYTES, KEY_BYTES, Octets, require_bytes
from client.seal.errors import DecryptError, DecryptReason
from client.seal.primitives import IV_BYTES, TAG_BYTES, Entropy, equal, secure_entropy

CHUNK_BYTES = 16_384
SALT_BYTES = 24
PREFIX_BYTES = SALT_BYTES + HASH_BYTES
_SEALED_CHUNK_BYTES = CHUNK_BYTES + TAG_BYTES
_INFO = b"c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\0"

OUR_HASH = hashes.SHA512()
"""Published vectors use SHA-256, so it is an argument."""


@dataclass(frozen=True, slots=True)
class ChunkCipher:
    """What is derived from a file key, a salt and a context."""

    aead: AESGCM = field(repr=False)
    base_nonce: int
    commitment: bytes

    @classmethod
    def derive(
        cls, file_key: bytes, context: bytes, salt: bytes, algorithm: hashes.HashAlgorithm
    ) -> "ChunkCipher":
        """Raises: MalformedError for a key that is not 32 bytes."""
        length = KEY_BYTES + IV_BYTES + HASH_BYTES
        expansion = HKDFExpand(algorithm, length, _INFO + salt + context)
        out = expansion.derive(require_bytes(file_key, KEY_BYTES))
        base_nonce = int.from_bytes(out[KEY_BYTES:-HASH_BYTES], "big")
        return cls(AESGCM(out[:KEY_BYTES]), base_nonce, out[-HASH_BYTES:])

    @classmethod
    def open(
        cls,
        file_key: bytes,
        context: bytes,
        prefix: bytes,
        algorithm: hashes.HashAlgorithm = OUR_HASH,
    ) -> "ChunkCipher":
        """The cipher of a file that begins with these 56 bytes.

        Raises: DecryptError `auth-failed` when key, context and prefix do not belong together
        """
        if len(prefix) != PREFIX_BYTES:
            raise DecryptError(DecryptReason.AUTH_FAILED)
        cipher = cls.derive(file_key, context, prefix[:SALT_BYTES], algorithm)
        if not equal(cipher.commitment, prefix[SALT_BYTES:]):
            raise DecryptError(DecryptReason.AUTH_FAILED)
        return cipher

    def seal(self, index: int, chunk: Octets) -> bytes:
        """Encrypt chunk number `index`, at most 16 KiB."""
        return self.aead.encrypt(self._nonce(index), chunk, None)

    def open_chunk(self, index: int, sealed: Octets) -> bytes:
        """Decrypt chunk number `index`, which may be read without the ones before it.

        Raises: DecryptError `auth-failed`
        """
        if len(sealed) < TAG_BYTES:
            raise DecryptError(DecryptReason.AUTH_FAILED)
        try:
            return self.aead.decrypt(self._nonce(index), sealed, None)
        except InvalidTag as error:
            raise DecryptError(DecryptReason.AUTH_FAILED) from error

    def _nonce(self, index: int) -> bytes:
        return (self.base_nonce ^ index).to_bytes(IV_BYTES, "big")


def encrypted_bytes(plaintext_bytes: int) -> int:
    """Size of the ciphertext of that much plaintext."""
    return PREFIX_BYTES + plaintext_bytes + (plaintext_bytes // CHUNK_BYTES + 1) * TAG_BYTES


def chunk_offset(index: int) -> int:
    """Where chunk number `index` begins in the ciphertext."""
    return PREFIX_BYTES + index * _SEALED_CHUNK_BYTES


def encrypt_file(
    file_key: bytes,
    context: bytes,
    pieces: Iterable[Octets],
    *,
    entropy: Entropy = secure_entropy,
    algorithm: hashes.HashAlgorithm = OUR_HASH,
) -> Iterator[bytes]:
    """The ciphertext of a file, piece by piece; `file_key` is 32 bytes and for this file only.

    Raises: MalformedError
    """
    salt = entropy(SALT_BYTES)
    cipher = ChunkCipher.derive(file_key, context, salt, algorithm)
    yield salt + cipher.commitment
    for index, chunk in enumerate(_blocks(pieces, CHUNK_BYTES)):
        yield cipher.seal(index, chunk)


def decrypt_file(
    file_key: bytes,
    context: bytes,
    pieces: Iterable[Octets],
    *,
    algorithm: hashes.HashAlgorithm = OUR_HASH,
) -> Iterator[bytes]:
    """The plaintext of a file, piece by piece.

    Raises: DecryptError `auth-failed` for another key or context, and for a file that was changed,
    cut, extended or reordered; MalformedError for a key that is not 32 bytes
    """
    blocks = _blocks(pieces, _SEALED_CHUNK_BYTES, PREFIX_BYTES)
    cipher = ChunkCipher.open(file_key, context, bytes(next(blocks)), algorithm)
    for index, sealed in enumerate(blocks):
        yield cipher.open_chunk(index, sealed)


def _blocks(
    pieces: Iterable[Octets], size_bytes: int, first_bytes: int | None = None
) -> Iterator[Octets]:
    """Cut into blocks of one size, and at the end always one that is shorter, perhaps empty.

    Only what reaches over the end of a piece is copied.
    """
    held = bytearray()
    wanted = size_bytes if first_bytes is None else first_bytes
    for piece in pieces:
        rest = memoryview(piece)
        if held:
            missing = wanted - len(held)
            held += rest[:missing]
            rest = rest[missing:]
            if len(held) < wanted:
                continue
            yield held
            held, wanted = bytearray(), size_bytes
        while len(rest) >= wanted:
            yield rest[:wanted]
            rest, wanted = rest[wanted:], size_bytes
        held += rest
    yield held
