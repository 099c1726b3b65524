"""Chunked encryption of files: our own, pyca's, and the published cases."""

import base64
import json
import os
import tracemalloc
import zlib
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.cobblestone import Cobblestone256Decryptor, Cobblestone256Encryptor
from cryptography.hazmat.primitives import hashes
from hypothesis import given, settings
from hypothesis import strategies as st

from client.seal.cobblestone import (
    CHUNK_BYTES,
    PREFIX_BYTES,
    ChunkCipher,
    chunk_offset,
    decrypt_file,
    encrypt_file,
    encrypted_bytes,
)
from client.seal.encoding import KEY_BYTES
from client.seal.errors import DecryptError, SealError
from client.seal.primitives import sha256
from tests.client.file_pieces import MIB, in_pieces, pattern
from tests.client.people import bit_flips
from tests.client.test_published_vectors import VECTORS

CONTEXT = b"context"
KEY = bytes(range(32))
SEALED = CHUNK_BYTES + 16
EDGES = [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES, 70 * CHUNK_BYTES]
CASES: list[dict[str, Any]] = [
    case
    for case in json.loads((VECTORS / "chunked-encryption/vectors.json").read_text())["vectors"]
    if case["aead"] == "AEAD_AES_256_GCM"
]


def encrypt(plaintext: bytes, key: bytes = KEY) -> bytes:
    return b"".join(encrypt_file(key, CONTEXT, in_pieces(plaintext, 100_000)))


def decrypt(ciphertext: bytes, key: bytes = KEY, context: bytes = CONTEXT) -> bytes:
    return b"".join(decrypt_file(key, context, in_pieces(ciphertext, 70_001)))


def ciphertext_of(case: dict[str, Any]) -> bytes:
    data = base64.b64decode(case["ciphertext"] or "")
    return zlib.decompress(data) if case.get("compressed") else data


def test_the_published_cases_are_those_of_the_256_bit_cipher() -> None:
    assert len([case for case in CASES if case["expect"] == "success"]) == 9
    assert len([case for case in CASES if case["expect"] == "failure"]) == 25


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["name"]))
def test_published_cases(case: dict[str, Any]) -> None:
    key, context = bytes.fromhex(case["key"]), case["context"].encode()
    pieces = in_pieces(ciphertext_of(case), 50_000)
    opening = decrypt_file(key, context, pieces, algorithm=hashes.SHA256())
    if case["expect"] == "success":
        plaintext = b"".join(opening)
        assert len(plaintext) == case["payload_length"]
        assert sha256(plaintext).hex() == case["payload_sha256"]
    else:
        with pytest.raises(SealError):
            b"".join(opening)


@pytest.mark.parametrize("length", EDGES)
def test_pyca_opens_what_we_encrypt_and_we_open_what_pyca_encrypts(length: int) -> None:
    plaintext = pattern(length)
    ciphertext = encrypt(plaintext)
    assert len(ciphertext) == encrypted_bytes(length)
    decryptor = Cobblestone256Decryptor(KEY, CONTEXT)
    assert decryptor.update(ciphertext) + decryptor.finalize() == plaintext
    encryptor = Cobblestone256Encryptor(KEY, CONTEXT)
    assert decrypt(encryptor.update(plaintext) + encryptor.finalize()) == plaintext


@given(
    length=st.integers(0, 3 * CHUNK_BYTES),
    one=st.integers(1, 2 * CHUNK_BYTES),
    other=st.integers(1, 2 * CHUNK_BYTES),
)
@settings(max_examples=40, deadline=None)
def test_how_a_stream_is_cut_makes_no_difference(length: int, one: int, other: int) -> None:
    plaintext = pattern(length)
    ciphertext = b"".join(encrypt_file(KEY, CONTEXT, in_pieces(plaintext, one)))
    assert b"".join(decrypt_file(KEY, CONTEXT, in_pieces(ciphertext, other))) == plaintext


def in_one_memory(data: bytes, size: int) -> Iterator[memoryview]:
    memory = bytearray(size)
    for piece in in_pieces(data, size):
        memory[: len(piece)] = piece
        yield memoryview(memory)[: len(piece)]
        memory[:] = bytes(size)


@pytest.mark.parametrize("size", [1, SEALED - 1, 70_001, MIB])
def test_memory_may_be_used_again_for_the_next_piece(size: int) -> None:
    plaintext = pattern(5 * CHUNK_BYTES + 7)
    ciphertext = b"".join(encrypt_file(KEY, CONTEXT, in_one_memory(plaintext, size)))
    assert decrypt(ciphertext) == plaintext
    assert b"".join(decrypt_file(KEY, CONTEXT, in_one_memory(ciphertext, size))) == plaintext


def test_any_chunk_can_be_read_alone() -> None:
    plaintext = pattern(5 * CHUNK_BYTES + 7)
    ciphertext = encrypt(plaintext)
    cipher = ChunkCipher.open(KEY, CONTEXT, ciphertext[:PREFIX_BYTES])
    for index in (5, 0, 3):
        sealed = ciphertext[chunk_offset(index) : chunk_offset(index + 1)]
        expected = plaintext[index * CHUNK_BYTES : (index + 1) * CHUNK_BYTES]
        assert cipher.open_chunk(index, sealed) == expected


@pytest.mark.parametrize(
    "end", [0, 23, 55, 56, 57, 71, 56 + SEALED - 1, 56 + SEALED, 56 + 2 * SEALED, -1]
)
def test_row_20_a_file_cut_anywhere_is_refused(end: int) -> None:
    with pytest.raises(DecryptError):
        decrypt(encrypt(pattern(2 * CHUNK_BYTES + 5))[:end])


@pytest.mark.parametrize("order", [(0, 2, 1, 3), (0, 0, 1, 2, 3), (0, 1, 3), (0, 1, 2, 3, 3)])
def test_row_20_a_file_put_together_differently_is_refused(order: tuple[int, ...]) -> None:
    ciphertext = encrypt(pattern(3 * CHUNK_BYTES + 5))
    chunks = [ciphertext[chunk_offset(i) : chunk_offset(i + 1)] for i in range(4)]
    joined = ciphertext[:PREFIX_BYTES] + b"".join(chunks[i] for i in order)
    with pytest.raises(DecryptError):
        decrypt(joined)


def test_row_19_every_byte_matters() -> None:
    for changed in bit_flips(encrypt(pattern(9))):
        with pytest.raises(DecryptError):
            decrypt(changed)


def test_another_key_or_context_opens_nothing() -> None:
    ciphertext = encrypt(pattern(9))
    with pytest.raises(DecryptError):
        decrypt(ciphertext, key=os.urandom(KEY_BYTES))
    with pytest.raises(DecryptError):
        decrypt(ciphertext, context=b"other")


def test_row_18_no_ciphertext_belongs_to_two_keys() -> None:
    first = encrypt(pattern(9))
    other = os.urandom(KEY_BYTES)
    prefix = next(encrypt_file(other, CONTEXT, [], entropy=lambda size: first[:size]))
    assert prefix[:24] == first[:24]
    for key in (KEY, other):
        with pytest.raises(DecryptError):
            decrypt(prefix + first[PREFIX_BYTES:], key=key)


def test_a_quarter_of_a_gigabyte_passes_through_little_memory() -> None:
    piece = bytes(MIB)
    tracemalloc.start()
    try:
        ciphertext = encrypt_file(KEY, CONTEXT, (piece for _ in range(256)))
        passed = sum(map(len, decrypt_file(KEY, CONTEXT, ciphertext)))
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert passed == 256 * MIB
    assert peak_bytes < 8 * MIB
