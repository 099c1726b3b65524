"""Files of messages, as people see them: every state, in words (S4, S-33)."""

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.frontend.ui.conftest import DESK, PHONE, Open
from tests.frontend.ui.test_screens import AXE, SERIOUS

pytestmark = pytest.mark.slow

ROOM = "/chats/r-files"


def named(page: Page, name: str) -> Locator:
    return page.get_by_test_id("attachment").filter(has_text=name)


@pytest.mark.parametrize(
    ("name", "verdict", "words"),
    [
        ("report.pdf", "here", "3.4 MB"),
        ("garden.jpg", "intact", "Intact, from you"),
        ("تقرير.docx", "damaged", "Damaged: not saved"),
        ("contract.pdf", "wrong-sender", "Not from a device of Alice Moreau: not saved"),
        ("old.zip", "gone", "No longer on the server"),
        ("notes.txt", "failed", "The server cannot be reached right now."),
        ("film.mp4", "pending", "Paused at 42%"),
        ("plans.zip", "pending", "Waiting · 3.4 MB"),
        ("sea.jpg", "pending", "30% of 200 kB"),
        ("voice.ogg", "here", "0:12 · 48 kB"),
    ],
)
def test_a_file_says_in_words_how_it_is(
    open_page: Open, name: str, verdict: str, words: str
) -> None:
    page = open_page("files", ROOM)
    file = named(page, name)
    expect(file).to_have_attribute("data-verdict", verdict)
    expect(file.locator(".status")).to_contain_text(words)


def test_nothing_can_be_saved_that_was_refused_or_is_gone(open_page: Open) -> None:
    page = open_page("files", ROOM)
    for name in ("تقرير.docx", "contract.pdf", "old.zip"):
        expect(named(page, name).get_by_role("button")).to_have_count(0)


def test_a_file_is_fetched_verified_and_saved_in_one_step(open_page: Open) -> None:
    page = open_page("files", ROOM)
    file = named(page, "report.pdf")
    with page.expect_download() as download:
        file.get_by_test_id("attachment-download").click()
    assert download.value.suggested_filename == "report.pdf"
    assert download.value.path().read_bytes() == b"%PDF-1.7"
    expect(file).to_have_attribute("data-verdict", "intact")
    expect(file.locator(".status")).to_have_text("Intact, from Alice Moreau")


def test_a_small_picture_is_fetched_when_it_is_looked_at_and_not_before(open_page: Open) -> None:
    """S1-131"""
    page = open_page("files", ROOM)
    lake = named(page, "lake.jpg")
    expect(lake).to_have_attribute("data-verdict", "here")
    lake.scroll_into_view_if_needed()
    expect(lake).to_have_attribute("data-verdict", "intact")
    picture = lake.get_by_role("img", name="lake.jpg")
    expect(picture).to_have_js_property("naturalWidth", 1200)


def test_what_only_calls_itself_a_picture_is_a_file_like_any_other(open_page: Open) -> None:
    """S1-38"""
    page = open_page("files", ROOM)
    page.evaluate(
        """receiveFiles([{
          show: "image", name: "no picture.png", mime: "image/png", size: 4,
          content: new File(["text"], "no picture.png", { type: "image/png" }),
        }])"""
    )
    file = named(page, "no picture.png")
    expect(file).to_have_attribute("data-verdict", "intact")
    expect(file.get_by_role("img")).to_have_count(0)
    expect(file.get_by_test_id("attachment-download")).to_be_visible()


def test_of_a_refused_picture_not_even_the_small_one_is_shown(open_page: Open) -> None:
    page = open_page("files", ROOM)
    page.evaluate(
        """receiveFiles([{
          show: "image", name: "forged.jpg", mime: "image/jpeg", state: "wrong-sender",
          thumb: new Blob(["thumb"], { type: "image/jpeg" }),
        }])"""
    )
    file = named(page, "forged.jpg")
    expect(file).to_have_attribute("data-verdict", "wrong-sender")
    expect(file.locator(".media")).to_be_hidden()


def test_more_than_four_pictures_are_shown_when_they_are_asked_for(open_page: Open) -> None:
    page = open_page("files", ROOM)
    trip = page.get_by_test_id("attachment").filter(has_text="trip-")
    expect(trip).to_have_count(4)
    page.get_by_role("button", name="2 more").click()
    expect(trip).to_have_count(6)


def test_what_is_on_its_way_can_be_held_resumed_and_left_out(open_page: Open) -> None:
    page = open_page("files", ROOM, viewport=DESK)
    sea = named(page, "sea.jpg")
    sea.get_by_role("button", name="Pause sea.jpg").click()
    expect(sea.locator(".status")).to_have_text("Paused at 30%")
    sea.get_by_role("button", name="Go on with sea.jpg").click()
    expect(sea.locator(".status")).to_have_text("30% of 200 kB")
    sea.get_by_role("button", name="Cancel sea.jpg").click()
    page.get_by_role("button", name="Keep it").click()
    expect(sea).to_have_count(1)
    sea.get_by_role("button", name="Cancel sea.jpg").click()
    page.get_by_test_id("discard-confirm").click()
    expect(sea).to_have_count(0)
    expect(named(page, "film.mp4")).to_have_count(1)


def test_files_that_were_not_sent_are_not_lost_with_one_click(open_page: Open) -> None:
    page = open_page("files", ROOM, viewport=DESK)
    failed = page.get_by_test_id("message").filter(has_text="too large.iso")
    expect(failed.get_by_role("button", name="Retry")).to_be_hidden()
    failed.get_by_role("button", name="Discard").click()
    page.get_by_role("button", name="Keep it").click()
    expect(failed).to_have_count(1)
    assert "discardMessage" not in page.evaluate("engineCalls")
    failed.get_by_role("button", name="Discard").click()
    page.get_by_test_id("discard-confirm").click()
    expect(failed).to_have_count(0)


def test_the_list_of_chats_says_what_came_last(open_page: Open) -> None:
    page = open_page("files", "/chats")
    line = page.locator("[data-room=r-files] .line")
    expect(line).to_have_text("too large.iso")


@pytest.mark.parametrize("viewport", [PHONE, DESK])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_files_can_be_used_by_everybody(open_page: Open, viewport: object, scheme: str) -> None:
    page = open_page("files", ROOM, viewport=viewport, color_scheme=scheme, bypass_csp=True)
    page.evaluate(AXE.read_text())
    assert page.evaluate(SERIOUS) == []


def test_pictures_are_let_go_when_the_room_is_left(open_page: Open) -> None:
    page = open_page("files", ROOM)
    lake = named(page, "lake.jpg")
    lake.scroll_into_view_if_needed()
    url = lake.get_by_role("img", name="lake.jpg").get_attribute("src")
    page.evaluate(
        """() => {
          window.revoked = [];
          const revoke = URL.revokeObjectURL.bind(URL);
          URL.revokeObjectURL = (url) => (revoked.push(url), revoke(url));
        }"""
    )
    page.evaluate("location.hash = '#/people'")
    expect(lake).to_have_count(0)
    assert url in page.evaluate("revoked")
