"""Addresses are written as they are read, and a client is what it cannot change at will."""

import pytest

from lb.addresses import Address, client_key, parse_address, plain


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:80", Address("127.0.0.1", 80)),
        ("app-1.internal:5001", Address("app-1.internal", 5_001)),
        ("[2001:DB8::1]:80", Address("2001:db8::1", 80)),
        ("8000", Address("0.0.0.0", 8_000)),
    ],
)
def test_an_address_is_read(text: str, address: Address) -> None:
    assert parse_address(text) == address
    assert parse_address(str(address)) == address


@pytest.mark.parametrize(
    "text", ["", ":80", "a:", "a:b", "a:-1", "a:65536", "::1:80", "[::1:80", "[a]:80", "a:８０"]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_address(text)


def test_ipv4_inside_ipv6_is_ipv4_and_a_zone_is_dropped() -> None:
    assert plain("::ffff:192.0.2.1") == "192.0.2.1"
    assert plain("fe80::1%eth0") == "fe80::1"
    assert plain("192.0.2.1") == "192.0.2.1"


def test_an_ipv6_client_is_its_network_of_64_bits() -> None:
    assert client_key("2001:db8:1:2:3:4:5:6") == client_key("2001:db8:1:2::") == "2001:db8:1:2::"
    assert client_key("::ffff:192.0.2.1") == client_key("192.0.2.1") == "192.0.2.1"
