"""What a link opens (S3-6)."""

from typing import Any

import pytest

from client.seal.errors import DecryptError, SealError
from client.seal.links import (
    dump_fragment,
    link_keys,
    open_link_manifest,
    parse_fragment,
    protect_secret,
    seal_link_manifest,
)
from tests.client.people import GOLDEN, bit_flips

SECRET, TRANSFER = b"\x44" * 32, b"\x55" * 16


def test_keys_are_those_of_the_golden_vectors() -> None:
    keys = link_keys(SECRET)
    assert {"auth": keys.auth.hex(), "manifest": keys.manifest.hex()} == GOLDEN["link"]


def test_a_passphrase_makes_the_keys_of_the_golden_vectors(file_vectors: dict[str, Any]) -> None:
    vector = file_vectors["link"]
    protected = protect_secret(SECRET, vector["passphrase"], TRANSFER)
    keys = link_keys(protected)
    assert protected.hex() == vector["protected"]
    assert (keys.auth.hex(), keys.manifest.hex()) == (vector["auth"], vector["manifest_key"])
    opened = open_link_manifest(keys.manifest, TRANSFER, bytes.fromhex(vector["manifest"]))
    assert opened == vector["json"].encode()


def test_the_fragment_brings_the_secret() -> None:
    assert parse_fragment(dump_fragment(SECRET)) == SECRET


@pytest.mark.parametrize("fragment", ["", "1", "1.AAAA", "1.*", dump_fragment(SECRET) + ".x"])
def test_nothing_else_is_taken_for_a_fragment(fragment: str) -> None:
    with pytest.raises(SealError):
        parse_fragment(fragment)


def test_another_version_is_refused_not_guessed_at() -> None:
    with pytest.raises(DecryptError, match="unsupported"):
        parse_fragment("2" + dump_fragment(SECRET)[1:])


def test_every_byte_of_a_manifest_matters() -> None:
    key = link_keys(SECRET).manifest
    sealed = seal_link_manifest(key, TRANSFER, b"{}")
    assert open_link_manifest(key, TRANSFER, sealed) == b"{}"
    for changed in bit_flips(sealed):
        with pytest.raises(DecryptError):
            open_link_manifest(key, TRANSFER, changed)
    with pytest.raises(DecryptError):
        open_link_manifest(key, b"\x56" * 16, sealed)
