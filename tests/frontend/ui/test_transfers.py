"""Transfers as people see them: what came, what went, and sending more.

S3-15, S3-21, S3-22, S3-25.
"""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.frontend.ui.conftest import DESK, Open
from tests.frontend.ui.test_attach import PLACE, a_file, photo, with_place
from tests.frontend.ui.test_screens import AXE, SERIOUS

pytestmark = pytest.mark.slow


def card(page: Page, text: str) -> Locator:
    """Find the one transfer in which this stands."""
    found = page.locator(".transfer-card").filter(has_text=text)
    expect(found).to_have_count(1)
    return found


def file_row(page: Page, name: str) -> Locator:
    return page.locator(".transfer-file").filter(has_text=name)


# ---- the four parts


def test_the_parts_are_links_that_say_where_one_is(open_page: Open) -> None:
    page = open_page("transfers", "/files")
    parts = page.get_by_role("navigation", name="Files")
    for name in ("Received", "Sent", "New transfer", "Sealed files"):
        page.keyboard.press("Tab")
        link = parts.get_by_role("link", name=name)
        link.focus()
        page.keyboard.press("Enter")
        expect(link).to_have_attribute("aria-current", "page")
        expect(parts.locator("[aria-current]")).to_have_count(1)
    page.go_back()
    expect(parts.locator("[aria-current]")).to_have_text("New transfer")


def test_the_navigation_counts_what_waits_and_was_not_fetched(open_page: Open) -> None:
    page = open_page("transfers", "/chats")
    badge = page.get_by_role("navigation", name="Main").get_by_role("link", name="Files")
    expect(badge.locator(".badge")).to_have_text("5")
    page.evaluate("tellTransfers({ id: 't-new', downloadedMs: 1 })")
    expect(badge.locator(".badge")).to_have_text("4")


def test_while_nothing_is_known_grey_rows_stand_there_and_off_line_a_sentence(
    open_page: Open,
) -> None:
    page = open_page("transfers-loading", "/files")
    expect(page.get_by_role("status", name="Loading")).to_be_visible()
    expect(page.get_by_text("Nothing came yet")).to_be_hidden()
    page.evaluate("tellConnection('offline')")
    expect(page.get_by_role("heading", name="You are offline")).to_be_visible()
    expect(page.get_by_role("status", name="Loading")).to_be_hidden()


def test_empty_lists_say_what_belongs_there(open_page: Open) -> None:
    page = open_page("empty", "/files")
    expect(page.get_by_role("heading", name="Nothing came yet")).to_be_visible()
    page.get_by_role("link", name="Sent").click()
    page.get_by_role("button", name="New transfer").click()
    expect(page.get_by_test_id("transfer-send")).to_be_visible()


# ---- received


def test_a_strangers_offer_says_who_and_how_much_and_is_accepted(open_page: Open) -> None:
    page = open_page("transfers", "/files")
    offer = card(page, "wants to send you")
    expect(offer.get_by_test_id("transfer-offer")).to_have_text(
        "Lan (code 8f3a19c07be2) wants to send you 2 files, 34 MB"
    )
    expect(offer).to_contain_text("If you accept, you become contacts")
    expect(offer.get_by_role("button", name="Save")).to_have_count(0)
    offer.get_by_test_id("transfer-accept").click()
    expect(card(page, "Waiting until a device of Lan is online.")).to_be_visible()
    expect(page.get_by_role("button", name="Accept")).to_have_count(0)


def test_declining_asks_once(open_page: Open) -> None:
    page = open_page("transfers", "/files")
    page.get_by_role("button", name="Decline").click()
    page.keyboard.press("Escape")
    assert "declineTransfer" not in page.evaluate("engineCalls")
    page.get_by_role("button", name="Decline").click()
    page.get_by_test_id("transfer-decline-confirm").click()
    expect(page.get_by_test_id("toast")).to_have_text("Declined.")
    expect(page.get_by_text("wants to send you")).to_have_count(0)


def test_whoever_offers_files_can_be_blocked_from_there(open_page: Open) -> None:
    page = open_page("transfers", "/files")
    page.get_by_test_id("transfer-block").filter(visible=True).click()
    page.keyboard.press("Escape")
    assert "block" not in page.evaluate("engineCalls")
    page.get_by_test_id("transfer-block").filter(visible=True).click()
    page.get_by_test_id("transfer-block-confirm").click()
    expect(page.get_by_test_id("toast")).to_contain_text("is blocked.")


