"""The beginning of a sealed file: what everybody can read, and how a recipient gets K out of it.

    preamble = "SEAL1F" ‖ u8 version ‖ u8 kind               kind: 1 people, 2 passphrase
    file     = preamble ‖ LP(header) ‖ LP(sealed manifest) ‖ Cobblestone-256 stream
    header   = T("SEAL1/sealed-file", fileId, EK, slot 1 … slot n)          people
             | T("SEAL1/sealed-file", fileId, kdfParams)                    passphrase
    binding  = H(preamble ‖ LP(header))

    WK       = HKDF(Z32, ECDH(EK, DIK), T("SEAL1/sealed-file/slot", fileId, EK, idR), 32)
    slot     = AEAD(WK, K, preamble)                         K = 32 random bytes
    K        = HKDF(Z32, Argon2id(NFC(passphrase), H(T("SEAL1/sealed-file/pw-salt", fileId)),
                    params), "SEAL1/sealed-file/pw", 32)     under a passphrase

Spec: docs/crypto.md §11.1, §11.2.
"""

import unicodedata
from dataclasses import dataclass
from enum import IntEnum
from typing import BinaryIO, Self

from client.seal.encoding import ID_BYTES, KEY_BYTES, ZERO_32, lp, parse_t, require_bytes, t, u8
from client.seal.errors import DecryptError, DecryptReason, MalformedError
from client.seal.identity import DeviceIdentity, LocalDevice
from client.seal.keys import POINT_BYTES
from client.seal.labels import Label
from client.seal.password import PasswordParameters, argon2id, parse_parameters
from client.seal.primitives import IV_BYTES, TAG_BYTES, aead_open, hkdf, sha256

MAGIC = b"SEAL1F"
VERSION = 1
SLOT_BYTES = IV_BYTES + KEY_BYTES + TAG_BYTES
MAX_SLOTS = 1_024
MAX_HEADER_BYTES = 131_072
MAX_MANIFEST_BYTES = 16_384
_PREAMBLE_BYTES = len(MAGIC) + 2


class SealedKind(IntEnum):
    """Who can open a file: the devices of people, or whoever knows a passphrase."""

    PEOPLE = 1
    PASSPHRASE = 2

    @property
    def preamble(self) -> bytes:
        """The first 8 bytes of a file."""
        return MAGIC + u8(VERSION) + u8(self)


class NotSealedError(MalformedError):
    """A file that was never one of ours."""


@dataclass(frozen=True, slots=True)
class SealedHead:
    """Everything before the content, read and not believed.

    `fields` are EK and the slots, or the parameters of the passphrase.
    """

    kind: SealedKind
    file_id: bytes
    fields: tuple[bytes, ...]
    binding: bytes
    sealed_manifest: bytes
    size_bytes: int

    @classmethod
    def read(cls, file: BinaryIO) -> Self:
        """Take the head off a file, which then stands at the content.

        Raises: NotSealedError for any other file; DecryptError `unsupported` for another version
        or kind, `auth-failed` for a head that is cut or not well formed
        """
        kind = _parse_preamble(file.read(_PREAMBLE_BYTES))
        header = _read_field(file, MAX_HEADER_BYTES)
        sealed_manifest = _read_field(file, MAX_MANIFEST_BYTES)
        file_id, fields = _parse_header(kind, header)
        prefix = kind.preamble + lp(header)
        return cls(
            kind=kind,
            file_id=file_id,
            fields=fields,
            binding=sha256(prefix),
            sealed_manifest=sealed_manifest,
            size_bytes=len(prefix) + 4 + len(sealed_manifest),
        )

    def key_for_device(self, own: LocalDevice) -> bytes:
        """K, when the file was sealed for this device.

        Raises: DecryptError `no-session` when no slot opens
        """
        ephemeral, *slots = self.fields
        try:
            secret = own.identity_key.exchange(ephemeral)
        except MalformedError as error:
            raise DecryptError(DecryptReason.NO_SESSION) from error
        wrapping = slot_key(secret, self.file_id, ephemeral, own.identity())
        for slot in slots:
            try:
                return aead_open(wrapping, slot, self.kind.preamble)
            except DecryptError:
                continue
        raise DecryptError(DecryptReason.NO_SESSION)

    def key_for_passphrase(self, passphrase: str) -> bytes:
        """K under this passphrase; whether it is the right one, the manifest says.

        Raises: TrustError `weak-parameters`
        """
        return passphrase_key(self.file_id, passphrase, parse_parameters(self.fields[0]))


def slot_key(secret: bytes, file_id: bytes, ephemeral: bytes, recipient: DeviceIdentity) -> bytes:
    """WK of one device; `secret` is the x coordinate that both sides agree on."""
    info = t(Label.SEALED_FILE_SLOT, file_id, ephemeral, recipient.encode())
    return hkdf(ZERO_32, secret, info, KEY_BYTES)


def passphrase_key(file_id: bytes, passphrase: str, parameters: PasswordParameters) -> bytes:
    """K under a passphrase.

    Raises: TrustError `weak-parameters`
    """
    parameters.require_strong()
    salt = sha256(t(Label.SEALED_FILE_PW_SALT, file_id))
    password = unicodedata.normalize("NFC", passphrase).encode()
    stretched = argon2id(password, salt, parameters, KEY_BYTES)
    return hkdf(ZERO_32, stretched, Label.SEALED_FILE_PW.encode(), KEY_BYTES)


def _parse_preamble(preamble: bytes) -> SealedKind:
    if preamble[: len(MAGIC)] != MAGIC:
        raise NotSealedError("not a sealed file")
    for kind in SealedKind:
        if preamble == kind.preamble:
            return kind
    raise DecryptError(DecryptReason.UNSUPPORTED)


def _read_field(file: BinaryIO, most_bytes: int) -> bytes:
    prefix = file.read(4)
    size_bytes = int.from_bytes(prefix, "big")
    if len(prefix) != 4 or size_bytes > most_bytes:
        raise DecryptError(DecryptReason.AUTH_FAILED)
    field_bytes = file.read(size_bytes)
    if len(field_bytes) != size_bytes:
        raise DecryptError(DecryptReason.AUTH_FAILED)
    return field_bytes


def _parse_header(kind: SealedKind, header: bytes) -> tuple[bytes, tuple[bytes, ...]]:
    try:
        file_id, *fields = parse_t(Label.SEALED_FILE, header)
        require_bytes(file_id, ID_BYTES)
        if kind is SealedKind.PEOPLE:
            ephemeral, *slots = fields
            require_bytes(ephemeral, POINT_BYTES)
            if not 0 < len(slots) <= MAX_SLOTS or {len(slot) for slot in slots} != {SLOT_BYTES}:
                raise MalformedError("slots")
        else:
            (parameters,) = fields
            parse_parameters(parameters)
    except (MalformedError, ValueError) as error:
        raise DecryptError(DecryptReason.AUTH_FAILED) from error
    return file_id, tuple(fields)
