"""The own identity backup: made once at sign-up, opened by every further device.

    identity = {"v": 1, "aik": PKCS #8, "trust": [{"user", "account_key", "verified"}]}

Spec: SEAL1 §4.11.
"""

from dataclasses import dataclass, field
from typing import Literal

import msgspec

from client import wire
from client.seal import backup as seal_backup
from client.seal.encoding import b64url_decode, b64url_encode
from client.seal.errors import DecryptError, DecryptReason
from client.seal.keys import SigningKey
from client.seal.password import PasswordKeys, PasswordParameters
from protocol import bodies
from protocol.frames import Sealed


@dataclass(frozen=True, slots=True)
class PasswordSecret:
    """A stretched password, and what it was stretched with."""

    salt: bytes
    parameters: PasswordParameters
    keys: PasswordKeys = field(repr=False)


class _Identity(msgspec.Struct, kw_only=True):
    """The JSON inside the identity blob; `aik` is the account key as PKCS #8.

    `trust` is what people have verified, which this client leaves to the browser.
    """

    v: Literal[1] = 1
    aik: str
    trust: list[dict[str, object]] = []


def make_backup(
    user_id: bytes, account_key: SigningKey, secret: PasswordSecret, code_entropy: bytes
) -> bodies.Backup:
    """Version 1, opened by the password and by the recovery code."""
    backup = seal_backup.BackupKey.generate()
    identity = msgspec.json.encode(_Identity(aik=b64url_encode(account_key.pkcs8())))
    by_password = seal_backup.wrap_backup_key(
        backup,
        secret.keys.wrapping_key,
        user_id,
        seal_backup.WrapMethod.PASSWORD,
        secret.parameters.encode(),
    )
    by_code = seal_backup.wrap_backup_key(
        backup,
        seal_backup.recovery_key(user_id, code_entropy),
        user_id,
        seal_backup.WrapMethod.RECOVERY_CODE,
    )
    return bodies.Backup(
        version=1,
        brk_id=b64url_encode(backup.id),
        wraps=[
            bodies.Wrap(
                method="password",
                kdf=wire.dump_kdf(secret.parameters),
                salt=b64url_encode(secret.salt),
                wrap=Sealed(b64url_encode(by_password)),
            ),
            bodies.Wrap(method="recovery", wrap=Sealed(b64url_encode(by_code))),
        ],
        identity=Sealed(b64url_encode(seal_backup.seal_identity(backup, user_id, identity))),
    )


def open_backup(
    stored: bodies.Backup, user_id: bytes, secret: PasswordSecret, recovery_code: str | None
) -> SigningKey:
    """The account key, by the recovery code when there is one, else by the password.

    Raises: DecryptError when it does not open; MalformedError for a mistyped code
    """
    if recovery_code is None:
        backup = _unwrap_with_password(stored, user_id, secret)
    else:
        key = seal_backup.recovery_key(user_id, seal_backup.parse_recovery_code(recovery_code))
        backup = _unwrap(stored, _find_wrap(stored, "recovery"), key, user_id)
    identity = seal_backup.open_identity(backup, user_id, b64url_decode(stored.identity))
    record = msgspec.json.decode(identity, type=_Identity)
    return SigningKey.from_pkcs8(b64url_decode(record.aik))


def _unwrap_with_password(
    stored: bodies.Backup, user_id: bytes, secret: PasswordSecret
) -> seal_backup.BackupKey:
    """Raises: DecryptError, also when the wrap was made under another password."""
    wrap = _find_wrap(stored, "password")
    if wrap.salt != b64url_encode(secret.salt):
        raise DecryptError(DecryptReason.AUTH_FAILED)
    return _unwrap(stored, wrap, secret.keys.wrapping_key, user_id, secret.parameters.encode())


def _find_wrap(stored: bodies.Backup, method: str) -> bodies.Wrap:
    for wrap in stored.wraps:
        if wrap.method == method:
            return wrap
    raise DecryptError(DecryptReason.UNSUPPORTED)


def _unwrap(
    stored: bodies.Backup,
    wrap: bodies.Wrap,
    wrapping_key: bytes,
    user_id: bytes,
    parameters: bytes = b"",
) -> seal_backup.BackupKey:
    methods = {
        "password": seal_backup.WrapMethod.PASSWORD,
        "recovery": seal_backup.WrapMethod.RECOVERY_CODE,
    }
    return seal_backup.unwrap_backup_key(
        b64url_decode(wrap.wrap),
        b64url_decode(stored.brk_id),
        wrapping_key,
        user_id,
        methods[wrap.method],
        parameters,
    )
