"""Sending: one payload for everyone, a capsule for each device there is now.

    devices of both ─▶ sessions ─▶ save ─▶ server ─▶ stale_devices? capsules for the new ones, again

A control message is for some devices only; every other device gets an empty heartbeat, since the
server wants a capsule for each.
The state is saved before anything leaves, so a crash never uses a key twice.
Spec: SEAL1 §4.3, §4.7; docs/crypto.md, control messages.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import msgspec

from client import sealing, wire
from client.api import Api
from client.directory import Devices, Directory
from client.errors import RefusedError
from client.seal.encoding import ID_BYTES, b64url_decode, b64url_encode, u64
from client.seal.errors import TrustError, TrustReason
from client.seal.identity import DeviceIdentity
from client.seal.payload import (
    Capsule,
    CapsuleKind,
    PayloadContext,
    SealedPayload,
    seal_payload,
)
from client.seal.primitives import sha256
from client.seal.rooms import DIRECT_ROOM_EPOCH
from client.socket import Socket
from client.state import SentMessage, StateFile
from protocol import bodies, frames
from protocol.ids import ClaimId, MsgId
from protocol.limits import CLAIM_TARGETS

Content = dict[str, object]
"""The JSON inside a payload."""

SEND_ATTEMPTS = 3
"""Device lists that change this often while one message is sent are somebody's game."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A sealed payload with the capsules that have been made for it so far, by user ‖ device.

    `targets` are the devices that may read a control message; None is everybody.
    """

    room_id: bytes
    message_id: bytes
    sent_at_ms: int
    sealed: SealedPayload = field(repr=False)
    kind: CapsuleKind = CapsuleKind.MESSAGE
    targets: frozenset[bytes] | None = None
    capsules: dict[bytes, frames.AddressedCapsule] = field(default_factory=dict, repr=False)

    def capsule_for(self, place: bytes) -> Capsule:
        """What the device at `place` gets."""
        if self.targets is None or place in self.targets:
            return self.sealed.capsule(self.message_id, self.sent_at_ms, self.kind)
        return Capsule(CapsuleKind.HEARTBEAT, self.message_id, self.sent_at_ms)


class Outgoing:
    """Makes what is sent; whoever calls it holds the engine's lock, except for `post`."""

    def __init__(
        self, api: Api, file: StateFile, directory: Directory, now_ms: Callable[[], int]
    ) -> None:
        self._api = api
        self._file = file
        self._directory = directory
        self._now_ms = now_ms

    async def draft(
        self, room_id: bytes, content: Content, message_id: bytes | None = None
    ) -> Draft:
        """Number a message and seal its payload for everybody in the room.

        Args:
            message_id: 16 random bytes, when something in the content is bound to them

        Raises: TrustError, RefusedError
        """
        room = self._file.state.rooms[room_id]
        numbered = content | {"sseq": room.sent_count + 1}
        if room.previous_hash is not None:
            numbered["prev"] = b64url_encode(room.previous_hash)
        message_id, sealed = await self._seal_payload(room_id, numbered, message_id)
        room.sent_count += 1
        room.previous_hash = sealed.payload_hash
        return Draft(room_id, message_id, self._now_ms(), sealed)

    async def control(
        self, room_id: bytes, kind: CapsuleKind, targets: frozenset[bytes], content: Content
    ) -> Draft:
        """Seal what only devices read; it has no number.

        Raises: TrustError, RefusedError
        """
        message_id, sealed = await self._seal_payload(room_id, {"t": "control", **content})
        return Draft(room_id, message_id, self._now_ms(), sealed, kind, targets)

    async def complete(self, draft: Draft) -> bodies.SendRequest:
        """Add what capsules are missing and return the body to send.

        Raises: TrustError, above all `identity-changed`; RefusedError
        """
        own, state = self._file.state.device, self._file.state
        people = await self._people(draft.room_id)
        wanted = {
            device.user_id + device.device_id: device
            for devices in people
            for device in devices.active
            if device.device_id != own.device_id
        }
        missing = {p: device for p, device in wanted.items() if p not in draft.capsules}
        await self._begin(
            [device for p, device in missing.items() if self._needs_session(draft, p, device)]
        )
        for place, device in missing.items():
            if sealing.can_send(state, device):
                capsule = draft.capsule_for(place)
                draft.capsules[place] = sealing.seal_capsule(state, device, capsule)
        state.sent[draft.message_id] = _sent_message(draft, wanted)
        self._file.save()
        return bodies.SendRequest(
            msg_id=MsgId(b64url_encode(draft.message_id)),
            epoch=DIRECT_ROOM_EPOCH,
            roster_hash=b64url_encode(draft.room_id),
            c2=b64url_encode(draft.sealed.commitment),
            payload=frames.Sealed(b64url_encode(draft.sealed.ciphertext)),
            capsules=[draft.capsules[place] for place in wanted if place in draft.capsules],
            device_lists={
                wire.user_id(each.pin.devices.user_id): each.pin.devices.version for each in people
            },
        )

    async def post(
        self, room_id: bytes, body: bodies.SendRequest, socket: Socket | None
    ) -> bodies.SendAnswer:
        """Hand a message to the server, on a socket or by REST; done when it is durable there.

        Raises: RefusedError, ConnectionLostError; the same body may be posted again
        """
        room = wire.room_id(room_id)
        if socket is None:
            path = f"/api/rooms/{room}/messages"
            return await self._api.call("POST", path, bodies.SendAnswer, body)
        fields = msgspec.structs.asdict(body)
        answer = await socket.ask(frames.MessageSend(id=socket.next_id(), room=room, **fields))
        if not isinstance(answer, frames.MessageAccepted):
            raise RefusedError({"code": "internal", "message": "not the answer to a send"})
        return bodies.SendAnswer(seq=answer.seq, server_ms=answer.server_ms, frank=answer.frank)

    async def _people(self, room_id: bytes) -> tuple[Devices, Devices]:
        """This account and the other one, verified."""
        own = await self._directory.devices_of(self._file.state.device.user_id)
        return own, await self._directory.devices_of(self._file.state.rooms[room_id].peer)

    async def _seal_payload(
        self, room_id: bytes, content: Content, message_id: bytes | None = None
    ) -> tuple[bytes, SealedPayload]:
        """A message id and the payload, with what this device believes about device lists."""
        device, room = self._file.state.device, self._file.state.rooms[room_id]
        own, peer = (each.pin for each in await self._people(room_id))
        peers = sha256(room.peer + u64(peer.devices.version) + peer.list_hash)
        gossip = {
            "own": [own.devices.version, b64url_encode(own.list_hash)],
            "peers": b64url_encode(peers),
        }
        message_id = message_id or os.urandom(ID_BYTES)
        context = PayloadContext(
            room_id, DIRECT_ROOM_EPOCH, room_id, message_id, device.user_id, device.device_id
        )
        complete = content | {"exp": room.expires_ms, "dl": gossip}
        return message_id, seal_payload(context, msgspec.json.encode(complete))

    def _needs_session(self, draft: Draft, place: bytes, device: DeviceIdentity) -> bool:
        """A reset always goes over a new session: what was there cannot be trusted to work."""
        is_reset = draft.kind is CapsuleKind.RESET and place in (draft.targets or ())
        return is_reset or not sealing.can_send(self._file.state, device)

    async def _begin(self, devices: Sequence[DeviceIdentity]) -> None:
        """Claim prekeys and begin a session with each device that has usable ones."""
        by_name = {(wire.user_id(d.user_id), wire.device_id(d.device_id)): d for d in devices}
        names = list(by_name)
        for start in range(0, len(names), CLAIM_TARGETS):
            request = bodies.ClaimRequest(
                claim_id=ClaimId(b64url_encode(os.urandom(ID_BYTES))),
                targets=[
                    bodies.ClaimTarget(user=user, device=device)
                    for user, device in names[start : start + CLAIM_TARGETS]
                ],
            )
            path = "/api/e2ee/prekeys/claim"
            answer = await self._api.call("POST", path, bodies.ClaimAnswer, request)
            for bundle in answer.bundles:
                device = by_name.get((bundle.user, bundle.device))
                if device is not None:
                    self._begin_with(device, bundle)

    def _begin_with(self, device: DeviceIdentity, bundle: bodies.Bundle) -> None:
        """Begin a session, or leave out a device whose prekey is too old.

        Raises: TrustError
        """
        try:
            sealing.begin_session(
                self._file.state, device, wire.parse_bundle(bundle), self._now_ms()
            )
        except TrustError as error:
            if error.reason is not TrustReason.EXPIRED:
                raise


def stale_users(error: RefusedError) -> list[bytes]:
    """Whose device lists to fetch again before the next attempt."""
    return [b64url_decode(user) for user in error.users]


def _sent_message(draft: Draft, wanted: dict[bytes, DeviceIdentity]) -> SentMessage:
    """What is remembered of it; nobody may ask for a control message again."""
    recipients = {
        place: wanted[place].account_key
        for place in draft.capsules
        if place in wanted and draft.kind is CapsuleKind.MESSAGE
    }
    return SentMessage(
        draft.sealed.payload_hash, draft.sent_at_ms, recipients, draft.sealed.content_key
    )
