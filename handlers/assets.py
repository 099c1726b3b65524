"""The pages and their files, read once at start-up and served from memory.

    /                              index.html, rendered: import map, preloads, versioned addresses
    /chats, /room/…, …             the same page; the route is the browser's business
    /t/<transfer>                  link.html, likewise: for whoever has a link, and stored nowhere
    /assets/<build>/<path>         a file, for ever; another build is not found
    /assets/<build>/offline.json   the names of the files that the page needs without a network

`<build>` is a hash over all files, so an address never changes its content. Scripts carry SHA-384
hashes twice: in the import map, which its page's policy admits by its own hash, and in the preloads
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
from handlers.policies import NOTHING, OFFLINE, PAGES, Page, script_policy
from handlers.security import public
from protocol.errors import AppError, ErrorCode

_EVERY_ANSWER = {
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
}
_TYPES = {".js": "text/javascript", ".webmanifest": "application/manifest+json"}
_COMPRESSED = ("text/", "application/json", "application/manifest+json", "image/svg+xml")
_KEPT_OFFLINE = (".css", ".js", ".json", ".png", ".svg", ".webmanifest")
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
    """All files under one folder, and the pages made of them.

    `parts_origin` is where pages may fetch parts of files besides here, if anywhere (S-44).
    `missing` are pages, and files that a page or a module names, that are not there; requests for
    them are answered `not_found`.
    """

    def __init__(self, folder: Path, parts_origin: str = "") -> None:
        self._parts_origin = parts_origin
        self._sources = {
            path.relative_to(folder).as_posix(): path.read_bytes()
            for path in sorted(folder.rglob("*"))
            if path.is_file() and not path.name.startswith((".", "tsconfig"))
        }
        self.build = self._hash_of_all()
        self._files = {
            name: _asset(name, body, script_policy(name, parts_origin))
            for name, body in self._sources.items()
            if name not in PAGES
        }
        kept = json.dumps([name for name in self._files if name.endswith(_KEPT_OFFLINE)]).encode()
        self._files["offline.json"] = _asset("offline.json", kept, NOTHING)
        self.missing = PAGES.keys() - self._sources.keys()
        self.pages = {
            name: self._render(name, page) for name, page in PAGES.items() if name in self._sources
        }

    def find(self, build: str, name: str) -> Asset | None:
        return self._files.get(name) if build == self.build else None

    def files(self) -> Iterator[tuple[str, Asset]]:
        """Yield every file but the pages."""
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
        digest.update(self._parts_origin.encode())  # a worker keeps its policy with its address
        return digest.hexdigest()[:16]

    def _integrity(self, name: str) -> str:
        digest = hashlib.sha384(self._sources[name]).digest()
        return f"sha384-{base64.b64encode(digest).decode()}"

    def _render(self, name: str, page: Page) -> Asset:
        modules, at_once, missing = reachable(self._sources, page.entry)
        self.missing |= missing
        import_map = json.dumps(
            {"integrity": {self.address(module): self._integrity(module) for module in modules}},
            separators=(",", ":"),
        )
        preloads = "\n    ".join(
            f'<link rel="modulepreload" href="{self.address(module)}"'
            f' integrity="{self._integrity(module)}" />'
            for module in at_once
        )
        html = self._sources[name].decode()
        html = html.replace("<!--importmap-->", f'<script type="importmap">{import_map}</script>')
        html = html.replace("<!--modulepreload-->", preloads)
        html = _ASSET.sub(lambda match: self.address(match[1]), html)
        return _asset(name, html.encode(), page.policy(import_map, self._parts_origin))


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
        if name == OFFLINE:
            self.set_header("Service-Worker-Allowed", "/")
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
    """A page, whatever its route."""

    def initialize(self, *, assets: Assets, name: str) -> None:  # type: ignore[override]
        super().initialize(assets=assets)
        self.name = name

    @public
    def get(self) -> None:  # type: ignore[override]
        page = self.assets.pages.get(self.name)
        if page is None:
            raise AppError(ErrorCode.NOT_FOUND, "page")
        for header, value in PAGES[self.name].headers.items():
            self.set_header(header, value)
        self.send(page)

    @public
    def head(self) -> None:  # type: ignore[override]
        self.get()


def routes(*, assets: Assets) -> list[URLSpec]:
    """Return the routes of the pages, to stand after all others.

    A last segment with a dot is a file that is not there, not a screen. A link that lost a part of
    its address is one all the same: its page says so.
    """
    return [
        URLSpec(r"/assets/(?P<build>[^/]+)/(?P<name>.+)", AssetHandler, {"assets": assets}),
        URLSpec(
            r"/t/[^/.]*", PageHandler, {"assets": assets, "name": "link.html"}, name="link page"
        ),
        URLSpec(
            r"/(?!(?:api|assets|ws|health)(?:/|$))(?:.*/)?[^/.]*",
            PageHandler,
            {"assets": assets, "name": "index.html"},
            name="page",
        ),
    ]
