"""The page and its files, read once at start-up and served from memory.

    /                        index.html, rendered: import map, preloads, versioned addresses
    /chats, /room/…, …       the same page; the route is the browser's business
    /assets/<build>/<path>   a file, for ever; another build is not found

`<build>` is a hash over all files, so an address never changes its content. Scripts carry SHA-384
hashes twice: in the import map, which the page's policy admits by its own hash, and in the preloads
(S-32). Nothing here is secret, so text may be compressed.
"""

import base64
import gzip
import hashlib
import json
import mimetypes
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tornado.routing import URLSpec

from handlers.base import BaseHandler
from handlers.imports import reachable
from handlers.security import public
from protocol.errors import AppError, ErrorCode

PAGE = "index.html"
ENTRY = "js/main.js"
# Scripts that run outside the page's policy bring their own: only these can be workers, and only
# the one that derives keys may compile WebAssembly.
WORKER_POLICIES = {
    "js/workers/argon2.js": "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'",
    "js/session/worker.js": (
        "default-src 'none'; script-src 'self'; connect-src 'self'; worker-src 'self'"
    ),
}
_NOTHING = "default-src 'none'"
_PAGE_POLICY = (
    "default-src 'none'; script-src 'self' 'sha256-{}'; style-src 'self'; "
    "img-src 'self' blob: data:; media-src 'self' blob:; font-src 'self'; connect-src 'self'; "
    "worker-src 'self'; manifest-src 'self'; form-action 'self'; frame-ancestors 'none'; "
    "base-uri 'none'; object-src 'none'; require-trusted-types-for 'script'; "
    "trusted-types sealroom-worker"
)
_FEATURES = (
    "accelerometer=(), autoplay=(self), camera=(self), display-capture=(self), fullscreen=(self), "
    "geolocation=(), gyroscope=(), hid=(), magnetometer=(), microphone=(self), midi=(), "
    "payment=(), publickey-credentials-get=(), screen-wake-lock=(self), serial=(), usb=()"
)
_EVERY_ANSWER = {
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
}
_PAGE_HEADERS = {
    "Integrity-Policy": "blocked-destinations=(script)",
    "Origin-Agent-Cluster": "?1",
    "Permissions-Policy": _FEATURES,
    "Cache-Control": "no-cache",
}
_TYPES = {".js": "text/javascript", ".webmanifest": "application/manifest+json"}
_COMPRESSED = ("text/", "application/json", "application/manifest+json", "image/svg+xml")
_ASSET = re.compile(r"\{\{asset:([^}]+)\}\}")


@dataclass(frozen=True, slots=True)
class Asset:
    """`gzipped` is None where compressing gains nothing; `etag` is quoted."""

    body: bytes
    gzipped: bytes | None
    content_type: str
    policy: str
    etag: str


