"""Devices and the accounts that vouch for them: the device certificate.

    body = T("SEAL1/devcert", userId16, deviceId16, DSK65, DIK65, u64 createdAtMs, u8 suites)
    sigA = SIGN(AIK, "devcert", body)
    sigP = SIGN(DSK, "devcert-pop", T("", H(body), AIK))

A body is hashed and verified as the bytes that arrived, never re-serialised.
A `DeviceIdentity` comes out of a verification and nowhere else, so whoever holds one for a peer
holds a device that the peer's account vouches for.
Spec: SEAL1 §4.1.
"""

from dataclasses import dataclass

from client.seal.encoding import (
    ID_BYTES,
    parse_t,
    require_bytes,
    t,
    u8,
    u64,
)
from client.seal.errors import MalformedError
from client.seal.keys import (
    POINT_BYTES,
    AgreementKey,
    SigningKey,
    load_public_key,
    require_signed,
)
from client.seal.labels import Label, Purpose
from client.seal.primitives import sha256

SUITE_1 = 0b01
"""Bit 0 of a certificate's suites: X3DH and Double Ratchet on P-256."""


@dataclass(frozen=True, slots=True)
class DeviceIdentity:
    """The public keys of one device and of the account that vouches for it."""

    user_id: bytes
    device_id: bytes
    account_key: bytes
    signing_key: bytes
    identity_key: bytes
    suites: int
    certificate_hash: bytes

    def encode(self) -> bytes:
        """IdX of the key agreement."""
        return t(
            Label.IDENTITY,
            self.user_id,
            self.device_id,
            self.account_key,
            self.signing_key,
            self.identity_key,
        )


@dataclass(frozen=True, slots=True)
class LocalDevice:
    """This device: its private keys and what it publishes."""

    user_id: bytes
    device_id: bytes
    account_key: bytes
    signing_key: SigningKey
    identity_key: AgreementKey
    certificate: "SignedCertificate"

    def identity(self) -> DeviceIdentity:
        """What a peer sees of this device."""
        return self.certificate.verify(self.account_key)


@dataclass(frozen=True, slots=True)
class SignedCertificate:
    """A device certificate as it travels: exact body bytes and two signatures."""

    body: bytes
    account_signature: bytes
    possession_signature: bytes

    @property
    def hash(self) -> bytes:
        """CertHash."""
        return sha256(self.body)

    def verify(self, account_key: bytes) -> DeviceIdentity:
        """The device that this certificate names, when account and device both signed it.

        Raises: TrustError `bad-signature`; MalformedError
        """
        require_signed(account_key, Purpose.DEVICE_CERTIFICATE, self.body, self.account_signature)
        fields = parse_t(Label.DEVICE_CERTIFICATE, self.body)
        if [len(field) for field in fields] != [ID_BYTES, ID_BYTES, POINT_BYTES, POINT_BYTES, 8, 1]:
            raise MalformedError("device certificate fields")
        user_id, device_id, signing_key, identity_key, _, suites = fields
        possession = t("", self.hash, account_key)
        require_signed(
            signing_key,
            Purpose.DEVICE_CERTIFICATE_POSSESSION,
            possession,
            self.possession_signature,
        )
        load_public_key(identity_key)
        return DeviceIdentity(
            user_id, device_id, account_key, signing_key, identity_key, suites[0], self.hash
        )


def enrol_device(
    account_key: SigningKey,
    user_id: bytes,
    device_id: bytes,
    created_at_ms: int,
    suites: int = SUITE_1,
    signing_key: SigningKey | None = None,
    identity_key: AgreementKey | None = None,
) -> LocalDevice:
    """Make keys for a device, unless given, and a certificate signed by the account."""
    signing_key = signing_key or SigningKey.generate()
    identity_key = identity_key or AgreementKey.generate()
    body = t(
        Label.DEVICE_CERTIFICATE,
        require_bytes(user_id, ID_BYTES),
        require_bytes(device_id, ID_BYTES),
        signing_key.public,
        identity_key.public,
        u64(created_at_ms),
        u8(suites),
    )
    certificate = SignedCertificate(
        body,
        account_key.sign(Purpose.DEVICE_CERTIFICATE, body),
        signing_key.sign(
            Purpose.DEVICE_CERTIFICATE_POSSESSION, t("", sha256(body), account_key.public)
        ),
    )
    return LocalDevice(
        user_id, device_id, account_key.public, signing_key, identity_key, certificate
    )
