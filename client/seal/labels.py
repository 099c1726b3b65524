"""The closed list of labels: no key, signature or associated data is made under any other.

Spec: SEAL1 §4.0.
"""

from enum import StrEnum


class Label(StrEnum):
    """Domain separators of hashes, derivations and associated data."""

    IDENTITY = "SEAL1/id"
    X3DH = "SEAL1/x3dh"
    X3DH_KEY = "SEAL1/x3dh/sk"
    SESSION_ID = "SEAL1/sid"
    ROOT = "SEAL1/root"
    MESSAGE = "SEAL1/msg"
    PAYLOAD = "SEAL1/payload"
    PAYLOAD_AD = "SEAL1/payload/ad"
    FRANKING = "SEAL1/frank"
    DIRECT_ROOM = "SEAL1/dm"
    DEVICE_CERTIFICATE = "SEAL1/devcert"
    DEVICE_LIST = "SEAL1/devlist"
    FINGERPRINT = "SEAL1/fp"
    PW_SALT = "SEAL1/pw-salt"
    AUTH_KEY = "SEAL1/auth"
    BACKUP_WRAP = "SEAL1/backup/wrap"
    BACKUP_KEK_PW = "SEAL1/backup/kek-pw"
    BACKUP_KEK_RC = "SEAL1/backup/kek-rc"
    BACKUP_IDENTITY = "SEAL1/backup/identity"
    RECOVERY_CODE = "SEAL1/rc"
    FILE = "SEAL1/file"
    FILE_ROOT = "SEAL1/file/root"
    LINK_AUTH = "SEAL1/link/auth"
    LINK_MANIFEST_KEY = "SEAL1/link/manifest"
    LINK_PW = "SEAL1/link/pw"
    LINK = "SEAL1/link"
    SEALED_FILE = "SEAL1/sealed-file"
    SEALED_FILE_SLOT = "SEAL1/sealed-file/slot"
    SEALED_FILE_PW_SALT = "SEAL1/sealed-file/pw-salt"
    SEALED_FILE_PW = "SEAL1/sealed-file/pw"
    SEALED_FILE_KEY = "SEAL1/sealed-file/key"
    SEALED_FILE_MANIFEST = "SEAL1/sealed-file/manifest"


class Purpose(StrEnum):
    """What a signature is for; a signature of one purpose is invalid for every other."""

    DEVICE_CERTIFICATE = "devcert"
    DEVICE_CERTIFICATE_POSSESSION = "devcert-pop"
    DEVICE_LIST = "devlist"
    SIGNED_PREKEY = "spk"
    ONE_TIME_PREKEY = "opk"
    FILE = "file"
    FILE_GRANT = "file-grant"
    SEALED_FILE = "sealed-file"
    LINK = "link"

    @property
    def label(self) -> str:
        """The label that the signed bytes begin with."""
        return f"SEAL1/sig/{self.value}"
