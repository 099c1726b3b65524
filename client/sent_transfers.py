"""Sending files to a person, to an address, or by link (docs/crypto.md §12).

    begin ─▶ upload each file ─▶ heads for a person, or a manifest under a link's secret ─▶ send
    somebody with the address accepts ─▶ settle ─▶ heads for them

A transfer is noted in the state before the server hears of it: what a crash left half sent is ended
by the next `settle`, and the keys for an address are there until whoever has it can open them.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from tornado.httpclient import HTTPError

from client import wire
from client.api import Api
from client.directory import Directory
from client.errors import RefusedError
from client.file_parts import again
from client.own_files import OwnFiles
from client.people import People
from client.seal.encoding import ID_BYTES, KEY_BYTES, b64url_decode, b64url_encode
from client.seal.errors import MalformedError, SealError
from client.seal.files import FileManifest
from client.seal.link_manifests import make_link_manifest
from client.seal.links import link_keys, protect_secret, seal_link_manifest
from client.seal.primitives import sha256
from client.seal.sealed_files import seal_head
from client.state import StateFile
from protocol import bodies
from protocol.frames import Sealed
from protocol.ids import FileId, TransferId, UserId
from protocol.limits import FILES_PER_TRANSFER, TRANSFER_TTL_MS


@dataclass(frozen=True, slots=True)
class Terms:
    """How long a transfer lives, and how often it may be downloaded; None is without end."""

    lives_ms: int = TRANSFER_TTL_MS
    max_downloads: int | None = None


@dataclass(frozen=True, slots=True)
class NewLink:
    """What the sender hands over by another way; it is kept nowhere."""

    transfer_id: bytes
    secret: bytes = field(repr=False)


class SentTransfers:
    """Transfers that the device whose state this is sends."""

    def __init__(
        self,
        api: Api,
        file: StateFile,
        directory: Directory,
        files: OwnFiles,
        now_ms: Callable[[], int],
    ) -> None:
        self._api = api
        self._file = file
        self._directory = directory
        self._files = files
        self._now_ms = now_ms
        self._under_way: set[bytes] = set()
        self._settling = asyncio.Lock()

    async def send_to_person(
        self, user_id: bytes, paths: Sequence[Path], terms: Terms | None = None
    ) -> bytes:
        """Send files to the devices that a contact has now; returns the id of the transfer.

        Raises: TrustError, above all `identity-changed`, and RefusedError `not_contact`, before
            anything is uploaded; MalformedError; RefusedError; OSError
        """
        await self._directory.devices_of(user_id)
        start = _start("person", terms, user=wire.user_id(user_id))
        async with self._draft(start, paths) as (transfer_id, files):
            # Asked again: uploading takes its time, and a device that joined meanwhile counts.
            self._directory.forget([user_id])
            await self._send(transfer_id, files, heads=await self._heads(user_id, files))
        return transfer_id

    async def send_by_link(
        self,
        paths: Sequence[Path],
        terms: Terms | None = None,
        *,
        email: str | None = None,
        passphrase: str | None = None,
        signed_as: str | None = None,
    ) -> NewLink:
        """Send files to whoever has the link, which this returns and nobody keeps.

        Args:
            email: also to whoever has that address, once they accept
            passphrase: needed beside the link
            signed_as: the name that the link claims; without one it says nothing of its sender

        Raises: RefusedError, `forbidden` when links are switched off; MalformedError; OSError
        """
        await self._require_links()
        start = _start("link" if email is None else "address", terms, email=email)
        secret = os.urandom(KEY_BYTES)
        async with self._draft(start, paths) as (transfer_id, files):
            shown = secret
            if passphrase is not None:
                shown = await asyncio.to_thread(protect_secret, secret, passphrase, transfer_id)
            keys = link_keys(shown)
            signer = None if signed_as is None else self._file.state.device
            manifest = make_link_manifest(transfer_id, files, signer, signed_as or "")
            offer = bodies.LinkOffer(
                auth_hash=b64url_encode(sha256(keys.auth)),
                manifest=_text(seal_link_manifest(keys.manifest, transfer_id, manifest)),
                has_passphrase=passphrase is not None,
            )
            if email is not None:
                self._file.state.unsealed[transfer_id] = tuple(files)
                self._file.save()
            await self._send(transfer_id, files, link=offer)
        return NewLink(transfer_id, secret)

    async def live(self) -> list[bodies.SentTransfer]:
        """What has not ended, drafts too, newest first. Raises: RefusedError."""
        return (await self._api.call("GET", "/api/transfers/sent", bodies.SentTransfers)).transfers

    async def withdraw(self, transfer_id: TransferId) -> None:
        """End a transfer at once.

        Raises: RefusedError `not_found`
        """
        await self._api.call("DELETE", f"/api/transfers/{transfer_id}", bodies.Empty)

    async def settle(self) -> dict[TransferId, Exception]:
        """Do what is owed: end what a crash left half sent, and seal for those who have accepted.

        Returns: what could not be done this time, and why
        Raises: RefusedError; OSError or tornado's HTTPError 599 when nothing answers
        """
        state = self._file.state
        async with self._settling:
            # Before the list is asked for: what is sent meanwhile is not in it, and has not ended.
            owed = {*state.drafts, *state.unsealed} - self._under_way
            if not owed:
                return {}
            live = {b64url_decode(each.id): each for each in await self.live()}
            failed: dict[TransferId, Exception] = {}
            for transfer_id in owed:
                try:
                    await self._settle(transfer_id, live.get(transfer_id))
                except (RefusedError, SealError) as error:
                    failed[TransferId(b64url_encode(transfer_id))] = error
            return failed

    async def _settle(self, transfer_id: bytes, transfer: bodies.SentTransfer | None) -> None:
        state = self._file.state
        if transfer_id in state.drafts:
            if transfer is not None:
                await self._end(transfer.id)  # open or not: nobody was told that it is sent
            state.drafts.discard(transfer_id)
            transfer = None
        files = state.unsealed.get(transfer_id)
        if transfer is None or transfer.is_sealed:
            state.unsealed.pop(transfer_id, None)
        elif files is not None and transfer.user is not None:
            await self._require_contact(transfer.user)
            heads = await self._heads(b64url_decode(transfer.user), files)
            body = bodies.TransferHeads(heads=heads)
            path = f"/api/transfers/{transfer.id}/heads"
            await self._api.call("PUT", path, bodies.SentTransfer, body)
            del state.unsealed[transfer_id]
        self._file.save()

    @asynccontextmanager
    async def _draft(
        self, start: bodies.StartTransferRequest, paths: Sequence[Path]
    ) -> AsyncIterator[tuple[bytes, list[FileManifest]]]:
        """A transfer with its files; ended at once when the block fails, or by `settle` later."""
        if not 1 <= len(paths) <= FILES_PER_TRANSFER:
            raise MalformedError(f"a transfer brings 1 to {FILES_PER_TRANSFER} files")
        await self._files.require_taken(paths)
        transfer_id, state = b64url_decode(start.id), self._file.state
        state.drafts.add(transfer_id)
        self._file.save()
        self._under_way.add(transfer_id)
        try:
            await again(
                lambda: self._api.call("POST", "/api/transfers", bodies.SentTransfer, start)
            )
            files = [await self._files.upload(path, transfer=start.id) for path in paths]
            yield transfer_id, files
        except Exception:
            with suppress(RefusedError, HTTPError, OSError):
                await self._end(start.id)
                state.drafts.discard(transfer_id)
                state.unsealed.pop(transfer_id, None)
            raise
        else:
            state.drafts.discard(transfer_id)
        finally:
            self._file.save()
            self._under_way.discard(transfer_id)

    async def _send(
        self,
        transfer_id: bytes,
        files: Sequence[FileManifest],
        *,
        heads: Sequence[Sealed] | None = None,
        link: bodies.LinkOffer | None = None,
    ) -> None:
        body = bodies.SendTransferRequest(
            files=[FileId(b64url_encode(each.file_id)) for each in files],
            heads=None if heads is None else list(heads),
            link=link,
        )
        path = f"/api/transfers/{b64url_encode(transfer_id)}/send"
        await again(lambda: self._api.call("POST", path, bodies.SentTransfer, body))

    async def _require_links(self) -> None:
        """Raises: RefusedError `forbidden`."""
        if not (await People(self._api).me()).server.links:
            message = "this server sends to contacts only: links and e-mail addresses are off"
            raise RefusedError({"code": "forbidden", "message": message})

    async def _require_contact(self, user: UserId) -> None:
        """Raises: RefusedError `not_contact`: who accepts becomes one, whomever else is named."""
        contacts = (await People(self._api).contacts()).contacts
        if not any(each.user.id == user and each.state == "accepted" for each in contacts):
            raise RefusedError({"code": "not_contact", "message": "accepted by no contact"})

    async def _heads(self, user_id: bytes, files: Sequence[FileManifest]) -> list[Sealed]:
        """Raises: TrustError; RefusedError."""
        devices = (await self._directory.devices_of(user_id)).active
        own, now_ms = self._file.state.device, self._now_ms()
        return [_text(seal_head(devices, own, file, now_ms)) for file in files]

    async def _end(self, transfer_id: TransferId) -> None:
        """End a transfer that may not be there (any more)."""
        try:
            await self.withdraw(transfer_id)
        except RefusedError as error:
            if error.code != "not_found":
                raise


def _start(
    kind: Literal["person", "address", "link"],
    terms: Terms | None,
    user: UserId | None = None,
    email: str | None = None,
) -> bodies.StartTransferRequest:
    terms = terms or Terms()
    return bodies.StartTransferRequest(
        id=TransferId(b64url_encode(os.urandom(ID_BYTES))),
        kind=kind,
        user=user,
        email=email,
        lives_ms=terms.lives_ms,
        max_downloads=terms.max_downloads,
    )


def _text(data: bytes) -> Sealed:
    return Sealed(b64url_encode(data))
