"""A peer that shares no code with us: PyPI DoubleRatchet on pyca primitives, set up as SEAL1 says.

X3DH is written out here from SEAL1 §4.4, the ratchet is configured as §4.5 and §5 describe.
"""

import hashlib
import hmac
import os
import struct
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from doubleratchet import (
    AEAD,
    KDF,
    AuthenticationFailedException,
    DiffieHellmanRatchet,
    DoubleRatchet,
    EncryptedMessage,
    Header,
)

CURVE = ec.SECP256R1()
ZERO_32 = bytes(32)


def lp(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


def t(label: str, *fields: bytes) -> bytes:
    return lp(label.encode()) + b"".join(map(lp, fields))


def hkdf(salt: bytes, secret: bytes, info: bytes, length: int) -> bytes:
    return HKDF(SHA256(), length, salt, info).derive(secret)


def new_scalar() -> bytes:
    private = ec.generate_private_key(CURVE)
    return private.private_numbers().private_value.to_bytes(32, "big")


def public_of(scalar: bytes) -> bytes:
    private = ec.derive_private_key(int.from_bytes(scalar, "big"), CURVE)
    return private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def ecdh(scalar: bytes, public: bytes) -> bytes:
    private = ec.derive_private_key(int.from_bytes(scalar, "big"), CURVE)
    return private.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(CURVE, public))


class P256Ratchet(DiffieHellmanRatchet):
    @staticmethod
    def _generate_priv() -> bytes:
        return new_scalar()

    @staticmethod
    def _derive_pub(priv: bytes) -> bytes:
        return public_of(priv)

    @staticmethod
    def _perform_diffie_hellman(own_priv: bytes, other_pub: bytes) -> bytes:
        return ecdh(own_priv, other_pub)


class RootKdf(KDF):
    @staticmethod
    async def derive(key: bytes, data: bytes, length: int) -> bytes:
        return hkdf(key, data, b"SEAL1/root", length)


class ChainKdf(KDF):
    @staticmethod
    async def derive(key: bytes, data: bytes, length: int) -> bytes:
        assert length == 64
        return b"".join(hmac.digest(key, bytes([constant]), hashlib.sha256) for constant in data)


class Aes256Gcm(AEAD):
    @staticmethod
    async def encrypt(plaintext: bytes, key: bytes, associated_data: bytes) -> bytes:
        iv = os.urandom(12)
        cipher = AESGCM(hkdf(ZERO_32, key, b"SEAL1/msg", 32))
        return iv + cipher.encrypt(iv, plaintext, associated_data)

    @staticmethod
    async def decrypt(ciphertext: bytes, key: bytes, associated_data: bytes) -> bytes:
        cipher = AESGCM(hkdf(ZERO_32, key, b"SEAL1/msg", 32))
        try:
            return cipher.decrypt(ciphertext[:12], ciphertext[12:], associated_data)
        except (InvalidTag, ValueError) as error:
            raise AuthenticationFailedException from error


class Seal1Ratchet(DoubleRatchet):
    @staticmethod
    def _build_associated_data(associated_data: bytes, header: Header) -> bytes:
        return lp(associated_data) + dump_header(header)


def dump_header(header: Header) -> bytes:
    counts = (header.previous_sending_chain_length, header.sending_chain_length)
    return b"\x01\x01" + header.ratchet_pub + struct.pack(">II", *counts)


def parse_header(data: bytes) -> Header:
    if len(data) != 75 or data[:2] != b"\x01\x01":
        raise ValueError("not a header of version 1")
    return Header(data[2:67], *struct.unpack(">II", data[67:]))


CONFIGURATION = {
    "diffie_hellman_ratchet_class": P256Ratchet,
    "root_chain_kdf": RootKdf,
    "message_chain_kdf": ChainKdf,
    "message_chain_constant": b"\x02\x01",
    "dos_protection_threshold": 1_000,
    "max_num_skipped_message_keys": 2_000,
    "aead": Aes256Gcm,
}


@dataclass
class Identity:
    """What a device shows of itself."""

    user_id: bytes
    device_id: bytes
    account_key: bytes
    signing_key: bytes
    agreement_key: bytes

    def encode(self) -> bytes:
        keys = (self.account_key, self.signing_key, self.agreement_key)
        return t("SEAL1/id", self.user_id, self.device_id, *keys)

    def to_wire(self) -> dict[str, str]:
        return {
            "userId": self.user_id.hex(),
            "deviceId": self.device_id.hex(),
            "accountKey": self.account_key.hex(),
            "signingKey": self.signing_key.hex(),
            "agreementKey": self.agreement_key.hex(),
            "certHash": ZERO_32.hex(),
        }

    @classmethod
    def from_wire(cls, wire: dict[str, str]) -> "Identity":
        names = ("userId", "deviceId", "accountKey", "signingKey", "agreementKey")
        return cls(*(bytes.fromhex(wire[name]) for name in names))


