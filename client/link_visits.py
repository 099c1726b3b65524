"""Opening a link without an account (docs/crypto.md §12.2; docs/protocol.md, Links).

    address ─▶ secret, passphrase ─▶ keys ─▶ manifest ─▶ one download ─▶ contents, all verified

What stands behind the "#" of an address is never sent, and in no message of an error.
"""

import asyncio
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit

from client.api import Api
from client.bucket import BucketConnections
from client.file_parts import FileParts, again
from client.local_files import new_file
from client.progress import Watch, unwatched
from client.seal.encoding import ID_BYTES, Octets, b64url_decode, b64url_encode
from client.seal.errors import DecryptError, DecryptReason, MalformedError
from client.seal.files import FileManifest
from client.seal.link_manifests import LinkManifest, read_link_manifest
from client.seal.links import (
    dump_fragment,
    link_keys,
    open_link_manifest,
    parse_fragment,
    protect_secret,
)
from client.seal.primitives import secure_entropy
from protocol import bodies
from protocol.ids import ID16_PATTERN, DownloadId

Reason = Literal["malware", "illegal", "harassment", "other"]
_PATH = re.compile(rf"/t/({ID16_PATTERN.strip('^$')})")


@dataclass(frozen=True, slots=True)
class LinkAddress:
    """Where a link leads, and what opens it."""

    origin: str
    transfer_id: bytes
    secret: bytes = field(repr=False)

    @classmethod
    def parse(cls, address: str) -> Self:
        """Read `https://host/t/<transfer>#1.<secret>`.

        Raises: MalformedError; DecryptError `unsupported` for a link of another version
        """
        try:
            parts = urlsplit(address.strip())
            has_host = bool(parts.hostname) and parts.port != 0 and "@" not in parts.netloc
        except ValueError as error:
            raise MalformedError("not a link") from error
        path = _PATH.fullmatch(parts.path)
        if parts.scheme not in ("http", "https") or not has_host or path is None or parts.query:
            raise MalformedError("not a link")
        if not parts.fragment:
            raise MalformedError("the part of the link behind # is missing")
        secret = parse_fragment(parts.fragment)
        return cls(f"{parts.scheme}://{parts.netloc}", b64url_decode(path[1]), secret)

    def dump(self) -> str:
        """Undo `parse`."""
        transfer = b64url_encode(self.transfer_id)
        return f"{self.origin}/t/{transfer}#{dump_fragment(self.secret)}"


@dataclass(frozen=True, slots=True)
class LinkContents:
    """What a link brings, until when, and how often still; None is without end."""

    manifest: LinkManifest
    expires_ms: int
    downloads_left: int | None


class LinkVisit:
    """One visit to one link; `api` has no log-in and speaks with the link's server."""

    def __init__(self, api: Api, address: LinkAddress, watch: Watch = unwatched) -> None:
        self._api = api
        self._address = address
        self._watch = watch
        self._path = f"/api/links/{b64url_encode(address.transfer_id)}"
        self._parts = FileParts()
        self._keys = link_keys(address.secret)
        self._download_id = DownloadId(b64url_encode(secure_entropy(ID_BYTES)))
        self._grant: bodies.LinkGrant | None = None

    async def look(self) -> bodies.LinkInfo:
        """What everybody may see of it. Raises: RefusedError `not_found` for one that has ended."""
        return await again(lambda: self._api.call("GET", self._path, bodies.LinkInfo))

    async def unlock(self, passphrase: str) -> None:
        """Use a passphrase beside the link; whether it is the right one, the server says."""
        secret, transfer_id = self._address.secret, self._address.transfer_id
        protected = await asyncio.to_thread(protect_secret, secret, passphrase, transfer_id)
        self._keys = link_keys(protected)

    async def open(self) -> LinkContents:
        """Show the secret, and read what the link brings; counts as no download.

        Raises: RefusedError, `bad_link` for another secret or passphrase; DecryptError;
            TrustError `bad-signature`
        """
        path, transfer_id = f"{self._path}/contents", self._address.transfer_id
        found = await again(
            lambda: self._api.call("GET", path, bodies.LinkContents, headers=self._shown)
        )
        sealed = b64url_decode(found.manifest)
        json = open_link_manifest(self._keys.manifest, transfer_id, sealed)
        manifest = read_link_manifest(transfer_id, json)
        stored = [(b64url_decode(each.id), each.size_bytes) for each in found.files]
        if stored != [(each.file_id, each.encrypted_bytes) for each in manifest.files]:
            raise DecryptError(DecryptReason.AUTH_FAILED)
        return LinkContents(manifest, found.expires_ms, found.downloads_left)

    async def save(self, file: FileManifest, target: Path) -> None:
        """Fetch, verify and save one file; the first one of a visit takes a download.

        Atomicity: `target` is whole and verified or not there; one that is there already stays
        Raises: DecryptError `auth-failed`, and then nothing is saved; RefusedError, `used_up` among
            them; FileExistsError; OSError
        """
        with new_file(target) as output:
            if self._grant is None:
                self._grant = await self._take_download()
            access = _LinkAccess(self._api, f"{self._path}/files", file.file_id, self._grant)
            with self._watch(file.name, file.size_bytes) as moved:
                await self._parts.get_all(access, file, output.write, moved)

    async def _take_download(self) -> bodies.LinkGrant:
        """A grant for all files; asking again with the same id takes no second download."""
        body, path = bodies.DownloadRequest(id=self._download_id), f"{self._path}/downloads"
        return await again(
            lambda: self._api.call("POST", path, bodies.LinkGrant, body, headers=self._shown)
        )

    async def report(self, reason: Reason, text: str) -> None:
        """Tell the operator of the server about the link. Raises: RefusedError."""
        body, path = bodies.ReportRequest(reason=reason, text=text), f"{self._path}/reports"
        await again(lambda: self._api.call("POST", path, bodies.Empty, body, headers=self._shown))

    @property
    def _shown(self) -> dict[str, str]:
        return {"X-Link-Auth": b64url_encode(self._keys.auth)}


class _LinkAccess:
    """The files of one download by link."""

    def __init__(self, api: Api, path: str, file_id: bytes, grant: bodies.LinkGrant) -> None:
        self._api = api
        self._path = f"{path}/{b64url_encode(file_id)}"
        self._grant = grant

    @property
    def bucket(self) -> BucketConnections:
        return self._api.bucket

    async def is_direct(self) -> bool:
        return self._grant.direct

    async def move(
        self,
        method: str,
        what: str,
        headers: dict[str, str],
        body: Octets | None = None,
        into: memoryview | None = None,
    ) -> memoryview:
        granted, path = headers | {"X-File-Grant": self._grant.token}, f"{self._path}/{what}"
        return await again(lambda: self._api.transfer(method, path, granted, body, into))
