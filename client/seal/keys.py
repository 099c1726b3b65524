"""P-256 keys, one type per algorithm: what signs cannot agree, what agrees cannot sign.

A public key is its 65-byte uncompressed SEC 1 encoding everywhere, and is checked for length and
first byte before any library sees it.
A signature is 64 bytes, r ‖ s (P1363), over `T("SEAL1/sig/" ‖ purpose, body)`.
Signatures are malleable and therefore never hashed or used as an id.
Spec: SEAL1 §4.0, §4.1.
"""

from typing import Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils

from client.seal.encoding import t
from client.seal.errors import MalformedError, TrustError, TrustReason
from client.seal.labels import Purpose

POINT_BYTES = 65
SCALAR_BYTES = 32
SIGNATURE_BYTES = 64

_CURVE = ec.SECP256R1()
_ECDSA = ec.ECDSA(hashes.SHA256())


def load_public_key(encoded: bytes) -> ec.EllipticCurvePublicKey:
    """The curve point of a 65-byte encoding.

    Raises: MalformedError for a compressed, short, or off-curve point
    """
    if len(encoded) != POINT_BYTES or encoded[0] != 4:
        raise MalformedError("a public key is 65 bytes and starts with 4")
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, encoded)
    except ValueError as error:
        raise MalformedError("not a point of P-256") from error


class _PrivateKey:
    """A P-256 private key that shows only its public half."""

    __slots__ = ("_key", "public")

    def __init__(self, key: ec.EllipticCurvePrivateKey) -> None:
        self._key = key
        self.public = key.public_key().public_bytes(
            serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
        )

    @classmethod
    def generate(cls) -> Self:
        """A new random key."""
        return cls(ec.generate_private_key(_CURVE))

    @classmethod
    def from_scalar(cls, scalar: bytes) -> Self:
        """The key with this 32-byte big-endian private scalar.

        Raises: MalformedError when it is zero, too large or not 32 bytes
        """
        if len(scalar) != SCALAR_BYTES:
            raise MalformedError("a private scalar is 32 bytes")
        try:
            return cls(ec.derive_private_key(int.from_bytes(scalar, "big"), _CURVE))
        except ValueError as error:
            raise MalformedError("private scalar out of range") from error

    @classmethod
    def from_pkcs8(cls, der: bytes) -> Self:
        """The key of an unencrypted PKCS #8 structure, as WebCrypto exports it.

        Raises: MalformedError for another structure or curve
        """
        try:
            key = serialization.load_der_private_key(der, password=None)
        except (ValueError, TypeError) as error:
            raise MalformedError("not a PKCS #8 private key") from error
        if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != _CURVE.name:
            raise MalformedError("not a P-256 private key")
        return cls(key)

    def scalar(self) -> bytes:
        """The secret itself, 32 bytes; for storage that is protected otherwise."""
        return self._key.private_numbers().private_value.to_bytes(SCALAR_BYTES, "big")

    def pkcs8(self) -> bytes:
        """The secret as unencrypted PKCS #8 DER."""
        return self._key.private_bytes(
            serialization.Encoding.DER,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.public[1:5].hex()}…>"

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other.public == self.public

    def __hash__(self) -> int:
        return hash((type(self), self.public))


class SigningKey(_PrivateKey):
    """An ECDSA key: the account identity key (AIK) or a device signing key (DSK)."""

    __slots__ = ()

    def sign(self, purpose: Purpose, body: bytes) -> bytes:
        """64 bytes over the body, valid for this purpose only."""
        r, s = utils.decode_dss_signature(self._key.sign(t(purpose.label, body), _ECDSA))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")


class AgreementKey(_PrivateKey):
    """An ECDH key: device identity (DIK), prekey, ephemeral or ratchet key."""

    __slots__ = ()

    def exchange(self, public: bytes) -> bytes:
        """The 32-byte x coordinate shared with the owner of `public`.

        Raises: MalformedError for a point that is not on the curve
        """
        return self._key.exchange(ec.ECDH(), load_public_key(public))


def verify_ecdsa(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether `signature` (r ‖ s) is one of the owner of `public` over these exact bytes.

    Raises: MalformedError when `public` is no key
    """
    key = load_public_key(public)
    if len(signature) != SIGNATURE_BYTES:
        return False
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    try:
        key.verify(utils.encode_dss_signature(r, s), message, _ECDSA)
    except InvalidSignature:
        return False
    return True


def is_signed(public: bytes, purpose: Purpose, body: bytes, signature: bytes) -> bool:
    """Whether the owner of `public` signed this body for this purpose.

    Raises: MalformedError when `public` is no key
    """
    return verify_ecdsa(public, t(purpose.label, body), signature)


def require_signed(public: bytes, purpose: Purpose, body: bytes, signature: bytes) -> None:
    """Refuse a body that the owner of `public` did not sign for this purpose.

    Raises: TrustError `bad-signature`; MalformedError when `public` is no key
    """
    if not is_signed(public, purpose, body, signature):
        raise TrustError(TrustReason.BAD_SIGNATURE)
