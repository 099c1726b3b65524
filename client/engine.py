"""Conversations: open a room, send into it, follow what arrives, go on after a gap.

Spec: SEAL1 §4.8; docs/protocol.md, order and recovery.
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from pathlib import Path

from tornado.httpclient import HTTPError

from client import wire
from client.api import Api
from client.directory import Directory
from client.errors import RefusedError
from client.incoming import Incoming, Received
from client.outgoing import SEND_ATTEMPTS, Content, Draft, Outgoing, stale_users
from client.own_files import OwnFiles
from client.progress import Watch, unwatched
from client.received_transfers import ReceivedTransfers
from client.repair import Repair
from client.room_files import RoomFiles, require_count
from client.seal.encoding import ID_BYTES, b64url_decode, b64url_encode
from client.seal.errors import SealError, TrustError, TrustReason
from client.seal.files import FileManifest
from client.seal.payload import CapsuleKind
from client.seal.rooms import direct_room_id
from client.sent_transfers import SentTransfers
from client.socket import Socket
from client.state import RoomState, StateFile
from protocol import bodies, frames
from protocol.limits import HISTORY_PAGE


def system_now_ms() -> int:
    """The clock of this machine."""
    return time.time_ns() // 1_000_000


class Engine:
    """Talks for one enrolled device; one call at a time touches its sessions."""

    def __init__(
        self,
        api: Api,
        file: StateFile,
        now_ms: Callable[[], int] = system_now_ms,
        watch: Watch = unwatched,
    ) -> None:
        self.directory = Directory(api, file)
        self._api = api
        self._file = file
        self._now_ms = now_ms
        self._outgoing = Outgoing(api, file, self.directory, now_ms)
        self._incoming = Incoming(file, self.directory, now_ms)
        self.own_files = OwnFiles(api, file, watch)
        self._files = RoomFiles(self.own_files, file)
        self.sent_transfers = SentTransfers(api, file, self.directory, self.own_files, now_ms)
        self.received_transfers = ReceivedTransfers(api, file, self.directory, self.own_files)
        self._repair = Repair(file, self._incoming, now_ms)
        self._owed: list[Received] = []
        self._untaken: dict[bytes, list[Received]] = {}
        self._lock = asyncio.Lock()

    async def open_room(self, peer: bytes) -> bytes:
        """The room with an accepted contact, opened when there is none.

        Raises: RefusedError `not_contact`; TrustError when the server names a room of other members
        """
        request = bodies.OpenRoomRequest(
            kind="dm", peer=wire.user_id(peer), nonce=b64url_encode(os.urandom(ID_BYTES))
        )
        room_id = self._adopt(await self._api.call("POST", "/api/rooms", bodies.Room, request))
        if self._file.state.rooms[room_id].peer != peer:
            raise TrustError(TrustReason.BAD_SIGNATURE)
        return room_id

    async def rooms(self) -> list[bytes]:
        """The ids of all live rooms, each of them checked.

        Raises: RefusedError; TrustError
        """
        answer = await self._api.call("GET", "/api/rooms", bodies.RoomList)
        return [self._adopt(room) for room in answer.rooms]

    async def send(
        self,
        room_id: bytes,
        content: Content,
        socket: Socket | None = None,
        message_id: bytes | None = None,
    ) -> bodies.SendAnswer:
        """Send to every device of the room but this one; returns once the server has it durably.

        Raises: TrustError, above all `identity-changed`, and then nothing has been sent;
            RefusedError, ConnectionLostError
        """
        async with self._lock:
            draft = await self._outgoing.draft(room_id, content, message_id)
        return await self._deliver(draft, socket)

    async def prepare(self, room_id: bytes, content: Content) -> bodies.SendRequest:
        """Seal a message without sending it; `post` may send the same bytes any number of times."""
        async with self._lock:
            draft = await self._outgoing.draft(room_id, content)
            return await self._outgoing.complete(draft)

    async def post(
        self, room_id: bytes, body: bodies.SendRequest, socket: Socket | None = None
    ) -> bodies.SendAnswer:
        """Hand a prepared message to the server; the same bytes again give the first answer.

        Raises: RefusedError, `stale_devices` included; ConnectionLostError
        """
        return await self._outgoing.post(room_id, body, socket)

    async def send_text(
        self, room_id: bytes, text: str, socket: Socket | None = None
    ) -> bodies.SendAnswer:
        """Send what a person wrote; raises as `send`."""
        return await self.send(room_id, {"t": "text", "body": text}, socket)

    async def send_files(
        self,
        room_id: bytes,
        paths: Sequence[Path],
        text: str = "",
        socket: Socket | None = None,
    ) -> bodies.SendAnswer:
        """Upload files, then send the message that brings them.

        Raises: as `send`; MalformedError for no file or too many; OSError
        """
        require_count(len(paths))
        manifests = [await self._files.upload(room_id, path) for path in paths]
        message_id = os.urandom(ID_BYTES)
        content = self._files.content(room_id, message_id, manifests, text)
        return await self.send(room_id, content, socket, message_id)

    async def save_file(
        self, received: Received, record: dict[str, object], target: Path
    ) -> FileManifest:
        """Fetch, verify and save one file of a message; see `RoomFiles.download`.

        Raises: TrustError `bad-signature` also when the sending device was removed since
        """
        devices = await self.directory.devices_of(received.sender_user)
        sender = devices.find(received.sender_device)
        if sender is None:
            raise TrustError(TrustReason.BAD_SIGNATURE)
        return await self._files.download(received, record, sender.signing_key, target)

    async def receive(self, room_id: bytes, message: frames.Message) -> list[Received]:
        """Open one entry of the log and move the room's cursor.

        Returns: nothing for what this device has sent itself or opened before; after the entry,
            older ones that it has made readable
        """
        pause_ms = self._incoming.charges.paused_until_ms - self._now_ms()
        if pause_ms > 0:
            await asyncio.sleep(pause_ms / 1_000)
        async with self._lock:
            received = await self._incoming.open(room_id, message)
            room = self._file.state.rooms[room_id]
            room.last_seq = max(room.last_seq, message.seq)
            reopened = [] if received is None else await self._repair.reopen(received)
            self._file.save()
        if received is None:
            return []
        self._owed.append(received)
        return [received, *reopened]

    async def catch_up(self, room_id: bytes) -> list[Received]:
        """Everything after the room's cursor, oldest first.

        What was opened before the server went away is not opened again: the next call returns it.
        Raises: RefusedError; OSError or tornado's HTTPError 599 when nothing answers
        """
        opened = self._untaken.setdefault(room_id, [])
        has_more = True
        while has_more:
            after = self._file.state.rooms[room_id].last_seq
            path = f"/api/rooms/{wire.room_id(room_id)}/messages"
            page = await self._api.call(
                "GET", f"{path}?after={after}&limit={HISTORY_PAGE}", bodies.MessagePage
            )
            for message in page.messages:
                opened += await self.receive(room_id, message)
            has_more = page.has_more and bool(page.messages)
        return self._untaken.pop(room_id, [])

    async def follow(self, socket: Socket) -> AsyncIterator[Received]:
        """What arrives, beginning with what was missed; acknowledged after it has been taken.

        Ends when the connection does.
        """
        async for received in self._missed(socket):
            yield received
        async for event in socket.events():
            if isinstance(event, frames.MessageNew):
                room_id = b64url_decode(event.room)
                for received in await self._arrived(room_id, event.message):
                    yield received
                await self._acknowledge(socket, room_id)
            elif isinstance(event, frames.DevicesChanged):
                self.directory.forget([b64url_decode(event.user)])
            elif isinstance(event, frames.TransferChanged):
                await self.settle_transfers()
            elif isinstance(event, frames.Authenticated):  # the server itself missed something
                async for received in self._missed(socket):
                    yield received

    async def settle_transfers(self) -> None:
        """Seal for whoever has accepted a transfer; what fails is tried again the next time."""
        with suppress(RefusedError, HTTPError, OSError):
            await self.sent_transfers.settle()

    async def _missed(self, socket: Socket) -> AsyncIterator[Received]:
        await self.settle_transfers()
        for room_id in await self.rooms():
            for received in await self.catch_up(room_id):
                yield received
            await self._acknowledge(socket, room_id)

    async def settle(self, room_id: bytes, socket: Socket | None = None) -> None:
        """Send what devices owe each other after `receive` and `catch_up`; `follow` does it itself.

        An answer to those who ask for keys again, a heartbeat to those who wait for a sign of life,
        a request for what could not be opened. What cannot be sent now is asked for another time.
        """
        owed, self._owed = self._owed, []
        try:
            for draft in await self._settlements(room_id, owed):
                await self._deliver(draft, socket)
        except (SealError, RefusedError):
            return

    async def _settlements(self, room_id: bytes, owed: Sequence[Received]) -> list[Draft]:
        async with self._lock:
            drafts = []
            for received in owed:
                devices = await self.directory.devices_of(received.sender_user)
                keys = self._repair.answer(received, devices.pin.account_key)
                if keys is not None:
                    to = frozenset([received.sender])
                    drafts.append(
                        await self._outgoing.control(room_id, CapsuleKind.RETRY, to, keys)
                    )
            for sender, wanted in self._repair.request(room_id).items():
                to = frozenset([sender])
                drafts.append(await self._outgoing.control(room_id, CapsuleKind.RESET, to, wanted))
            if not drafts and any(received.needs_answer for received in owed):
                nobody: frozenset[bytes] = frozenset()
                drafts.append(
                    await self._outgoing.control(room_id, CapsuleKind.HEARTBEAT, nobody, {})
                )
            self._file.save()
            return drafts

    async def _deliver(self, draft: Draft, socket: Socket | None) -> bodies.SendAnswer:
        """Post a draft, with capsules for devices that turn out to be new."""
        for _ in range(SEND_ATTEMPTS - 1):
            try:
                return await self._attempt(draft, socket)
            except RefusedError as error:
                if error.code != "stale_devices":
                    raise
                self.directory.forget(stale_users(error))
        return await self._attempt(draft, socket)

    async def _attempt(self, draft: Draft, socket: Socket | None) -> bodies.SendAnswer:
        async with self._lock:
            body = await self._outgoing.complete(draft)
        return await self._outgoing.post(draft.room_id, body, socket)

    async def _arrived(self, room_id: bytes, message: frames.Message) -> Sequence[Received]:
        """What an announced message adds, with whatever was missed before it."""
        if room_id not in self._file.state.rooms:
            await self.rooms()
        expected = self._file.state.rooms[room_id].last_seq + 1
        if message.seq > expected:
            return await self.catch_up(room_id)
        return await self.receive(room_id, message) if message.seq == expected else []

    async def _acknowledge(self, socket: Socket, room_id: bytes) -> None:
        last_seq = self._file.state.rooms[room_id].last_seq
        if last_seq > 0:
            frame = frames.MessageDelivered(room=wire.room_id(room_id), seq=last_seq)
            await socket.tell(frame)
        await self.settle(room_id, socket)

    def _adopt(self, room: bodies.Room) -> bytes:
        """Remember a room whose id proves that its members are this account and one other.

        Raises: TrustError
        """
        own = self._file.state.device.user_id
        room_id, nonce = b64url_decode(room.id), b64url_decode(room.nonce)
        peers = [b64url_decode(member.user_id) for member in room.members]
        others = [peer for peer in peers if peer != own]
        if len(others) != 1 or direct_room_id(own, others[0], nonce) != room_id:
            raise TrustError(TrustReason.BAD_SIGNATURE)
        known = self._file.state.rooms.setdefault(room_id, RoomState(others[0]))
        known.expires_ms = room.expires_ms
        return room_id
