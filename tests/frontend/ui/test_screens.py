"""What every screen promises, in a real browser under the page's own policy.

The screens are drawn over `tests/frontend/fake-engine.js`: what is tested here is what people see
and press, not what the engine does with it (tests/e2e does that).
"""

import re
from pathlib import Path

import pytest
from playwright.sync_api import ViewportSize, expect

from tests.frontend.ui.conftest import DESK, PHONE, Open

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[3]
AXE = ROOT / "node_modules/axe-core/axe.min.js"
FRAMES_MS = 100  # until colours have been drawn anew
ZOOMED: ViewportSize = {"width": 320, "height": 256}  # 1280×1024 at 400 %, WCAG 1.4.10

# name → (scene of the fake engine, address)
SCREENS = {
    "welcome": ("welcome", "/welcome"),
    "sign up": ("welcome", "/sign-up"),
    "log in": ("welcome", "/log-in"),
    "log in again": ("expired", "/chats"),
    "forgotten password": ("welcome", "/forgot-password"),
    "recovery code": ("recovery", "/chats"),
    "unlock": ("unlock", "/chats"),
    "broken": ("broken", "/chats"),
    "unsupported": ("unsupported", "/chats"),
    "chats": ("ready", "/chats"),
    "no chats": ("empty", "/chats"),
    "conversation": ("ready", "/chats/r-minh"),
    "room details": ("ready", "/chats/r-minh/details"),
    "received files": ("transfers", "/files"),
    "sent files": ("transfers", "/files/sent"),
    "new transfer": ("transfers", "/files/new"),
    "no files": ("empty", "/files"),
    "no files off-line": ("offline", "/files"),
    "nothing sent": ("empty", "/files/sent"),
    "sealed files": ("ready", "/files/seal"),
    "people": ("ready", "/people"),
    "nobody": ("empty", "/people"),
    "off-line": ("offline", "/people"),
    "settings": ("ready", "/settings"),
    "profile": ("ready", "/settings/profile"),
    "privacy": ("ready", "/settings/privacy"),
    "devices": ("ready", "/settings/devices"),
    "security": ("ready", "/settings/security"),
    "appearance": ("ready", "/settings/appearance"),
    "about": ("ready", "/settings/about"),
}
REVOKED = """() => {
  globalThis.revoked = 0;
  URL.revokeObjectURL = () => void (revoked += 1);
}"""
SERIOUS = """
async () => {
  const { violations } = await axe.run(document, { resultTypes: ["violations"] });
  return violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(" ")}`);
}
"""
# Colours on their way from one theme to the other have the contrast of neither.
SETTLED = """
() => document.getAnimations().every(
  (one) => one.effect.getComputedTiming().iterations === Infinity || one.playState !== "running")
"""
TWICE = """
() => {
  const many =
    /^(message(-text)?|room-item|presence|search-result|(attachment|contact|transfer).*)$/;
  const marked = [...document.querySelectorAll("[data-testid]")];
  const ids = marked.map((el) => el.dataset.testid).filter((id) => !many.test(id));
  return ids.filter((id, index) => ids.indexOf(id) !== index);
}
"""


@pytest.mark.parametrize("name", SCREENS)
def test_a_screen_suits_everybody(open_page: Open, name: str) -> None:
    """No serious finding of axe in either theme, nothing cut off at 400 %, no test id twice."""
    # axe is put into the page from outside, which the page's policy would rightly refuse.
    page = open_page(*SCREENS[name], bypass_csp=True, reduced_motion="reduce", locale="vi-VN")
    page.evaluate(AXE.read_text())
    # A browser where nobody has ever been shows it instead of what it was not asked for.
    assert (page.locator(".welcome").count() == 1) == (name == "welcome")
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)
        page.wait_for_timeout(FRAMES_MS)
        page.wait_for_function(SETTLED)
        assert page.evaluate(SERIOUS) == [], theme
    page.set_viewport_size(ZOOMED)
    assert page.evaluate("document.documentElement.scrollWidth") <= ZOOMED["width"]
    box = page.locator("h1:visible, h2:visible").first.bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= ZOOMED["width"]
    page.set_viewport_size(DESK)
    assert page.evaluate(TWICE) == []


def test_the_first_page_starts_no_engine_until_somebody_wants_in(open_page: Open) -> None:
    page = open_page("welcome", "")
    assert page.evaluate("globalThis.engineCalls") is None
    page.get_by_role("link", name="Create account").click()
    expect(page.get_by_test_id("signup-name")).to_be_focused()
    page.get_by_test_id("signup-password").press_sequentially("abc")
    expect(page.get_by_text("Too easy to guess.")).to_be_visible()
    assert page.evaluate("engineCalls")[0] == "boot"


