"""Choosing, dropping and pasting files, and what is done to them before they are sent (S4)."""

import base64
from typing import Any

import pytest
from playwright.sync_api import FilePayload, Page, expect

from tests.frontend.ui.conftest import DESK, Open
from tests.frontend.ui.test_screens import AXE, SERIOUS

pytestmark = pytest.mark.slow

ROOM = "/chats/r-minh"
PLACE = b"GPS 21.0285 105.8542"


def a_file(name: str, content: bytes = b"content", mime: str = "text/plain") -> FilePayload:
    return FilePayload(name=name, mimeType=mime, buffer=content)


def attach(page: Page, *files: FilePayload) -> None:
    with page.expect_file_chooser() as chooser:
        page.get_by_test_id("attach-file").click()
    chooser.value.set_files(list(files))


def photo(page: Page, kind: str, width: int = 800, height: int = 600) -> bytes:
    """A picture as the browser itself makes it."""
    made = page.evaluate(
        """async ([type, width, height]) => {
          const canvas = Object.assign(document.createElement("canvas"), { width, height });
          const context = canvas.getContext("2d");
          for (let x = 0; x < width; x += 4) {
            context.fillStyle = `hsl(${x} 80% ${20 + (x * 7) % 60}%)`;
            context.fillRect(x, 0, 4, height);
          }
          const blob = await new Promise((resolve) => canvas.toBlob(resolve, type));
          return btoa(String.fromCharCode(...new Uint8Array(await blob.arrayBuffer())));
        }""",
        [kind, width, height],
    )
    return base64.b64decode(made)


