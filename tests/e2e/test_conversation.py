"""Conversations in the page: reading, writing, ending, by keys, for every eye (S1-33, S2-4)."""

import asyncio
from pathlib import Path

from playwright.async_api import Page, expect

from tests.e2e.conftest import DESKTOP, PHONE, SCREENSHOTS, NewPerson
from tests.e2e.person import Person, befriend

AXE = Path(__file__).parents[2] / "node_modules/axe-core/axe.min.js"
SERIOUS = """
async () => {
  const { violations } = await axe.run(document, { resultTypes: ["violations"] });
  return violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(" ")}`);
}
"""
DRAFT_MS = 900  # after the last letter, the draft is kept
FRAME_MS = 250  # until what changes colour or place has done so
HISTORY = 70  # more than a page of fifty


async def test_a_long_history_is_met_at_the_first_unread_and_read_in_pages(
    pair: tuple[Person, Person],
) -> None:
    an, binh = pair
    await an.page.goto(f"{an.server.origin}/#/chats")
    await expect(an.get("message-input")).to_have_count(0)
    for number in range(HISTORY):
        await binh.send(f"câu {number}")
    await expect(an.get("room-item").locator(".unread")).to_have_text(str(HISTORY))
    await expect(binh.message("câu 0")).to_have_attribute("data-state", "delivered")
    await an.open_room()
    await expect(an.page.locator(".unread-line")).to_be_in_viewport()
    await expect(an.message("câu 0")).to_be_in_viewport()
    pill = an.get("new-messages")
    await expect(pill).to_be_visible()
    # What has been on the screen counts as read, and nothing further down.
    await expect(binh.message("câu 0")).to_have_attribute("data-state", "read")
    await expect(binh.message(f"câu {HISTORY - 1}")).to_have_attribute("data-state", "delivered")
    await pill.click()
    await expect(an.message(f"câu {HISTORY - 1}")).to_be_in_viewport()
    await binh.sees_state(f"câu {HISTORY - 1}", "read")
    await expect(pill).to_be_hidden()
    # A reader further up stays there; what comes in is counted.
    await an.page.get_by_role("log").focus()
    await an.page.keyboard.press("Home")
    await expect(an.message("câu 0")).to_be_in_viewport()
    await binh.send("một tin mới")
    await expect(pill).to_have_text("1 new")
    await expect(an.message("câu 0")).to_be_in_viewport()
    await expect(binh.message("một tin mới")).to_have_attribute("data-state", "delivered")
    await an.page.reload()
    await expect(an.message("câu 0")).to_be_in_viewport()
    await an.page.get_by_role("log").focus()
    await an.page.keyboard.press("End")
    await expect(an.message("một tin mới")).to_be_in_viewport()
    await binh.sees_state("một tin mới", "read")


async def test_a_text_is_sent_by_enter_alone_and_a_draft_is_never_lost(
    pair: tuple[Person, Person], new_person: NewPerson
) -> None:
    an, binh = pair
    box = an.get("message-input")
    await expect(box).to_be_focused()
    # Enter ends a composed letter and breaks a line with Shift; only by itself it sends.
    await box.fill("tiếng Vie")
    composing = "(el, code) => el.dispatchEvent(new KeyboardEvent('keydown', {key: 'Enter', "
    composing += "bubbles: true, cancelable: true, isComposing: code === 0, keyCode: code}))"
    await box.evaluate(composing, 0)
    await box.evaluate(composing, 229)
    await expect(an.get("message")).to_have_count(0)
    await box.press_sequentially("ệt")
    await box.press("Shift+Enter")
    await box.press_sequentially("dòng hai")
    await box.press("Enter")
    await expect(an.get("message-text")).to_have_text(["tiếng Vieệt\ndòng hai"])
    await binh.reads("tiếng Vieệt\ndòng hai")
    # Nothing and too much are refused with words, and what was typed stays.
    await box.press("Enter")
    await expect(an.page.get_by_text("Write something first.")).to_be_visible()
    await box.fill("x" * 10_001)
    await expect(an.page.locator(".counter")).to_have_text("-1")
    await box.press("Enter")
    await expect(an.page.get_by_text("1 character too long.")).to_be_visible()
    await expect(box).to_have_value("x" * 10_001)
    await expect(an.get("message")).to_have_count(1)
    # A draft is there after a reload, after another room, and in the list; a sent text is not.
    await box.fill("còn đang viết")
    await an.page.wait_for_timeout(DRAFT_MS)
    await an.page.reload()
    await expect(box).to_have_value("còn đang viết")
    chi = await new_person("Chi")
    await chi.sign_up()
    await an.page.goto(f"{an.server.origin}/#/people")
    await chi.add(await an.friend_code())
    await an.get("contact-request-accept").click()
    await an.page.goto(f"{an.server.origin}/#/chats")
    await an.get("room-item").filter(has_text="Chi").click()
    await expect(box).to_have_value("")
    await an.send("chào Chi")
    with_binh = an.get("room-item").filter(has_text="Binh")
    await expect(with_binh).to_contain_text("Draft: còn đang viết")
    await with_binh.click()
    await expect(box).to_have_value("còn đang viết")
    await box.press("Enter")
    await binh.reads("còn đang viết")
    await an.page.reload()
    await expect(an.message("còn đang viết")).to_be_visible()
    await expect(box).to_have_value("")