def test_a_folder_that_is_dropped_is_not_called_a_file_that_changed(open_page: Open) -> None:
    page = open_page("ready", "/files/new")
    page.evaluate(DROP_UNREADABLE)
    words = "“photos” could not be read: it was changed or moved, or it is a folder."
    expect(page.get_by_test_id("toast")).to_contain_text(words)
    expect(page.get_by_test_id("attachment-tray")).to_be_hidden()


@pytest.mark.parametrize(
    ("email", "words"),
    [
        ("lan.nguyen@example.vn", "This is your own address."),
        ("Lan.Nguyen@example.vn", "This is your own address."),
        ("a..b@example.org", "This does not look like an e-mail address."),
        ("a.@example.org", "This does not look like an e-mail address."),
    ],
)
def test_an_address_that_cannot_be_meant_is_refused_on_its_field(
    open_page: Open, email: str, words: str
) -> None:
    page = open_page("ready", "/files/new")
    choose(page, "one.txt")
    page.get_by_role("radio", name="E-mail").check()
    page.get_by_test_id("transfer-email").fill(email)
    page.get_by_test_id("transfer-send").click()
    expect(page.get_by_text(words)).to_be_visible()
    expect(page.get_by_test_id("transfer-email")).to_be_focused()
    assert "sendTransfer" not in page.evaluate("engineCalls")


def test_a_saved_file_has_its_verdict_below_it(open_page: Open) -> None:
    page = open_page("transfers", "/files")
    row = file_row(page, "Hợp đồng thuê nhà.pdf")
    # As it is painted: a space at the seam between the two parts of a name is easily lost.
    assert "Hợp đồng thuê nhà.pdf" in row.inner_text().replace("\n", "")
    expect(row.locator(".status")).to_have_text("1.2 MB")
    with page.expect_download() as download:
        row.get_by_role("button", name="Save Hợp đồng thuê nhà.pdf").click()
    assert download.value.suggested_filename == "Hợp đồng thuê nhà.pdf"
    assert download.value.path().read_bytes() == b"what was sent"
    expect(row.locator(".status")).to_have_text("Intact, from Trần Quang Minh")


def test_all_are_saved_one_after_the_other(open_page: Open) -> None:
    page = open_page("transfers", "/files")
    names: list[str] = []
    page.on("download", lambda download: names.append(download.suggested_filename))
    whole = card(page, "Hợp đồng thuê nhà.pdf")
    whole.get_by_test_id("transfer-save-all").click()
    expect(whole.get_by_text("Intact, from Trần Quang Minh")).to_have_count(2)
    expect(whole.get_by_test_id("transfer-save-all")).not_to_have_attribute("aria-busy", "true")
    assert [name[-4:] for name in names] == [".pdf", "r.gz"]


def test_of_somebody_unverified_it_is_said_once_a_file_is_there(open_page: Open) -> None:
    page = open_page("transfers", "/files")
    one = card(page, "report.pdf")
    note = one.get_by_test_id("transfer-note")
    expect(note).to_contain_text("You have not compared the safety number with Alice Moreau yet.")
    one.get_by_test_id("transfer-compare").click()
    page.get_by_test_id("verify-mark").click()
    expect(note).to_be_hidden()
    expect(one.get_by_test_id("transfer-compare")).to_be_hidden()


@pytest.mark.parametrize(
    ("name", "verdict", "why"),
    [
        ("drawing.dwg", "Damaged: not saved", "The file was changed or cut off"),
        ("letter.docx", "Not from a device of Trần Quang Minh: not saved", ""),
        ("old.zip", "No longer on the server", ""),
    ],
)
def test_what_was_refused_says_so_and_cannot_be_saved(
    open_page: Open, name: str, verdict: str, why: str
) -> None:
    page = open_page("transfers", "/files")
    row = file_row(page, name)
    expect(row.locator(".status")).to_have_text(verdict)
    expect(row.get_by_role("button")).to_have_count(0)
    note = card(page, name).get_by_test_id("transfer-note")
    expect(note).to_contain_text(f"drawing.dwg{why}")


