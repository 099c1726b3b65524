"""The account identity, kept at a server that cannot read it.

    BRK    = 32 random bytes under a random 16-byte brkId
    wrap   = AEAD(KEK, BRK, T("SEAL1/backup/wrap", userId, u8 method, kdfParams, brkId))
    K_id   = HKDF(brkId, BRK, "SEAL1/backup/identity", 32)
    blob   = AEAD(K_id, json, T("SEAL1/backup/identity", userId, brkId))
    code   = base32(E ‖ top 12 bits of H("SEAL1/rc" ‖ E))      E = 16 random bytes, 28 characters
    KEK_rc = HKDF(userId, E, "SEAL1/backup/kek-rc", 32)

Methods: 1 password (kdfParams = `PasswordParameters.encode()`), 2 recovery code (kdfParams empty).
Everything is symmetric, so a server can neither read a backup nor make one.
Spec: SEAL1 §4.11.
"""

from dataclasses import dataclass, field
from enum import IntEnum

from client.seal.encoding import ID_BYTES, KEY_BYTES, require_bytes, t, u8
from client.seal.errors import DecryptError, DecryptReason, MalformedError
from client.seal.labels import Label
from client.seal.primitives import Entropy, aead_open, aead_seal, hkdf, secure_entropy, sha256

RECOVERY_ENTROPY_BYTES = 16
RECOVERY_CHARACTERS = 28
_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_LOOKALIKES = str.maketrans("OIL", "011")
_CHECK_BITS = 12


class WrapMethod(IntEnum):
    """What opens a wrapped backup root key."""

    PASSWORD = 1
    RECOVERY_CODE = 2


@dataclass(frozen=True, slots=True)
class BackupKey:
    """The backup root key and the id that its wraps and blobs are bound to."""

    id: bytes
    key: bytes = field(repr=False)

    @classmethod
    def generate(cls, entropy: Entropy = secure_entropy) -> "BackupKey":
        """A new random key."""
        return cls(entropy(ID_BYTES), entropy(KEY_BYTES))


def wrap_backup_key(
    backup: BackupKey,
    wrapping_key: bytes,
    user_id: bytes,
    method: WrapMethod,
    parameters: bytes = b"",
    entropy: Entropy = secure_entropy,
) -> bytes:
    """60 bytes that only `wrapping_key` opens, for this user, method and parameters."""
    associated_data = _wrap_associated_data(user_id, method, parameters, backup.id)
    return aead_seal(wrapping_key, backup.key, associated_data, entropy)


def unwrap_backup_key(
    wrap: bytes,
    backup_id: bytes,
    wrapping_key: bytes,
    user_id: bytes,
    method: WrapMethod,
    parameters: bytes = b"",
) -> BackupKey:
    """Undo `wrap_backup_key`.

    Raises: DecryptError `auth-failed`, also for a wrong password or code
    """
    associated_data = _wrap_associated_data(user_id, method, parameters, backup_id)
    key = aead_open(wrapping_key, wrap, associated_data)
    if len(key) != KEY_BYTES:
        raise DecryptError(DecryptReason.AUTH_FAILED)
    return BackupKey(backup_id, key)


def seal_identity(
    backup: BackupKey, user_id: bytes, json_utf8: bytes, entropy: Entropy = secure_entropy
) -> bytes:
    """Encrypt what a new device of this account needs."""
    associated_data = t(Label.BACKUP_IDENTITY, user_id, backup.id)
    return aead_seal(_identity_key(backup), json_utf8, associated_data, entropy)


def open_identity(backup: BackupKey, user_id: bytes, sealed: bytes) -> bytes:
    """Undo `seal_identity`.

    Raises: DecryptError `auth-failed`
    """
    return aead_open(_identity_key(backup), sealed, t(Label.BACKUP_IDENTITY, user_id, backup.id))


def recovery_key(user_id: bytes, code_entropy: bytes) -> bytes:
    """KEK_rc."""
    secret = require_bytes(code_entropy, RECOVERY_ENTROPY_BYTES)
    return hkdf(user_id, secret, Label.BACKUP_KEK_RC.encode(), 32)


def dump_recovery_code(code_entropy: bytes) -> str:
    """28 Crockford characters in seven groups; the last 12 bits find typing errors."""
    secret = require_bytes(code_entropy, RECOVERY_ENTROPY_BYTES)
    value = int.from_bytes(secret, "big") << _CHECK_BITS | _check_bits(secret)
    characters = "".join(
        _CROCKFORD[value >> shift & 31] for shift in range(5 * (RECOVERY_CHARACTERS - 1), -1, -5)
    )
    return "-".join(characters[i : i + 4] for i in range(0, RECOVERY_CHARACTERS, 4))


def parse_recovery_code(text: str) -> bytes:
    """The 16 bytes behind a code, however a person spaced it; O, I and L are read as 0, 1 and 1.

    Raises: MalformedError for a wrong length, character or checksum
    """
    characters = "".join(text.replace("-", "").split()).upper().translate(_LOOKALIKES)
    if len(characters) != RECOVERY_CHARACTERS or any(c not in _CROCKFORD for c in characters):
        raise MalformedError("a recovery code has 28 characters")
    value = 0
    for character in characters:
        value = value << 5 | _CROCKFORD.index(character)
    secret = (value >> _CHECK_BITS).to_bytes(RECOVERY_ENTROPY_BYTES, "big")
    if value & (1 << _CHECK_BITS) - 1 != _check_bits(secret):
        raise MalformedError("the recovery code has a typing error")
    return secret


def _check_bits(secret: bytes) -> int:
    digest = sha256(Label.RECOVERY_CODE.encode() + secret)
    return int.from_bytes(digest[:2], "big") >> (16 - _CHECK_BITS)


def _identity_key(backup: BackupKey) -> bytes:
    return hkdf(backup.id, backup.key, Label.BACKUP_IDENTITY.encode(), 32)


def _wrap_associated_data(
    user_id: bytes, method: WrapMethod, parameters: bytes, backup_id: bytes
) -> bytes:
    fields = (require_bytes(user_id, ID_BYTES), u8(method), parameters)
    return t(Label.BACKUP_WRAP, *fields, require_bytes(backup_id, ID_BYTES))
