"""Bytes have one meaning and one spelling."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.seal.encoding import b64url_decode, b64url_encode, parse_lp, parse_t, t
from client.seal.errors import MalformedError

fields = st.lists(st.binary(max_size=40), max_size=6)


@given(fields, fields)
def test_two_different_tuples_never_have_the_same_bytes(
    one: list[bytes], other: list[bytes]
) -> None:
    assert (t("SEAL1/id", *one) == t("SEAL1/id", *other)) == (one == other)


@given(fields)
def test_a_tuple_reads_back_as_it_was_written(written: list[bytes]) -> None:
    assert parse_t("SEAL1/id", t("SEAL1/id", *written)) == tuple(written)


def test_a_tuple_with_another_label_is_refused() -> None:
    with pytest.raises(MalformedError):
        parse_t("SEAL1/devcert", t("SEAL1/devlist", b"x"))
    with pytest.raises(MalformedError):
        parse_t("SEAL1/devcert", b"")


@given(st.binary(max_size=200))
def test_the_parser_takes_any_bytes_without_failing_otherwise(data: bytes) -> None:
    try:
        parts = parse_lp(data)
    except MalformedError:
        return
    assert b"".join(len(part).to_bytes(4, "big") + part for part in parts) == data


@pytest.mark.parametrize("cut", [1, 2, 3, 4, 5, 6, 8, 9])
def test_a_truncated_tuple_is_refused(cut: int) -> None:
    with pytest.raises(MalformedError):
        parse_lp(t("SEAL1/id", b"abc")[:-cut])


def test_a_length_beyond_the_data_is_refused() -> None:
    with pytest.raises(MalformedError):
        parse_lp(b"\xff\xff\xff\xff" + b"x" * 100)


@given(st.binary(max_size=100))
def test_base64url_reads_back_as_it_was_written(data: bytes) -> None:
    assert b64url_decode(b64url_encode(data)) == data


@pytest.mark.parametrize("text", ["AA==", "A", "AB", "A+/A", "AA\n", "Ā", "AA A", " AA"])
def test_every_other_spelling_is_refused(text: str) -> None:
    with pytest.raises(MalformedError):
        b64url_decode(text)
