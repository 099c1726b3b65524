"""WebSocket and TCP frames: one JSON object each, `type` first, unknown keys ignored.

    client                              server
    authenticate {token, device_id}    ──▶
                                       ◀── authenticated {user_id, device_id, rooms, presence, …}
    message.send {id, …}               ──▶
                                       ◀── message.accepted {id, room, msg_id, seq, server_ms, …}
                                       ◀── message.new {room, message}    to every other device
    message.delivered | message.read   ──▶
                                       ◀── watermark {room, user, delivered_seq, read_seq}
    sync {id, room, after}             ──▶
                                       ◀── synced {id, room, messages, has_more, last_seq}
    anything refused                   ◀── error {id?, error}

The client chooses `id`, a positive integer unique on its connection, and the answer repeats it.
Payloads, headers and ciphertexts are `Sealed`: base64url text that the server stores and relays and
never decodes, because it could not understand it anyway and every decode costs the loop.
"""

from typing import Annotated, Literal, NewType

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from protocol import limits
from protocol.errors import AppError, ErrorCode
from protocol.ids import (
    WireDeviceId,
    WireMsgId,
    WireRoomId,
    WireSessionId,
    WireTransferId,
    WireUserId,
)

Sealed = NewType("Sealed", str)


def base64_chars(size_bytes: int) -> int:
    """Return how many unpadded base64 characters `size_bytes` need."""
    return (size_bytes * 8 + 5) // 6


SEALED_PATTERN = r"^[A-Za-z0-9_-]+$"
POINT_PATTERN = r"^B[A-Za-z0-9_-]{85}[AEIMQUYcgkosw048]$"  # 65 bytes, the first one 0x04
Payload = Annotated[
    Sealed, Meta(pattern=SEALED_PATTERN, max_length=base64_chars(limits.PAYLOAD_BYTES))
]
CapsuleText = Annotated[
    Sealed, Meta(pattern=SEALED_PATTERN, max_length=base64_chars(limits.CAPSULE_BYTES))
]
Hash = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$")]
Point = Annotated[str, Meta(pattern=POINT_PATTERN)]
RequestId = Annotated[int, Meta(ge=1, le=2**53 - 1)]
Seq = Annotated[int, Meta(ge=0, le=2**53 - 1)]
KeyId = Annotated[int, Meta(ge=0, lt=2**31)]
Millis = Annotated[int, Meta(ge=0, le=2**53 - 1)]


class Frame(Struct, frozen=True, omit_defaults=True):
    """Common ground of everything that travels.

    msgspec does not inherit `kw_only`, so every frame says it itself.
    """


# ── what a message is made of ────────────────────────────────────────────────────────────────────


class Pre(Frame, omit_defaults=False, frozen=True, kw_only=True):
    """How the receiver derives the session a first capsule belongs to (SEAL1 §4.4)."""

    suite: Annotated[int, Meta(ge=1, le=255)]
    ek: Point
    spk_id: KeyId
    opk_id: KeyId | None = None
    cert_hash: Hash


class Capsule(Frame, frozen=True, kw_only=True):
    """The content key of one message, sealed to one device; this much of it the device receives."""

    sid: WireSessionId
    pre: Pre | UnsetType = UNSET
    header: CapsuleText
    ciphertext: CapsuleText


class AddressedCapsule(Capsule, frozen=True, kw_only=True):
    """A capsule as the sender hands it in."""

    user: WireUserId
    device: WireDeviceId


class SendBody(Frame, frozen=True, kw_only=True):
    """What `message.send` and `POST /api/rooms/{id}/messages` have in common."""

    msg_id: WireMsgId
    epoch: Seq
    roster_hash: Hash
    c2: Hash
    payload: Payload
    capsules: Annotated[list[AddressedCapsule], Meta(max_length=limits.CAPSULES_PER_MESSAGE)]
    device_lists: Annotated[dict[WireUserId, Seq], Meta(max_length=limits.CAPSULES_PER_MESSAGE)]


class Message(Frame, omit_defaults=False, frozen=True, kw_only=True):
    """One entry of the room log as one device sees it.

    `capsule` is null for the sending device itself and for devices added later.
    """

    seq: Seq
    msg_id: WireMsgId
    sender: WireUserId
    sender_device: WireDeviceId
    epoch: Seq
    roster_hash: Hash
    payload: Payload
    c2: Hash
    capsule: Capsule | None
    frank: Hash
    server_ms: Millis
    deleted: bool = False


# ── client → server ──────────────────────────────────────────────────────────────────────────────


class Authenticate(Frame, tag="authenticate", frozen=True, kw_only=True):
    token: Annotated[str, Meta(max_length=2048)]
    device_id: WireDeviceId
    id: RequestId | UnsetType = UNSET


class MessageSend(SendBody, tag="message.send", frozen=True, kw_only=True):
    id: RequestId
    room: WireRoomId


class MessageDelivered(Frame, tag="message.delivered", frozen=True, kw_only=True):
    room: WireRoomId
    seq: Seq


class MessageRead(Frame, tag="message.read", frozen=True, kw_only=True):
    room: WireRoomId
    seq: Seq


class Typing(Frame, tag="typing", frozen=True, kw_only=True):
    room: WireRoomId
    on: bool


class SetPresence(Frame, tag="presence", frozen=True, kw_only=True):
    status: Literal["online", "away"]


class Sync(Frame, tag="sync", frozen=True, kw_only=True):
    id: RequestId
    room: WireRoomId
    after: Seq
    limit: Annotated[int, Meta(ge=1, le=limits.SYNC_PAGE)] = limits.HISTORY_PAGE


