"""Transfers that others have sent to this account (docs/crypto.md §12.1).

    inbox ─▶ (accept ─▶ the sender's device seals) ─▶ heads, verified ─▶ content, verified ─▶ path

Nothing is saved before every head holds, and no file before all of it does.
"""

import io
from dataclasses import dataclass
from pathlib import Path

from client.api import Api
from client.directory import Directory
from client.errors import RefusedError
from client.local_files import new_or_same_file
from client.origins import Origin, origin_of
from client.own_files import OwnFiles
from client.seal.encoding import b64url_decode
from client.seal.errors import (
    DecryptError,
    DecryptReason,
    MalformedError,
    TrustError,
    TrustReason,
)
from client.seal.files import FileManifest, sealed_bytes
from client.seal.sealed_files import OpenedFile, open_file
from client.seal.sealed_head import SealedHead, SealedKind
from client.state import StateFile
from protocol import bodies
from protocol.ids import TransferId


@dataclass(frozen=True, slots=True)
class ReceivedFile:
    """A file whose head holds: what it says of itself, and whom it comes from."""

    head: bytes
    manifest: FileManifest
    origin: Origin


class ReceivedTransfers:
    """What the device whose state this is can fetch."""

    def __init__(self, api: Api, file: StateFile, directory: Directory, files: OwnFiles) -> None:
        self._api = api
        self._file = file
        self._directory = directory
        self._files = files

    async def live(self) -> list[bodies.ReceivedTransfer]:
        """What has not ended, newest first. Raises: RefusedError."""
        answer = await self._api.call("GET", "/api/transfers/inbox", bodies.ReceivedTransfers)
        return answer.transfers

    async def find(self, transfer_id: str) -> bodies.ReceivedTransfer:
        """One of them. Raises: RefusedError `not_found`."""
        for transfer in await self.live():
            if transfer.id == transfer_id:
                return transfer
        raise RefusedError({"code": "not_found", "message": "no such transfer, or it has ended"})

    async def accept(self, transfer_id: TransferId) -> bodies.ReceivedTransfer:
        """Take what was sent to one's address; its sender becomes a contact.

        Raises: RefusedError `not_found`
        """
        path = f"/api/transfers/{transfer_id}/accept"
        return await self._api.call("POST", path, bodies.ReceivedTransfer)

    async def decline(self, transfer_id: TransferId) -> None:
        """Take it out of the inbox, for good. Raises: RefusedError `not_found`."""
        await self._api.call("DELETE", f"/api/transfers/{transfer_id}", bodies.Empty)

    async def open(self, transfer: bodies.ReceivedTransfer) -> list[ReceivedFile]:
        """What its heads say, every one verified.

        Raises: DecryptError `no-session` when it is for other devices, `auth-failed`,
            `unsupported`; TrustError when it is not from a device of its sender; RefusedError
        """
        path = f"/api/transfers/{transfer.id}/heads"
        heads = (await self._api.call("GET", path, bodies.TransferHeads)).heads
        if len(heads) != len(transfer.files):
            raise DecryptError(DecryptReason.AUTH_FAILED)
        sender = b64url_decode(transfer.sender.id)
        await self._directory.devices_of(sender)
        return [
            self._received(b64url_decode(head), file, sender)
            for head, file in zip(heads, transfer.files, strict=True)
        ]

    async def save(self, file: ReceivedFile, target: Path) -> None:
        """Fetch, verify and save one file.

        Atomicity: `target` is whole and verified or not there; one that is there already stays,
            and counts as saved when it is exactly this
        Raises: DecryptError `auth-failed`, and then nothing is saved; RefusedError, `used_up` among
            them; FileExistsError; OSError
        """
        with new_or_same_file(target, file.manifest.size_bytes) as write:
            await self._files.fetch(file.manifest, write)

    async def keep(self, file: ReceivedFile, target: Path) -> None:
        """Fetch and verify one file, and leave it sealed: `file open` opens it on this device.

        Atomicity, Raises: as `save`
        """
        size_bytes = len(file.head) + file.manifest.encrypted_bytes
        with new_or_same_file(target, size_bytes) as write:
            write(file.head)
            await self._files.fetch_encrypted(file.manifest, write)

    async def note_downloaded(self, transfer_id: TransferId) -> None:
        """Let the sender know that all of it has arrived. Raises: RefusedError."""
        path = f"/api/transfers/{transfer_id}/downloaded"
        await self._api.call("POST", path, bodies.Empty)

    def _open(self, data: bytes, file: bodies.TransferFile) -> OpenedFile:
        """Raises: DecryptError, TrustError."""
        try:
            parsed = SealedHead.read(io.BytesIO(data))
        except MalformedError as error:
            raise DecryptError(DecryptReason.AUTH_FAILED) from error
        is_head = parsed.size_bytes == len(data) and parsed.kind is SealedKind.PEOPLE
        if not is_head or parsed.file_id != b64url_decode(file.id):
            raise DecryptError(DecryptReason.AUTH_FAILED)
        key = parsed.key_for_device(self._file.state.device)
        return open_file(parsed, key, len(data) + file.size_bytes)

    def _received(self, head: bytes, listed: bodies.TransferFile, sender: bytes) -> ReceivedFile:
        """Raises: DecryptError; TrustError unless a device of exactly this account signed it."""
        opened = self._open(head, listed)
        if opened.sender is None or opened.sender.user_id != sender:
            raise TrustError(TrustReason.BAD_SIGNATURE)
        origin = origin_of(opened, self._file.state)
        file = opened.manifest.file
        manifest = FileManifest(
            file_id=opened.file_id,
            size_bytes=file.size_bytes,
            encrypted_bytes=sealed_bytes(file.size_bytes),
            root=opened.manifest.root,
            name=file.name,
            mime=file.mime,
            file_key=opened.manifest.file_key,
        )
        return ReceivedFile(head, manifest, origin)
