"""What a link to a transfer opens, and what of it the server sees.

    fragment = "1." ‖ base64url(LS32)                        after the "#", which is never sent
    LS'      = HKDF(Argon2id(passphrase, H(T("SEAL1/link/pw", transferId)), 64 MiB, 3, 1),
                    LS, "SEAL1/link/pw", 32)                 LS itself when there is no passphrase
    auth     = HKDF(Z32, LS', "SEAL1/link/auth", 32)         → server, which stores H(auth)
    K        = HKDF(Z32, LS', "SEAL1/link/manifest", 32)
    manifest = AEAD(K, json, T("SEAL1/link", transferId))

Spec: SEAL1 §4.13.
"""

import unicodedata
from dataclasses import dataclass, field

from client.seal.encoding import KEY_BYTES, ZERO_32, b64url_decode, b64url_encode, require_bytes, t
from client.seal.errors import DecryptError, DecryptReason, MalformedError
from client.seal.labels import Label
from client.seal.password import PasswordParameters, argon2id
from client.seal.primitives import Entropy, aead_open, aead_seal, hkdf, secure_entropy, sha256

FRAGMENT_VERSION = "1"


@dataclass(frozen=True, slots=True)
class LinkKeys:
    """What is shown to the server, and what never is; 32 bytes each."""

    auth: bytes = field(repr=False)
    manifest: bytes = field(repr=False)


def dump_fragment(secret: bytes) -> str:
    """The part of a link behind the "#"."""
    return f"{FRAGMENT_VERSION}.{b64url_encode(secret)}"


def parse_fragment(fragment: str) -> bytes:
    """LS of a link.

    Raises: DecryptError `unsupported` for another version; MalformedError
    """
    version, dot, secret = fragment.partition(".")
    if not dot:
        raise MalformedError("not a link of ours")
    if version != FRAGMENT_VERSION:
        raise DecryptError(DecryptReason.UNSUPPORTED)
    return require_bytes(b64url_decode(secret), KEY_BYTES)


def protect_secret(secret: bytes, passphrase: str, transfer_id: bytes) -> bytes:
    """LS' of a link with a passphrase; takes 64 MiB and a fraction of a second."""
    salt = sha256(t(Label.LINK_PW, transfer_id))
    password = unicodedata.normalize("NFC", passphrase).encode()
    stretched = argon2id(password, salt, PasswordParameters(), KEY_BYTES)
    return hkdf(stretched, secret, Label.LINK_PW.encode(), KEY_BYTES)


def link_keys(secret: bytes) -> LinkKeys:
    """Both keys of LS, or of LS' when there is a passphrase."""
    return LinkKeys(
        auth=hkdf(ZERO_32, secret, Label.LINK_AUTH.encode(), KEY_BYTES),
        manifest=hkdf(ZERO_32, secret, Label.LINK_MANIFEST_KEY.encode(), KEY_BYTES),
    )


def seal_link_manifest(
    key: bytes, transfer_id: bytes, json: bytes, entropy: Entropy = secure_entropy
) -> bytes:
    """Encrypt what a link brings under its manifest key."""
    return aead_seal(key, json, t(Label.LINK, transfer_id), entropy)


def open_link_manifest(key: bytes, transfer_id: bytes, sealed: bytes) -> bytes:
    """Undo `seal_link_manifest`.

    Raises: DecryptError `auth-failed`
    """
    return aead_open(key, sealed, t(Label.LINK, transfer_id))
