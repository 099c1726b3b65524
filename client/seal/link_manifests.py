"""What a link brings: the files with their keys, and who says so, if anybody.

    manifest = json, and spaces to the next multiple of 1,024 bytes
    json     = {"v": 1, "files": [1 to 10], "from": null | {…}}, written in one way only
    file_i   = H(T("", fileId, root, u64 size, H(T("", name, mime))))
    sig      = SIGN(DSK, "link", T("", transferId, file_1 ‖ … ‖ file_n, senderName))

Sealing it is in `links.py`. Who signed is whoever made the link: it proves no person.
Spec: docs/crypto.md §12.2.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from client.seal.encoding import b64url_decode, b64url_encode, require_bytes, t
from client.seal.errors import (
    DecryptError,
    DecryptReason,
    MalformedError,
    TrustError,
    TrustReason,
)
from client.seal.file_names import is_one_line
from client.seal.files import FileManifest, parse_file
from client.seal.identity import DeviceIdentity, LocalDevice, SignedCertificate
from client.seal.keys import POINT_BYTES, SIGNATURE_BYTES, require_signed
from client.seal.labels import Purpose
from client.seal.primitives import sha256

VERSION = 1
MAX_FILES = 10
NAME_CHARACTERS = 64
_BLOCK_BYTES = 1_024
_FROM = ("name", "account_key", "certificate", "sig_account", "sig_device", "sig")


@dataclass(frozen=True, slots=True)
class LinkSender:
    """Who signed: the name the link claims, and the device that some account vouches for."""

    name: str
    device: DeviceIdentity


@dataclass(frozen=True, slots=True)
class LinkManifest:
    """Files whose fields hold; `sender` None when nobody signed."""

    files: tuple[FileManifest, ...]
    sender: LinkSender | None


def make_link_manifest(
    transfer_id: bytes,
    files: Sequence[FileManifest],
    sender: LocalDevice | None = None,
    sender_name: str = "",
) -> bytes:
    """The padded json, signed when there is a sender.

    Raises: MalformedError for what no opener would take
    """
    _require_files(files)
    signed = None
    if sender is not None:
        _require_name(sender_name)
        body = _signed_body(transfer_id, files, sender_name)
        certificate = sender.certificate
        parts = (
            sender.account_key,
            certificate.body,
            certificate.account_signature,
            certificate.possession_signature,
            sender.signing_key.sign(Purpose.LINK, body),
        )
        signed = dict(zip(_FROM, [sender_name, *map(b64url_encode, parts)], strict=True))
    return _write([each.record() for each in files], signed)


def read_link_manifest(transfer_id: bytes, manifest: bytes) -> LinkManifest:
    """Undo `make_link_manifest`, believing nothing that does not hold.

    Raises: DecryptError `unsupported` for another version, `auth-failed` for any other form than
        the one documented; TrustError `bad-signature` when the device that is named did not sign,
        or no account vouches for it
    """
    try:
        fields = _parse(manifest)
        files = tuple(map(parse_file, fields["files"]))
        _require_files(files)
        signed = fields["from"]
        # Not what is signed: only so that two programs cannot read two things in the same bytes.
        if _write([each.record() for each in files], signed) != manifest:
            raise MalformedError("another way of writing")
        sender = None if signed is None else _parse_from(signed)
    except (MalformedError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise DecryptError(DecryptReason.AUTH_FAILED) from error
    return LinkManifest(files, None if sender is None else _verify(transfer_id, files, *sender))


def _parse(manifest: bytes) -> dict[str, Any]:
    """Raises: DecryptError `unsupported`; MalformedError; ValueError; RecursionError."""
    fields = json.loads(manifest.decode())
    if not isinstance(fields, dict):
        raise MalformedError("link manifest")
    version = fields.get("v")
    if type(version) is not int:
        raise MalformedError("link manifest")
    if version != VERSION:
        raise DecryptError(DecryptReason.UNSUPPORTED)
    return fields


def _write(files: list[dict[str, object]], signed: dict[str, str] | None) -> bytes:
    ordered = None if signed is None else {name: signed[name] for name in _FROM}
    fields = {"v": VERSION, "files": files, "from": ordered}
    data = json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()
    return data + b" " * (-len(data) % _BLOCK_BYTES)


def _parse_from(signed: dict[str, str]) -> tuple[str, bytes, SignedCertificate, bytes]:
    """Raises: MalformedError."""
    _require_name(signed["name"])
    account_key, body, *signatures = (b64url_decode(signed[name]) for name in _FROM[1:])
    by_account, by_device, signature = (require_bytes(each, SIGNATURE_BYTES) for each in signatures)
    certificate = SignedCertificate(body, by_account, by_device)
    return signed["name"], require_bytes(account_key, POINT_BYTES), certificate, signature


def _verify(
    transfer_id: bytes,
    files: Sequence[FileManifest],
    name: str,
    account_key: bytes,
    certificate: SignedCertificate,
    signature: bytes,
) -> LinkSender:
    try:
        device = certificate.verify(account_key)
    except MalformedError as error:
        raise TrustError(TrustReason.BAD_SIGNATURE) from error
    body = _signed_body(transfer_id, files, name)
    require_signed(device.signing_key, Purpose.LINK, body, signature)
    return LinkSender(name, device)


def _signed_body(transfer_id: bytes, files: Sequence[FileManifest], name: str) -> bytes:
    hashes = (sha256(t("", *each.signed_fields())) for each in files)
    return t("", transfer_id, b"".join(hashes), name.encode())


def _require_files(files: Sequence[FileManifest]) -> None:
    if not 0 < len(files) <= MAX_FILES or len({each.file_id for each in files}) != len(files):
        raise MalformedError("number of files")
    for each in files:
        each.require_valid()


def _require_name(name: object) -> None:
    if not isinstance(name, str) or not is_one_line(name):
        raise MalformedError("sender name")
    if not 0 < len(name) <= NAME_CHARACTERS:
        raise MalformedError("sender name")
