"""Receiving: from an entry of the log to what was said, or to why it cannot be read.

    envelope ─▶ session of (sender, device) ─▶ capsule ─▶ payload ─▶ content

Spec: SEAL1 §4.6, §4.7, §4.9.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import msgspec

from client import sealing, wire
from client.directory import Directory
from client.outgoing import Content
from client.seal.encoding import b64url_decode, b64url_encode
from client.seal.errors import DecryptError, DecryptReason, MalformedError, TrustError
from client.seal.payload import Capsule, CapsuleKind, PayloadContext, open_payload
from client.state import StateFile, Trail, Unopened
from protocol import frames
from protocol.limits import FILES_PER_MESSAGE

CHARGED_DERIVATIONS = 100
CHARGE_WINDOW_MS = 60_000
CHARGES_PER_WINDOW = 3
PAUSE_MS = 60_000
"""Three forged headers a minute cost a few milliseconds; more of them are kept waiting."""


@dataclass(frozen=True, slots=True)
class Received:
    """One entry of a room's log as this device sees it.

    With `reason` it could not be opened; otherwise `kind` is that of its capsule, and `content` is
    set for everything but heartbeats.
    `is_gap`: messages of this sender are missing before it.
    `hides_devices`: the sender knows a newer list of its own devices than the server shows us.
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
    needs_answer: bool = False
    is_gap: bool = False
    hides_devices: bool = False

    @property
    def sender(self) -> bytes:
        """User ‖ device."""
        return self.sender_user + self.sender_device

    @property
    def is_control(self) -> bool:
        """Whether it is between devices, and nobody's words."""
        return self.kind is CapsuleKind.HEARTBEAT or (self.content or {}).get("t") == "control"

    @property
    def text(self) -> str | None:
        """What a person wrote, or None for anything else."""
        content = self.content or {}
        body = content.get("body") if content.get("t") in ("text", "files") else None
        return body if isinstance(body, str) and self.kind is CapsuleKind.MESSAGE else None

    @property
    def files(self) -> list[dict[str, object]]:
        """The records of the files it brings, not verified yet; none beyond FILES_PER_MESSAGE."""
        content = self.content or {}
        records = content.get("files") if content.get("t") == "files" else None
        if not isinstance(records, list) or self.kind is not CapsuleKind.MESSAGE:
            return []
        return [each for each in records if isinstance(each, dict)][:FILES_PER_MESSAGE]


class _Dl(msgspec.Struct):
    own: tuple[int, str]
    peers: str


class _Shared(msgspec.Struct):
    """The fields that every content may have; of the wrong form, it is not of this version."""

    t: str
    sseq: int = 0
    prev: str | None = None
    dl: _Dl | None = None


class Charges:
    """What failed messages have cost; a device that sends many dear ones makes reading pause.

    Spec: SEAL1 §4.5, §6 row 16.
    """

    def __init__(self) -> None:
        self._charged_ms: dict[bytes, list[int]] = {}
        self.paused_until_ms = 0

    def note(self, sender: bytes, derivations: int, now_ms: int) -> None:
        """Charge a failure to the device it came from."""
        if derivations <= CHARGED_DERIVATIONS:
            return
        recent = [at for at in self._charged_ms.get(sender, []) if now_ms - at < CHARGE_WINDOW_MS]
        self._charged_ms[sender] = [*recent, now_ms]
        if len(recent) + 1 >= CHARGES_PER_WINDOW:
            self.paused_until_ms = now_ms + PAUSE_MS