@dataclass
class PreKey:
    id: int
    scalar: bytes = field(default_factory=new_scalar)

    def to_wire(self) -> dict[str, str | int]:
        return {"id": self.id, "publicKey": public_of(self.scalar).hex()}


class Peer:
    """One device of the independent implementation, with at most one session."""

    def __init__(self) -> None:
        self.agreement_scalar = new_scalar()
        self.identity = Identity(
            os.urandom(16),
            os.urandom(16),
            public_of(new_scalar()),
            public_of(new_scalar()),
            public_of(self.agreement_scalar),
        )
        self.ratchet: Seal1Ratchet | None = None
        self.secret = b""
        self.transcript_hash = b""
        self.peer_prekey = b""
        self.own_prekey = PreKey(7)

    def initiate(
        self, other: Identity, spk: dict[str, str | int], opk: dict[str, str | int] | None
    ) -> dict[str, object]:
        """Start towards published prekeys; returns what goes along with the first message."""
        ephemeral = new_scalar()
        self.peer_prekey = bytes.fromhex(str(spk["publicKey"]))
        opk_public = bytes.fromhex(str(opk["publicKey"])) if opk else b""
        shares = [
            ecdh(self.agreement_scalar, self.peer_prekey),
            ecdh(ephemeral, other.agreement_key),
            ecdh(ephemeral, self.peer_prekey),
            *([ecdh(ephemeral, opk_public)] if opk else []),
        ]
        prekeys = (int(spk["id"]), self.peer_prekey, int(opk["id"]) if opk else None, opk_public)
        self._derive(self.identity, other, public_of(ephemeral), prekeys, shares)
        return {
            "suite": 1,
            "ephemeralKey": public_of(ephemeral).hex(),
            "signedPreKeyId": spk["id"],
            "oneTimePreKeyId": opk["id"] if opk else None,
            "certHash": ZERO_32.hex(),
        }

    def respond(self, other: Identity, pre: dict[str, object], opk: PreKey | None) -> None:
        """Answer a session that was started towards `own_prekey` and `opk`."""
        ephemeral = bytes.fromhex(str(pre["ephemeralKey"]))
        own = self.own_prekey
        shares = [
            ecdh(own.scalar, other.agreement_key),
            ecdh(self.agreement_scalar, ephemeral),
            ecdh(own.scalar, ephemeral),
            *([ecdh(opk.scalar, ephemeral)] if opk else []),
        ]
        opk_public = public_of(opk.scalar) if opk else b""
        prekeys = (own.id, public_of(own.scalar), opk.id if opk else None, opk_public)
        self._derive(other, self.identity, ephemeral, prekeys, shares)

    def _derive(
        self,
        initiator: Identity,
        responder: Identity,
        ephemeral: bytes,
        prekeys: tuple[int, bytes, int | None, bytes],
        shares: list[bytes],
    ) -> None:
        spk_id, spk_public, opk_id, opk_public = prekeys
        transcript = t(
            "SEAL1/x3dh",
            b"\x01",
            initiator.encode(),
            responder.encode(),
            ephemeral,
            struct.pack(">I", spk_id),
            spk_public,
            b"" if opk_id is None else struct.pack(">I", opk_id),
            opk_public,
            b"",
            b"",
            b"",
        )
        self.transcript_hash = hashlib.sha256(transcript).digest()
        material = b"\xff" * 32 + b"".join(shares)
        self.secret = hkdf(ZERO_32, material, b"SEAL1/x3dh/sk" + self.transcript_hash, 32)

    @property
    def can_send(self) -> bool:
        return self.ratchet is not None or self.peer_prekey != b""

    async def encrypt(self, plaintext: bytes) -> tuple[bytes, bytes]:
        if self.ratchet is None:
            self.ratchet, message = await Seal1Ratchet.encrypt_initial_message(
                **CONFIGURATION,
                shared_secret=self.secret,
                recipient_ratchet_pub=self.peer_prekey,
                message=plaintext,
                associated_data=self.transcript_hash,
            )
        else:
            message = await self.ratchet.encrypt_message(plaintext, self.transcript_hash)
        return dump_header(message.header), message.ciphertext

    async def decrypt(self, header: bytes, ciphertext: bytes) -> bytes:
        message = EncryptedMessage(parse_header(header), ciphertext)
        if self.ratchet is not None:
            return await self.ratchet.decrypt_message(message, self.transcript_hash)
        ratchet, plaintext = await Seal1Ratchet.decrypt_initial_message(
            **CONFIGURATION,
            shared_secret=self.secret,
            own_ratchet_priv=self.own_prekey.scalar,
            message=message,
            associated_data=self.transcript_hash,
        )
        self.ratchet = ratchet
        return plaintext