def test_a_file_that_proves_damaged_is_not_saved(open_page: Open) -> None:
    page = open_page("transfers", "/files")
    expect(card(page, "tickets.zip")).to_contain_text("Can be downloaded 1 more time")
    expect(card(page, "tickets.zip")).to_contain_text(re.compile(r"until\s.+"))
    names: list[str] = []
    page.on("download", lambda download: names.append(download.suggested_filename))
    row = file_row(page, "tickets.zip")
    row.get_by_test_id("transfer-save").click()
    expect(row.locator(".status")).to_have_text("Damaged: not saved")
    expect(row.get_by_role("button")).to_have_count(0)
    assert names == []


def test_what_was_sealed_for_other_devices_says_why(open_page: Open) -> None:
    page = open_page("transfers", "/files")
    expect(page.get_by_text("Not for this device: not saved")).to_be_visible()
    other = card(page, "It was sealed for other people, or before this device joined")
    expect(other.get_by_role("button", name="Save")).to_have_count(0)


def test_what_is_used_up_says_so_and_offers_no_second_try(open_page: Open) -> None:
    page = open_page("transfers", "/files")
    row = file_row(page, "photos.zip")
    row.get_by_test_id("transfer-save").click()
    expect(row.locator(".status")).to_contain_text("downloaded as often as they may be")
    expect(row.get_by_role("button")).to_have_count(0)


def test_a_failure_says_what_to_do_and_is_tried_again(open_page: Open) -> None:
    page = open_page("transfers", "/files")
    row = file_row(page, "notes.txt")
    expect(row.locator(".status")).to_contain_text("try again in a minute")
    with page.expect_download():
        row.get_by_role("button", name="Try notes.txt again").click()
    expect(row.locator(".status")).to_have_text("Intact, from Alice Moreau")


def test_a_download_shows_its_pace_and_can_be_cancelled(open_page: Open) -> None:
    page = open_page("transfers", "/files")
    row = file_row(page, "film.mp4")
    row.get_by_role("button", name="Cancel film.mp4").click()
    expect(row.locator(".status")).to_have_text("840 MB")
    row.get_by_test_id("transfer-save").click()
    expect(row.locator(".status")).to_have_text("42% of 840 MB")
    now_s = page.evaluate("Date.now()") / 1_000
    for second in (0, 2):
        page.clock.set_fixed_time(now_s + 10 + second)
        page.evaluate(f"moveTransfer('t-moving', 0, {420_000_000 + second * 2_000_000}, 840000000)")
    expect(row.locator(".status")).to_have_text("50% of 840 MB · 2 MB/s · 3 minutes left")
    row.get_by_role("button", name="Cancel film.mp4").click()
    expect(row.locator(".status")).to_have_text("840 MB")
    expect(row.get_by_test_id("transfer-save")).to_be_visible()


def test_removing_asks_and_takes_the_transfer_away(open_page: Open) -> None:
    page = open_page("transfers", "/files")
    card(page, "report.pdf").get_by_role("button", name="Remove").click()
    expect(page.get_by_role("dialog")).to_contain_text("What you have saved stays.")
    page.get_by_test_id("transfer-remove-confirm").click()
    expect(page.get_by_text("report.pdf")).to_have_count(0)
    expect(page.get_by_role("heading", name="Lan", exact=True)).to_be_focused()


def test_after_the_last_one_has_gone_the_focus_is_where_the_list_was(open_page: Open) -> None:
    page = open_page("ready", "/files/new")
    choose(page, "one.txt")
    page.get_by_role("radio", name="Link").check()
    page.get_by_test_id("transfer-send").click()
    page.get_by_test_id("transfer-sent").wait_for()
    page.evaluate("tellTransfers({ id: 's-1', state: 'ended' })")
    page.get_by_test_id("transfer-forget").click()
    page.get_by_test_id("transfer-forget-confirm").click()
    expect(page.get_by_role("heading", name="Nothing sent yet")).to_be_focused()


# ---- sent

