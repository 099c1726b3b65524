"""What a browser may do with each page and each worker (S-30, S-31, S-32).

`parts_origin` is the one place besides ours that a page and its engine may connect to: where parts
of files lie, empty when they come through the server (S-44).
"""

import base64
import hashlib
from dataclasses import dataclass

NOTHING = "default-src 'none'"
_ENGINES = frozenset({"js/session/worker.js", "js/session/link-worker.js"})
# Scripts that run outside their page's policy bring their own: only these can be workers, and only
# the one that derives keys may compile WebAssembly.
_DERIVER = "js/workers/argon2.js"
# Keeps the files of the page for when there is no network, and so may answer for every address.
OFFLINE = "js/workers/offline.js"
_FEATURES = (
    "accelerometer",
    "autoplay",
    "camera",
    "display-capture",
    "fullscreen",
    "geolocation",
    "gyroscope",
    "hid",
    "magnetometer",
    "microphone",
    "midi",
    "payment",
    "publickey-credentials-get",
    "screen-wake-lock",
    "serial",
    "usb",
)


def script_policy(name: str, parts_origin: str) -> str:
    """Return what a file may do when it is run as a worker."""
    if name in _ENGINES:
        connect = _connect(parts_origin)
        return f"default-src 'none'; script-src 'self'; {connect}; worker-src 'self'"
    if name == OFFLINE:
        return "default-src 'none'; connect-src 'self'"
    if name == _DERIVER:
        return "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'"
    return NOTHING


def _connect(parts_origin: str) -> str:
    return f"connect-src 'self' {parts_origin}".rstrip()


@dataclass(frozen=True, slots=True)
class Page:
    """A document.

    `entry` is the module it begins with. `sources` says what else than scripts, styles, workers and
    connections may come from where. `features` are those of the device that it needs.
    """

    entry: str
    sources: str
    caching: str
    features: frozenset[str] = frozenset()
    is_listed: bool = True

    def policy(self, import_map: str, parts_origin: str) -> str:
        """Return what the page may load; of inline scripts that is the import map alone."""
        digest = hashlib.sha256(import_map.encode()).digest()
        return (
            f"default-src 'none'; script-src 'self' 'sha256-{base64.b64encode(digest).decode()}'; "
            f"style-src 'self'; {self.sources}; {_connect(parts_origin)}; worker-src 'self'; "
            "frame-ancestors 'none'; base-uri 'none'; object-src 'none'; "
            "require-trusted-types-for 'script'; trusted-types sealroom-worker"
        )

    @property
    def headers(self) -> dict[str, str]:
        """Return what is said beside the policy."""
        allowed = (f"{name}=({'self' * (name in self.features)})" for name in _FEATURES)
        headers = {
            "Cache-Control": self.caching,
            "Origin-Agent-Cluster": "?1",
            "Permissions-Policy": ", ".join(allowed),
        }
        return headers if self.is_listed else headers | {"X-Robots-Tag": "noindex, nofollow"}


PAGES = {
    "index.html": Page(
        entry="js/main.js",
        sources=(
            "img-src 'self' blob: data:; media-src 'self' blob:; font-src 'self'; "
            "manifest-src 'self'; form-action 'self'"
        ),
        caching="no-cache",
        features=frozenset(
            {
                "autoplay",
                "camera",
                "display-capture",
                "fullscreen",
                "microphone",
                "screen-wake-lock",
            }
        ),
    ),
    "link.html": Page(
        entry="js/link.js",
        sources="img-src 'self'; form-action 'none'",
        caching="no-store",
        is_listed=False,
    ),
}
