"""What no WebSocket client sends: over raw sockets each costs its own connection and no other."""

import asyncio
import base64
import struct

import pytest

from handlers.framing import CLOSE, CONTINUATION, MAX_FRAGMENTS, PING, PONG, TEXT
from protocol.limits import PRE_AUTH_FRAME_BYTES
from tests.handlers.test_framing import frame
from tests.harness import Connect, RunningServer
from tests.people import Peer

KEY = base64.b64encode(bytes(16)).decode()


class RawSocket:
    """A connection that has been upgraded, from there on nothing but bytes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer

    @classmethod
    async def open(cls, server: RunningServer) -> "RawSocket":
        port = int(server.origin.rpartition(":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(
            f"GET /ws HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nOrigin: {server.origin}\r\n"
            "Upgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n\r\n".encode()
        )
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
        assert head.startswith(b"HTTP/1.1 101 ")
        return cls(reader, writer)

    async def next(self) -> tuple[int, bytes]:
        """Return opcode and payload of the server's next frame."""
        first, length = await asyncio.wait_for(self._reader.readexactly(2), 5)
        assert first & 0x70 == 0
        assert length < 127, "the server neither masks nor sends this much here"
        if length == 126:
            (length,) = struct.unpack("!H", await self._reader.readexactly(2))
        return first & 0x0F, await self._reader.readexactly(length)

    async def close_code(self) -> int:
        """Return the code of the close frame, after which nothing comes but the end."""
        while (received := await self.next())[0] != CLOSE:
            pass
        self.writer.close()
        assert await asyncio.wait_for(self._reader.read(), 10) == b""
        return int.from_bytes(received[1][:2], "big")


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        pytest.param(b"\x81\x01a", 1002, id="unmasked"),
        *(
            pytest.param(frame(TEXT, b"{}", reserved=b), 1002, id=f"RSV {b:#x}")
            for b in (64, 32, 16)
        ),
        *(pytest.param(frame(code), 1002, id=f"opcode {code}") for code in (3, 7, 11, 15)),
        pytest.param(frame(PING, fin=False), 1002, id="a fragmented ping"),
        pytest.param(frame(PING, b"x" * 126), 1002, id="a long ping"),
        pytest.param(b"\x81\xfe\x00\x05mask12345", 1002, id="a long form of a short length"),
        pytest.param(frame(CONTINUATION, b"a"), 1002, id="a continuation of nothing"),
        pytest.param(frame(TEXT, b"a", fin=False) + frame(TEXT, b"b"), 1002, id="two beginnings"),
        pytest.param(
            frame(TEXT, fin=False) + frame(CONTINUATION, fin=False) * MAX_FRAGMENTS,
            1002,
            id="too many fragments",
        ),
        pytest.param(frame(CLOSE, b"\x03"), 1002, id="half a close code"),
        *(
            pytest.param(frame(CLOSE, struct.pack("!H", code)), 1002, id=f"close code {code}")
            for code in (0, 999, 1004, 1005, 1006, 1015, 2999, 5000)
        ),
        pytest.param(frame(CLOSE, b"\x03\xe8\xff"), 1007, id="a close reason that is no UTF-8"),
        pytest.param(frame(TEXT, b"\xff"), 1007, id="no UTF-8"),
        pytest.param(frame(TEXT, b"\xed\xa0\x80"), 1007, id="a surrogate"),
        pytest.param(
            frame(TEXT, b"\xe2", fin=False) + frame(CONTINUATION, b"("),
            1007,
            id="no UTF-8 across fragments",
        ),
        pytest.param(frame(TEXT, b"x" * (PRE_AUTH_FRAME_BYTES + 1)), 1009, id="too large"),
        pytest.param(
            frame(TEXT, b"x" * PRE_AUTH_FRAME_BYTES, fin=False) + frame(CONTINUATION, b"x"),
            1009,
            id="too large in two parts",
        ),
        pytest.param(b"\x81\xff" + struct.pack("!Q", 2**62) + b"mask", 1009, id="four exabytes"),
    ],
)
async def test_a_broken_rule_closes_its_own_connection_with_its_code(
    server: RunningServer, ws: Connect, alice: Peer, sent: bytes, code: int
) -> None:
    wire = await ws(alice)
    raw = await RawSocket.open(server)
    raw.writer.write(sent)
    assert await raw.close_code() == code
    assert await wire.quiet() == []


@pytest.mark.parametrize("code", [1000, 1001, 3000, 4999])
async def test_a_valid_close_is_echoed(server: RunningServer, code: int) -> None:
    raw = await RawSocket.open(server)
    raw.writer.write(frame(CLOSE, struct.pack("!H", code) + b"bye"))
    assert await raw.close_code() == code


async def test_a_ping_is_answered_between_the_parts_of_a_message(server: RunningServer) -> None:
    raw = await RawSocket.open(server)
    raw.writer.write(frame(TEXT, b'{"type":', fin=False) + frame(PING, b"here?"))
    assert await raw.next() == (PONG, b"here?")
    raw.writer.write(frame(CONTINUATION, b'"ping"}'))
    opcode, payload = await raw.next()
    assert (opcode, b"unauthenticated" in payload) == (TEXT, True)
    raw.writer.write(frame(CLOSE))
    await raw.close_code()
