"""Files that are two things at once run nothing in the page, whatever their names say (S-33)."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.frontend.ui.conftest import DESK, Open

pytestmark = pytest.mark.slow

RUN = "globalThis.top.polyglotRan = true"
SCRIPT = f"<script>{RUN}</script>"
SVG = f'<svg xmlns="http://www.w3.org/2000/svg" onload="{RUN}">{SCRIPT}</svg>'
XSLT = (
    '<?xml version="1.0"?><?xml-stylesheet type="text/xsl" href="#x"?>'
    '<x:stylesheet id="x" version="1.0" xmlns:x="http://www.w3.org/1999/XSL/Transform">'
    f'<x:template match="/"><html xmlns="http://www.w3.org/1999/xhtml">{SCRIPT}</html>'
    "</x:template></x:stylesheet>"
)
MHTML = f"MIME-Version: 1.0\r\nContent-Type: text/html\r\n\r\n<html>{SCRIPT}</html>"
PDF = f"%PDF-1.7\n1 0 obj<</Type/Catalog/OpenAction<</S/JavaScript/JS({RUN})>>>>endobj\n%%EOF"
GIF_JS = f"GIF89a/*\x01\x00*/=1;{RUN}"
PNG_HTML = f"\x89PNG\r\n\x1a\n{SCRIPT}"
JPEG_JS = f"\xff\xd8\xff\xe0/*JFIF*/=1;{RUN}//\xff\xd9"
WEBP_HTML = f"RIFF\x00\x00\x00\x00WEBP{SCRIPT}"
OGG_HTML = f"OggS{SCRIPT}"
MP4_HTML = f"\x00\x00\x00\x18ftypmp42{SCRIPT}"
HTML = f"<!doctype html><html><body onload='{RUN}'>{SCRIPT}<img src=x onerror='{RUN}'></html>"

# (name, type it is sent with, how the engine lets it be shown, what is in it)
POLYGLOTS = [
    ("vector.svg", "image/svg+xml", "file", SVG),
    ("vector.png", "image/png", "image", SVG),
    ("page.html", "text/html", "file", HTML),
    ("page.png", "image/png", "image", HTML),
    ("page.gif", "image/gif", "image", HTML),
    ("page.xhtml", "application/xhtml+xml", "file", f"<html>{SCRIPT}</html>"),
    ("paper.pdf", "application/pdf", "file", PDF),
    ("paper.jpg", "image/jpeg", "image", PDF),
    ("script.gif", "image/gif", "image", GIF_JS),
    ("script.js", "text/javascript", "file", RUN),
    ("script.jpg", "image/jpeg", "image", JPEG_JS),
    ("markup.png", "image/png", "image", PNG_HTML),
    ("markup.webp", "image/webp", "image", WEBP_HTML),
    ("markup.avif", "image/avif", "image", MP4_HTML),
    ("markup.ogg", "audio/ogg", "audio", OGG_HTML),
    ("markup.mp4", "video/mp4", "video", MP4_HTML),
    ("sheet.xml", "text/xml", "file", XSLT),
    ("sheet.webm", "video/webm", "video", XSLT),
    ("archive.mhtml", "multipart/related", "file", MHTML),
    ('<img src=x onerror="top.polyglotRan=true">.png', "image/png", "image", HTML),
]


@pytest.fixture
def page(open_page: Open) -> Iterator[Page]:
    page = open_page("files", "/chats/r-files", viewport=DESK)
    page.evaluate("globalThis.polyglotRan = false")
    yield page
    assert page.evaluate("polyglotRan") is False
    assert page.evaluate("document.querySelectorAll('iframe, object, embed').length") == 0


def receive(page: Page, name: str, mime: str, show: str, content: str) -> None:
    page.evaluate(
        """([name, mime, show, text]) => {
          const bytes = Uint8Array.from([...text], (each) => each.charCodeAt(0));
          const type = show === "file" ? "application/octet-stream" : mime;
          const content = new File([bytes], name, { type });
          receiveFiles([{ name, mime, show, size: bytes.length, content }]);
        }""",
        [name, mime, show, content],
    )


@pytest.mark.parametrize(("name", "mime", "show", "content"), POLYGLOTS, ids=lambda value: "")
def test_a_polyglot_is_shown_and_saved_without_running(
    page: Page, name: str, mime: str, show: str, content: str
) -> None:
    receive(page, name, mime, show, content)
    file = page.get_by_test_id("attachment").filter(has_text=name)
    opens = file.get_by_test_id("attachment-open")
    if show in ("audio", "video"):
        opens.click()
    if show != "file":
        expect(file).to_have_attribute("data-verdict", "intact")
    before = page.url
    with page.expect_download() as download:
        file.get_by_test_id("attachment-download").click()
    assert download.value.path().read_bytes() == content.encode("latin-1")
    page.wait_for_timeout(200)  # for whatever would have begun to run
    assert page.url == before
    assert len(page.context.pages) == 1


def test_what_is_tried_would_run_elsewhere(open_page: Open) -> None:
    """The files are real: opened as a page of their own, where no policy holds, they do run."""
    page = open_page("files", "/chats", bypass_csp=True)
    page.goto("about:blank")
    ran = page.evaluate(
        """(html) => new Promise((resolve) => {
          const frame = document.createElement("iframe");
          frame.onload = () => resolve(globalThis.polyglotRan === true);
          frame.srcdoc = html;
          document.body.append(frame);
        })""",
        HTML,
    )
    assert ran is True
