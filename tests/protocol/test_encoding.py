"""One value has one spelling, and no two tuples have the same bytes."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.encoding import (
    b64url,
    checked_bytes,
    lp,
    parse_b64url,
    sealed_tuple,
    split_sealed_tuple,
)
from protocol.errors import AppError


@given(st.binary(max_size=100))
def test_bytes_survive(data: bytes) -> None:
    text = b64url(data)
    assert parse_b64url(text, len(data)) == data
    assert base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)) == data


@pytest.mark.parametrize(
    "text", ["=", "AA==", "A", "AB", "AAB", "A A", "AA\n", "+/8", "é", "AA-_=", "\x00AA"]
)
def test_every_other_spelling_is_refused(text: str) -> None:
    with pytest.raises(AppError, match="bad_request"):
        parse_b64url(text)


@given(st.binary(max_size=100))
def test_the_short_way_reads_canonical_text_as_the_strict_one_does(data: bytes) -> None:
    assert checked_bytes(b64url(data)) == data


@pytest.mark.parametrize("length", [0, 2, 4])
def test_a_wrong_length_is_refused(length: int) -> None:
    with pytest.raises(AppError, match="bad_request"):
        parse_b64url(b64url(b"abc"), length)


@given(st.lists(st.binary(max_size=20), max_size=6), st.lists(st.binary(max_size=20), max_size=6))
def test_different_fields_give_different_tuples(one: list[bytes], other: list[bytes]) -> None:
    assert (sealed_tuple("SEAL1/x", *one) == sealed_tuple("SEAL1/x", *other)) == (one == other)


@given(st.lists(st.binary(max_size=20), max_size=6))
def test_a_tuple_splits_into_what_it_was_made_of(fields: list[bytes]) -> None:
    assert split_sealed_tuple(sealed_tuple("SEAL1/x", *fields)) == [b"SEAL1/x", *fields]


@pytest.mark.parametrize(
    "data", [b"\0", b"\0\0\0\1", b"\0\0\0\2a", lp(b"a") + b"\0\0", b"\xff" * 4]
)
def test_a_truncated_tuple_is_refused(data: bytes) -> None:
    with pytest.raises(AppError, match="bad_request"):
        split_sealed_tuple(data)