class Ping(Frame, tag="ping", frozen=True, kw_only=True):
    id: RequestId | UnsetType = UNSET


ClientFrame = (
    Authenticate | MessageSend | MessageDelivered | MessageRead | Typing | SetPresence | Sync | Ping
)

# ── server → client ──────────────────────────────────────────────────────────────────────────────


class RoomHead(Frame, omit_defaults=False, frozen=True, kw_only=True):
    """Where the log of one room stands."""

    id: WireRoomId
    last_seq: Seq


class PresenceOf(Frame, omit_defaults=False, frozen=True, kw_only=True):
    """`last_seen_ms` is null when the person hides it or is on-line."""

    user: WireUserId
    status: str
    last_seen_ms: Millis | None = None


class Authenticated(Frame, tag="authenticated", frozen=True, kw_only=True):
    user_id: WireUserId
    device_id: WireDeviceId
    server_ms: Millis
    rooms: list[RoomHead]
    presence: list[PresenceOf]
    id: RequestId | UnsetType = UNSET


class MessageAccepted(
    Frame, tag="message.accepted", omit_defaults=False, frozen=True, kw_only=True
):
    id: RequestId
    room: WireRoomId
    msg_id: WireMsgId
    seq: Seq
    server_ms: Millis
    frank: Hash


class MessageNew(Frame, tag="message.new", frozen=True, kw_only=True):
    room: WireRoomId
    message: Message


class Synced(Frame, tag="synced", omit_defaults=False, frozen=True, kw_only=True):
    id: RequestId
    room: WireRoomId
    messages: list[Message]
    has_more: bool
    last_seq: Seq


class Watermark(Frame, tag="watermark", omit_defaults=False, frozen=True, kw_only=True):
    """`read_seq` stays 0 for others while the person hides read receipts."""

    room: WireRoomId
    user: WireUserId
    delivered_seq: Seq
    read_seq: Seq


class TypingOf(Frame, tag="typing", omit_defaults=False, frozen=True, kw_only=True):
    room: WireRoomId
    user: WireUserId
    on: bool


class PresenceChanged(Frame, tag="presence", omit_defaults=False, frozen=True, kw_only=True):
    user: WireUserId
    status: str
    last_seen_ms: Millis | None = None


class ContactChanged(Frame, tag="contact.changed", omit_defaults=False, frozen=True, kw_only=True):
    """Something about this person as a contact changed; refetch `GET /api/contacts`."""

    user: WireUserId
    state: str  # incoming | outgoing | accepted | none


class RoomChanged(Frame, tag="room.updated", frozen=True, kw_only=True):
    """A room was opened, extended or changed; `GET /api/rooms/{id}` tells how it is now."""

    room: WireRoomId


class RoomRemoved(Frame, tag="room.removed", frozen=True, kw_only=True):
    room: WireRoomId


class DevicesChanged(Frame, tag="devices.changed", frozen=True, kw_only=True):
    user: WireUserId
    version: Seq


class PrekeysLow(Frame, tag="prekeys.low", frozen=True, kw_only=True):
    opk: Seq


class TransferNew(Frame, tag="transfer.new", omit_defaults=False, frozen=True, kw_only=True):
    """`user` has sent something; refetch `GET /api/transfers/inbox` (S3-27)."""

    transfer: WireTransferId
    user: WireUserId


class TransferChanged(
    Frame, tag="transfer.changed", omit_defaults=False, frozen=True, kw_only=True
):
    """A transfer one has sent or got was accepted, sealed, downloaded or ended; refetch."""

    transfer: WireTransferId


class ProfileChanged(Frame, tag="profile.changed", frozen=True, kw_only=True):
    """Display name or settings of this person changed; refetch `GET /api/users/{id}` (or `/me`)."""

    user: WireUserId


class SessionRevoked(Frame, tag="session.revoked", frozen=True, kw_only=True):
    """This log-in has ended; the connection closes with SESSION_ENDED right after."""

    reason: str  # logged_out | revoked | device_removed | password_changed


class Pong(Frame, tag="pong", frozen=True, kw_only=True):
    server_ms: Millis
    id: RequestId | UnsetType = UNSET


class ErrorFrame(Frame, tag="error", frozen=True, kw_only=True):
    error: dict[str, object]
    id: RequestId | UnsetType = UNSET


ServerFrame = (
    Authenticated
    | MessageAccepted
    | MessageNew
    | Synced
    | Watermark
    | TypingOf
    | PresenceChanged
    | ContactChanged
    | RoomChanged
    | RoomRemoved
    | DevicesChanged
    | PrekeysLow
    | ProfileChanged
    | TransferNew
    | TransferChanged
    | SessionRevoked
    | Pong
    | ErrorFrame
)

_decoder: msgspec.json.Decoder[ClientFrame] = msgspec.json.Decoder(ClientFrame)
_encoder = msgspec.json.Encoder()


def parse(data: bytes | str) -> ClientFrame:
    """Read one client frame.

    Raises: AppError(bad_request) for anything that is not a documented frame, AppError(unsupported)
    for a JSON object whose `type` is unknown.
    """
    try:
        return _decoder.decode(data)
    except msgspec.ValidationError as error:
        # msgspec names the union's tag field in exactly this case.
        code = ErrorCode.UNSUPPORTED if "$.type" in str(error) else ErrorCode.BAD_REQUEST
        raise AppError(code, str(error)) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise AppError(ErrorCode.BAD_REQUEST, "not JSON") from error
    except RecursionError as error:
        raise AppError(ErrorCode.BAD_REQUEST, "nested too deeply") from error


def dump(frame: Frame) -> bytes:
    """Write one frame as UTF-8 JSON without a line break."""
    return _encoder.encode(frame)
