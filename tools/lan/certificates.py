"""A certificate authority for one home: `make lan` signs its own server with it.

    FOLDER/authority.pem   certificate and key; kept, because phones are told to trust it
    FOLDER/server.pem      certificate and key of the server; made anew when it no longer fits

Certificate and key share a file, so that no crash can leave a pair that does not match. Files are
0600, the folder 0700. Whoever trusts the authority trusts it for private addresses, for names that
end in .local and for localhost alone: even stolen it could not vouch for anybody's bank.
"""

import ipaddress
import os
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NETWORKS = (
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "fc00::/7",
    "fe80::/10",
)
DOMAINS = ("local", "localhost")
# Apple takes no server certificate that lives longer than 398 days.
SERVER_LIFE = timedelta(days=397)
RENEWED_BEFORE = timedelta(days=30)
AUTHORITY_LIFE = timedelta(days=3650)
# Clocks at home differ.
HEAD_START = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def pem(self) -> bytes:
        """Return both, as servers read them."""
        return self.certificate.public_bytes(serialization.Encoding.PEM) + self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )

    @property
    def der(self) -> bytes:
        """Return the certificate alone, as phones install it."""
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def fingerprint(self) -> str:
        """Return the SHA-256 of the certificate as a phone shows it."""
        return self.certificate.fingerprint(hashes.SHA256()).hex(":").upper()


def may_certify(name: str) -> bool:
    """Whether an address or a lower-case host name is one of a home."""
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return re.fullmatch(r"([a-z0-9-]{1,63}\.)*(local|localhost)", name) is not None
    networks = (ipaddress.ip_network(network) for network in NETWORKS)
    return any(address in network for network in networks)


def open_authority(folder: Path, home: str, now: datetime) -> Pair:
    """Return the authority of a folder, made when there is none or it has run out.

    Args:
        home: what the phone shows as its name.
    """
    for private in (folder.parent, folder):
        private.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = _read(folder / "authority.pem")
    if found is None or found.certificate.not_valid_after_utc - SERVER_LIFE < now:
        found = _make_authority(home, now)
        _write(folder / "authority.pem", found.pem)
    return found


def certify(folder: Path, authority: Pair, name: str, now: datetime) -> Path:
    """Return the file with a server's certificate and key, made anew when it does not fit.

    It fits while it is signed by this authority, names `name` and has more than 30 days to live.
    """
    path = folder / "server.pem"
    found = _read(path)
    if found is None or not _fits(found.certificate, authority, name, now):
        _write(path, _make_server(authority, name, now).pem)
    return path


def _fits(certificate: x509.Certificate, authority: Pair, name: str, now: datetime) -> bool:
    try:
        certificate.verify_directly_issued_by(authority.certificate)
    except (ValueError, InvalidSignature):
        return False
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    life = certificate.not_valid_after_utc - now
    return names == _names(name) and life > RENEWED_BEFORE


def _make_authority(home: str, now: datetime) -> Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _common_name(f"Sealroom at {home}")
    permitted = [x509.IPAddress(ipaddress.ip_network(network)) for network in NETWORKS]
    domains = [x509.DNSName(domain) for domain in DOMAINS]
    builder = (
        _builder(subject, subject, key, now, AUTHORITY_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.NameConstraints([*permitted, *domains], None), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
    )
    return Pair(builder.sign(key, hashes.SHA256()), key)


def _make_server(authority: Pair, name: str, now: datetime) -> Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    issuer = authority.certificate.subject
    signer = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key())
    builder = (
        _builder(_common_name(name), issuer, key, now, SERVER_LIFE)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_names(name), critical=False)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(signer, critical=False)
    )
    return Pair(builder.sign(authority.key, hashes.SHA256()), key)


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    now: datetime,
    life: timedelta,
) -> x509.CertificateBuilder:
    public = key.public_key()
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - HEAD_START)
        .not_valid_after(now + life)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )


def _common_name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text[:64])])


def _names(name: str) -> x509.SubjectAlternativeName:
    own: list[x509.GeneralName] = [
        x509.DNSName("localhost"),
        x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
    ]
    try:
        wanted: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        wanted = x509.DNSName(name)
    return x509.SubjectAlternativeName([*own, wanted] if wanted not in own else own)


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _read(path: Path) -> Pair | None:
    """Return what `Pair.pem` wrote; None when there is nothing. Raises: ValueError."""
    if not path.exists():
        return None
    pem = path.read_bytes()
    key = serialization.load_pem_private_key(pem, None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError(f"{path} holds no key that this program has made.")
    return Pair(x509.load_pem_x509_certificate(pem), key)


def _write(path: Path, content: bytes) -> None:
    """Write a file of our own alone; it is complete or as it was."""
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
    draft.replace(path)
