"""Sending: one payload for everyone, a capsule for each device there is now.

    devices of both ─▶ sessions ─▶ save ─▶ server ─▶ stale_devices? capsules for the new ones, again

The state is saved before anything leaves, so a crash never uses a key twice.
Spec: SEAL1 §4.3, §4.7.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import msgspec

from client import sealing, wire
from client.api import Api, Socket
from client.directory import Directory
from client.errors import RefusedError
from client.seal.encoding import ID_BYTES, b64url_decode, b64url_encode
from client.seal.errors import TrustError, TrustReason
from client.seal.identity import DeviceIdentity
from client.seal.payload import Capsule, PayloadContext, SealedPayload, seal_payload
from client.seal.rooms import DIRECT_ROOM_EPOCH
from client.state import StateFile
from protocol import bodies, frames
from protocol.ids import ClaimId, MsgId
from protocol.limits import CLAIM_TARGETS

Content = dict[str, object]
"""The JSON inside a payload."""

SEND_ATTEMPTS = 3
"""Device lists that change this often while one message is sent are somebody's game."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A sealed payload with the capsules that have been made for it so far, by user ‖ device."""

    room_id: bytes
    message_id: bytes
    sent_at_ms: int
    sealed: SealedPayload = field(repr=False)
    capsules: dict[bytes, frames.AddressedCapsule] = field(default_factory=dict, repr=False)

    def capsule(self) -> Capsule:
        """What every device gets."""
        return self.sealed.capsule(self.message_id, self.sent_at_ms)


class Outgoing:
    """Makes what is sent; whoever calls it holds the engine's lock, except for `post`."""

    def __init__(
        self, api: Api, file: StateFile, directory: Directory, now_ms: Callable[[], int]
    ) -> None:
        self._api = api
        self._file = file
        self._directory = directory
        self._now_ms = now_ms

    def draft(self, room_id: bytes, content: Content) -> Draft:
        """Number a message and seal its payload."""
        device, room = self._file.state.device, self._file.state.rooms[room_id]
        room.sent_count += 1
        numbered = content | {"sseq": room.sent_count}
        if room.previous_hash is not None:
            numbered["prev"] = b64url_encode(room.previous_hash)
        message_id = os.urandom(ID_BYTES)
        context = PayloadContext(
            room_id, DIRECT_ROOM_EPOCH, room_id, message_id, device.user_id, device.device_id
        )
        sealed = seal_payload(context, msgspec.json.encode(numbered))
        room.previous_hash = sealed.payload_hash
        return Draft(room_id, message_id, self._now_ms(), sealed)

    async def seal(self, draft: Draft) -> bodies.SendRequest:
        """Add what capsules are missing and return the body to send.

        Raises: TrustError, above all `identity-changed`; RefusedError
        """
        own, state = self._file.state.device, self._file.state
        users = (own.user_id, state.rooms[draft.room_id].peer)
        people = [await self._directory.devices_of(user) for user in users]
        wanted = {
            device.user_id + device.device_id: device
            for devices in people
            for device in devices.active
            if device.device_id != own.device_id
        }
        missing = [device for place, device in wanted.items() if place not in draft.capsules]
        await self._begin([each for each in missing if not sealing.can_send(state, each)])
        for device in missing:
            if sealing.can_send(state, device):
                place = device.user_id + device.device_id
                draft.capsules[place] = sealing.seal_capsule(state, device, draft.capsule())
        self._file.save()
        return bodies.SendRequest(
            msg_id=MsgId(b64url_encode(draft.message_id)),
            epoch=DIRECT_ROOM_EPOCH,
            roster_hash=b64url_encode(draft.room_id),
            c2=b64url_encode(draft.sealed.commitment),
            payload=frames.Sealed(b64url_encode(draft.sealed.ciphertext)),
            capsules=[draft.capsules[place] for place in wanted if place in draft.capsules],
            device_lists={
                wire.user_id(user): devices.pin.devices.version
                for user, devices in zip(users, people, strict=True)
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