class Incoming:
    """Opens what arrives; whoever calls it holds the engine's lock and saves the state."""

    def __init__(self, file: StateFile, directory: Directory, now_ms: Callable[[], int]) -> None:
        self.charges = Charges()
        self._file = file
        self._directory = directory
        self._now_ms = now_ms

    async def open(self, room_id: bytes, message: frames.Message) -> Received | None:
        """Open one entry of the log.

        Returns: None for what this device has sent itself or opened before
        """
        state, context = self._file.state, wire.payload_context(room_id, message)
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
        try:
            opened = await self._open_capsule(context, message)
            received = replace(received, kind=opened.capsule.kind, needs_answer=opened.needs_answer)
            commitment, payload = b64url_decode(message.c2), b64url_decode(message.payload)
            received = await self._read(received, context, opened.capsule, commitment, payload)
        except DecryptError as error:
            self.charges.note(received.sender, error.derivations, self._now_ms())
            return self._failed(received, message, error.reason)
        except MalformedError:
            return self._failed(received, message, DecryptReason.AUTH_FAILED)
        except TrustError:
            return self._failed(received, message, DecryptReason.BAD_SIGNATURE)
        state.seen_messages[place] = self._now_ms()
        return received

    async def open_again(
        self, place: bytes, unopened: Unopened, payload_hash: bytes, content_key: bytes
    ) -> Received:
        """Open a message that could not be opened, with keys that its sender has sent again.

        Raises: DecryptError
        """
        message_id, device = place[16:], place[:16]
        room_id, user = unopened.room_id, unopened.sender_user
        context = PayloadContext(room_id, 0, room_id, message_id, user, device)
        capsule = Capsule(CapsuleKind.MESSAGE, message_id, 0, payload_hash, content_key)
        received = Received(
            room_id, unopened.seq, message_id, user, device, unopened.server_ms, capsule.kind
        )
        opened = await self._read(received, context, capsule, unopened.commitment, unopened.payload)
        self._file.state.seen_messages[place] = self._now_ms()
        return opened

    async def _open_capsule(
        self, context: PayloadContext, message: frames.Message
    ) -> sealing.Opened:
        """Decrypt a capsule with the session of the device it is said to come from.

        Raises: DecryptError, TrustError
        """
        user, device_id = context.sender_user, context.sender_device
        members = (self._file.state.device.user_id, self._file.state.rooms[context.room_id].peer)
        if user not in members:
            raise DecryptError(DecryptReason.BAD_SIGNATURE)
        if (message.epoch, b64url_decode(message.roster_hash)) != (0, context.room_id):
            raise DecryptError(DecryptReason.UNSUPPORTED)
        if message.capsule is None:
            raise DecryptError(DecryptReason.NO_SESSION)
        device = (await self._directory.devices_of(user)).find(device_id)
        if device is None:
            self._directory.forget([user])
            device = (await self._directory.devices_of(user)).find(device_id)
        if device is None:
            raise DecryptError(DecryptReason.BAD_SIGNATURE)
        return sealing.open_capsule(self._file.state, device, message.capsule, self._now_ms())

    async def _read(
        self,
        received: Received,
        context: PayloadContext,
        capsule: Capsule,
        commitment: bytes,
        payload: bytes,
    ) -> Received:
        """Open the payload and judge what the content says about itself.

        Raises: DecryptError
        """
        if capsule.kind is CapsuleKind.HEARTBEAT:
            return received
        json_utf8 = open_payload(context, capsule, commitment, payload).json_utf8
        try:
            content = msgspec.json.decode(json_utf8, type=Content)
            shared = msgspec.json.decode(json_utf8, type=_Shared)
        except msgspec.DecodeError as error:
            raise DecryptError(DecryptReason.UNSUPPORTED) from error
        return replace(
            received,
            content=content,
            is_gap=self._follow(received, shared, capsule.payload_hash),
            hides_devices=await self._hides_devices(received.sender_user, shared),
        )

    def _follow(self, received: Received, shared: _Shared, payload_hash: bytes) -> bool:
        """Move the sender's trail; True when messages before this one are missing.

        Messages that came and could not be opened explain a gap of their number.
        """
        trails = self._file.state.rooms[received.room_id].trails
        trail = trails.get(received.sender_device)
        if shared.sseq == 0 or (trail is not None and shared.sseq <= trail.number):
            return False
        trails[received.sender_device] = Trail(shared.sseq, payload_hash)
        if trail is None:
            return False
        skipped = shared.sseq - trail.number - 1
        if skipped == 0:
            return shared.prev != b64url_encode(trail.payload_hash)
        return skipped > trail.unopened

    async def _hides_devices(self, user: bytes, shared: _Shared) -> bool:
        """Whether the sender claims a newer list than the server has, even when asked again."""
        if shared.dl is None:
            return False
        try:
            if shared.dl.own[0] <= (await self._directory.devices_of(user)).pin.devices.version:
                return False
            self._directory.forget([user])
            return shared.dl.own[0] > (await self._directory.devices_of(user)).pin.devices.version
        except TrustError:
            return True

    def _failed(
        self, received: Received, message: frames.Message, reason: DecryptReason
    ) -> Received | None:
        """What is shown for it; kept when its sender can be asked to seal it again."""
        if reason is DecryptReason.DUPLICATE:
            return None
        state, device = self._file.state, received.sender_device
        trails = state.rooms[received.room_id].trails
        if device in trails:
            trails[device] = replace(trails[device], unopened=trails[device].unopened + 1)
        is_final = reason in (DecryptReason.UNSUPPORTED, DecryptReason.BAD_SIGNATURE)
        if not is_final and message.capsule is not None:
            state.unopened[device + received.message_id] = Unopened(
                received.room_id,
                message.seq,
                received.sender_user,
                message.server_ms,
                b64url_decode(message.c2),
                b64url_decode(message.payload),
            )
        return replace(received, kind=None, reason=reason)
