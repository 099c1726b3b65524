"""The server's own keys: one master key on disk, everything else derived from it (S-62).

    master.key ──HKDF-SHA256──▶ "Sealroom/server/jwt"      signs access tokens
                                "Sealroom/server/pepper"   keyed hash under bcrypt
                                "Sealroom/server/code"     hashes of e-mailed codes
                                "Sealroom/server/salt"     fake salts for unknown addresses
                                "Sealroom/server/refresh"  successors of refresh tokens
                                "Sealroom/server/frank"    tags that make reports checkable
                                "Sealroom/server/bus"      packets between processes
                                "Sealroom/server/grant"    tokens for the bytes of files

Losing the file logs everybody out and makes every password unusable; it belongs in the backup, away
from the database.
"""

import hashlib
import hmac
import os
import secrets
import stat
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from pathlib import Path

from config.settings import SettingsError

_KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class Secrets:
    """Each key 32 bytes, for one purpose only."""

    jwt_key: bytes = field(repr=False)
    pepper: bytes = field(repr=False)
    code_key: bytes = field(repr=False)
    salt_key: bytes = field(repr=False)
    refresh_key: bytes = field(repr=False)
    frank_key: bytes = field(repr=False)
    grant_key: bytes = field(repr=False)
    bus_key: bytes = field(repr=False)


def hkdf(key: bytes, info: str) -> bytes:
    """Derive 32 bytes: HKDF-SHA256 with an empty salt; one block is enough (RFC 5869 §2.3)."""
    extracted = hmac.digest(bytes(_KEY_BYTES), key, hashlib.sha256)
    return hmac.digest(extracted, info.encode("ascii") + b"\x01", hashlib.sha256)


def derive(master: bytes) -> Secrets:
    """Derive every key of the server."""

    def key(purpose: str) -> bytes:
        return hkdf(master, f"Sealroom/server/{purpose}")

    return Secrets(
        jwt_key=key("jwt"),
        pepper=key("pepper"),
        code_key=key("code"),
        salt_key=key("salt"),
        refresh_key=key("refresh"),
        frank_key=key("frank"),
        grant_key=key("grant"),
        bus_key=key("bus"),
    )


def open_secrets(data_dir: Path, master_key_file: str) -> Secrets:
    """Return the server's keys; without a named file the master key is made in the data folder.

    Raises: SettingsError
    """
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    if master_key_file:
        return derive(open_master_key(Path(master_key_file), create=False))
    return derive(open_master_key(data_dir / "master.key", create=True))


def open_master_key(path: Path, *, create: bool) -> bytes:
    """Read the master key, making it first when it is missing and `create`.

    The file holds the key as 43 characters of base64url and is readable by its owner only.
    Atomicity: of several processes that start at once one makes the key and all read the same.
    Raises: SettingsError when it is missing, readable by others, or not a key.
    """
    if create and not path.exists():
        _create(path)
    try:
        status = path.stat()
        text = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"master_key_file = {str(path)!r}: cannot be read.") from error
    if not is_private(status.st_mode, status.st_uid, os.geteuid()):
        raise SettingsError(
            f"master_key_file = {str(path)!r}: must be readable by its owner only (chmod 600)."
        )
    try:
        key = urlsafe_b64decode(text + "=")
    except ValueError:
        key = b""
    if len(key) != _KEY_BYTES:
        raise SettingsError(
            f"master_key_file = {str(path)!r}: must hold 32 bytes as 43 characters of base64url."
        )
    return key


def is_private(mode: int, owner: int, user: int) -> bool:
    """Whether a file with this mode and owner is a secret of the user who reads it.

    What root owns may be read by the group of a service that is not root: that is how an
    orchestrator hands a secret to a process that could not change its mode.
    """
    foreign = stat.S_IRWXG | stat.S_IRWXO
    if owner == 0 != user:
        foreign &= ~stat.S_IRGRP
    return not mode & foreign


def _create(path: Path) -> None:
    """Write a new key under a temporary name and link it into place, never over another one."""
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    text = urlsafe_b64encode(secrets.token_bytes(_KEY_BYTES)).rstrip(b"=") + b"\n"
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(descriptor, text)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    try:
        os.link(draft, path)
    except FileExistsError:
        pass  # another process was first; its key counts
    finally:
        draft.unlink()
