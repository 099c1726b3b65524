"""The page and its files: addresses that never change their content, and policies that hold."""

import base64
import gzip
import hashlib
import json
import re
from pathlib import Path

import pytest

from handlers.assets import Assets
from handlers.imports import imports, reachable
from tests.harness import Fetch

ROOT = Path(__file__).resolve().parents[2]
POLICY = (
    "default-src 'none'; script-src 'self' 'sha256-{}'; style-src 'self'; "
    "img-src 'self' blob: data:; media-src 'self' blob:; font-src 'self'; connect-src 'self'; "
    "worker-src 'self'; manifest-src 'self'; form-action 'self'; frame-ancestors 'none'; "
    "base-uri 'none'; object-src 'none'; require-trusted-types-for 'script'; "
    "trusted-types sealroom-worker"
)


@pytest.fixture(scope="module")
def real() -> Assets:
    return Assets(ROOT / "frontend")


def import_map(html: str) -> str:
    found = re.search(r'<script type="importmap">(.*?)</script>', html)
    assert found is not None
    return found[1]


def integrity(body: bytes) -> str:
    return "sha384-" + base64.b64encode(hashlib.sha384(body).digest()).decode()


def test_everything_the_real_page_names_is_there(real: Assets) -> None:
    assert real.missing == set()


def test_every_module_of_the_real_page_carries_its_hash(real: Assets) -> None:
    html = real.page.body.decode()
    hashes = json.loads(import_map(html))["integrity"]
    sources = {
        path.relative_to(ROOT / "frontend").as_posix(): path.read_bytes()
        for path in (ROOT / "frontend").rglob("*.js")
    }
    modules, _, _ = reachable(sources, "js/main.js")
    assert hashes == {f"/assets/{real.build}/{name}": integrity(sources[name]) for name in modules}
    for link in re.findall(r'<link rel="modulepreload"[^>]*>', html):
        address = re.search(r'href="([^"]+)"', link)
        assert address is not None
        assert f'integrity="{hashes[address[1]]}"' in link


def test_the_real_page_has_no_script_or_style_of_its_own(real: Assets) -> None:
    html = real.page.body.decode()
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


@pytest.mark.parametrize(
    "path", ["/favicon.ico", "/robots.txt", "/api", "/api/x", "/assets", "/ws/x", "/health/x"]
)
async def test_what_is_neither_file_nor_screen_is_not_found(fetch: Fetch, path: str) -> None:
    answer = await fetch("GET", path)
    assert (answer.status, answer.code) == (404, "not_found")


async def test_the_policy_admits_the_import_map_and_nothing_else_inline(fetch: Fetch) -> None:
    answer = await fetch("GET", "/")
    digest = hashlib.sha256(import_map(answer.text).encode()).digest()
    wanted = POLICY.format(base64.b64encode(digest).decode())
    assert answer.headers["content-security-policy"] == wanted


async def test_the_page_is_isolated(fetch: Fetch) -> None:
    headers = (await fetch("GET", "/")).headers
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["cross-origin-embedder-policy"] == "require-corp"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["origin-agent-cluster"] == "?1"
    assert headers["integrity-policy"] == "blocked-destinations=(script)"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert "camera=(self)" in headers["permissions-policy"]
    assert headers["cache-control"] == "no-cache"
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
    page = real.page
    assert page.gzipped is not None
    assert gzip.decompress(page.gzipped) == page.body
    assert len(page.gzipped) < len(page.body)


def test_workers_bring_their_own_policy_and_nothing_else_can_be_one(real: Assets) -> None:
    policies = {name: asset.policy for name, asset in real.files() if name.endswith(".js")}
    assert policies.pop("js/workers/argon2.js") == (
        "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'"
    )
    assert policies.pop("js/session/worker.js") == (
        "default-src 'none'; script-src 'self'; connect-src 'self'; worker-src 'self'"
    )
    assert set(policies.values()) == {"default-src 'none'"}


def test_one_byte_changes_the_build(tmp_path: Path) -> None:
    (tmp_path / "js").mkdir()
    (tmp_path / "index.html").write_text("<!--importmap-->{{asset:js/main.js}}")
    (tmp_path / "js/main.js").write_text("1;")
    before = Assets(tmp_path)
    (tmp_path / "js/main.js").write_text("2;")
    after = Assets(tmp_path)
    assert before.build != after.build
    assert after.find(before.build, "js/main.js") is None


def test_a_name_that_leads_nowhere_is_reported(tmp_path: Path) -> None:
    (tmp_path / "js").mkdir()
    (tmp_path / "index.html").write_text("<!--importmap-->{{asset:js/main.js}}{{asset:x.css}}")
    (tmp_path / "js/main.js").write_text('import "./gone.js";')
    assert Assets(tmp_path).missing == {"x.css", "js/gone.js"}


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
