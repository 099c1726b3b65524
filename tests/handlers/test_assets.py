"""The pages and their files: addresses that never change their content, and policies that hold."""

import base64
import gzip
import hashlib
import json
import re
import shutil
import struct
from pathlib import Path

import pytest

from handlers.assets import Assets
from handlers.imports import imports, reachable
from tests.harness import Fetch

ROOT = Path(__file__).resolve().parents[2]
ENTRIES = {"index.html": "js/main.js", "link.html": "js/link.js"}
POLICY = (
    "default-src 'none'; script-src 'self' 'sha256-{}'; style-src 'self'; {}; connect-src 'self'; "
    "worker-src 'self'; frame-ancestors 'none'; base-uri 'none'; object-src 'none'; "
    "require-trusted-types-for 'script'; trusted-types sealroom-worker"
)
SOURCES = {
    "/": (
        "img-src 'self' blob: data:; media-src 'self' blob:; font-src 'self'; "
        "manifest-src 'self'; form-action 'self'"
    ),
    "/t/x": "img-src 'self'; form-action 'none'",
}
each_page = pytest.mark.parametrize("name", ENTRIES)


@pytest.fixture(scope="module")
def real() -> Assets:
    return Assets(ROOT / "frontend")


def import_map(html: str) -> str:
    found = re.search(r'<script type="importmap">(.*?)</script>', html)
    assert found is not None
    return found[1]


def integrity(body: bytes) -> str:
    return "sha384-" + base64.b64encode(hashlib.sha384(body).digest()).decode()


def test_everything_the_real_pages_name_is_there(real: Assets) -> None:
    assert real.missing == set()


@each_page
def test_every_module_of_a_real_page_carries_its_hash(real: Assets, name: str) -> None:
    html = real.pages[name].body.decode()
    hashes = json.loads(import_map(html))["integrity"]
    sources = {
        path.relative_to(ROOT / "frontend").as_posix(): path.read_bytes()
        for path in (ROOT / "frontend").rglob("*.js")
    }
    modules, _, _ = reachable(sources, ENTRIES[name])
    assert hashes == {
        f"/assets/{real.build}/{module}": integrity(sources[module]) for module in modules
    }
    for link in re.findall(r'<link rel="modulepreload"[^>]*>', html):
        address = re.search(r'href="([^"]+)"', link)
        assert address is not None
        assert f'integrity="{hashes[address[1]]}"' in link


@each_page
def test_a_real_page_has_no_script_or_style_of_its_own(real: Assets, name: str) -> None:
    html = real.pages[name].body.decode()
    scripts = re.findall(r"<script([^>]*)>([^<]*)</script>", html)
    assert [attributes for attributes, text in scripts if text.strip()] == [' type="importmap"']
    assert "<style" not in html
    assert not re.search(r"\son\w+=|\sstyle=", html)
    assert "{{" not in html
    assert "<!--importmap-->" not in html


@pytest.mark.parametrize(
    "path", ["/", "/chats", "/room/abc", "/people", "/settings/devices", "/welcome", "/apiary"]
)
async def test_every_screen_is_the_same_page(fetch: Fetch, path: str) -> None:
    answer = await fetch("GET", path)
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert 'type="importmap"' in answer.text


@pytest.mark.parametrize("path", ["/t/AAAAAAAAAAAAAAAAAAAAAA", "/t/cut-off", "/t/"])
async def test_every_link_is_a_page_of_its_own_that_is_stored_and_listed_nowhere(
    fetch: Fetch, path: str
) -> None:
    """SEAL1 §4.13."""
    answer = await fetch("GET", path)
    assert answer.status == 200
    assert "js/link.js" in answer.text
    assert "js/main.js" not in answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["x-robots-tag"] == "noindex, nofollow"
    assert "self" not in answer.headers["permissions-policy"]
    assert "set-cookie" not in answer.headers
    assert answer.text == (await fetch("GET", "/t/another")).text


@pytest.mark.parametrize(
    "path",
    ["/favicon.ico", "/robots.txt", "/api", "/api/x", "/assets", "/ws/x", "/health/x", "/t/a.js"],
)
async def test_what_is_neither_file_nor_screen_is_not_found(fetch: Fetch, path: str) -> None:
    answer = await fetch("GET", path)
    assert (answer.status, answer.code) == (404, "not_found")


@pytest.mark.parametrize("path", SOURCES)
async def test_the_policy_admits_the_import_map_and_nothing_else_inline(
    fetch: Fetch, path: str
) -> None:
    answer = await fetch("GET", path)
    digest = hashlib.sha256(import_map(answer.text).encode()).digest()
    wanted = POLICY.format(base64.b64encode(digest).decode(), SOURCES[path])
    assert answer.headers["content-security-policy"] == wanted


