"""Files in messages: names, padding, roots, manifests (S3-2, S2-6)."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from client.seal.cobblestone import decrypt_file
from client.seal.encoding import b64url_decode
from client.seal.errors import DecryptError, MalformedError, TrustError
from client.seal.file_names import is_file_name, is_media_type, to_file_name
from client.seal.files import (
    PART_BYTES,
    FileContext,
    FileManifest,
    PartHasher,
    PartList,
    file_context,
    pad_file,
    parse_manifest,
    sealed_bytes,
    unpad_file,
)
from client.seal.primitives import sha256
from tests.client.file_pieces import in_pieces, pattern
from tests.client.people import GOLDEN, bit_flips, golden_device, signing_key

UNSAFE_NAMES = [
    "",
    ".",
    "..",
    "../../etc/passwd",
    "C:\\boot.ini",
    "a\0b",
    "line\nbreak",
    "invoice\u202egpj.exe",
    "a\u2066b",
    "lone \ud800",
    "é" * 128,
]
FILE_ID = b"\x33" * 16
CONTEXT = FileContext(b"\x44" * 32, b"\x66" * 16, b"\xaa" * 16, b"\xa1" * 16)
MANIFEST = FileManifest(
    FILE_ID, 1_000, sealed_bytes(1_000), b"\x55" * 32, "photo.jpg", "image/jpeg", b"\x12" * 32
)


@pytest.mark.parametrize("name", UNSAFE_NAMES)
def test_an_unsafe_name_is_no_name_and_becomes_one(name: str) -> None:
    assert not is_file_name(name)
    assert is_file_name(to_file_name(name))


@pytest.mark.parametrize("name", ["Báo cáo.pdf", ".profile", "a b (1).tar.gz", "x" * 255])
def test_names_that_people_give_stay(name: str) -> None:
    assert to_file_name(name) == name


@given(st.text(max_size=400))
def test_every_text_becomes_a_name(text: str) -> None:
    assert is_file_name(to_file_name(text))


@pytest.mark.parametrize(
    ("mime", "valid"),
    [
        ("", True),
        ("image/svg+xml", True),
        ("text", False),
        ("Text/Plain", False),
        ("text/plain; charset=utf-8", False),
        ("a/" + "b" * 126, False),
    ],
)
def test_a_media_type_is_lower_case_without_parameters(mime: str, valid: bool) -> None:
    assert is_media_type(mime) is valid


@given(st.integers(0, 20_000))
@settings(max_examples=60)
def test_a_file_comes_back_out_of_its_padding(length: int) -> None:
    padded = b"".join(pad_file(in_pieces(pattern(length), 1_000), length))
    assert length <= len(padded) <= max(256, 2 * length)
    assert b"".join(unpad_file(in_pieces(padded, 999), length)) == pattern(length)


def test_small_files_look_alike() -> None:
    assert sealed_bytes(0) == sealed_bytes(256)


@pytest.mark.parametrize(
    ("change", "size"),
    [
        (lambda data: data[:-1], 300),
        (lambda data: data + b"\0", 300),
        (lambda data: data[:-1] + b"\1", 300),
        (lambda data: data, 299),
        (lambda data: data, 200),
        (lambda data: data[:100], 300),
    ],
)
def test_other_padding_is_refused(change: Callable[[bytes], bytes], size: int) -> None:
    padded = b"".join(pad_file([pattern(300)], 300))
    with pytest.raises(DecryptError):
        list(unpad_file(in_pieces(change(padded), 64), size))


@pytest.mark.parametrize("size", [0, 299, 301])
def test_a_file_that_changes_while_it_is_read_is_not_sealed(size: int) -> None:
    with pytest.raises(MalformedError):
        list(pad_file(in_pieces(pattern(300), 100), size))


@pytest.mark.parametrize("length", [0, 1, PART_BYTES - 1, PART_BYTES, PART_BYTES + 1])
def test_every_part_has_a_hash_however_it_passes(length: int) -> None:
    data = pattern(length)
    hashes = b"".join(sha256(part) for part in in_pieces(data, PART_BYTES))
    for size in (1_000_003, 3 * PART_BYTES):
        hasher = PartHasher()
        for piece in in_pieces(data, size):
            hasher.update(piece)
        assert hasher.finish() == PartList(length, hashes)


def test_the_root_is_that_of_the_golden_vectors() -> None:
    parts = PartList(3, sha256(b"abc"))
    assert parts.root(FILE_ID).hex() == GOLDEN['file_root(fileId=33*16, ct=b"abc", part=4MiB)']
    with pytest.raises(MalformedError):
        PartList(PART_BYTES + 1, sha256(b"abc")).root(FILE_ID)


def test_row_20_a_part_that_was_changed_or_stands_elsewhere_is_refused() -> None:
    parts = PartList(PART_BYTES + 3, sha256(b"first") + sha256(b"end"))
    parts.require_part(1, b"end")
    for index, part in [(1, b"eNd"), (0, b"end"), (2, b"end")]:
        with pytest.raises(DecryptError):
            parts.require_part(index, part)


def test_s3_2_a_manifest_verifies_for_its_message_and_device() -> None:
    key = signing_key("A.DSK")
    signature = MANIFEST.sign(CONTEXT, key)
    read, read_signature = parse_manifest(MANIFEST.dump(signature))
    assert read == MANIFEST
    read.verify(CONTEXT, key.public, read_signature)


@pytest.mark.parametrize(
    "change",
    [
        {"name": "photo.exe"},
        {"mime": "text/html"},
        {"size_bytes": 1_001, "encrypted_bytes": sealed_bytes(1_001)},
        {"root": b"\x56" * 32},
        {"file_id": b"\x34" * 16},
    ],
)
def test_row_20_a_changed_manifest_is_not_from_that_device(change: dict[str, Any]) -> None:
    key = signing_key("A.DSK")
    signature = MANIFEST.sign(CONTEXT, key)
    with pytest.raises(TrustError):
        replace(MANIFEST, **change).verify(CONTEXT, key.public, signature)


@pytest.mark.parametrize("place", ["room_id", "message_id", "sender_user", "sender_device"])
def test_row_20_a_manifest_holds_in_its_own_message_only(place: str) -> None:
    key = signing_key("A.DSK")
    signature = MANIFEST.sign(CONTEXT, key)
    for changed in bit_flips(getattr(CONTEXT, place), every=7):
        with pytest.raises(TrustError):
            MANIFEST.verify(replace(CONTEXT, **{place: changed}), key.public, signature)
    with pytest.raises(TrustError):
        MANIFEST.verify(CONTEXT, signing_key("B.DSK").public, signature)


@pytest.mark.parametrize(
    "change", [{"size_bytes": -1}, {"encrypted_bytes": 1}, {"name": "../x"}, {"mime": "TEXT"}]
)
def test_a_manifest_that_no_receiver_takes_is_not_signed(change: dict[str, Any]) -> None:
    with pytest.raises(MalformedError):
        replace(MANIFEST, **change).sign(CONTEXT, signing_key("A.DSK"))


@pytest.mark.parametrize(
    "change",
    [{"size": "1000"}, {"size": True}, {"name": None}, {"key": "AAAA"}, {"root": "*"}],
)
def test_a_record_of_another_form_is_refused(change: dict[str, Any]) -> None:
    record = MANIFEST.dump(MANIFEST.sign(CONTEXT, signing_key("A.DSK")))
    with pytest.raises(MalformedError):
        parse_manifest(record | change)


def test_the_file_of_the_golden_message_opens(file_vectors: dict[str, Any]) -> None:
    vector = file_vectors["manifest"]
    names = ("room_id", "msg_id", "sender_user", "sender_device")
    context = FileContext(*(bytes.fromhex(vector[name]) for name in names))
    manifest, signature = parse_manifest(vector["record"])
    manifest.verify(context, golden_device("A").signing_key.public, signature)
    ciphertext = b64url_decode(vector["ciphertext"])
    hasher = PartHasher()
    hasher.update(ciphertext)
    assert hasher.finish().root(manifest.file_id) == manifest.root
    padded = decrypt_file(manifest.file_key, file_context(manifest.file_id), [ciphertext])
    assert b"".join(unpad_file(padded, manifest.size_bytes)) == pattern(300)