def with_place(jpeg: bytes, orientation: int) -> bytes:
    """The JPEG with an EXIF segment that says where it was taken and how it is turned."""
    entry = b"\x01\x12\x00\x03\x00\x00\x00\x01\x00" + bytes([orientation]) + b"\x00\x00"
    tiff = b"MM\x00*\x00\x00\x00\x08\x00\x01" + entry + b"\x00\x00\x00\x00" + PLACE
    exif = b"Exif\x00\x00" + tiff
    return jpeg[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + jpeg[2:]


SENT = """async () => Promise.all((await sentFiles).map(async ({ file, thumb, width, height }) => ({
  name: file.name, type: file.type, width, height, thumb: thumb && thumb.size,
  content: btoa(String.fromCharCode(...new Uint8Array(await file.arrayBuffer()))),
})))"""


def sent_files(page: Page) -> list[dict[str, Any]]:
    sent: list[dict[str, Any]] = page.evaluate(SENT)
    return sent


def test_files_wait_in_the_tray_and_go_with_the_text(open_page: Open) -> None:
    page = open_page("files", ROOM)
    attach(page, a_file("one.txt"), a_file("two.txt"), a_file("three.txt"))
    tray = page.get_by_test_id("attachment-tray")
    expect(tray.get_by_role("listitem")).to_have_count(3)
    tray.get_by_role("button", name="Remove two.txt").click()
    page.get_by_test_id("message-input").fill("Here they are")
    page.get_by_test_id("message-send").click()
    expect(tray).to_be_hidden()
    message = page.get_by_test_id("message").last
    expect(message.get_by_test_id("attachment")).to_have_count(2)
    expect(message.get_by_test_id("message-text")).to_have_text("Here they are")
    expect(page.get_by_test_id("message-input")).to_have_value("")
    assert [file["name"] for file in sent_files(page)] == ["one.txt", "three.txt"]


def test_files_are_sent_without_words_too(open_page: Open) -> None:
    page = open_page("files", ROOM)
    send = page.get_by_test_id("message-send")
    expect(send).to_have_attribute("aria-disabled", "true")
    attach(page, a_file("one.txt"))
    send.click()
    expect(page.get_by_test_id("message").last.get_by_test_id("attachment")).to_have_count(1)


def test_the_eleventh_file_is_refused_in_words(open_page: Open) -> None:
    page = open_page("files", ROOM)
    attach(page, *(a_file(f"{at}.txt") for at in range(11)))
    expect(page.get_by_test_id("attachment-tray").get_by_role("listitem")).to_have_count(10)
    expect(page.get_by_text("No more than 10 files at a time.")).to_be_visible()


def test_what_the_server_does_not_take_stays_in_the_tray(open_page: Open) -> None:
    page = open_page("files", ROOM)
    attach(page, a_file("huge.iso"))
    page.get_by_test_id("message-input").fill("words")
    page.get_by_test_id("message-send").click()
    expect(page.get_by_test_id("toast")).to_contain_text("larger than the server takes")
    expect(page.get_by_test_id("attachment-tray").get_by_role("listitem")).to_have_count(1)
    expect(page.get_by_test_id("message-input")).to_have_value("words")


@pytest.mark.parametrize(("orientation", "size"), [(1, (800, 600)), (6, (600, 800))])
def test_a_photo_is_sent_without_the_place_it_was_taken_at_and_stays_turned(
    open_page: Open, orientation: int, size: tuple[int, int]
) -> None:
    page = open_page("files", ROOM)
    jpeg = photo(page, "image/jpeg")
    attach(page, a_file("lake.jpg", with_place(jpeg, orientation), "image/jpeg"))
    page.get_by_test_id("message-send").click()
    (sent,) = sent_files(page)
    content = base64.b64decode(sent["content"])
    assert PLACE not in content
    assert content.endswith(jpeg[-2000:]), "the picture itself is as it was"
    assert (sent["width"], sent["height"]) == size
    assert 0 < sent["thumb"] <= 12_288


@pytest.mark.parametrize("kind", ["image/png", "image/webp"])
def test_a_picture_of_another_kind_gets_a_small_one_too(open_page: Open, kind: str) -> None:
    page = open_page("files", ROOM)
    attach(page, a_file("picture", photo(page, kind), "application/octet-stream"))
    page.get_by_test_id("message-send").click()
    (sent,) = sent_files(page)
    assert (sent["type"], sent["width"], sent["height"]) == (kind, 800, 600)
    assert 0 < sent["thumb"] <= 12_288


def test_a_cut_off_photo_does_not_keep_others_from_being_sent(open_page: Open) -> None:
    page = open_page("files", ROOM)
    attach(page, a_file("broken.jpg", b"\xff\xd8\xff\xe0", "image/jpeg"), a_file("one.txt"))
    page.get_by_test_id("message-send").click()
    assert [file["thumb"] for file in sent_files(page)] == [None, None]


DRAG = """([type, name]) => {
  const transfer = new DataTransfer();
  transfer.items.add(new File(["x"], name));
  return document.querySelector(".conversation").dispatchEvent(
    new DragEvent(type, { dataTransfer: transfer, bubbles: true, cancelable: true }));
}"""


def test_a_file_can_be_dropped_on_the_conversation(open_page: Open) -> None:
    page = open_page("files", ROOM, viewport=DESK)
    target = page.get_by_text("Drop files here to send them")
    assert page.evaluate(DRAG, ["dragover", "plan.pdf"]) is False
    expect(target).to_be_visible()
    page.evaluate(DRAG, ["dragleave", "plan.pdf"])
    expect(target).to_have_count(0)
    page.evaluate(DRAG, ["dragover", "plan.pdf"])
    assert page.evaluate(DRAG, ["drop", "plan.pdf"]) is False
    expect(target).to_have_count(0)
    expect(page.get_by_test_id("attachment-tray")).to_contain_text("plan.pdf")


def test_nothing_can_be_dropped_where_nothing_can_be_sent(open_page: Open) -> None:
    page = open_page("files", "/chats/r-ha", viewport=DESK)
    assert page.evaluate(DRAG, ["dragover", "plan.pdf"]) is False
    assert page.evaluate(DRAG, ["drop", "plan.pdf"]) is False
    expect(page.get_by_text("Drop files here to send them")).to_have_count(0)
    expect(page.get_by_test_id("attachment-tray")).to_be_hidden()


PASTE = """(text) => {
  const clipboardData = new DataTransfer();
  clipboardData.items.add(new File(["x"], "image.png", { type: "image/png" }));
  if (text !== "") clipboardData.setData("text/plain", text);
  const event = new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true });
  document.querySelector("textarea").dispatchEvent(event);
}"""


def test_a_pasted_picture_is_taken_and_the_picture_of_a_text_is_not(open_page: Open) -> None:
    page = open_page("files", ROOM, viewport=DESK)
    page.evaluate(PASTE, "a table")
    expect(page.get_by_test_id("attachment-tray")).to_be_hidden()
    page.evaluate(PASTE, "")
    expect(page.get_by_test_id("attachment-tray")).to_contain_text("image.png")


def test_the_tray_can_be_used_by_everybody(open_page: Open) -> None:
    page = open_page("files", ROOM, bypass_csp=True)
    attach(page, a_file("lake.jpg", photo(page, "image/jpeg"), "image/jpeg"), a_file("one.txt"))
    expect(page.get_by_test_id("attachment-tray").get_by_text("Getting it ready…")).to_have_count(0)
    page.evaluate(AXE.read_text())
    assert page.evaluate(SERIOUS) == []
