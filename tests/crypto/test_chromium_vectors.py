"""The golden vectors in a real browser engine, with the page's and the worker's own policies."""

import contextlib
import threading
from collections.abc import AsyncIterator, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, async_playwright

from tests.chromium import LAUNCH

ROOT = Path(__file__).resolve().parents[2]
SERVED = ("/frontend/", "/tests/frontend/crypto/", "/tests/vectors/")
PAGE = "/tests/frontend/crypto/vectors.html"
ARGON2_WORKER = "/frontend/js/workers/argon2.js"
# What the worker that holds the keys is served with: it, not the page, starts the Argon2 worker.
PAGE_POLICY = "default-src 'none'; script-src 'self'; connect-src 'self'; worker-src 'self'"
WORKER_POLICY = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'"

RUN = """
async () => {
  const at = (path) => new URL(path, location.origin).href;
  const { runGoldenVectors } = await import(at("/tests/frontend/crypto/vectors.js"));
  const { runFileVectors } = await import(at("/tests/frontend/crypto/file-vectors.js"));
  const { runLinkVectors } = await import(at("/tests/frontend/crypto/link-vectors.js"));
  const { createArgon2id } = await import(at("/frontend/js/crypto/argon2.js"));
  const read = async (name) => (await fetch(at(`/tests/vectors/${name}.json`))).json();
  const [vectors, files, links] = await Promise.all(
    ["seal1", "seal_file", "seal_link"].map(read),
  );
  const worker = new Worker(at("/frontend/js/workers/argon2.js"), { type: "module" });
  try {
    const argon2id = createArgon2id(worker);
    return [
      ...(await runGoldenVectors(vectors, argon2id)),
      ...(await runFileVectors(vectors, files, argon2id)),
      ...(await runLinkVectors(links, argon2id)),
    ];
  } finally {
    worker.terminate();
  }
}
"""
OFFER_BAD_POINTS = """
async () => {
  const { offerBadPoints } = await import(`${location.origin}/tests/frontend/crypto/points.js`);
  return offerBadPoints();
}
"""


class Files(SimpleHTTPRequestHandler):
    """The repository's own files, with the policies they are served under."""

    def do_GET(self) -> None:
        if self.path == PAGE:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>vectors</title>")
        elif self.path.startswith(SERVED):
            super().do_GET()
        else:
            self.send_error(404)

    def end_headers(self) -> None:
        policy = WORKER_POLICY if self.path == ARGON2_WORKER else PAGE_POLICY
        self.send_header("Content-Security-Policy", policy)
        if self.path == PAGE:
            self.send_header("Content-Type", "text/html")
        super().end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: pytest's output is for results."""


@contextlib.contextmanager
def serve_files() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Files, directory=str(ROOT)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    with serve_files() as origin:
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(**LAUNCH)
            page = await browser.new_page()
            await page.goto(origin + PAGE)
            yield page
            await browser.close()


@pytest.mark.slow
async def test_chromium_reproduces_every_golden_vector(page: Page) -> None:
    results = await page.evaluate(RUN)
    assert [result for result in results if result["actual"] != result["expected"]] == []
    assert len(results) == 37 + 36 + 99


@pytest.mark.slow
async def test_chromium_imports_no_bad_point_through_our_own_import(page: Page) -> None:
    results = await page.evaluate(OFFER_BAD_POINTS)
    accepted = [result["name"] for result in results if len(result["refusedBy"]) != 3]
    assert accepted == []
    assert len(results) == 17
