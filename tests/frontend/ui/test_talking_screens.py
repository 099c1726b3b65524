"""What the screens where people talk promise, as far as it needs no server."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.frontend.ui.conftest import DESK, PHONE, Open

pytestmark = pytest.mark.slow


def height_of(page: Page, test_id: str) -> float:
    box = page.get_by_test_id(test_id).bounding_box()
    assert box is not None
    return box["height"]


def test_the_input_grows_to_eight_lines_and_shrinks_again(open_page: Open) -> None:
    page = open_page("ready", "/chats/r-minh", viewport=DESK)
    box = page.get_by_test_id("message-input")
    box.wait_for()
    one = height_of(page, "message-input")
    heights = []
    for lines in (2, 8, 30):
        box.fill("\n".join("line" for _ in range(lines)))
        heights.append(height_of(page, "message-input"))
    assert one < heights[0] < heights[1]
    assert heights[1] == pytest.approx(heights[2], abs=2)
    assert heights[1] - one == pytest.approx(7 * 24, abs=4)
    # The newest row stays in view above a grown input, which is small again once it is sent.
    expect(page.get_by_test_id("message").last).to_be_in_viewport()
    box.press("Enter")
    assert height_of(page, "message-input") == pytest.approx(one, abs=1)
    expect(box).to_be_focused()


def test_a_discarded_text_can_be_taken_back(open_page: Open) -> None:
    page = open_page("ready", "/chats/r-minh", viewport=DESK)
    failed = page.locator(".message[data-state=failed]")
    page.get_by_test_id("message-input").fill("typed since")
    failed.get_by_role("button", name="Discard").click()
    expect(failed).to_have_count(0)
    page.get_by_test_id("toast").get_by_role("button", name="Undo").click()
    expect(page.get_by_test_id("message-input")).to_have_value(
        "Gọi trước hai ly cà phê sữa nhé?\ntyped since"
    )


def test_only_new_messages_are_announced_and_each_of_them(open_page: Open) -> None:
    page = open_page("ready", "/chats/r-minh", viewport=DESK)
    said = page.locator(".conversation > [aria-live=polite]")
    expect(said).to_be_empty()
    page.evaluate(
        """() => {
          window.saidTexts = [];
          const live = document.querySelector(".conversation > [aria-live=polite]");
          new MutationObserver(() => saidTexts.push(live.textContent)).observe(
            live, { childList: true });
        }"""
    )
    for _ in range(2):
        page.evaluate("receive('r-minh', 'ok')")
        page.wait_for_timeout(50)
    assert page.evaluate("saidTexts") == ["Trần Quang Minh: ok"] * 2


def test_what_the_details_cover_on_a_phone_is_not_read(open_page: Open) -> None:
    page = open_page("ready", "/chats/r-minh", viewport=PHONE)
    page.get_by_test_id("details-open").click()
    page.get_by_test_id("room-end").wait_for()
    page.evaluate("engineCalls.length = 0")
    page.evaluate("receive('r-minh', 'unseen')")
    page.wait_for_timeout(300)
    assert "markRead" not in page.evaluate("engineCalls")
    page.go_back()
    expect(page.get_by_text("unseen", exact=True)).to_be_in_viewport()
    expect(page.get_by_test_id("message-input")).to_be_visible()
    page.wait_for_timeout(200)
    assert "markRead" in page.evaluate("engineCalls")


def test_the_filter_finds_contacts_without_a_conversation_and_without_marks(
    open_page: Open,
) -> None:
    page = open_page("ready", "/chats", viewport=PHONE)
    page.get_by_test_id("search-input").fill("tran")
    expect(page.get_by_test_id("room-item")).to_have_count(1)
    page.get_by_test_id("search-input").fill("عمر")
    expect(page.get_by_test_id("room-item")).to_have_count(0)
    expect(page.get_by_test_id("new-room-person")).to_have_count(1)
    page.get_by_test_id("search-input").fill("nobody")
    expect(page.get_by_text("Nobody here is called “nobody”")).to_be_visible()


@pytest.mark.parametrize("room", ["r-minh", "r-ha"])
def test_at_four_hundred_percent_everything_can_be_reached(open_page: Open, room: str) -> None:
    page = open_page("ready", f"/chats/{room}", viewport={"width": 320, "height": 256})
    last = page.get_by_test_id("identity-compare" if room == "r-ha" else "message-send")
    last.scroll_into_view_if_needed()
    expect(last).to_be_in_viewport(ratio=0.9)
    message = page.get_by_test_id("message").last
    message.scroll_into_view_if_needed()
    expect(message).to_be_in_viewport()


def test_a_changed_identity_offers_only_what_is_safe(open_page: Open) -> None:
    page = open_page("ready", "/chats/r-ha", viewport=PHONE)
    expect(page.get_by_test_id("identity-change")).to_be_visible()
    expect(page.get_by_test_id("message-input")).to_be_hidden()
    # Somebody who was verified has to be verified again.
    expect(page.get_by_test_id("identity-continue")).to_be_hidden()
    page.get_by_test_id("identity-compare").click()
    expect(page.get_by_test_id("safety-number")).to_have_text(re.compile(r"^(\d{5} ){11}\d{5}$"))
