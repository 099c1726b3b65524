"""What travels on the bus: MessagePack, sealed so that nobody but our own processes can write it.

    packet = tag(16) ‖ [version, process, number, fact]    tag = BLAKE2b(key, subject ‖ 0 ‖ rest)

`number` is 0 on the subject of a user. Whatever has another tag, version or form is not ours: it is
dropped and counted (S-60). A packet may be repeated by whoever reads the bus; that harms as little
as losing one, for events are hints.
"""

import hashlib
import hmac
from collections.abc import Iterator
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from models.events import MessageStored, ProcessId, Shared, Told
from protocol.frames import Message
from protocol.ids import UserId, WireDeviceId, WireRoomId

_TAG_BYTES = 16
_VERSION = 1
_Number = Annotated[int, Meta(ge=0, le=2**63 - 1)]


class Heartbeat(Struct, frozen=True, tag="heartbeat"):
    """The process lives; `Packet.number` is the last one it has given."""


class Goodbye(Struct, frozen=True, tag="goodbye"):
    """The process stops."""


class Carried(Struct, frozen=True, tag="message"):
    """A stored message and the capsules of one user's devices, as wire JSON."""

    room: WireRoomId
    message: Message
    capsules: dict[WireDeviceId, bytes]


class _Carrying(Struct, frozen=True, tag="message"):
    """`Carried` on its way out: the message has been encoded once for all recipients."""

    room: WireRoomId
    message: msgspec.Raw
    capsules: dict[WireDeviceId, bytes]


Fact = Shared | Told | Carried | Heartbeat | Goodbye


class Packet(Struct, frozen=True, array_like=True):
    """One fact, who says it, and how many they have told everybody."""

    version: Literal[1]
    process: ProcessId
    number: _Number
    fact: Fact


class _Leaving(Struct, frozen=True, array_like=True):
    version: int
    process: ProcessId
    number: int
    fact: Fact | _Carrying


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Packet)


class Packets:
    """Writes and reads the packets of one process."""

    def __init__(self, process: ProcessId, key: bytes) -> None:
        """Args: key: 32 bytes that every process of this server has."""
        self._process = process
        self._key = key

    def write(self, subject: str, fact: Fact | _Carrying, number: int = 0) -> bytes:
        text = _encoder.encode(_Leaving(_VERSION, self._process, number, fact))
        return self._tag(subject, text) + text

    def read(self, subject: str, data: bytes) -> Packet | None:
        """Return what one of our processes wrote under this subject; None for anything else."""
        tag, text = data[:_TAG_BYTES], data[_TAG_BYTES:]
        if not hmac.compare_digest(tag, self._tag(subject, text)):
            return None
        try:
            return _decoder.decode(text)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None  # of another version

    def _tag(self, subject: str, text: bytes) -> bytes:
        state = hashlib.blake2b(subject.encode() + b"\0", key=self._key, digest_size=_TAG_BYTES)
        state.update(text)
        return state.digest()


def share(event: MessageStored) -> Iterator[tuple[UserId, _Carrying]]:
    """Divide a message by recipient: everybody gets the capsules of their own devices only."""
    message = msgspec.Raw(_encoder.encode(event.message))
    capsules: dict[UserId, dict[WireDeviceId, bytes]] = {user: {} for user in event.recipients}
    for (user, device), capsule in event.capsules.items():
        capsules.setdefault(user, {})[device] = capsule
    for user in event.recipients:
        yield user, _Carrying(event.room_id, message, capsules[user])


def joined(user_id: UserId, carried: Carried) -> MessageStored:
    """Undo `share` for one recipient."""
    capsules = {(user_id, device): capsule for device, capsule in carried.capsules.items()}
    return MessageStored(carried.room, carried.message, capsules, (user_id,))