async def test_a_room_ends_for_both_and_who_is_blocked_can_come_back(
    pair: tuple[Person, Person],
) -> None:
    an, binh = pair
    await an.send("sẽ mất")
    await binh.reads("sẽ mất")
    await an.get("details-open").click()
    await an.get("room-end").click()
    await an.page.keyboard.press("Escape")
    await expect(an.get("message")).to_have_count(1)
    await an.get("room-end").click()
    await an.get("room-end-confirm").click()
    for person in (an, binh):
        await expect(person.get("toast")).to_contain_text("The room has ended.")
        await expect(person.get("room-item")).to_have_count(0)
        await expect(person.page.get_by_text("sẽ mất")).to_have_count(0)
    await binh.get("new-room").click()
    await binh.get("new-room-person").click()
    await binh.get("message-input").wait_for()
    await binh.send("phòng mới")
    await an.open_room()
    await an.reads("phòng mới")
    await expect(an.get("message")).to_have_count(1)

    # Written while it was still allowed, refused when it arrives: it says so, and nothing is lost.
    await an.context.set_offline(True)
    await an.send("có nghe không")
    await binh.get("details-open").click()
    await binh.get("room-block").click()
    await binh.get("room-block-confirm").click()
    await expect(binh.get("room-unblock")).to_be_visible()
    await binh.page.go_back()
    await expect(binh.page.get_by_text("not contacts any more")).to_be_visible()
    await expect(binh.get("message-input")).to_be_hidden()
    await an.context.set_offline(False)
    await an.sees_state("có nghe không", "failed")
    await expect(an.message("có nghe không")).to_contain_text("you are not contacts any more")
    await an.page.reload()
    retry = an.message("có nghe không").get_by_role("button", name="Retry")
    await retry.click()
    await an.sees_state("có nghe không", "failed")
    await binh.get("details-open").click()
    await binh.get("room-unblock").click()
    await expect(binh.get("room-block")).to_be_visible()
    await an.page.goto(f"{an.server.origin}/#/people")
    await binh.page.goto(f"{an.server.origin}/#/people")
    await an.add(await binh.friend_code())
    await binh.get("contact-request-accept").click()
    await an.page.goto(f"{an.server.origin}/#/chats")
    await an.open_room()
    await retry.click()
    await an.sees_state("có nghe không", "delivered")