STATES = {
    "Hồ sơ.zip": "Encrypting on this device. Stay here until it is done.",
    "film.mp4": "Uploading",
    "too large.iso": "This is larger than the server takes. Nothing was sent.",
    "invoice.pdf": "Waiting until they accept",
    "a.pdf": "Accepted: being encrypted for their devices",
    "lake.jpg": "Not fetched yet",
    "trip-1.jpg": "Downloaded 2 of 5 times",
    "The link can be seen only on the device that made it.": "Downloaded 3 times",
    "old.zip": "Ended. Nobody can get it any more.",
}


def test_every_state_of_what_went_is_said_in_words(open_page: Open) -> None:
    page = open_page("transfers", "/files/sent")
    for mark, words in STATES.items():
        expect(card(page, mark).get_by_test_id("transfer-state")).to_have_text(words)
    fetched = card(page, "plan.pdf").get_by_test_id("transfer-state")
    expect(fetched).to_have_text(re.compile(r"^Fetched on \d+ \w+ at \d\d:\d\d$"))
    page.evaluate("tellTransfers({ id: 's-accepted', sealed: true })")
    expect(card(page, "a.pdf")).to_contain_text("Accepted, not fetched yet")


def test_an_upload_waits_for_the_network_in_words(open_page: Open) -> None:
    page = open_page("transfers", "/files/sent")
    state = card(page, "film.mp4").get_by_test_id("transfer-state")
    page.evaluate("tellConnection('offline')")
    expect(state).to_have_text("Waiting for the network")
    page.evaluate("tellConnection('online')")
    expect(state).to_have_text("Uploading")
    page.evaluate("moveTransfer('s-moves', 0, 240000000, 240000000)")
    expect(card(page, "film.mp4")).to_contain_text("97% of 248 MB")


def test_a_link_is_copied_whole_and_says_what_belongs_to_it(open_page: Open) -> None:
    permissions = ["clipboard-read", "clipboard-write"]
    page = open_page("transfers", "/files/sent", permissions=permissions)
    asked = card(page, "invoice.pdf")
    expect(asked).to_contain_text("The mail holds neither names nor this link.")
    expect(asked).to_contain_text("The passphrase is needed too.")
    asked.get_by_test_id("transfer-copy").click()
    expect(page.get_by_test_id("toast")).to_have_text("Link copied.")
    origin = page.evaluate("location.origin")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == asked.get_by_test_id("transfer-link").text_content()
    assert copied.startswith(f"{origin}/t/s-address#1.")
    expect(page.get_by_text("10007 17926").first).to_be_hidden()
    asked.get_by_text("Numbers to compare").click()
    expect(asked.get_by_text("10007 17926 25845 33764 41683 49602")).to_be_visible()


def test_where_the_device_can_share_the_link_is_shared(open_page: Open) -> None:
    page = open_page("transfers", "/files/sent")
    expect(card(page, "trip-1.jpg").get_by_test_id("transfer-share")).to_be_hidden()
    page.add_init_script("navigator.share = async ({ url }) => void (globalThis.shared = url)")
    page.reload()
    one = card(page, "trip-1.jpg")
    one.get_by_test_id("transfer-share").click()
    assert page.evaluate("shared") == one.get_by_test_id("transfer-link").text_content()


def test_many_names_are_folded_away_and_stay_as_the_reader_left_them(open_page: Open) -> None:
    page = open_page("transfers", "/files/sent")
    one = card(page, "trip-1.jpg")
    expect(one.get_by_text("trip-6.jpg")).to_be_hidden()
    one.locator("summary").filter(has_text="6 files").click()
    expect(one.get_by_text("trip-6.jpg")).to_be_visible()
    page.evaluate("tellTransfers({ id: 's-link', downloads: 3 })")
    expect(one).to_contain_text("Downloaded 3 of 5 times")
    expect(one.get_by_text("trip-6.jpg")).to_be_visible()


def test_withdrawing_asks_once_and_takes_the_link_away(open_page: Open) -> None:
    page = open_page("transfers", "/files/sent")
    one = card(page, "trip-1.jpg")
    one.get_by_test_id("transfer-withdraw").click()
    page.keyboard.press("Escape")
    assert "withdrawTransfer" not in page.evaluate("engineCalls")
    one.get_by_test_id("transfer-withdraw").click()
    page.get_by_test_id("transfer-withdraw-confirm").click()
    expect(one.get_by_test_id("transfer-state")).to_contain_text("Ended.")
    expect(one.get_by_test_id("transfer-copy")).to_be_hidden()
    expect(one.get_by_test_id("transfer-withdraw")).to_be_hidden()


