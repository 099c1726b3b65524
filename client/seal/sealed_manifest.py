"""What a sealed file says about itself, and which device says so.

    mk ‖ commitment = HKDF(Z32, K, "SEAL1/sealed-file/key", 64)
    sealed manifest = commitment ‖ AEAD(mk, pad(LP(body) ‖ LP(sig)), binding)
    body = T("SEAL1/sealed-file/manifest", FK, u64 size, root, u64 sealedAtMs, name, mime
             [, AIK, certificate body, sigA, sigP])
    sig  = SIGN(DSK, "sealed-file", T("", binding, body))

A file for people is signed, one under a passphrase is not; the kind inside the binding decides.
Spec: docs/crypto.md §11.3.
"""

from dataclasses import dataclass, field

from client.seal.encoding import (
    HASH_BYTES,
    KEY_BYTES,
    ZERO_32,
    lp,
    parse_lp,
    parse_t,
    require_bytes,
    t,
    u64,
)
from client.seal.errors import DecryptError, DecryptReason, MalformedError, TrustError, TrustReason
from client.seal.file_names import is_file_name, is_media_type
from client.seal.identity import DeviceIdentity, LocalDevice, SignedCertificate
from client.seal.keys import POINT_BYTES, SIGNATURE_BYTES, SigningKey, require_signed
from client.seal.labels import Label, Purpose
from client.seal.payload import pad, unpad
from client.seal.primitives import Entropy, aead_open, aead_seal, equal, hkdf, secure_entropy
from client.seal.sealed_head import SealedHead, SealedKind


@dataclass(frozen=True, slots=True)
class PlainFile:
    """What is to be sealed; `sealed_at_ms` is what the sender's clock says."""

    name: str
    mime: str
    size_bytes: int
    sealed_at_ms: int


@dataclass(frozen=True, slots=True)
class SealedManifest:
    """What a file says about itself."""

    file: PlainFile
    root: bytes
    file_key: bytes = field(repr=False)


def split_key(key: bytes) -> tuple[bytes, bytes]:
    """The key of the manifest, and the commitment that stands before it."""
    derived = hkdf(ZERO_32, key, Label.SEALED_FILE_KEY.encode(), KEY_BYTES + HASH_BYTES)
    return derived[:KEY_BYTES], derived[KEY_BYTES:]


def seal_manifest(
    key: bytes,
    binding: bytes,
    manifest: SealedManifest,
    sender: LocalDevice | None,
    entropy: Entropy = secure_entropy,
) -> bytes:
    """Sign, pad and encrypt; the length depends on neither root nor signature.

    Raises: MalformedError for a name or type that nobody would take
    """
    _require_names(manifest.file)
    fields = [
        manifest.file_key,
        u64(manifest.file.size_bytes),
        manifest.root,
        u64(manifest.file.sealed_at_ms),
        manifest.file.name.encode(),
        manifest.file.mime.encode(),
    ]
    if sender is not None:
        fields += [
            sender.account_key,
            sender.certificate.body,
            sender.certificate.account_signature,
            sender.certificate.possession_signature,
        ]
    body = t(Label.SEALED_FILE_MANIFEST, *fields)
    signature = b"" if sender is None else _sign(sender.signing_key, binding, body)
    manifest_key, commitment = split_key(key)
    return commitment + aead_seal(manifest_key, pad(lp(body) + lp(signature)), binding, entropy)


def open_manifest(head: SealedHead, key: bytes) -> tuple[SealedManifest, DeviceIdentity | None]:
    """The manifest under K, and the device that signed it; None under a passphrase.

    Raises: DecryptError `no-session` for another passphrase, `auth-failed` for a manifest that was
        changed; TrustError `bad-signature` when its device did not sign it or no account vouches
        for that device
    """
    manifest_key, commitment = split_key(key)
    if not equal(commitment, head.sealed_manifest[:HASH_BYTES]):
        is_ours = head.kind is SealedKind.PEOPLE
        raise DecryptError(DecryptReason.AUTH_FAILED if is_ours else DecryptReason.NO_SESSION)
    content = aead_open(manifest_key, head.sealed_manifest[HASH_BYTES:], head.binding)
    try:
        body, signature = parse_lp(unpad(content))
        manifest, signer = _parse_body(body)
        is_signed = head.kind is SealedKind.PEOPLE
        if (signer is not None) != is_signed or len(signature) != SIGNATURE_BYTES * is_signed:
            raise MalformedError("signer")
    except (MalformedError, ValueError) as error:
        raise DecryptError(DecryptReason.AUTH_FAILED) from error
    sender = None if signer is None else _verify(signer, head.binding, body, signature)
    return manifest, sender


def _sign(signing_key: SigningKey, binding: bytes, body: bytes) -> bytes:
    return signing_key.sign(Purpose.SEALED_FILE, t("", binding, body))


def _verify(
    signer: tuple[bytes, SignedCertificate], binding: bytes, body: bytes, signature: bytes
) -> DeviceIdentity:
    account_key, certificate = signer
    try:
        sender = certificate.verify(account_key)
        require_signed(sender.signing_key, Purpose.SEALED_FILE, t("", binding, body), signature)
    except MalformedError as error:
        raise TrustError(TrustReason.BAD_SIGNATURE) from error
    return sender


def _parse_body(body: bytes) -> tuple[SealedManifest, tuple[bytes, SignedCertificate] | None]:
    """Raises: MalformedError, ValueError; UnicodeDecodeError is one."""
    fields = parse_t(Label.SEALED_FILE_MANIFEST, body)
    file_key, size, root, sealed_at, name, mime, *signer = fields
    if [len(part) for part in fields[:4]] != [KEY_BYTES, 8, HASH_BYTES, 8]:
        raise MalformedError("sealed manifest")
    file = PlainFile(
        name=name.decode(),
        mime=mime.decode(),
        size_bytes=int.from_bytes(size, "big"),
        sealed_at_ms=int.from_bytes(sealed_at, "big"),
    )
    _require_names(file)
    manifest = SealedManifest(file, root, file_key)
    if not signer:
        return manifest, None
    account_key, certificate, account_signature, possession_signature = signer
    require_bytes(account_key, POINT_BYTES)
    for signature in (account_signature, possession_signature):
        require_bytes(signature, SIGNATURE_BYTES)
    return manifest, (
        account_key,
        SignedCertificate(certificate, account_signature, possession_signature),
    )


def _require_names(file: PlainFile) -> None:
    if not is_file_name(file.name) or not is_media_type(file.mime):
        raise MalformedError("file name or type")
