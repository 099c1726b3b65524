"""A client's stream split into lines, however it arrives."""

import contextlib
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.framing import INVALID_DATA, TOO_BIG, FramingError
from handlers.lines import LineReader

MAX_BYTES = 64


def lines_of(chunks: list[bytes]) -> list[bytes]:
    reader = LineReader(MAX_BYTES)
    return [line for chunk in chunks for line in reader.feed(chunk)]


@given(
    st.lists(st.text(max_size=15).map(lambda text: text.replace("\n", " ").encode())),
    st.lists(st.integers(1, 20), min_size=1),
)
def test_lines_come_out_whole_and_in_order_however_they_are_cut(
    lines: list[bytes], sizes: list[int]
) -> None:
    stream = b"".join(line + b"\n" for line in lines)
    chunks, at = [], 0
    while at < len(stream):
        size = sizes[len(chunks) % len(sizes)]
        chunks.append(stream[at : at + size])
        at += size
    assert lines_of(chunks) == lines


def test_what_has_no_end_is_no_line() -> None:
    assert lines_of([b'{"a":1}\n{"b"', b":2}"]) == [b'{"a":1}']


@pytest.mark.parametrize("cut", [0, 1, MAX_BYTES, MAX_BYTES + 1])
def test_a_line_may_be_as_long_as_allowed_and_no_longer(cut: int) -> None:
    longest, longer = b"x" * MAX_BYTES + b"\n", b"x" * (MAX_BYTES + 1) + b"\n"
    assert lines_of([longest[:cut], longest[cut:]]) == [longest[:-1]]
    with pytest.raises(FramingError) as caught:
        lines_of([longer[:cut], longer[cut:]])
    assert caught.value.code == TOO_BIG


def test_a_line_is_too_long_before_it_ends() -> None:
    with pytest.raises(FramingError):
        lines_of([b"x"] * (MAX_BYTES + 1))


@pytest.mark.parametrize("line", [b"\xff", b'"\xed\xa0\x80"', b"\xe2("])
def test_a_line_that_is_not_utf_8_is_refused(line: bytes) -> None:
    with pytest.raises(FramingError) as caught:
        lines_of([line + b"\n"])
    assert caught.value.code == INVALID_DATA


def test_of_a_client_that_goes_on_after_the_end_nothing_is_kept() -> None:
    """S-22: a connection that is being closed is still read, for seconds."""
    reader, chunk = LineReader(MAX_BYTES), b"x" * 65_536
    tracemalloc.start()
    try:
        for _ in range(256):
            with contextlib.suppress(FramingError):
                list(reader.feed(chunk))
        kept_bytes, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept_bytes < 16 * len(chunk)
