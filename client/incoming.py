"""Receiving: from an entry of the log to what was said, or to why it cannot be read.

    envelope ─▶ session of (sender, device) ─▶ capsule ─▶ payload

Spec: SEAL1 §4.6, §4.7.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import msgspec

from client import sealing, wire
from client.directory import Directory
from client.outgoing import Content
from client.seal.encoding import b64url_decode
from client.seal.errors import DecryptError, DecryptReason, MalformedError, TrustError
from client.seal.payload import Capsule, CapsuleKind, PayloadContext, open_payload
from client.state import StateFile
from protocol import frames


@dataclass(frozen=True, slots=True)
class Received:
    """One entry of a room's log as this device sees it.

    With `reason` it could not be opened; otherwise `kind` is that of its capsule, and `content` is
    set for messages.
    """

    room_id: bytes
    seq: int
    message_id: bytes
    sender_user: bytes
    sender_device: bytes
    server_ms: int
    kind: CapsuleKind | None = None
    content: Content | None = field(default=None, repr=False)
    reason: DecryptReason | None = None

    @property
    def text(self) -> str | None:
        """What a person wrote, or None for anything else."""
        text = (self.content or {}).get("text")
        return text if isinstance(text, str) else None


class Incoming:
    """Opens what arrives; whoever calls it holds the engine's lock and saves the state."""

    def __init__(self, file: StateFile, directory: Directory, now_ms: Callable[[], int]) -> None:
        self._file = file
        self._directory = directory
        self._now_ms = now_ms

    async def open(self, room_id: bytes, message: frames.Message) -> Received | None:
        """Open one entry of the log.

        Returns: None for what this device has sent itself or opened before
        """
        state, now_ms = self._file.state, self._now_ms()
        context = wire.payload_context(room_id, message)
        place = context.sender_device + context.message_id
        if context.sender_device == state.device.device_id or place in state.seen_messages:
            return None
        received = Received(
            room_id,
            message.seq,
            context.message_id,
            context.sender_user,
            context.sender_device,
            message.server_ms,
        )
        members = (state.device.user_id, state.rooms[room_id].peer)
        if context.sender_user not in members:
            return replace(received, reason=DecryptReason.BAD_SIGNATURE)
        try:
            capsule = await self._open_capsule(context, message.capsule)
            content = _open_content(context, capsule, message)
        except DecryptError as error:
            is_repeated = error.reason is DecryptReason.DUPLICATE
            return None if is_repeated else replace(received, reason=error.reason)
        except TrustError:
            return replace(received, reason=DecryptReason.BAD_SIGNATURE)
        state.seen_messages[place] = now_ms
        return replace(received, kind=capsule.kind, content=content)

    async def _open_capsule(
        self, context: PayloadContext, sealed: frames.Capsule | None
    ) -> Capsule:
        """Decrypt a capsule with the session of the device it is said to come from.

        Raises: DecryptError, TrustError
        """
        if sealed is None:
            raise DecryptError(DecryptReason.NO_SESSION)
        user, device_id = context.sender_user, context.sender_device
        device = (await self._directory.devices_of(user)).find(device_id)
        if device is None:
            self._directory.forget([user])
            device = (await self._directory.devices_of(user)).find(device_id)
        if device is None:
            raise DecryptError(DecryptReason.BAD_SIGNATURE)
        return sealing.open_capsule(self._file.state, device, sealed, self._now_ms())


def _open_content(
    context: PayloadContext, capsule: Capsule, message: frames.Message
) -> Content | None:
    """Open the payload of a message; other kinds have none.

    Raises: DecryptError
    """
    if capsule.kind is not CapsuleKind.MESSAGE:
        return None
    try:
        commitment, payload = b64url_decode(message.c2), b64url_decode(message.payload)
        opened = open_payload(context, capsule, commitment, payload)
        return msgspec.json.decode(opened.json_utf8, type=Content)
    except MalformedError as error:
        raise DecryptError(DecryptReason.AUTH_FAILED) from error
    except msgspec.DecodeError as error:
        raise DecryptError(DecryptReason.UNSUPPORTED) from error
