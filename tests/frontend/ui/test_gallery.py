"""Pictures and films of a room, as large as the screen (S4)."""

import base64

import pytest
from playwright.sync_api import Page, expect

from tests.frontend.ui.conftest import DESK, PHONE, Open
from tests.frontend.ui.test_attach import film
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


RECEIVE_FILM = """async (content) => {
  const bytes = Uint8Array.from(atob(content), (each) => each.charCodeAt(0));
  const canvas = new OffscreenCanvas(32, 18);
  canvas.getContext("2d").fillRect(0, 0, 32, 18);
  receiveFiles([{
    show: "video", name: "lake.webm", mime: "video/webm", size: bytes.length,
    width: 320, height: 180, durationMs: 61_000, thumb: await canvas.convertToBlob(),
    content: new File([bytes], "lake.webm"),
  }]);
}"""


@pytest.mark.parametrize("viewport", [PHONE, DESK])
def test_a_film_is_played_among_the_pictures_when_it_is_asked_for(
    open_page: Open, viewport: object
) -> None:
    page = open_page("files", "/chats/r-files", viewport=viewport, bypass_csp=True)
    page.evaluate(RECEIVE_FILM, base64.b64encode(film(page, "video/webm")).decode())
    page.get_by_role("button", name="Enlarge lake.webm").click()
    gallery = page.get_by_test_id("gallery")
    expect(gallery.get_by_text("9 of 9 · 1:01")).to_be_visible()
    expect(gallery.locator("video")).to_have_count(0)
    page.evaluate(AXE.read_text())
    assert page.evaluate(SERIOUS) == []
    gallery.get_by_role("button", name="Load and play lake.webm").click()
    playing = gallery.locator("video")
    expect(playing).to_have_js_property("videoWidth", 320)
    expect(playing).to_have_js_property("paused", False)
    expect(playing).to_be_focused()
    page.keyboard.press("ArrowLeft")  # in a film this key moves in time
    expect(gallery.get_by_text("9 of 9")).to_be_visible()
    gallery.get_by_role("button", name="Previous").click()
    shows(page, "trip-6.jpg")
    expect(playing).to_have_count(0)
    page.keyboard.press("ArrowRight")
    expect(gallery.get_by_role("button", name="Load and play lake.webm")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Enlarge lake.webm")).to_be_focused()


def test_a_film_can_be_saved_without_being_played(open_page: Open) -> None:
    page = open_page("files", "/chats/r-files", viewport=PHONE)
    page.evaluate(RECEIVE_FILM, base64.b64encode(b"film").decode())
    page.get_by_role("button", name="Enlarge lake.webm").click()
    with page.expect_download() as download:
        page.get_by_test_id("gallery").get_by_role("button", name="Save").click()
    assert download.value.path().read_bytes() == b"film"
