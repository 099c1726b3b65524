"""Frames are read as RFC 6455 §5 wants them, however they are cut."""

import contextlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.framing import (
    BINARY,
    CLOSE,
    CONTINUATION,
    INVALID_DATA,
    MAX_FRAGMENTS,
    PING,
    PONG,
    PROTOCOL_ERROR,
    TEXT,
    TOO_BIG,
    FrameReader,
    FramingError,
    frame_head,
)

MASK = b"\x12\x34\x56\x78"


def frame(
    opcode: int, payload: bytes = b"", *, fin: bool = True, reserved: int = 0, mask: bytes = MASK
) -> bytes:
    """Write a client's frame, right or wrong."""
    size = len(payload)
    head = bytes(((0x80 if fin else 0) | reserved | opcode,))
    if size < 126:
        head += bytes((0x80 | size,))
    elif size < 0x10000:
        head += b"\xfe" + struct.pack("!H", size)
    else:
        head += b"\xff" + struct.pack("!Q", size)
    return head + mask + bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))


def read(*chunks: bytes, max_bytes: int = 1_000_000) -> list[tuple[int, bytes]]:
    reader = FrameReader(max_bytes)
    return [message for chunk in chunks for message in reader.feed(chunk)]


def code_of(*chunks: bytes, max_bytes: int = 1_000_000) -> int:
    with pytest.raises(FramingError) as caught:
        read(*chunks, max_bytes=max_bytes)
    return caught.value.code


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65_535, 65_536, 70_000])
def test_a_message_of_every_length_form_is_read(size: int) -> None:
    assert read(frame(TEXT, b"a" * size)) == [(TEXT, b"a" * size)]


def test_several_frames_in_one_chunk_are_all_read() -> None:
    chunk = frame(TEXT, b"one") + frame(PING, b"p") + frame(TEXT, "zwei ✓".encode())
    assert read(chunk) == [(TEXT, b"one"), (PING, b"p"), (TEXT, "zwei ✓".encode())]


@given(st.lists(st.text(max_size=300), max_size=5), st.lists(st.integers(1, 50), max_size=40))
def test_however_the_stream_is_cut_the_same_messages_come_out(
    texts: list[str], cuts: list[int]
) -> None:
    stream = b"".join(frame(TEXT, text.encode()) for text in texts)
    chunks, at = [], 0
    for cut in cuts:
        chunks.append(stream[at : at + cut])
        at += cut
    assert read(*chunks, stream[at:]) == [(TEXT, text.encode()) for text in texts]


@given(st.binary(max_size=200), st.integers(1, 20))
def test_no_input_does_anything_but_yield_or_fail(stream: bytes, step: int) -> None:
    with contextlib.suppress(FramingError):
        read(*(stream[at : at + step] for at in range(0, len(stream), step)))


def test_fragments_are_joined_and_control_frames_may_stand_between() -> None:
    chunk = frame(TEXT, b"a", fin=False) + frame(PONG, b"!") + frame(CONTINUATION, b"b")
    assert read(chunk) == [(PONG, b"!"), (TEXT, b"ab")]


def test_a_character_may_be_cut_by_fragments() -> None:
    first, second = "✓".encode()[:1], "✓".encode()[1:]
    assert read(frame(TEXT, first, fin=False) + frame(CONTINUATION, second)) == [
        (TEXT, "✓".encode())
    ]


@pytest.mark.parametrize(
    "chunk",
    [
        b"\x81\x01a",  # not masked
        *(frame(TEXT, b"a", reserved=bit) for bit in (0x40, 0x20, 0x10)),
        *(frame(opcode) for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)),
        frame(PING, fin=False),
        frame(CLOSE, fin=False),
        frame(PING, b"x" * 126),
        b"\x81\xfe" + struct.pack("!H", 125) + MASK,  # a long form for a short length
        b"\x81\xff" + struct.pack("!Q", 65_535) + MASK,
        b"\x81\xff" + struct.pack("!Q", 1 << 63) + MASK,
        frame(CONTINUATION, b"a"),
        frame(CONTINUATION, b"a", fin=False),
        frame(TEXT, b"a", fin=False) + frame(TEXT, b"b"),
        frame(TEXT, b"a", fin=False) + frame(BINARY, b"b"),
        frame(TEXT, fin=False) + frame(CONTINUATION, fin=False) * MAX_FRAGMENTS,
        frame(CLOSE, b"\x03"),
        *(frame(CLOSE, struct.pack("!H", code)) for code in (0, 999, 1004, 1005, 1006, 1015, 1016)),
        *(frame(CLOSE, struct.pack("!H", code)) for code in (1100, 2000, 2999, 5000, 65_535)),
    ],
)
def test_what_breaks_the_rules_fails_the_connection(chunk: bytes) -> None:
    assert code_of(chunk) == PROTOCOL_ERROR


@pytest.mark.parametrize(
    "chunk",
    [
        frame(TEXT, b"\xff"),
        frame(TEXT, b"\xc0\xaf"),
        frame(TEXT, b"\xed\xa0\x80"),
        frame(TEXT, b"\xf4\x90\x80\x80"),
        frame(TEXT, b"ab\xe2\x9c"),
        frame(TEXT, b"a", fin=False) + frame(CONTINUATION, b"\xff"),
        frame(CLOSE, struct.pack("!H", 1000) + b"\xff"),
    ],
)
def test_what_is_not_utf8_fails_with_its_own_code(chunk: bytes) -> None:
    assert code_of(chunk) == INVALID_DATA


@pytest.mark.parametrize("code", [1000, 1001, 1002, 1003, 1007, 1011, 1014, 3000, 4999])
def test_valid_close_codes_pass(code: int) -> None:
    payload = struct.pack("!H", code) + b"why"
    assert read(frame(CLOSE, payload)) == [(CLOSE, payload)]


def test_bytes_that_are_not_text_pass_as_binary() -> None:
    assert read(frame(BINARY, b"\xff")) == [(BINARY, b"\xff")]


def test_a_message_is_refused_by_its_length_before_it_has_come() -> None:
    assert code_of(frame(TEXT, b"a" * 101)[:6], max_bytes=100) == TOO_BIG
    fragments = frame(TEXT, b"a" * 60, fin=False) + frame(CONTINUATION, b"a" * 60)
    assert code_of(fragments, max_bytes=100) == TOO_BIG


def test_the_limit_can_be_raised_between_messages() -> None:
    reader = FrameReader(10)
    assert list(reader.feed(frame(TEXT, b"small")))
    reader.max_bytes = 1_000
    assert list(reader.feed(frame(TEXT, b"a" * 999))) == [(TEXT, b"a" * 999)]


@pytest.mark.parametrize("size", [0, 125, 126, 65_535, 65_536, 1 << 20])
def test_what_we_write_has_the_shortest_length_form(size: int) -> None:
    head = frame_head(size)
    masked = bytes((head[0], head[1] | 0x80)) + head[2:] + b"\0\0\0\0"
    assert read(masked + b"a" * size, max_bytes=1 << 20) == [(TEXT, b"a" * size)]
