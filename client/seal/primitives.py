"""Hashes, derivations and authenticated encryption; thin names over pyca/cryptography.

AEAD is AES-256-GCM with a random 96-bit IV in front and a 128-bit tag behind:

    iv(12) ‖ ciphertext ‖ tag(16)

Spec: SEAL1 §4.0.
"""

import hashlib
import hmac
import os
from collections.abc import Callable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from client.seal.encoding import Octets
from client.seal.errors import DecryptError, DecryptReason

IV_BYTES = 12
TAG_BYTES = 16

Entropy = Callable[[int], bytes]
"""Returns that many random bytes; a parameter so that golden vectors can be reproduced."""

secure_entropy: Entropy = os.urandom


def sha256(data: Octets) -> bytes:
    """H of the specification, 32 bytes."""
    return hashlib.sha256(data).digest()


def hmac_sha256(key: bytes, data: bytes) -> bytes:
    """HMAC-SHA-256, 32 bytes."""
    return hmac.digest(key, data, "sha256")


def equal(left: bytes, right: bytes) -> bool:
    """Compare in time that does not depend on where two values differ."""
    return hmac.compare_digest(left, right)


def hkdf(salt: bytes, key_material: bytes, info: bytes, length_bytes: int) -> bytes:
    """RFC 5869 extract and expand with SHA-256."""
    derivation = HKDF(algorithm=hashes.SHA256(), length=length_bytes, salt=salt, info=info)
    return derivation.derive(key_material)


def aead_seal(
    key: bytes, plaintext: bytes, associated_data: bytes, entropy: Entropy = secure_entropy
) -> bytes:
    """Encrypt under a fresh random IV and put the IV in front."""
    iv = entropy(IV_BYTES)
    return iv + AESGCM(key).encrypt(iv, plaintext, associated_data)


def aead_open(key: bytes, sealed: bytes, associated_data: bytes) -> bytes:
    """Undo `aead_seal`.

    Raises: DecryptError `auth-failed` for a wrong key, other associated data or any changed bit
    """
    if len(sealed) < IV_BYTES + TAG_BYTES:
        raise DecryptError(DecryptReason.AUTH_FAILED)
    try:
        return AESGCM(key).decrypt(sealed[:IV_BYTES], sealed[IV_BYTES:], associated_data)
    except InvalidTag as error:
        raise DecryptError(DecryptReason.AUTH_FAILED) from error