def test_what_is_under_way_is_stopped_or_goes_on(open_page: Open) -> None:
    page = open_page("transfers", "/files/sent")
    one = card(page, "film.mp4")
    one.get_by_role("button", name="Stop sending").click()
    dialog = page.get_by_role("dialog", name="Stop sending these files?")
    dialog.get_by_role("button", name="Go on sending").click()
    assert "withdrawTransfer" not in page.evaluate("engineCalls")
    one.get_by_role("button", name="Stop sending").click()
    page.get_by_test_id("transfer-stop-confirm").click()
    expect(page.get_by_test_id("toast")).to_have_text("Sending was stopped.")
    expect(one.get_by_test_id("transfer-state")).to_contain_text("Ended.")


def test_what_is_under_way_is_paused_and_goes_on(open_page: Open) -> None:
    page = open_page("transfers", "/files/sent")
    one = card(page, "film.mp4")
    one.get_by_role("button", name="Pause").click()
    expect(one.get_by_test_id("transfer-state")).to_have_text("Paused")
    expect(one.get_by_role("progressbar")).to_be_visible()
    expect(one.get_by_role("button", name="Stop sending")).to_be_visible()
    one.get_by_role("button", name="Go on").click()
    expect(one.get_by_test_id("transfer-state")).to_have_text("Uploading")


def test_what_failed_is_tried_again_or_taken_off_the_list(open_page: Open) -> None:
    page = open_page("transfers", "/files/sent")
    one = card(page, "too large.iso")
    expect(one.get_by_test_id("transfer-retry")).to_be_hidden()
    page.evaluate("tellTransfers({ id: 's-failed', failure: 'unavailable' })")
    one.get_by_test_id("transfer-retry").click()
    expect(one.get_by_test_id("transfer-state")).to_have_text("Waiting for its turn")
    ended = card(page, "old.zip")
    ended.get_by_role("button", name="Remove from list").click()
    page.get_by_test_id("transfer-forget-confirm").click()
    expect(page.get_by_text("old.zip")).to_have_count(0)


# ---- sending


DROP_UNREADABLE = """() => {
  const photos = new File(["x".repeat(4096)], "photos");
  for (const how of ["slice", "stream", "arrayBuffer", "text"]) {
    photos[how] = () => { throw new DOMException("a folder", "NotFoundError"); };
  }
  const transfer = { types: ["Files"], files: [photos] };
  const event = new DragEvent("drop", { bubbles: true, cancelable: true });
  Object.defineProperty(event, "dataTransfer", { value: transfer });
  document.querySelector('[data-testid="transfer-new"]').dispatchEvent(event);
}"""


def choose(page: Page, *names: str) -> None:
    with page.expect_file_chooser() as chooser:
        page.get_by_test_id("transfer-choose").click()
    chooser.value.set_files([a_file(name) for name in names])


def test_files_go_to_a_contact_and_their_transfer_stands_on_top(open_page: Open) -> None:
    page = open_page("ready", "/files/new")
    choose(page, "one.txt", "two.txt", "three.txt")
    page.get_by_role("button", name="Remove two.txt").click()
    expect(page.get_by_test_id("transfer-total")).to_have_text("2 files, 14 byte together")
    page.get_by_test_id("transfer-contact").select_option(label="Alice Moreau")
    page.get_by_test_id("transfer-lives").select_option(label="3 days")
    page.get_by_test_id("transfer-send").click()
    first = page.get_by_test_id("transfer-sent").first
    expect(first.get_by_role("heading", name="Alice Moreau")).to_be_focused()
    expect(first).to_contain_text("Waiting for its turn")
    expect(first.get_by_test_id("transfer-link")).to_be_hidden()
    sent = page.evaluate("sentTransfer")
    assert sent["names"] == ["one.txt", "three.txt"]
    assert sent["to"] == {"kind": "person", "user": "u-alice"}
    assert (sent["livesMs"], sent["maxDownloads"], sent["passphrase"]) == (259_200_000, None, None)
    page.get_by_test_id("files-new-tab").click()
    expect(page.get_by_test_id("attachment-tray")).to_be_hidden()


