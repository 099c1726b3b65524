"""What a real browser makes of the page's policies (S-30, S-31, S-32)."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import ConsoleMessage, Error, Page, Route, async_playwright, expect

from tests.chromium import LAUNCH
from tests.harness import RunningServer

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.slow


@pytest.fixture
def page() -> Path:
    """The real one, instead of the small one of the other tests."""
    return ROOT / "frontend"


@pytest_asyncio.fixture
async def tab(server: RunningServer) -> AsyncIterator[Page]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(**LAUNCH)
        yield await browser.new_page()
        await browser.close()


@pytest.fixture
def complaints(tab: Page) -> list[str]:
    """What the browser's console says at level error."""
    said: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type == "error":
            said.append(message.text)

    tab.on("console", note)
    tab.on("pageerror", lambda error: said.append(str(error)))
    return said


async def test_the_page_starts_within_its_own_policies(
    server: RunningServer, tab: Page, complaints: list[str]
) -> None:
    await tab.goto(server.origin)
    await expect(tab.locator("body")).to_contain_text("Sealroom")
    assert complaints == []


async def test_a_module_of_which_one_byte_differs_does_not_run(
    server: RunningServer, tab: Page, complaints: list[str]
) -> None:
    async def alter(route: Route) -> None:
        answer = await route.fetch()
        await route.fulfill(response=answer, body=await answer.body() + b" ")

    await tab.route("**/js/ui/dom.js", alter)
    await tab.goto(server.origin, wait_until="networkidle")
    assert await tab.locator("body").inner_text() == ""
    assert any("integrity" in text for text in complaints), complaints


async def test_text_never_becomes_markup_or_code(server: RunningServer, tab: Page) -> None:
    await tab.goto(server.origin)
    for attempt in (
        "document.body.innerHTML = '<b>x</b>'",
        "new Worker('/x.js')",
        "document.createElement('script').text = '1'",
        "trustedTypes.createPolicy('default', {createHTML: (text) => text})",
    ):
        with pytest.raises(Error, match=r"Trusted|Policy|policy"):
            await tab.evaluate(attempt)