class Assets:
    """All files under one folder, and the page made of them.

    `missing` are files that the page or a module names and that are not there; requests for them
    are answered `not_found`.
    """

    def __init__(self, folder: Path) -> None:
        self._sources = {
            path.relative_to(folder).as_posix(): path.read_bytes()
            for path in sorted(folder.rglob("*"))
            if path.is_file() and not path.name.startswith((".", "tsconfig"))
        }
        self.build = self._hash_of_all()
        self._files = {
            name: _asset(name, body, WORKER_POLICIES.get(name, _NOTHING))
            for name, body in self._sources.items()
            if name != PAGE
        }
        self.missing: set[str] = set()
        self.page = self._render()

    def find(self, build: str, name: str) -> Asset | None:
        return self._files.get(name) if build == self.build else None

    def files(self) -> Iterator[tuple[str, Asset]]:
        """Yield every file but the page."""
        yield from self._files.items()

    def address(self, name: str) -> str:
        """Return the versioned address of a file."""
        if name not in self._files:
            self.missing.add(name)
        return f"/assets/{self.build}/{name}"

    def _hash_of_all(self) -> str:
        digest = hashlib.sha256()
        for name, body in self._sources.items():
            digest.update(f"{name}\0{len(body)}\0".encode() + body)
        return digest.hexdigest()[:16]

    def _integrity(self, name: str) -> str:
        digest = hashlib.sha384(self._sources[name]).digest()
        return f"sha384-{base64.b64encode(digest).decode()}"

    def _render(self) -> Asset:
        modules, at_once, missing = reachable(self._sources, ENTRY)
        self.missing |= missing
        import_map = json.dumps(
            {"integrity": {self.address(name): self._integrity(name) for name in modules}},
            separators=(",", ":"),
        )
        preloads = "\n    ".join(
            f'<link rel="modulepreload" href="{self.address(name)}"'
            f' integrity="{self._integrity(name)}" />'
            for name in at_once
        )
        html = self._sources[PAGE].decode()
        html = html.replace("<!--importmap-->", f'<script type="importmap">{import_map}</script>')
        html = html.replace("<!--modulepreload-->", preloads)
        html = _ASSET.sub(lambda match: self.address(match[1]), html)
        map_hash = base64.b64encode(hashlib.sha256(import_map.encode()).digest()).decode()
        return _asset(PAGE, html.encode(), _PAGE_POLICY.format(map_hash))


def _asset(name: str, body: bytes, policy: str) -> Asset:
    suffix = Path(name).suffix
    kind = _TYPES.get(suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"
    gzipped = gzip.compress(body, mtime=0) if kind.startswith(_COMPRESSED) else None
    if kind.startswith("text/") or kind == "application/json":
        kind += "; charset=utf-8"
    smaller = gzipped if gzipped and len(gzipped) < len(body) else None
    etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    return Asset(body, smaller, kind, policy, etag)


class AssetHandler(BaseHandler):
    """A versioned file."""

    def initialize(self, *, assets: Assets) -> None:
        self.assets = assets

    def set_default_headers(self) -> None:
        super().set_default_headers()
        for name, value in _EVERY_ANSWER.items():
            self.set_header(name, value)

    @public
    def get(self, build: str, name: str) -> None:
        asset = self.assets.find(build, name)
        if asset is None:
            raise AppError(ErrorCode.NOT_FOUND, "asset")
        self.set_header("Cache-Control", "public, max-age=31536000, immutable")
        self.send(asset)

    @public
    def head(self, build: str, name: str) -> None:
        self.get(build, name)

    def send(self, asset: Asset) -> None:
        """End the request with a file, compressed or not at all where the browser has it."""
        self.set_header("Content-Security-Policy", asset.policy)
        self.set_header("Content-Type", asset.content_type)
        self.set_header("ETag", asset.etag)
        body = asset.body
        if asset.gzipped is not None:
            self.set_header("Vary", "Accept-Encoding")
            if "gzip" in self.request.headers.get("Accept-Encoding", ""):
                self.set_header("Content-Encoding", "gzip")
                body = asset.gzipped
        if self.check_etag_header():
            self.set_status(304)
            self.finish()
        else:
            self.finish(body)


class PageHandler(AssetHandler):
    """The page, whatever its route."""

    @public
    def get(self) -> None:  # type: ignore[override]
        for name, value in _PAGE_HEADERS.items():
            self.set_header(name, value)
        self.send(self.assets.page)

    @public
    def head(self) -> None:  # type: ignore[override]
        self.get()


def routes(*, assets: Assets) -> list[URLSpec]:
    """Return the routes of the page, to stand after all others.

    A last segment with a dot is a file that is not there, not a screen.
    """
    options = {"assets": assets}
    return [
        URLSpec(r"/assets/(?P<build>[^/]+)/(?P<name>.+)", AssetHandler, options),
        URLSpec(
            r"/(?!(?:api|assets|ws|health)(?:/|$))(?:.*/)?[^/.]*", PageHandler, options, name="page"
        ),
    ]