def test_a_link_is_made_as_wished_and_shown_at_once(open_page: Open) -> None:
    page = open_page("ready", "/files/new", viewport=DESK)
    choose(page, "film.mp4")
    page.get_by_role("radio", name="Link").check()
    page.get_by_test_id("transfer-lives").select_option(label="1 hour")
    page.get_by_test_id("transfer-limit").select_option(label="Another number")
    page.get_by_test_id("transfer-limit-number").fill("12")
    page.get_by_role("button", name="Suggest six words").click()
    page.get_by_role("switch", name="Say who it is from").uncheck()
    page.get_by_role("button", name="Make the link").click()
    first = page.get_by_test_id("transfer-sent").first
    expect(first).to_contain_text("The link stands here as soon as everything is on the server.")
    page.evaluate("openTransfer('s-1')")
    expect(first.get_by_test_id("transfer-copy")).to_be_visible()
    expect(first).to_contain_text("The passphrase is needed too.")
    sent = page.evaluate("sentTransfer")
    assert sent["to"] == {"kind": "link"}
    assert (sent["livesMs"], sent["maxDownloads"], sent["signed"]) == (3_600_000, 12, False)
    assert sent["passphrase"] == "maple-river-cotton-lantern-seven-harbour"
    page.get_by_test_id("files-new-tab").click()
    expect(page.get_by_test_id("transfer-passphrase")).to_have_value("")


def test_a_passphrase_is_copied_before_it_is_gone(open_page: Open) -> None:
    page = open_page("ready", "/files/new", permissions=["clipboard-read", "clipboard-write"])
    page.get_by_role("radio", name="Link").check()
    expect(page.get_by_test_id("transfer-passphrase-copy")).to_be_hidden()
    page.get_by_role("button", name="Suggest six words").click()
    page.get_by_test_id("transfer-passphrase-copy").click()
    expect(page.get_by_text("Passphrase copied.").first).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == page.get_by_test_id("transfer-passphrase").input_value() != ""


def test_whoever_goes_elsewhere_while_it_is_encrypted_is_left_there_and_told_if_it_fails(
    open_page: Open,
) -> None:
    page = open_page("ready", "/files/new")
    for name, go_to in (("one.txt", "files-tab"), ("huge.iso", "settings-open")):
        page.evaluate("holdSending()")
        choose(page, name)
        page.get_by_role("radio", name="Link").check()
        page.get_by_test_id("transfer-send").click()
        expect(page.get_by_text("Encrypting on this device.").first).to_be_visible()
        page.get_by_test_id(go_to).click()
        before = page.evaluate("location.hash")
        page.evaluate("letGoSending()")
        if name == "one.txt":
            page.wait_for_function("globalThis.sentTransfer")
            page.get_by_test_id("files-new-tab").click()
            expect(page.get_by_test_id("attachment-tray")).to_be_hidden()
        else:
            expect(page.get_by_test_id("toast")).to_contain_text("larger than the server takes")
            assert page.evaluate("location.hash") == before


def test_an_address_is_checked_and_the_page_says_what_happens_there(open_page: Open) -> None:
    page = open_page("ready", "/files/new")
    choose(page, "one.txt")
    page.get_by_role("radio", name="E-mail").check()
    expect(page.get_by_text("They get a mail that says files wait for them")).to_be_visible()
    page.get_by_test_id("transfer-email").fill("nobody")
    page.get_by_test_id("transfer-send").click()
    expect(page.get_by_text("This does not look like an e-mail address.")).to_be_visible()
    page.get_by_test_id("transfer-email").fill(" bao@example.org ")
    page.get_by_test_id("transfer-send").click()
    expect(page.get_by_test_id("transfer-sent").first).to_contain_text("bao@example.org")
    assert page.evaluate("sentTransfer.to") == {"kind": "address", "email": "bao@example.org"}
    assert page.evaluate("sentTransfer.signed") is True