async def test_everything_is_done_by_keys_alone(pair: tuple[Person, Person]) -> None:
    an, binh = pair
    keys = an.page.keyboard
    await keys.press("Escape")
    await expect(an.get("room-item")).to_be_focused()
    await keys.press("Enter")
    await expect(an.get("message-input")).to_be_focused()
    await keys.type("bằng bàn phím")
    await keys.press("Enter")
    await binh.reads("bằng bàn phím")
    await keys.press("Escape")
    await expect(an.get("room-item")).to_be_focused()
    await keys.press("/")
    await expect(an.get("search-input")).to_be_focused()
    await keys.type("binh")
    await keys.press("ArrowDown")
    await expect(an.get("room-item")).to_be_focused()
    await keys.press("/")
    await keys.press("Escape")
    await expect(an.get("search-input")).to_have_value("")
    await keys.press("Control+k")
    await expect(an.get("new-room-search")).to_be_focused()
    await keys.type("BÍNH")
    await keys.press("Enter")
    await expect(an.get("message-input")).to_be_focused()
    for _ in range(12):
        if await an.get("details-open").evaluate("(el) => el === document.activeElement"):
            break
        await keys.press("Shift+Tab")
    await keys.press("Enter")
    await expect(an.get("room-end")).to_be_visible()
    await keys.press("Escape")
    await expect(an.get("room-end")).to_have_count(0)
    await expect(an.get("details-open")).to_be_focused()
    await keys.press("Shift+Tab")
    await expect(an.get("verify-open")).to_be_focused()
    await keys.press("Enter")
    await expect(an.get("safety-number")).to_be_visible()
    await keys.press("Escape")
    await expect(an.get("verify-open")).to_be_focused()
    await keys.press("Tab")
    await keys.press("Tab")
    await expect(an.get("room-expiry-keep")).to_be_focused()
    # On a phone, back leads from the details to the conversation and from there to the list.
    await binh.get("details-open").click()
    await expect(binh.get("message-input")).to_be_hidden()
    await binh.page.go_back()
    await expect(binh.get("message-input")).to_be_visible()
    await binh.page.get_by_role("button", name="Back").click()
    await expect(binh.get("room-item")).to_be_focused()


async def test_every_screen_suits_every_eye(new_person: NewPerson) -> None:
    """Nothing serious or critical for axe; the pictures are for people to look at."""
    # axe is put into the page from outside, which the page's policy would rightly refuse.
    an = await new_person("Nguyễn Thị An", email="an@example.org", bypass_csp=True)
    for name in ("sign-up", "log-in"):
        await an.page.goto(f"{an.server.origin}/#/{name}")
        await look_at(an.page, name)
    binh = await new_person("Trần Bình", email="binh@example.org")
    await an.sign_up()
    await binh.sign_up()
    await befriend(an, binh)
    await binh.send("Chào An, tối nay mấy giờ mình gặp?")
    await binh.send("Mình đặt bàn ở https://example.org/quan-ca-phe nhé.")
    await an.send("Bảy giờ. Nhớ mang áo mưa, chiều có mưa đấy!")
    await binh.reads("Bảy giờ. Nhớ mang áo mưa, chiều có mưa đấy!")
    await an.sees_state("Bảy giờ. Nhớ mang áo mưa, chiều có mưa đấy!", "read")
    room = an.page.url.split("#")[1]
    for locale in ("en", "vi"):
        await an.page.evaluate(
            "(locale) => localStorage.setItem('sealroom.appearance', JSON.stringify({locale}))",
            locale,
        )
        await an.page.goto(f"{an.server.origin}/#{room}")
        await an.page.reload()
        await an.get("message-input").wait_for()
        routes = {
            "chats": "/chats",
            "conversation": room,
            "details": f"{room}/details",
            "verify": room,
            "people": "/people",
            "settings": "/settings",
        }
        for name, route in routes.items():
            await an.page.goto(f"{an.server.origin}/#{route}")
            if name == "verify":
                await an.get("verify-open").click()
                await an.get("safety-number").wait_for()
            await look_at(an.page, f"{name}-{locale}")
            if name == "verify":
                await an.page.keyboard.press("Escape")


async def look_at(page: Page, name: str) -> None:
    """One picture for each width and theme; axe judges each width once, in both themes together."""
    await page.evaluate(AXE.read_text(encoding="utf-8"))
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    for viewport in (PHONE, DESKTOP):
        await page.set_viewport_size(viewport)
        for theme in ("light", "dark"):
            await page.emulate_media(color_scheme=theme)
            await asyncio.sleep(FRAME_MS / 1000)
            path = SCREENSHOTS / f"{name}-{viewport['width']}-{theme}.png"
            await page.screenshot(path=path)
            if (viewport is PHONE) == (theme == "light"):
                assert await page.evaluate(SERIOUS) == [], (name, viewport, theme)
