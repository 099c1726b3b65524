"""The header that is written is, byte for byte, the one that the server's reader is tested with."""

import json
from pathlib import Path
from typing import Any

import pytest

from lb.proxy_protocol import header, own_header

VECTORS = json.loads((Path(__file__).parents[1] / "vectors/proxy_protocol.json").read_text())
WRITTEN = [row for row in VECTORS["headers"] if "source" in row]
V4, V6 = ("203.0.113.7", 56_324), ("2001:db8::7", 56_324)


def expected(name: str) -> bytes:
    row = next(row for row in VECTORS["headers"] if row["name"] == name)
    return row["v1"].encode() if "v1" in row else bytes.fromhex(row["v2"])


@pytest.mark.parametrize("row", WRITTEN, ids=[row["name"] for row in WRITTEN])
def test_what_is_written_equals_the_vector(row: dict[str, Any]) -> None:
    version = "v1" if "v1" in row else "v2"
    written = header(version, tuple(row["source"]), tuple(row["destination"]))
    assert written == expected(row["name"])


def test_ipv4_inside_ipv6_is_told_as_ipv4() -> None:
    mapped = ("::ffff:203.0.113.7", 56_324), ("::ffff:198.51.100.1", 443)
    assert header("v1", *mapped) == expected("v1, IPv4")
    assert header("v2", *mapped) == expected("v2, IPv4")


def test_a_zone_is_not_told() -> None:
    assert header("v1", ("fe80::1%eth0", 1), ("fe80::2%eth0", 2)) == (
        b"PROXY TCP6 fe80::1 fe80::2 1 2\r\n"
    )


def test_addresses_of_two_families_are_told_as_unknown() -> None:
    assert header("v1", V4, V6) == expected("v1, UNKNOWN")
    assert header("v2", V6, V4) == expected("v2, family unspecified")


def test_a_connection_of_the_balancer_s_own_says_so() -> None:
    assert own_header("v2", V4, ("198.51.100.1", 443)) == expected("v2, LOCAL")
    assert own_header("v1", V4, ("198.51.100.1", 443)) == expected("v1, IPv4")


def test_nothing_is_written_when_nobody_asked_for_it() -> None:
    assert header("none", V4, V4) == own_header("none", V4, V4) == b""
