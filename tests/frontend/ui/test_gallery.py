"""Pictures of a room, as large as the screen (S4)."""

import pytest
from playwright.sync_api import Page, expect

from tests.frontend.ui.conftest import DESK, PHONE, Open
from tests.frontend.ui.test_screens import AXE, SERIOUS

pytestmark = pytest.mark.slow


def open_gallery(page: Page, name: str) -> None:
    file = page.get_by_test_id("attachment").filter(has_text=name)
    file.scroll_into_view_if_needed()
    file.get_by_role("button", name=f"Enlarge {name}").click()
    shows(page, name)


def shows(page: Page, name: str) -> None:
    gallery = page.get_by_test_id("gallery")
    expect(gallery.get_by_role("img", name=name)).to_be_in_viewport(ratio=0.9)


@pytest.mark.parametrize("viewport", [PHONE, DESK])
def test_keys_turn_and_esc_gives_the_focus_back(open_page: Open, viewport: object) -> None:
    page = open_page("files", "/chats/r-files", viewport=viewport, bypass_csp=True)
    open_gallery(page, "lake.jpg")
    page.keyboard.press("ArrowLeft")
    shows(page, "lake.jpg")
    page.keyboard.press("ArrowRight")
    shows(page, "garden.jpg")
    expect(page.get_by_text("2 of 8")).to_be_visible()
    page.evaluate(AXE.read_text())
    assert page.evaluate(SERIOUS) == []
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("gallery")).to_have_count(0)
    expect(page.get_by_role("button", name="Enlarge lake.jpg")).to_be_focused()


def test_a_click_enlarges_and_the_picture_can_be_saved(open_page: Open) -> None:
    page = open_page("files", "/chats/r-files", viewport=PHONE)
    open_gallery(page, "lake.jpg")
    gallery = page.get_by_test_id("gallery")
    image = gallery.get_by_role("img", name="lake.jpg")
    image.click()
    expect(image).to_have_js_property("width", 1200)
    with page.expect_download() as download:
        gallery.get_by_role("button", name="Save").click()
    assert download.value.suggested_filename == "lake.jpg"


def test_leaving_the_room_closes_it(open_page: Open) -> None:
    page = open_page("files", "/chats/r-files", viewport=PHONE)
    open_gallery(page, "lake.jpg")
    page.evaluate("location.hash = '#/people'")
    expect(page.get_by_test_id("gallery")).to_have_count(0)
