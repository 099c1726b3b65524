"""Ten thousand messages, and messages made to hurt, in a real browser (S-31, S-34)."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.frontend.ui.conftest import DESK, PHONE, Open

pytestmark = pytest.mark.slow

ROWS = 10_000
MOST_ELEMENTS = 450  # of the list: 200 rows, their days, and room
MOST_SHIFT_PX = 2
LONGEST_TASK_MS = 500  # on a busy machine; a frame of a quick one is a tenth of it
STEP_PX = 700

# Scroll by steps and let each page come. Between steps nothing may move.
WALK = """
async ({ direction, steps, stepPx }) => {
  const scroller = document.querySelector(".message-list");
  const rows = scroller.querySelector(".rows");
  const frame = () => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
  const seen = { shiftPx: 0, elements: 0, pages: 0 };
  for (let step = 0; step < steps; step += 1) {
    scroller.scrollTop += direction * stepPx;
    const edge = scroller.getBoundingClientRect();
    const held = [...rows.querySelectorAll(".message")].find(
      (row) => row.getBoundingClientRect().bottom > edge.top + 40);
    const topPx = held.getBoundingClientRect().top;
    const before = scroller.scrollTop;
    const first = rows.querySelector(".message");
    for (let frames = 0; frames < 6; frames += 1) {
      await frame();
      if (!held.isConnected) throw new Error("a row in view has vanished");
      seen.shiftPx = Math.max(seen.shiftPx, Math.abs(held.getBoundingClientRect().top - topPx));
      seen.elements = Math.max(seen.elements, rows.children.length);
    }
    if (rows.querySelector(".message") !== first) seen.pages += 1;
  }
  return seen;
}
"""
# A browser scrolls by a page in many small steps.
STILL = """
async () => {
  const scroller = document.querySelector(".message-list");
  for (let before = -1; before !== scroller.scrollTop;) {
    before = scroller.scrollTop;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}
"""
LONG_TASKS = """
() => {
  window.longestMs = 0;
  new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) {
      window.longestMs = Math.max(window.longestMs, duration);
    }
  }).observe({ type: "longtask" });
}
"""


def open_long(open_page: Open, **options: Any) -> Page:
    page = open_page("long", "/chats/r-long", **{"viewport": DESK, **options})
    page.get_by_test_id("message").first.wait_for()
    return page


def walk(page: Page, direction: int, steps: int) -> dict[str, float]:
    seen: dict[str, float] = page.evaluate(
        WALK, {"direction": direction, "steps": steps, "stepPx": STEP_PX}
    )
    return seen


def newest_is_shown(page: Page) -> bool:
    shown: bool = page.evaluate(
        """() => {
          const scroller = document.querySelector(".message-list");
          return scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < 3;
        }"""
    )
    return shown


def rows_in_view(page: Page) -> list[str]:
    texts: list[str] = page.evaluate(
        """() => {
          const { top, bottom } = document.querySelector(".message-list").getBoundingClientRect();
          const isInView = (box) => box.bottom > top && box.top < bottom;
          return [...document.querySelectorAll(".message")]
            .filter((row) => isInView(row.getBoundingClientRect()))
            .map((row) => row.dataset.seq);
        }"""
    )
    return texts


@pytest.mark.parametrize("viewport", [DESK, PHONE], ids=["desk", "phone"])
def test_ten_thousand_messages_are_walked_without_a_jump(open_page: Open, viewport: Any) -> None:
    page = open_long(open_page, viewport=viewport)
    assert newest_is_shown(page)
    page.evaluate(LONG_TASKS)
    up = walk(page, -1, 60)
    down = walk(page, 1, 30)
    for seen in (up, down):
        assert seen["shiftPx"] < MOST_SHIFT_PX, seen
        assert seen["elements"] <= MOST_ELEMENTS, seen
        assert seen["pages"] >= 1, seen
    assert page.evaluate("longestMs") < LONGEST_TASK_MS


def test_home_and_end_lead_to_the_first_and_the_last_message(open_page: Open) -> None:
    page = open_long(open_page)
    page.get_by_role("log").focus()
    page.keyboard.press("Home")
    expect(page.get_by_text("Row 0.", exact=True)).to_be_in_viewport()
    page.keyboard.press("PageDown")
    expect(page.get_by_text("Row 0.", exact=True)).not_to_be_in_viewport()
    page.evaluate(STILL)
    page.keyboard.press("End")
    expect(page.locator(".message", has_text="javascript:alert(1)")).to_be_in_viewport()
    assert newest_is_shown(page)
    assert page.locator(".rows > li").count() <= MOST_ELEMENTS


def test_what_comes_in_is_counted_and_takes_nothing_away_from_a_reader_further_up(
    open_page: Open,
) -> None:
    page = open_long(open_page)
    walk(page, -1, 20)
    texts = rows_in_view(page)
    top = page.evaluate("document.querySelector('.message-list').scrollTop")
    for number in range(3):
        page.evaluate("(text) => receive('r-long', text)", f"new {number}")
    pill = page.get_by_test_id("new-messages")
    expect(pill).to_have_text("3 new")
    assert rows_in_view(page) == texts
    assert page.evaluate("document.querySelector('.message-list').scrollTop") == top
    pill.click()
    expect(page.get_by_text("new 2", exact=True)).to_be_in_viewport()
    expect(pill).to_be_hidden()
    page.evaluate("receive('r-long', 'and one more')")
    expect(page.get_by_text("and one more", exact=True)).to_be_in_viewport()
    expect(pill).to_be_hidden()


def test_a_stretch_that_is_full_keeps_what_is_read_at_its_top(open_page: Open) -> None:
    page = open_long(open_page)
    for number in range(220):
        page.evaluate("(text) => receive('r-long', text)", f"flood {number}")
    page.wait_for_timeout(200)
    walk(page, -1, 8)
    assert page.locator(".rows > li").count() <= MOST_ELEMENTS
    before = page.evaluate(WALK, {"direction": 0, "steps": 1, "stepPx": 0})
    for number in range(60):
        page.evaluate("(text) => receive('r-long', text)", f"second flood {number}")
    after = walk(page, 0, 3)
    assert max(before["shiftPx"], after["shiftPx"]) < MOST_SHIFT_PX
    page.get_by_role("log").focus()
    page.keyboard.press("End")
    expect(page.get_by_text("second flood 59", exact=True)).to_be_in_viewport()


def test_ones_own_message_leads_to_the_end_from_anywhere(open_page: Open) -> None:
    page = open_long(open_page)
    page.get_by_role("log").focus()
    page.keyboard.press("Home")
    expect(page.get_by_text("Row 0.", exact=True)).to_be_in_viewport()
    page.get_by_test_id("message-input").fill("from far above")
    page.keyboard.press("Enter")
    mine = page.get_by_test_id("message").filter(has_text="from far above")
    expect(mine).to_be_in_viewport()
    expect(mine).to_have_count(1)
    expect(mine).to_have_attribute("data-state", "read")


def test_the_place_is_found_again_after_a_reload_and_another_room(open_page: Open) -> None:
    page = open_long(open_page)
    walk(page, -1, 25)
    edge_row = page.evaluate(
        """() => {
          const scroller = document.querySelector(".message-list");
          const edge = scroller.getBoundingClientRect().top;
          const row = [...scroller.querySelectorAll(".message")].find(
            (each) => each.getBoundingClientRect().bottom > edge);
          return { seq: row.dataset.seq, top: row.getBoundingClientRect().top };
        }"""
    )
    for leave in ("reload", "other room"):
        if leave == "reload":
            page.reload()
        else:
            page.goto(page.url.replace("r-long", "r-alice"))
            expect(page.get_by_text("Did the parcel arrive?")).to_be_visible()
            page.go_back()
        row = page.locator(f".message[data-seq='{edge_row['seq']}']")
        row.wait_for()
        page.wait_for_timeout(300)
        box = row.bounding_box()
        assert box is not None
        assert abs(box["y"] - edge_row["top"]) < MOST_SHIFT_PX, leave


def test_messages_made_to_hurt_are_text_and_stay_in_their_bubble(open_page: Open) -> None:
    page = open_long(open_page, viewport=PHONE)
    page.evaluate(LONG_TASKS)
    assert page.locator(".message img").count() == 0
    links = page.get_by_test_id("message-text").get_by_role("link")
    assert all(
        href.startswith("https://example.org/")
        for href in links.evaluate_all("(all) => all.map((a) => a.href)")
    )
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    for show in page.get_by_role("button", name="Show all").all():
        height = show.locator("xpath=ancestor::li[1]").bounding_box()
        assert height is not None
        assert height["height"] < 4 * PHONE["height"]
    page.get_by_role("button", name="Show all").first.click()
    page.wait_for_timeout(200)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