def test_a_phone_shows_one_pane_and_hides_the_navigation_in_a_conversation_only(
    open_page: Open,
) -> None:
    page = open_page("ready", "/chats")
    navigation = page.get_by_role("navigation", name="Main")
    expect(navigation).to_be_visible()
    page.get_by_test_id("room-item").first.click()
    expect(page.get_by_test_id("message-input")).to_be_visible()
    expect(page.get_by_test_id("room-list")).to_be_hidden()
    expect(navigation).to_be_hidden()
    page.go_back()
    expect(page.get_by_test_id("room-list")).to_be_visible()
    page.get_by_test_id("settings-open").click()
    page.get_by_role("link", name="Privacy").click()
    expect(page.get_by_test_id("logout")).to_be_hidden()
    expect(navigation).to_be_visible()


def test_the_list_is_as_wide_as_it_was_left(open_page: Open) -> None:
    page = open_page("ready", "/chats", viewport=DESK)
    edge = page.get_by_role("separator", name="Width of the list")
    edge.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(edge).to_have_attribute("aria-valuenow", "352")
    page.reload()
    expect(edge).to_have_attribute("aria-valuenow", "352")


def test_signing_up_leads_through_three_steps_into_the_app(open_page: Open) -> None:
    page = open_page("welcome", "/sign-up")
    page.get_by_test_id("signup-name").fill("Lan")
    page.get_by_test_id("signup-email").fill(" lan@example.vn ")
    page.get_by_test_id("signup-password").fill("mưa đầu mùa hạ trắng")
    expect(page.get_by_text("Strong.")).to_be_visible()
    page.get_by_test_id("signup-submit").click()
    page.get_by_test_id("otp-code").fill("123456")
    page.get_by_test_id("otp-submit").click()
    code = page.get_by_test_id("recovery-code")
    expect(code).to_have_text(re.compile(r"^([0-9A-Z]{4}-){6}[0-9A-Z]{4}$"))
    last = (code.text_content() or "")[-4:]
    page.get_by_test_id("recovery-confirm").fill(last.lower())
    page.get_by_test_id("recovery-continue").click()
    expect(page.get_by_test_id("settings-open")).to_be_visible()


def test_the_recovery_code_can_be_saved_by_who_is_asked_first(open_page: Open) -> None:
    page = open_page("recovery", "/chats")
    page.evaluate(REVOKED)
    page.clock.install()
    code = page.get_by_test_id("recovery-code").inner_text()
    with page.expect_download() as saved:
        page.get_by_role("button", name="Save").click()
    assert saved.value.suggested_filename == "sealroom-recovery-code.txt"
    assert code in saved.value.path().read_text()
    page.clock.run_for(30_000)
    assert page.evaluate("revoked") == 0, "iOS asks before it reads the file"
    page.clock.run_for(60_000)
    assert page.evaluate("revoked") == 1


def test_a_pasted_code_is_read_with_its_space_and_sent_once(open_page: Open) -> None:
    page = open_page("welcome", "/log-in")
    page.get_by_test_id("login-email").fill("lan@example.vn")
    page.get_by_test_id("login-password").fill("mưa đầu mùa hạ trắng")
    page.get_by_test_id("login-submit").click()
    box = page.get_by_test_id("otp-code")
    box.evaluate(
        """(input) => {
          input.focus();
          input.value = "123 456";
          input.dispatchEvent(new InputEvent("input", { bubbles: true }));
        }"""
    )
    expect(box).to_have_value("123456")
    page.get_by_test_id("recovery-code").wait_for()
    assert page.evaluate("engineCalls").count("submitCode") == 1


def test_a_wrong_code_empties_the_boxes_and_says_so(open_page: Open) -> None:
    page = open_page("welcome", "/log-in")
    page.get_by_test_id("login-email").fill("lan@example.vn")
    page.get_by_test_id("login-password").fill("mưa đầu mùa hạ trắng")
    page.get_by_test_id("login-submit").click()
    page.get_by_test_id("otp-code").fill("000000")
    expect(page.get_by_role("alert")).to_contain_text("not right")
    expect(page.get_by_test_id("otp-code")).to_be_focused()
    page.keyboard.type("123456")
    page.get_by_test_id("recovery-code").wait_for()


def test_a_form_is_sent_once_however_often_it_is_pressed(open_page: Open) -> None:
    page = open_page("welcome", "/log-in")
    page.get_by_test_id("login-email").fill("lan@example.vn")
    page.get_by_test_id("login-password").fill("wrong")
    page.get_by_test_id("login-submit").dblclick()
    expect(page.get_by_role("alert")).to_contain_text("not right")
    assert page.evaluate("engineCalls").count("logIn") == 1
    expect(page.get_by_test_id("login-password")).to_have_value("wrong")


def test_a_language_is_spoken_at_once_and_after_a_reload(open_page: Open) -> None:
    page = open_page("ready", "/settings/appearance")
    page.get_by_label("Tiếng Việt").check()
    expect(page.locator("h1:visible, h2:visible")).to_have_text("Giao diện và ngôn ngữ")
    page.reload()
    expect(page.locator("h1:visible, h2:visible")).to_have_text("Giao diện và ngôn ngữ")
    assert page.evaluate("document.documentElement.lang") == "vi"