async def test_the_page_has_what_conversations_need(fetch: Fetch) -> None:
    headers = (await fetch("GET", "/")).headers
    assert "camera=(self)" in headers["permissions-policy"]
    assert headers["cache-control"] == "no-cache"
    assert "x-robots-tag" not in headers


@pytest.mark.parametrize("path", SOURCES)
async def test_a_page_is_isolated(fetch: Fetch, path: str) -> None:
    headers = (await fetch("GET", path)).headers
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["cross-origin-embedder-policy"] == "require-corp"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["origin-agent-cluster"] == "?1"
    assert "integrity-policy" not in headers  # docs/adr/0015-three-engines.md
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert "geolocation=()" in headers["permissions-policy"]
    assert "server" not in headers


def asset_address(html: str) -> str:
    found = re.search(r'src="(/assets/[0-9a-f]+/js/main.js)"', html)
    assert found is not None
    return found[1]


async def test_a_file_stays_for_ever_and_another_build_is_not_found(fetch: Fetch) -> None:
    address = asset_address((await fetch("GET", "/")).text)
    answer = await fetch("GET", address)
    assert answer.status == 200
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert answer.headers["content-security-policy"] == "default-src 'none'"
    assert answer.headers["cross-origin-embedder-policy"] == "require-corp"
    build = address.split("/")[2]
    other = await fetch("GET", address.replace(build, "0" * 16))
    assert (other.status, other.code) == (404, "not_found")
    assert other.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "name",
    [
        "../server.py",
        "..%2fserver.py",
        "%2e%2e/server.py",
        "js/../../server.py",
        "js//main.js",
        "/etc/passwd",
        "index.html",
        "js/main.js%00",
        "js\\main.js",
    ],
)
async def test_no_name_leads_out_of_the_folder(fetch: Fetch, name: str) -> None:
    build = asset_address((await fetch("GET", "/")).text).split("/")[2]
    answer = await fetch("GET", f"/assets/{build}/{name}")
    assert answer.status == 404


async def test_what_the_browser_has_is_not_sent_again(fetch: Fetch) -> None:
    for path in ("/", asset_address((await fetch("GET", "/")).text)):
        first = await fetch("GET", path)
        again = await fetch("GET", path, headers={"If-None-Match": first.headers["etag"]})
        assert (again.status, again.text) == (304, "")
        assert (await fetch("GET", path, headers={"If-None-Match": '"x"'})).status == 200


async def test_head_says_the_same_without_the_body(fetch: Fetch) -> None:
    answer = await fetch("HEAD", "/")
    assert (answer.status, answer.text) == (200, "")
    whole = await fetch("GET", "/")
    assert answer.headers["content-length"] == whole.headers["content-length"]


def test_text_is_compressed_where_that_gains(real: Assets) -> None:
    for page in real.pages.values():
        assert page.gzipped is not None
        assert gzip.decompress(page.gzipped) == page.body
        assert len(page.gzipped) < len(page.body)


def test_workers_bring_their_own_policy_and_nothing_else_can_be_one(real: Assets) -> None:
    policies = {name: asset.policy for name, asset in real.files() if name.endswith(".js")}
    assert policies.pop("js/workers/argon2.js") == (
        "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'"
    )
    for engine in ("js/session/worker.js", "js/session/link-worker.js"):
        assert policies.pop(engine) == (
            "default-src 'none'; script-src 'self'; connect-src 'self'; worker-src 'self'"
        )
    offline = policies.pop("js/workers/offline.js")
    assert offline == "default-src 'none'; connect-src 'self'"
    assert set(policies.values()) == {"default-src 'none'"}


def test_what_is_kept_for_a_page_without_a_network_is_all_that_it_loads(real: Assets) -> None:
    offline = real.find(real.build, "offline.json")
    assert offline is not None
    kept = set(json.loads(offline.body))
    files = dict(real.files())
    sources = {name: asset.body for name, asset in files.items()}
    entries = ["js/main.js", "js/session/worker.js", "js/workers/argon2.js"]
    modules = {name for entry in entries for name in reachable(sources, entry)[0]}
    named = set(re.findall(f'/assets/{real.build}/([^"]+)', real.pages["index.html"].body.decode()))
    words = {"locales/en.json", "locales/vi.json", "icons.svg"}
    assert modules | named | words <= kept
    assert kept <= files.keys()