def test_what_is_missing_or_wrong_is_said_where_it_is(open_page: Open) -> None:
    page = open_page("ready", "/files/new")
    page.get_by_test_id("transfer-send").click()
    expect(page.get_by_text("Choose who should be able to open it.")).to_be_visible()
    page.get_by_role("radio", name="Link").check()
    page.get_by_test_id("transfer-limit").select_option(label="Another number")
    for wrong in ("", "0", "1001", "many"):
        page.get_by_test_id("transfer-limit-number").fill(wrong)
        page.get_by_test_id("transfer-send").click()
        expect(page.get_by_text("Enter a number from 1 to 1000.")).to_be_visible()
    page.get_by_test_id("transfer-limit").select_option(label="5 times")
    page.get_by_test_id("transfer-passphrase").fill("too short")
    page.get_by_test_id("transfer-send").click()
    expect(page.get_by_text("This password is too easy to guess.")).to_be_visible()
    page.get_by_test_id("transfer-passphrase").fill("long enough for anybody")
    page.get_by_test_id("transfer-send").click()
    expect(page.get_by_text("Choose at least one file first.")).to_be_visible()
    assert "sendTransfer" not in page.evaluate("engineCalls")


def test_what_a_server_does_not_take_is_refused_before_anything_is_done(open_page: Open) -> None:
    page = open_page("strict", "/files/new")
    expect(page.get_by_text("On this server files go to contacts only")).to_be_visible()
    assert page.get_by_role("radio").count() == 1
    with page.expect_file_chooser() as chooser:
        page.get_by_test_id("transfer-choose").click()
    chooser.value.set_files([a_file("small.txt"), a_file("large.txt", bytes(11))])
    refusal = "“large.txt” is larger than 10 byte, which is what this server takes."
    expect(page.get_by_text(refusal)).to_be_visible()
    expect(page.get_by_test_id("attachment-tray").get_by_role("listitem")).to_have_count(1)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("huge.iso", "This is larger than the server takes. Nothing was sent."),
        ("full.bin", "There is not enough space on this device. Nothing was saved"),
        ("switched-off", "Sending by link and to e-mail addresses is switched off"),
    ],
)
def test_a_refusal_says_why_and_keeps_what_was_entered(
    open_page: Open, name: str, words: str
) -> None:
    page = open_page("ready", "/files/new")
    choose(page, name)
    page.get_by_role("radio", name="Link").check()
    page.get_by_test_id("transfer-passphrase").fill("long enough for anybody")
    page.get_by_test_id("transfer-send").click()
    expect(page.get_by_role("alert").filter(has_text=words)).to_be_visible()
    expect(page.get_by_test_id("attachment-tray")).to_contain_text(name)
    expect(page.get_by_test_id("transfer-passphrase")).to_have_value("long enough for anybody")


def test_off_line_the_form_says_so_and_keeps_everything(open_page: Open) -> None:
    page = open_page("offline", "/files/new")
    choose(page, "one.txt")
    page.get_by_role("radio", name="Link").check()
    page.get_by_test_id("transfer-send").click()
    expect(page.get_by_text("You are offline. What you entered is still here")).to_be_visible()
    expect(page.get_by_test_id("attachment-tray")).to_contain_text("one.txt")


def test_no_more_than_ten_files_go_at_a_time(open_page: Open) -> None:
    page = open_page("ready", "/files/new")
    choose(page, *(f"{at}.txt" for at in range(11)))
    expect(page.get_by_test_id("attachment-tray").get_by_role("listitem")).to_have_count(10)
    expect(page.get_by_test_id("toast")).to_have_text("No more than 10 files at a time.")


def test_a_photo_goes_without_the_place_it_was_taken_at(open_page: Open) -> None:
    page = open_page("ready", "/files/new")
    jpeg = with_place(photo(page, "image/jpeg"), 1)
    with page.expect_file_chooser() as chooser:
        page.get_by_test_id("transfer-choose").click()
    chooser.value.set_files([a_file("lake.jpg", jpeg, "image/jpeg")])
    page.get_by_role("radio", name="Link").check()
    page.get_by_test_id("transfer-send").click()
    page.get_by_test_id("transfer-sent").first.wait_for()
    sent = page.evaluate("sentTransfer.files[0].text()")
    assert PLACE.decode() not in sent
    assert PLACE in jpeg


