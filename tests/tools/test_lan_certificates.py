"""The authority of a home: kept, private, and good for homes alone."""

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from tools.lan.certificates import (
    AUTHORITY_LIFE,
    Pair,
    _make_server,
    certify,
    may_certify,
    open_authority,
)

NOW = datetime.now(UTC)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data/lan"


@pytest.fixture
def authority(folder: Path) -> Pair:
    return open_authority(folder, "home", NOW)


def is_trusted(authority: Pair, pem: Path, name: str) -> bool:
    """Whether a client that trusts the authority alone finishes a handshake with a server."""
    client_in, server_in = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    server = context.wrap_bio(server_in, client_in, server_side=True)
    trusting = ssl.create_default_context(cadata=authority.der)
    client = trusting.wrap_bio(client_in, server_in, server_hostname=name)
    for side in (client, server, client):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
        except ssl.SSLCertVerificationError:
            return False
    return client.getpeercert() is not None


def loaded(pem: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pem.read_bytes())


@pytest.mark.parametrize("name", ["192.168.1.5", "fd00::2", "family.local"])
def test_a_client_trusts_the_server_under_its_names(
    folder: Path, authority: Pair, name: str
) -> None:
    pem = certify(folder, authority, name, NOW)
    assert all(is_trusted(authority, pem, asked) for asked in (name, "localhost", "127.0.0.1"))
    assert not is_trusted(authority, pem, "192.168.1.6")


@pytest.mark.parametrize("name", ["bank.example", "93.184.216.34", "2606:4700::1"])
def test_a_stolen_authority_vouches_for_nobody_outside(
    folder: Path, authority: Pair, name: str
) -> None:
    forged = folder / "forged.pem"
    forged.write_bytes(_make_server(authority, name, NOW).pem)
    assert not is_trusted(authority, forged, name)


def test_keys_are_for_their_owner_only(folder: Path, authority: Pair) -> None:
    certify(folder, authority, "192.168.1.5", NOW)
    assert folder.stat().st_mode & 0o777 == 0o700
    modes = {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}
    assert modes == {"authority.pem": 0o600, "server.pem": 0o600}


def test_the_authority_is_kept_until_it_could_not_cover_a_server_any_more(
    folder: Path, authority: Pair
) -> None:
    assert open_authority(folder, "another", NOW).der == authority.der
    late = NOW + AUTHORITY_LIFE - timedelta(days=300)
    assert open_authority(folder, "home", late).der != authority.der


def test_the_server_certificate_is_kept_while_it_fits(folder: Path, authority: Pair) -> None:
    first = certify(folder, authority, "192.168.1.5", NOW).read_bytes()
    later = NOW + timedelta(days=360)
    assert certify(folder, authority, "192.168.1.5", later).read_bytes() == first


@pytest.mark.parametrize(
    ("name", "days"), [("192.168.1.6", 0), ("192.168.1.5", 368), ("192.168.1.5", 500)]
)
def test_another_address_or_thirty_last_days_make_a_new_one(
    folder: Path, authority: Pair, name: str, days: int
) -> None:
    first = certify(folder, authority, "192.168.1.5", NOW).read_bytes()
    assert certify(folder, authority, name, NOW + timedelta(days=days)).read_bytes() != first


def test_another_authority_makes_a_new_one(folder: Path, authority: Pair, tmp_path: Path) -> None:
    first = certify(folder, authority, "192.168.1.5", NOW).read_bytes()
    other = open_authority(tmp_path / "other/lan", "home", NOW)
    assert certify(folder, other, "192.168.1.5", NOW).read_bytes() != first


def test_no_server_certificate_lives_longer_than_phones_allow(
    folder: Path, authority: Pair
) -> None:
    made = loaded(certify(folder, authority, "192.168.1.5", NOW))
    assert made.not_valid_after_utc - made.not_valid_before_utc <= timedelta(days=398)
    assert not made.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


@pytest.mark.parametrize(
    ("name", "is_home"),
    [
        ("192.168.1.5", True),
        ("100.64.0.1", True),
        ("fe80::1", True),
        ("family.local", True),
        ("localhost", True),
        ("8.8.8.8", False),
        ("2606:4700::1", False),
        ("example.org", False),
        ("local.example.org", False),
        ("evil/.local", False),
        ("", False),
    ],
)
def test_only_a_home_is_certified(name: str, is_home: bool) -> None:
    assert may_certify(name) is is_home
