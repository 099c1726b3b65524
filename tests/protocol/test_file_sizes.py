"""Sizes of sealed files: as the reference client computes them, and as it encrypts."""

from hypothesis import example, given
from hypothesis import strategies as st

from client.seal.cobblestone import encrypt_file
from client.seal.files import file_context, pad_file
from client.seal.files import sealed_bytes as sealed_by_client
from config.settings import LARGEST_FILE_MIB
from protocol.file_sizes import sealed_bytes
from protocol.limits import FILE_BYTES


@given(st.integers(0, 2**40))
@example(0)
@example(4_096)
@example(4_097)
def test_the_server_measures_as_clients_do(content_bytes: int) -> None:
    assert sealed_bytes(content_bytes) == sealed_by_client(content_bytes)


@given(st.integers(0, 70_000))
def test_that_is_what_a_file_becomes(content_bytes: int) -> None:
    padded = pad_file([bytes(content_bytes)], content_bytes)
    sealed = encrypt_file(bytes(32), file_context(bytes(16)), padded)
    assert sum(map(len, sealed)) == sealed_bytes(content_bytes)


@given(st.integers(0, 2**40), st.integers(0, 2**20))
def test_a_larger_file_is_never_smaller_when_sealed(content_bytes: int, more: int) -> None:
    assert sealed_bytes(content_bytes) <= sealed_bytes(content_bytes + more)


def test_the_largest_setting_is_what_the_protocol_carries() -> None:
    mib = 2**20
    assert sealed_bytes(LARGEST_FILE_MIB * mib) <= FILE_BYTES < sealed_bytes(128 * 1024 * mib)
