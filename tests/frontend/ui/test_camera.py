"""Photos taken in the page: seen, taken, taken again, used; the camera is off afterwards (S4)."""

import base64
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from tests.chromium import LAUNCH
from tests.frontend.ui.conftest import DESK, PHONE, Open
from tests.frontend.ui.test_attach import sent_files
from tests.frontend.ui.test_screens import AXE, SERIOUS

pytestmark = pytest.mark.slow

ROOM = "/chats/r-minh"

# Every stream that the page was given, to see whether it lets go of it.
WATCH = """() => {
  const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  globalThis.streams = [];
  navigator.mediaDevices.getUserMedia = async (wanted) => {
    const stream = await ask(wanted);
    streams.push(stream);
    return stream;
  };
}"""
HOLD = """() => {
  const ask = navigator.mediaDevices.getUserMedia;
  globalThis.soon = () => new Promise((resolve) => setTimeout(resolve, 20));
  navigator.mediaDevices.getUserMedia = (wanted) => new Promise((resolve) => {
    globalThis.answer = async () => resolve(await ask(wanted));
  });
}"""
LIVE = """() => streams.flatMap((each) => each.getTracks())
  .filter(({ readyState }) => readyState === "live").length"""
USED = "() => streams.map((each) => each.getVideoTracks()[0].getSettings().deviceId)"
REFUSE = """(name) => {
  globalThis.allowed = navigator.mediaDevices.getUserMedia;
  navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException("", name));
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser with two cameras, which show a picture that moves."""
    devices = "--use-fake-device-for-media-stream=device-count=2"
    args = [*LAUNCH["args"], devices, "--use-fake-ui-for-media-stream"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=LAUNCH["executable_path"], args=args)
        yield browser
        browser.close()


def open_camera(page: Page) -> Locator:
    page.get_by_test_id("attach-file").click()
    page.get_by_role("menuitem", name="Take a photo").click()
    camera: Locator = page.get_by_test_id("camera")
    return camera


def is_off(page: Page) -> None:
    assert page.evaluate(LIVE) == 0, "the camera is let go"


@pytest.mark.parametrize("viewport", [PHONE, DESK])
def test_a_photo_is_taken_again_and_sent(open_page: Open, viewport: Any) -> None:
    page = open_page("files", ROOM, viewport=viewport, bypass_csp=True)
    page.evaluate(WATCH)
    camera = open_camera(page)
    expect(camera.locator("video")).to_have_js_property("paused", False)
    assert page.evaluate(LIVE) == 1
    page.evaluate(AXE.read_text())
    assert page.evaluate(SERIOUS) == []
    expect(page.get_by_test_id("camera-shoot")).to_be_focused()
    page.keyboard.press("Enter")
    expect(camera.get_by_role("img", name="The photo you took")).to_be_visible()
    is_off(page)
    page.get_by_test_id("camera-retake").click()
    page.get_by_test_id("camera-shoot").click()
    page.get_by_test_id("camera-use").click()
    expect(camera).to_have_count(0)
    is_off(page)
    expect(page.get_by_test_id("attachment-tray")).to_contain_text("photo.jpg")
    page.get_by_test_id("message-send").click()
    (sent,) = sent_files(page)
    assert (sent["name"], sent["type"]) == ("photo.jpg", "image/jpeg")
    assert sent["width"] > sent["height"] > 0
    assert base64.b64decode(sent["content"]).startswith(b"\xff\xd8")


def test_where_there_are_two_the_other_one_can_be_looked_through(open_page: Open) -> None:
    page = open_page("files", ROOM)
    page.evaluate(WATCH)
    camera = open_camera(page)
    page.get_by_test_id("camera-switch").click()
    expect(page.get_by_test_id("camera-switch")).to_be_visible()
    expect(camera.locator("video")).to_have_js_property("paused", False)
    first, second = page.evaluate(USED)
    assert first != second
    assert page.evaluate(LIVE) == 1


@pytest.mark.parametrize("how", ["button", "Escape", "the room is left"])
def test_the_camera_is_let_go_however_it_ends(open_page: Open, how: str) -> None:
    page = open_page("files", ROOM)
    page.evaluate(WATCH)
    camera = open_camera(page)
    expect(page.get_by_test_id("camera-shoot")).to_be_visible()
    if how == "button":
        camera.get_by_role("button", name="Close").click()
    elif how == "Escape":
        page.keyboard.press("Escape")
    else:
        page.evaluate("location.hash = '#/people'")
    expect(camera).to_have_count(0)
    is_off(page)
    assert "sendFiles" not in page.evaluate("engineCalls")


def test_a_photo_that_was_not_sent_is_not_lost_with_one_click(open_page: Open) -> None:
    page = open_page("files", ROOM)
    open_camera(page)
    page.get_by_test_id("camera-shoot").click()
    page.get_by_test_id("camera-use").click()
    tray = page.get_by_test_id("attachment-tray")
    expect(tray).to_contain_text("photo.jpg")
    page.evaluate("location.hash = '#/chats/r-alice'")
    expect(tray).to_be_hidden()
    page.evaluate(f"location.hash = '#{ROOM}'")
    expect(tray).to_contain_text("photo.jpg")
    tray.get_by_role("button", name="Remove photo.jpg").click()
    page.get_by_role("button", name="Keep it").click()
    tray.get_by_role("button", name="Remove photo.jpg").click()
    page.get_by_test_id("discard-confirm").click()
    expect(tray).to_be_hidden()


def test_a_camera_that_answers_late_is_let_go_at_once(open_page: Open) -> None:
    page = open_page("files", ROOM)
    page.evaluate(WATCH)
    page.evaluate(HOLD)
    camera = open_camera(page)
    expect(camera.get_by_text("Starting the camera…")).to_be_visible()
    page.keyboard.press("Escape")
    page.evaluate(f"async () => {{ await answer(); while (({LIVE})() > 0) await soon(); }}")


def test_a_camera_that_goes_away_is_said(open_page: Open) -> None:
    page = open_page("files", ROOM)
    page.evaluate(WATCH)
    camera = open_camera(page)
    expect(page.get_by_test_id("camera-shoot")).to_be_visible()
    page.evaluate("streams[0].getTracks()[0].dispatchEvent(new Event('ended'))")
    expect(camera.get_by_text("The camera cannot be used right now.")).to_be_visible()
    is_off(page)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("NotAllowedError", "The browser did not allow the camera."),
        ("NotFoundError", "No camera was found."),
        ("NotReadableError", "The camera cannot be used right now."),
    ],
)
def test_why_no_photo_can_be_taken_is_said(open_page: Open, name: str, words: str) -> None:
    page = open_page("files", ROOM)
    page.evaluate(WATCH)
    page.evaluate(REFUSE, name)
    camera = open_camera(page)
    expect(camera.get_by_text(words)).to_be_visible()
    expect(page.get_by_test_id("camera-shoot")).to_be_hidden()
    page.evaluate("() => void (navigator.mediaDevices.getUserMedia = allowed)")
    camera.get_by_role("button", name="Try again").click()
    expect(page.get_by_test_id("camera-shoot")).to_be_visible()
    expect(camera.get_by_role("button", name="Try again")).to_be_hidden()
    page.keyboard.press("Escape")
    expect(camera).to_have_count(0)
    expect(page.get_by_test_id("attach-file")).to_be_focused()
