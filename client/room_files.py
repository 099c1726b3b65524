"""Files in a room: a message brings what opens them, signed for exactly that message.

    path ─▶ server, encrypted        manifest, signed ─▶ message
    message ─▶ signature ─▶ server ─▶ root, parts, tags, padding ─▶ path

What is received gets its name only when everything has been verified.
Spec: SEAL1 §4.12; docs/crypto.md §10.
"""

from pathlib import Path

from client import wire
from client.incoming import Received
from client.local_files import new_file
from client.outgoing import Content
from client.own_files import OwnFiles
from client.seal.errors import MalformedError
from client.seal.files import FileContext, FileManifest, parse_manifest
from client.state import StateFile
from protocol.limits import FILES_PER_MESSAGE


class RoomFiles:
    """Files of messages that the device whose state this is sends and receives."""

    def __init__(self, files: OwnFiles, file: StateFile) -> None:
        self._files = files
        self._file = file

    async def upload(self, room_id: bytes, path: Path) -> FileManifest:
        """Encrypt a file and put it on the server; nobody knows of it until a message says so.

        Raises: RefusedError; MalformedError when the file changes meanwhile; OSError
        """
        return await self._files.upload(path, room=wire.room_id(room_id))

    def content(
        self, room_id: bytes, message_id: bytes, manifests: list[FileManifest], text: str = ""
    ) -> Content:
        """The JSON of a message that brings files, signed for exactly this message.

        Raises: MalformedError for no file, or more than FILES_PER_MESSAGE
        """
        require_count(len(manifests))
        own = self._file.state.device
        context = FileContext(room_id, message_id, own.user_id, own.device_id)
        records = [each.dump(each.sign(context, own.signing_key)) for each in manifests]
        return {"t": "files", "body": text, "files": records}

    async def download(
        self, received: Received, record: dict[str, object], signing_key: bytes, target: Path
    ) -> FileManifest:
        """Fetch, verify and save one file of a message.

        Args:
            signing_key: of the device that sent the message, 65 bytes, from its verified list

        Atomicity: `target` is whole and verified or not there; one that is there already stays
        Raises: TrustError `bad-signature`, DecryptError `auth-failed`, MalformedError, and then
            nothing is saved; RefusedError; FileExistsError; OSError
        """
        manifest, signature = parse_manifest(record)
        manifest.verify(
            FileContext(
                received.room_id,
                received.message_id,
                received.sender_user,
                received.sender_device,
            ),
            signing_key,
            signature,
        )
        with new_file(target) as output:
            await self._files.fetch(manifest, output.write)
        return manifest


def require_count(files: int) -> None:
    """Refuse what no message can bring. Raises: MalformedError."""
    if not 1 <= files <= FILES_PER_MESSAGE:
        raise MalformedError(f"a message brings 1 to {FILES_PER_MESSAGE} files")
