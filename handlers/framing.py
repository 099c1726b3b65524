"""WebSocket frames as RFC 6455 §5 wants them, and nothing else; bytes in, messages out, no I/O.

    byte 0   FIN RSV1-3 opcode        byte 1   MASK length (126: u16 follows, 127: u64 follows)
    then     the length, the mask (4 bytes), the masked payload

Tornado's own reader lets unmasked frames, long lengths and invalid close codes pass (F4), and costs
three futures a frame.
"""

from collections.abc import Iterator

from tornado.util import _websocket_mask as _mask

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
NORMAL, PROTOCOL_ERROR, INVALID_DATA, TOO_BIG = 1000, 1002, 1007, 1009

MAX_FRAGMENTS = 64  # of one message; more only cost time (S-22)
_FIN, _RESERVED, _OPCODE = 0x80, 0x70, 0x0F
_OPCODES = frozenset((CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG))
_MAX_CONTROL_BYTES = 125


class FramingError(Exception):
    """The connection must be failed with `code` (RFC 6455 §7.1.7)."""

    def __init__(self, code: int) -> None:
        super().__init__(str(code))
        self.code = code


class FrameReader:
    """Splits a client's stream into messages and control frames."""

    __slots__ = ("_fragments", "_message", "_message_opcode", "_need", "_rest", "max_bytes")

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self._rest = bytearray()  # the beginning of a frame
        self._need = 2  # bytes without which that frame cannot go on being read
        self._message = bytearray()
        self._message_opcode = CONTINUATION
        self._fragments = 0

    def feed(self, chunk: bytes) -> Iterator[tuple[int, bytes]]:
        """Yield (opcode, payload) of everything that `chunk` completes.

        A text's payload is valid UTF-8, a close's is empty or a valid code and reason.
        Raises: FramingError
        """
        if self._rest:
            # Looked at again only when it can be complete: a frame that comes byte by byte must not
            # be copied byte by byte.
            self._rest += chunk
            if len(self._rest) < self._need:
                return
            chunk = bytes(self._rest)
            self._rest.clear()
        at = 0
        while True:
            frame = self._frame(chunk, at)
            if frame is None:
                break
            opcode_byte, payload, at = frame
            message = self._assemble(opcode_byte, payload)
            if message is not None:
                yield message
        if at < len(chunk):
            self._rest += chunk[at:]

    def _frame(self, chunk: bytes, at: int) -> tuple[int, bytes, int] | None:
        """Return first byte, payload and end of the frame at `at`, or None when it is not whole."""
        size = len(chunk)
        self._need = 2
        if size - at < 2:
            return None
        first, second = chunk[at], chunk[at + 1]
        opcode, length, start = first & _OPCODE, second & 0x7F, at + 2
        if first & _RESERVED or opcode not in _OPCODES or second < 0x80:
            raise FramingError(PROTOCOL_ERROR)
        if opcode >= CLOSE and (first < _FIN or length > _MAX_CONTROL_BYTES):
            raise FramingError(PROTOCOL_ERROR)
        if length > _MAX_CONTROL_BYTES:
            width = 2 if length == 126 else 8
            start += width
            self._need = 2 + width
            if size < start:
                return None
            length = int.from_bytes(chunk[start - width : start], "big")
            if length <= (_MAX_CONTROL_BYTES if width == 2 else 0xFFFF) or length >> 63:
                raise FramingError(PROTOCOL_ERROR)
        if opcode < CLOSE and length + len(self._message) > self.max_bytes:
            raise FramingError(TOO_BIG)
        end = start + 4 + length
        self._need = end - at
        if size < end:
            return None
        return first, _mask(chunk[start : start + 4], chunk[start + 4 : end]), end

    def _assemble(self, first: int, payload: bytes) -> tuple[int, bytes] | None:
        opcode = first & _OPCODE
        if opcode >= CLOSE:
            if opcode == CLOSE:
                _check_close(payload)
            return opcode, payload
        if (opcode == CONTINUATION) == (self._fragments == 0):
            raise FramingError(PROTOCOL_ERROR)
        if first < _FIN or self._fragments:
            if self._fragments == 0:
                self._message_opcode = opcode
            self._fragments += 1
            if self._fragments > MAX_FRAGMENTS:
                raise FramingError(PROTOCOL_ERROR)
            self._message += payload
            if first < _FIN:
                return None
            opcode, payload = self._message_opcode, bytes(self._message)
            self._message.clear()
            self._fragments = 0
        if opcode == TEXT and not payload.isascii():
            check_utf8(payload)
        return opcode, payload


def frame_head(size_bytes: int, opcode: int = TEXT) -> bytes:
    """Return what stands before the payload of a whole, unmasked frame."""
    if size_bytes <= _MAX_CONTROL_BYTES:
        return bytes((_FIN | opcode, size_bytes))
    if size_bytes < 0x10000:
        return bytes((_FIN | opcode, 126, size_bytes >> 8, size_bytes & 0xFF))
    return bytes((_FIN | opcode, 127)) + size_bytes.to_bytes(8, "big")


def check_utf8(payload: bytes) -> None:
    """Refuse what is not UTF-8. Raises: FramingError."""
    try:
        payload.decode()
    except UnicodeDecodeError as error:
        raise FramingError(INVALID_DATA) from error


def _check_close(payload: bytes) -> None:
    if not payload:
        return
    code = int.from_bytes(payload[:2], "big")
    if len(payload) < 2 or not (
        1000 <= code <= 1003 or 1007 <= code <= 1014 or 3000 <= code <= 4999
    ):
        raise FramingError(PROTOCOL_ERROR)
    check_utf8(payload[2:])