def test_whoever_has_no_contacts_is_led_to_a_link(open_page: Open) -> None:
    page = open_page("empty", "/files/new")
    expect(page.get_by_role("radio", name="Link")).to_be_checked()
    page.get_by_role("radio", name="A contact").check()
    expect(page.get_by_text("You have no contacts yet.")).to_be_visible()


def test_what_was_chosen_is_still_there_after_a_look_elsewhere(open_page: Open) -> None:
    page = open_page("ready", "/files/new")
    choose(page, "one.txt")
    page.get_by_role("radio", name="E-mail").check()
    page.get_by_test_id("transfer-email").fill("bao@example.org")
    page.get_by_test_id("files-tab").click()
    expect(page.get_by_test_id("transfer-email")).to_be_hidden()
    page.get_by_test_id("files-new-tab").click()
    expect(page.get_by_test_id("transfer-email")).to_have_value("bao@example.org")
    expect(page.get_by_test_id("attachment-tray")).to_contain_text("one.txt")


DROP = """() => {
  const transfer = new DataTransfer();
  transfer.items.add(new File(["x"], "plan.pdf"));
  const target = document.querySelector(".files-screen");
  return ["dragover", "drop"].map((type) => target.dispatchEvent(
    new DragEvent(type, { dataTransfer: transfer, bubbles: true, cancelable: true })));
}"""
PASTE = """() => {
  const clipboardData = new DataTransfer();
  clipboardData.items.add(new File(["x"], "image.png", { type: "image/png" }));
  document.body.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true }));
}"""


def test_what_is_dropped_or_pasted_anywhere_in_files_is_to_be_sent(open_page: Open) -> None:
    page = open_page("transfers", "/files", viewport=DESK)
    assert page.evaluate(DROP) == [False, False], "the browser must not open it itself"
    tray = page.get_by_test_id("attachment-tray")
    expect(tray).to_contain_text("plan.pdf")
    expect(page.get_by_test_id("files-new-tab")).to_have_attribute("aria-current", "page")
    page.evaluate(PASTE)
    expect(tray.get_by_role("listitem")).to_have_count(2)
    page.get_by_test_id("files-seal-tab").click()
    page.evaluate(DROP)
    expect(page.get_by_role("heading", name="Seal this file")).to_be_visible()
    expect(tray.get_by_role("listitem")).to_have_count(0)


def test_files_are_sent_from_where_a_person_is(open_page: Open) -> None:
    page = open_page("ready", "/people", viewport=DESK)
    page.get_by_label("More about Alice Moreau").click()
    page.get_by_role("menuitem", name="Send files").click()
    contact = page.get_by_test_id("transfer-contact")
    expect(contact.locator("option:checked")).to_have_text("Alice Moreau")
    page.evaluate("location.hash = '#/chats/r-minh/details'")
    page.get_by_test_id("room-send-files").click()
    expect(contact.locator("option:checked")).to_have_text("Trần Quang Minh")
    page.reload()
    expect(contact.locator("option:checked")).to_have_text("Trần Quang Minh")


def test_the_form_for_a_link_suits_everybody(open_page: Open) -> None:
    page = open_page("ready", "/files/new", bypass_csp=True)
    choose(page, "one.txt")
    page.get_by_role("radio", name="Link").check()
    page.get_by_test_id("transfer-limit").select_option(label="Another number")
    page.get_by_test_id("transfer-send").click()
    page.evaluate(AXE.read_text())
    assert page.evaluate(SERIOUS) == []


SMALL_TARGETS = """() => [
  ...document.querySelectorAll("button, a[href]:not(p a), select, summary, label:has(input)"),
]
  .map((part) => [part.innerText.trim() || part.title, part.getBoundingClientRect().height])
  .filter(([, height]) => height > 0 && height < 44)"""


@pytest.mark.parametrize("part", ["/files", "/files/sent", "/files/new", "/files/seal"])
def test_everything_is_large_enough_for_a_thumb(open_page: Open, part: str) -> None:
    page = open_page("transfers", part)
    if part == "/files/new":
        page.get_by_role("radio", name="Link").check()
    if part == "/files/seal":
        page.get_by_test_id("file-input").set_input_files([a_file("report.pdf")])
        page.get_by_role("radio", name="Passphrase").check()
    assert page.evaluate(SMALL_TARGETS) == []