def test_a_theme_holds_against_the_devices_own(open_page: Open) -> None:
    page = open_page("ready", "/settings/appearance", color_scheme="light")
    page.get_by_label("Dark").check()
    assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "dark"
    page.reload()
    page.get_by_label("Dark").wait_for(state="attached")
    assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "dark"


def test_a_menu_and_a_dialog_are_worked_by_keys_and_give_the_focus_back(open_page: Open) -> None:
    page = open_page("ready", "/people")
    more = page.get_by_label("More about Alice Moreau")
    more.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("menuitem").first).to_be_focused()
    page.keyboard.press("ArrowUp")
    expect(page.get_by_role("menuitem", name="Block")).to_be_focused()
    page.keyboard.press("Escape")
    expect(more).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name="Block Alice Moreau?")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert "block" not in page.evaluate("engineCalls")


def test_removing_a_device_asks_for_the_password_and_stays_until_it_is_right(
    open_page: Open,
) -> None:
    page = open_page("ready", "/settings/devices")
    page.get_by_label("Remove Safari on iPhone").click()
    page.get_by_test_id("confirm-password").fill("wrong")
    page.get_by_test_id("confirm-password-submit").click()
    expect(page.get_by_role("dialog")).to_contain_text("The password is not right.")
    page.get_by_test_id("confirm-password").fill("mưa đầu mùa hạ trắng")
    page.get_by_test_id("confirm-password-submit").click()
    expect(page.get_by_test_id("toast")).to_contain_text("was removed")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_every_result_is_said_in_one_toast_that_goes_by_itself(open_page: Open) -> None:
    page = open_page("ready", "/people")
    page.get_by_test_id("add-contact-code").fill("0123456789ab")
    page.get_by_test_id("add-contact-submit").click()
    expect(page.get_by_test_id("toast")).to_contain_text("Request sent")
    page.get_by_test_id("contact-request-accept").first.click()
    expect(page.get_by_test_id("toast")).to_contain_text("can talk now")
    expect(page.get_by_test_id("toast")).to_have_count(1)
    expect(page.get_by_test_id("toast")).to_have_count(0, timeout=8000)


def test_an_unknown_friend_code_is_said_beside_the_input_which_keeps_it(open_page: Open) -> None:
    page = open_page("ready", "/people")
    page.get_by_test_id("add-contact-code").fill("nobody")
    page.get_by_test_id("add-contact-submit").click()
    expect(page.get_by_text("Nobody has this friend code.")).to_be_visible()
    expect(page.get_by_test_id("add-contact-code")).to_have_value("nobody")


def test_ones_own_code_is_not_sent(open_page: Open) -> None:
    page = open_page("ready", "/people")
    own = page.get_by_test_id("my-friend-code").text_content() or ""
    page.get_by_test_id("add-contact-code").fill(f" {own.upper()} ")
    page.get_by_test_id("add-contact-submit").click()
    expect(page.get_by_text("This is your own.")).to_be_visible()
    assert "addContact" not in page.evaluate("engineCalls")


def test_off_line_is_said_in_words_and_nothing_typed_is_lost(open_page: Open) -> None:
    page = open_page("offline", "/people")
    expect(page.locator(".connection-banner")).to_contain_text("You are offline")
    page.get_by_test_id("add-contact-code").fill("0123456789ab")
    page.get_by_test_id("add-contact-submit").click()
    expect(page.get_by_role("alert")).to_contain_text("What you entered is still here")
    expect(page.get_by_test_id("add-contact-code")).to_have_value("0123456789ab")


def test_logging_out_leaves_nobody_on_the_page(open_page: Open) -> None:
    page = open_page("ready", "/chats")
    page.get_by_test_id("settings-open").click()
    page.get_by_test_id("logout").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Talk where nobody listens in")
    expect(page.get_by_text("Nguyễn Thị Lan")).to_have_count(0)
    assert page.evaluate("location.hash") == "#/welcome"


LARGE_LETTERS = "document.documentElement.style.fontSize = '200%'"


def test_with_letters_twice_as_large_one_gets_everywhere(open_page: Open) -> None:
    page = open_page("files", "/files")
    page.evaluate(LARGE_LETTERS)
    navigation = page.get_by_role("navigation", name="Main")
    for name in ("Chats", "Files", "People", "Settings"):
        expect(navigation.get_by_role("link", name=name)).to_be_in_viewport(ratio=1)


def test_with_letters_twice_as_large_one_sees_whom_one_writes_to_and_what(open_page: Open) -> None:
    page = open_page("files", "/chats/r-files")
    page.evaluate(LARGE_LETTERS)
    for part in (page.get_by_test_id("message-input"), page.get_by_test_id("presence")):
        box = part.bounding_box()
        assert box is not None
        assert box["width"] > PHONE["width"] / 2
    keep = page.get_by_role("button", name="Keep 7 more days")
    expect(keep).to_be_in_viewport(ratio=1)
