"""PROXY headers, byte for byte: the vectors that the balancer writes by."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.proxy_protocol import ProxyHeaderError, could_begin, read
from tests.process import ROOT

VECTORS: list[dict[str, Any]] = json.loads(
    Path(ROOT / "tests/vectors/proxy_protocol.json").read_text(encoding="utf-8")
)["headers"]
REFUSED = [vector for vector in VECTORS if vector["client"] == "refused"]
READ = [vector for vector in VECTORS if vector["client"] != "refused"]


def header(vector: dict[str, Any]) -> bytes:
    text: str | None = vector.get("v1")
    return bytes.fromhex(vector["v2"]) if text is None else text.encode()


def outcome(data: bytes) -> str:
    """What a reader makes of these bytes when nothing follows for ever."""
    try:
        whole = read(data)
    except ProxyHeaderError:
        return "refused"
    return "refused" if whole is None else whole.client or "peer"


@pytest.mark.parametrize("vector", VECTORS, ids=[vector["name"] for vector in VECTORS])
def test_every_vector_is_read_as_it_says(vector: dict[str, Any]) -> None:
    assert could_begin(header(vector))
    assert outcome(header(vector)) == vector["client"]


@pytest.mark.parametrize("vector", READ, ids=[vector["name"] for vector in READ])
def test_a_header_is_not_read_before_it_is_whole_and_takes_nothing_that_follows(
    vector: dict[str, Any],
) -> None:
    data = header(vector)
    for size in range(1, len(data)):
        assert could_begin(data[:size])
        assert read(data[:size]) is None, size
    for after in (b"", b"\r\n", b"GET / HTTP/1.1\r\n\r\n", data):
        whole = read(data + after)
        assert whole is not None
        assert whole.size_bytes == len(data)


@pytest.mark.parametrize("vector", REFUSED, ids=[vector["name"] for vector in REFUSED])
def test_what_is_refused_stays_refused_whatever_follows_unless_it_was_cut_short(
    vector: dict[str, Any],
) -> None:
    if "truncated" not in vector["reason"]:
        assert outcome(header(vector) + b"GET / HTTP/1.1\r\n\r\n") == "refused"


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n",
        b"POST / HTTP/1.1\r\n",
        b"PRI * HTTP/2.0\r\n",
        b"PROPFIND / HTTP/1.1\r\n",
        b"proxy TCP4 ",
        b"PROXY\tTCP4",
        b"\r\nGET / HTTP/1.1\r\n",
        b"\r\n\r\n\r\n",
        b'{"type":"ping"}\n',
        b"\x16\x03\x01\x02\x00",
    ],
)
def test_what_clients_begin_with_is_never_taken_for_a_header(data: bytes) -> None:
    assert not could_begin(data)


@given(
    st.sampled_from([b"", b"PROXY ", b"PROXY TCP4 ", header(VECTORS[5])[:13]]),
    st.binary(max_size=300),
)
def test_nothing_that_begins_like_a_header_makes_the_reader_fail(start: bytes, rest: bytes) -> None:
    data = start + rest
    if could_begin(data):
        try:
            whole = read(data)
        except ProxyHeaderError:
            return
        assert whole is None or 0 < whole.size_bytes <= len(data)
