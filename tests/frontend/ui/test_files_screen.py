"""Sealing and opening files, as people see it: every state, in words (S3-1, S3-4)."""

import re

import pytest
from playwright.sync_api import FilePayload, Page, expect

from tests.frontend.ui.conftest import DESK, Open
from tests.frontend.ui.test_screens import AXE, SERIOUS

pytestmark = pytest.mark.slow

VERDICTS = {
    "known": ("Intact, from Alice Moreau", "careful"),
    "verified": ("Intact, from Trần Quang Minh", "good"),
    "own": ("Intact, sealed by you", "good"),
    "stranger": ("Intact, from somebody you do not know", "careful"),
    "removed": ("Intact, but from a device Trần Quang Minh no longer has", "careful"),
    "damaged": ("Damaged: not saved", "bad"),
    "wrong-sender": ("Not from a device of Trần Quang Minh: not saved", "bad"),
    "not-for-us": ("Not for this device: not saved", "bad"),
    "not-sealed": ("Not a sealed file", "bad"),
    "newer": ("Sealed by a newer version", "bad"),
}


def choose(page: Page, name: str, content: bytes = b"content") -> None:
    file = FilePayload(name=name, mimeType="application/octet-stream", buffer=content)
    page.get_by_test_id("file-input").set_input_files(file)


def outcome(page: Page, verdict: str, kind: str) -> None:
    expect(page.get_by_test_id("file-verdict")).to_have_text(verdict)
    expect(page.get_by_test_id("file-outcome")).to_have_attribute("data-kind", kind)


@pytest.mark.parametrize("name", VERDICTS)
def test_an_opened_file_says_its_verdict_in_words(open_page: Open, name: str) -> None:
    page = open_page("ready", "/files/seal", bypass_csp=True)
    choose(page, f"{name}.seal")
    verdict, kind = VERDICTS[name]
    outcome(page, verdict, kind)
    expect(page.get_by_test_id("file-verdict")).to_be_focused()
    saves = page.get_by_test_id("file-save")
    if kind == "bad":
        expect(saves).to_have_count(0)
    else:
        assert saves.get_attribute("download") == name
    page.evaluate(AXE.read_text())
    assert page.evaluate(SERIOUS) == []


def test_a_file_is_known_by_what_is_in_it_not_by_its_name_alone(open_page: Open) -> None:
    page = open_page("ready", "/files/seal")
    choose(page, "renamed", b"SEAL1F\1\1")
    outcome(page, "Intact, from Trần Quang Minh", "good")


def test_what_was_refused_is_named_and_cannot_be_tried_again(open_page: Open) -> None:
    page = open_page("ready", "/files/seal")
    choose(page, "damaged.seal")
    outcome(page, "Damaged: not saved", "bad")
    expect(page.get_by_test_id("file-outcome")).to_contain_text("damaged.seal")
    expect(page.get_by_test_id("file-retry")).to_be_hidden()
    expect(page.get_by_test_id("file-compare")).to_be_hidden()


def test_comparing_the_safety_number_changes_the_verdict_at_once(open_page: Open) -> None:
    page = open_page("ready", "/files/seal")
    choose(page, "known.seal")
    outcome(page, "Intact, from Alice Moreau", "careful")
    page.get_by_test_id("file-compare").click()
    expect(page.get_by_test_id("safety-number")).to_be_visible()
    page.get_by_test_id("verify-mark").click()
    outcome(page, "Intact, from Alice Moreau", "good")
    expect(page.get_by_text("You have compared the safety number")).to_be_visible()
    assert page.get_by_test_id("file-save").get_attribute("download") == "known"


