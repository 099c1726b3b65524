"""Screens drawn over the fake engine, in a real browser under the page's own policy."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

from tests.chromium import LAUNCH

ROOT = Path(__file__).resolve().parents[3]
ANSWER_MS = 60  # of the fake engine
PHONE: ViewportSize = {"width": 390, "height": 844}
DESK: ViewportSize = {"width": 1280, "height": 800}

Open = Callable[..., Page]


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    command = ["node", str(ROOT / "tests/frontend/preview.mjs")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as preview:
        assert preview.stdout is not None
        yield preview.stdout.readline().split("/?")[0]
        preview.terminate()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(**LAUNCH)
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser: Browser, address: str) -> Iterator[Open]:
    """Open a screen; whatever the page complains about fails the test."""
    complaints: list[str] = []
    contexts = []

    def open_page(scene: str, route: str = "/", **options: Any) -> Page:
        # The preview has no builds, and so no files that a browser could keep.
        given = {"viewport": PHONE, "locale": "en-GB", "service_workers": "block", **options}
        context = browser.new_context(**given)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "console",
            lambda message: complaints.append(message.text) if message.type == "error" else None,
        )
        page.goto(f"{address}/?scene={scene}&answer_ms={ANSWER_MS}#{route}")
        page.wait_for_selector("h1:visible, h2:visible")
        # A screen is judged when what it asked for is there.
        page.wait_for_timeout(5 * ANSWER_MS)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []
