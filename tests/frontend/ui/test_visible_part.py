"""What the keyboard or a zoom leaves to be seen of the page."""

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.frontend.ui.conftest import Open

pytestmark = pytest.mark.slow

ROOM = "/chats/r-minh"
ABOVE_KEYBOARD_PX = 500

# No keyboard of a phone is here: the visual viewport says what Safari's does when one opens.
OPEN_KEYBOARD = """(height) => {
  Object.defineProperty(visualViewport, "height", { configurable: true, value: height });
  visualViewport.dispatchEvent(new Event("resize"));
}"""
CLOSE_KEYBOARD = """() => {
  delete visualViewport.height;
  visualViewport.dispatchEvent(new Event("resize"));
}"""
MOVE_UP = """() => {
  globalThis.moves = [];
  globalThis.scrollTo = (x, y) => moves.push([x, y]);
  Object.defineProperty(visualViewport, "offsetTop", { value: 200 });
  visualViewport.dispatchEvent(new Event("scroll"));
  return moves;
}"""
ZOOMED = """() => new Promise((resolve) => {
  visualViewport.addEventListener("resize", () => resolve(visualViewport.height));
})"""
MOVED = """async () => {
  await Promise.all(document.getAnimations().map(({ finished }) => finished));
}"""


def bottom(locator: Locator) -> float:
    box = locator.bounding_box()
    assert box is not None
    return box["y"] + box["height"]


def height(page: Page) -> float:
    tall: float = page.locator(".shell").evaluate("(el) => el.getBoundingClientRect().height")
    return tall


def test_the_page_ends_above_the_keyboard_and_is_whole_again_without_it(open_page: Open) -> None:
    page = open_page("ready", ROOM)
    whole = height(page)
    page.evaluate(OPEN_KEYBOARD, ABOVE_KEYBOARD_PX)
    assert height(page) == ABOVE_KEYBOARD_PX
    assert page.evaluate(MOVE_UP) == [[0, 0]], "what iOS has moved up is moved back"
    page.evaluate(CLOSE_KEYBOARD)
    assert height(page) == whole


def test_a_page_that_is_zoomed_in_keeps_its_height(open_page: Open) -> None:
    page = open_page("ready", ROOM)
    whole = height(page)
    page.evaluate(f"globalThis.zoomed = ({ZOOMED})(); null")
    devtools = page.context.new_cdp_session(page)
    devtools.send("Emulation.setPageScaleFactor", {"pageScaleFactor": 2})
    assert page.evaluate("zoomed") < whole
    assert height(page) == whole


def test_the_buttons_of_a_dialog_are_above_the_keyboard(open_page: Open) -> None:
    page = open_page("ready", "/settings/devices")
    page.evaluate(OPEN_KEYBOARD, ABOVE_KEYBOARD_PX)
    page.get_by_role("button", name="Remove").first.click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    page.evaluate(MOVED)
    assert bottom(dialog) == ABOVE_KEYBOARD_PX
    assert bottom(dialog.get_by_role("button").last) <= ABOVE_KEYBOARD_PX


def test_a_menu_opens_above_the_keyboard(open_page: Open) -> None:
    page = open_page("ready", ROOM)
    page.evaluate(OPEN_KEYBOARD, ABOVE_KEYBOARD_PX)
    page.get_by_test_id("attach-file").click()
    assert bottom(page.get_by_role("menu")) <= ABOVE_KEYBOARD_PX