def test_a_file_is_sealed_for_a_contact(open_page: Open) -> None:
    page = open_page("ready", "/files/seal")
    choose(page, "report.pdf")
    page.get_by_test_id("file-seal").click()
    expect(page.get_by_text("Choose who should be able to open it.")).to_be_visible()
    page.get_by_test_id("file-contact").select_option(label="Alice Moreau")
    page.get_by_test_id("file-seal").click()
    outcome(page, "Sealed", "good")
    expect(page.get_by_text("Only Alice Moreau can open it.")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_test_id("file-save").click()
    assert download.value.suggested_filename == "report.pdf.seal"
    assert download.value.path().read_bytes() == b"contentcontact"
    page.get_by_test_id("file-again").click()
    expect(page.get_by_test_id("file-choose")).to_be_visible()


def test_of_a_photo_it_is_said_that_it_is_sealed_as_it_is(open_page: Open) -> None:
    page = open_page("ready", "/files/seal")
    said = page.get_by_text("It is sealed exactly as it is")
    for name, mime, count in [
        ("lake.jpg", "image/jpeg", 1),
        ("lake.heic", "", 1),
        ("report.pdf", "application/pdf", 0),
        ("plan.svg", "image/svg+xml", 0),
    ]:
        file = FilePayload(name=name, mimeType=mime, buffer=b"content")
        page.get_by_test_id("file-input").set_input_files(file)
        expect(page.get_by_role("heading", name="Seal this file")).to_be_visible()
        expect(said).to_have_count(count)
        page.get_by_role("button", name="Cancel").click()


def test_a_file_is_sealed_with_a_passphrase_that_is_long_enough(open_page: Open) -> None:
    page = open_page("ready", "/files/seal", viewport=DESK)
    choose(page, "report.pdf")
    page.get_by_role("radio", name="Passphrase").check()
    page.get_by_test_id("file-passphrase-new").fill("short")
    page.get_by_test_id("file-seal").click()
    expect(page.get_by_text(re.compile("too easy to guess"))).to_be_visible()
    page.get_by_test_id("file-passphrase-new").fill("long enough for anybody")
    page.get_by_test_id("file-seal").click()
    outcome(page, "Sealed", "good")


def test_a_passphrase_is_asked_for_until_it_opens(open_page: Open) -> None:
    page = open_page("ready", "/files/seal")
    choose(page, "passphrase.seal")
    field = page.get_by_test_id("file-passphrase")
    field.fill("wrong")
    page.get_by_test_id("file-open").click()
    expect(page.get_by_text("This passphrase does not open it.")).to_be_visible()
    field.fill("right")
    page.get_by_test_id("file-open").click()
    outcome(page, "Intact", "good")


def test_a_long_job_shows_how_far_it_is_and_can_be_cancelled(open_page: Open) -> None:
    page = open_page("ready", "/files/seal")
    choose(page, "slow.bin")
    page.get_by_role("radio", name="Only me").check()
    page.get_by_test_id("file-seal").click()
    expect(page.get_by_text("42%")).to_be_visible()
    page.get_by_test_id("file-cancel").click()
    expect(page.get_by_test_id("file-choose")).to_be_visible()
    assert "cancelFile" in page.evaluate("engineCalls")


def test_what_fails_says_what_to_do(open_page: Open) -> None:
    page = open_page("ready", "/files/seal")
    choose(page, "full.bin")
    page.get_by_role("radio", name="Only me").check()
    page.get_by_test_id("file-seal").click()
    outcome(page, "That did not work", "bad")
    expect(page.get_by_text("There is not enough space on this device.")).to_be_visible()
    expect(page.get_by_test_id("file-outcome")).to_contain_text("full.bin")
    page.get_by_test_id("file-retry").click()
    page.wait_for_function("engineCalls.filter((name) => name === 'sealFile').length === 2")
    outcome(page, "That did not work", "bad")


def test_whoever_has_no_contacts_is_told_what_else_there_is(open_page: Open) -> None:
    page = open_page("empty", "/files/seal")
    choose(page, "report.pdf")
    page.get_by_role("radio", name="A contact").check()
    expect(page.get_by_text("You have no contacts yet.")).to_be_visible()
    page.get_by_test_id("file-seal").click()
    expect(page.get_by_test_id("file-seal")).to_be_visible()


DROP = """() => {
  const transfer = new DataTransfer();
  transfer.items.add(new File(["x"], "own.seal"));
  const target = document.querySelector(".files-screen");
  return ["dragover", "drop"].map((type) => target.dispatchEvent(
    new DragEvent(type, { dataTransfer: transfer, bubbles: true, cancelable: true })));
}"""


def test_a_dropped_file_is_taken_like_a_chosen_one(open_page: Open) -> None:
    page = open_page("offline", "/files/seal", viewport=DESK)
    assert page.evaluate(DROP) == [False, False], "the browser must not open it itself"
    outcome(page, "Intact, sealed by you", "good")


def test_a_file_dropped_on_work_disturbs_nothing(open_page: Open) -> None:
    page = open_page("ready", "/files/seal", viewport=DESK)
    choose(page, "slow.bin")
    page.get_by_role("radio", name="Only me").check()
    page.get_by_test_id("file-seal").click()
    expect(page.get_by_text("42%")).to_be_visible()
    assert page.evaluate(DROP) == [False, False]
    assert "cancelFile" not in page.evaluate("engineCalls")
    page.get_by_test_id("file-cancel").click()
    page.evaluate(DROP)
    outcome(page, "Intact, sealed by you", "good")