def test_a_home_screen_is_given_icons_of_the_sizes_it_is_told(real: Assets) -> None:
    files = dict(real.files())
    told = json.loads(files["manifest.webmanifest"].body)["icons"]
    pictures = {icon["src"]: icon["sizes"] for icon in told if icon["type"] == "image/png"}
    page = real.pages["index.html"].body.decode()
    apple = re.search(f'rel="apple-touch-icon" href="/assets/{real.build}/([^"]+)"', page)
    assert apple is not None
    pictures[apple[1]] = "180x180"
    assert sorted(pictures.values()) == ["180x180", "192x192", "512x512"]
    for name, size in pictures.items():
        assert files[name].content_type == "image/png"
        assert "{}x{}".format(*struct.unpack(">II", files[name].body[16:24])) == size


async def test_one_file_alone_may_answer_for_every_address(fetch: Fetch) -> None:
    build = asset_address((await fetch("GET", "/")).text).split("/")[2]
    for name, allowed in (("js/workers/offline.js", "/"), ("js/main.js", None)):
        answer = await fetch("GET", f"/assets/{build}/{name}")
        assert (answer.status, answer.headers.get("service-worker-allowed")) == (200, allowed)


def test_parts_may_come_from_one_more_origin_and_nothing_else_changes(real: Assets) -> None:
    origin = "https://bucket.s3.example.org"
    direct = Assets(ROOT / "frontend", origin)
    assert direct.build != real.build, "browsers keep a worker, and its policy, by its address"

    def policies(assets: Assets) -> dict[str, str]:
        every = {**dict(assets.files()), **assets.pages}
        # Addresses hold the build, and the hash of the import map follows them.
        return {name: re.sub("'sha256-.*?'", "", every[name].policy) for name in every}

    before, after = policies(real), policies(direct)
    changed = {name for name in before if before[name] != after[name]}
    engines = {"js/session/worker.js", "js/session/link-worker.js"}
    assert changed == {"index.html", "link.html"} | engines
    for name in changed:
        assert after[name] == before[name].replace(
            "connect-src 'self'", f"connect-src 'self' {origin}"
        )
        assert "s3" not in before[name]


@pytest.fixture
def small(page: Path, tmp_path: Path) -> Path:
    """A copy of the small pages, to be changed."""
    return Path(shutil.copytree(page, tmp_path / "frontend"))


def test_one_byte_changes_the_build(small: Path) -> None:
    before = Assets(small)
    (small / "js/main.js").write_text("2;")
    after = Assets(small)
    assert before.build != after.build
    assert after.find(before.build, "js/main.js") is None


def test_a_name_that_leads_nowhere_is_reported(small: Path) -> None:
    (small / "index.html").write_text("<!--importmap-->{{asset:js/main.js}}{{asset:x.css}}")
    (small / "js/link.js").write_text('import "./gone.js";')
    assert Assets(small).missing == {"x.css", "js/gone.js"}


def test_a_page_that_is_not_there_is_reported(small: Path) -> None:
    (small / "link.html").unlink()
    assets = Assets(small)
    assert assets.missing == {"link.html"}
    assert assets.pages.keys() == {"index.html"}


@pytest.mark.parametrize(
    ("source", "static", "dynamic"),
    [
        ('import { a } from "./a.js";', ["./a.js"], []),
        ("import a, {\n  b,\n} from '../b.js'", ["../b.js"], []),
        ('import "./c.js";', ["./c.js"], []),
        ('export { d } from "./d.js";\nexport * from "./e.js";', ["./d.js", "./e.js"], []),
        ('const m = await import("./f.js");', [], ["./f.js"]),
        ('/** @type {import("./types.js").T} */\nconst x = 1;', [], []),
        ('// import "./no.js"\nexport const text = "import";', [], []),
        ("export function g() {}\nconst s = 'from \"./h.js\"';", [], []),
    ],
)
def test_imports_are_read_as_written(source: str, static: list[str], dynamic: list[str]) -> None:
    assert imports(source.encode()) == (static, dynamic)


def test_modules_that_import_each_other_are_found_once() -> None:
    sources = {
        "js/a.js": b'import "./b.js"; ',
        "js/b.js": b'import "./a.js";\nimport("./lazy/c.js")',
        "js/lazy/c.js": b'import "../b.js"',
        "js/unused.js": b"",
    }
    modules, at_once, missing = reachable(sources, "js/a.js")
    assert modules == ["js/a.js", "js/b.js", "js/lazy/c.js"]
    assert at_once == ["js/a.js", "js/b.js"]
    assert missing == set()
