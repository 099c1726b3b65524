"""The number that two people compare to know that nobody sits between them.

    fp(user) = PBKDF2-HMAC-SHA-512(T("SEAL1/fp", userId, AIK), "SEAL1/fp", 100 000 rounds, 30 bytes)
    digits   = six times five bytes, big-endian, modulo 100 000, as five digits

Spec: SEAL1 §4.10.
"""

import hashlib

from client.seal.encoding import t
from client.seal.labels import Label

ROUNDS = 100_000
"""Stretching that makes a search for a similar number 2^17 times dearer; about 0.1 s a call."""
_GROUPS = 6
_GROUP_BYTES = 5


def fingerprint(user_id: bytes, account_key: bytes) -> str:
    """30 digits for one account."""
    digest = hashlib.pbkdf2_hmac(
        "sha512",
        t(Label.FINGERPRINT, user_id, account_key),
        Label.FINGERPRINT.encode(),
        ROUNDS,
        _GROUPS * _GROUP_BYTES,
    )
    groups = (digest[i : i + _GROUP_BYTES] for i in range(0, len(digest), _GROUP_BYTES))
    return "".join(f"{int.from_bytes(group, 'big') % 100_000:05d}" for group in groups)


def safety_number(one: tuple[bytes, bytes], other: tuple[bytes, bytes]) -> str:
    """Twelve groups of five digits; the same text on both sides.

    Args:
        one, other: user id and account identity key
    """
    return _grouped("".join(sorted((fingerprint(*one), fingerprint(*other)))))


def shown_fingerprint(user_id: bytes, account_key: bytes) -> str:
    """Six groups of five digits, as people compare them for one account."""
    return _grouped(fingerprint(user_id, account_key))


def _grouped(digits: str) -> str:
    return " ".join(digits[i : i + 5] for i in range(0, len(digits), 5))
