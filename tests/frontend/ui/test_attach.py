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
        page.get_by_role("menuitem", name="Photos and files").click()
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


# A second of the real encoders and muxers of this browser.
FILM = """async (type) => {
  const canvas = Object.assign(document.createElement("canvas"), { width: 320, height: 180 });
  const context = canvas.getContext("2d");
  const timer = setInterval(() => {
    context.fillStyle = `hsl(${performance.now() % 360} 80% 50%)`;
    context.fillRect(0, 0, 320, 180);
  }, 20);
  const recorder = new MediaRecorder(canvas.captureStream(25), { mimeType: type });
  const parts = [];
  recorder.ondataavailable = ({ data }) => parts.push(data);
  const stopped = new Promise((resolve) => (recorder.onstop = resolve));
  recorder.start();
  await new Promise((resolve) => setTimeout(resolve, 1000));
  recorder.stop();
  await stopped;
  clearInterval(timer);
  const bytes = new Uint8Array(await new Blob(parts).arrayBuffer());
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}"""
XMP = b"\xbe\x7a\xcf\xcb\x97\xa9\x42\xe8\x9c\x71\x99\x94\x91\xe3\xaf\xac"


QUICKTIME = "video/quicktime"  # of an iPhone; to this browser the same as its own but for the brand


def film(page: Page, mime: str) -> bytes:
    made = base64.b64decode(page.evaluate(FILM, "video/mp4" if mime == QUICKTIME else mime))
    return made[:8] + b"qt  " + made[12:] if mime == QUICKTIME else made


def place_behind(mime: str) -> bytes:
    """What says where a film was taken, as it may stand behind everything else."""
    if mime != "video/webm":
        content = XMP + PLACE
        return (len(content) + 8).to_bytes(4, "big") + b"uuid" + content
    tag = b"\x73\x73" + bytes([0x80 + len(PLACE)]) + PLACE
    return b"\x12\x54\xc3\x67" + bytes([0x80 + len(tag)]) + tag


@pytest.mark.parametrize("mime", ["video/webm", "video/mp4", QUICKTIME])
def test_a_film_is_sent_without_the_place_it_was_taken_at_and_still_plays(
    open_page: Open, mime: str
) -> None:
    page = open_page("files", ROOM)
    taken = film(page, mime)
    attach(page, a_file("lake", taken + place_behind(mime), mime))
    page.get_by_test_id("message-send").click()
    (sent,) = sent_files(page)
    content = base64.b64decode(sent["content"])
    assert PLACE not in content
    assert len(content) == len(taken) + len(place_behind(mime))
    assert (sent["type"], sent["width"], sent["height"]) == (mime, 320, 180)
    assert 0 < sent["thumb"] <= 12_288


# One frame of the browser's own encoder, which is what an AVIF holds.
FRAME = """async () => {
  const canvas = new OffscreenCanvas(320, 180);
  canvas.getContext("2d").fillRect(20, 20, 100, 100);
  const chunks = [];
  const encoder = new VideoEncoder({ output: (chunk) => chunks.push(chunk), error: () => {} });
  encoder.configure({ codec: "av01.0.04M.08", width: 320, height: 180 });
  const frame = new VideoFrame(canvas, { timestamp: 0 });
  encoder.encode(frame, { keyFrame: true });
  await encoder.flush();
  frame.close();
  const bytes = new Uint8Array(chunks[0].byteLength);
  chunks[0].copyTo(bytes);
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}"""


def box(kind: bytes, *content: bytes) -> bytes:
    body = b"".join(content)
    return (len(body) + 8).to_bytes(4, "big") + kind + body


def avif(frame: bytes) -> bytes:
    """A picture of two items: the frame, and Exif with a place (ISO/IEC 23008-12)."""
    exif = bytes(4) + b"MM\x00*" + PLACE
    ftyp = box(b"ftyp", b"avif", bytes(4), b"avifmif1miaf")
    shape = box(b"ispe", bytes(4), (320).to_bytes(4, "big"), (180).to_bytes(4, "big"))
    depth = box(b"pixi", bytes(4), b"\x03\x08\x08\x08")
    properties = box(b"ipco", shape, depth, box(b"av1C", b"\x81\x04\x0c\x00"))
    belongs = box(b"ipma", bytes(4), b"\x00\x00\x00\x01\x00\x01\x03\x01\x02\x83")
    infos = [
        box(b"infe", b"\x02\x00\x00\x00", number.to_bytes(2, "big"), bytes(2), kind, b"\x00")
        for number, kind in ((1, b"av01"), (2, b"Exif"))
    ]

    def meta(at: int) -> bytes:
        items = b"".join(
            number.to_bytes(2, "big")
            + b"\x00\x00\x00\x01"
            + offset.to_bytes(4, "big")
            + size.to_bytes(4, "big")
            for number, offset, size in ((1, at, len(frame)), (2, at + len(frame), len(exif)))
        )
        return box(
            b"meta",
            bytes(4),
            box(b"hdlr", bytes(8), b"pict", bytes(13)),
            box(b"pitm", bytes(4), b"\x00\x01"),
            box(b"iloc", bytes(4), b"\x44\x00\x00\x02", items),
            box(b"iinf", bytes(4), b"\x00\x02", *infos),
            box(b"iref", bytes(4), box(b"cdsc", b"\x00\x02\x00\x01\x00\x01")),
            box(b"iprp", properties, belongs),
        )

    at = len(ftyp) + len(meta(0)) + 8
    return ftyp + meta(at) + box(b"mdat", frame, exif)


def test_an_avif_is_sent_without_the_place_it_was_taken_at_and_is_still_drawn(
    open_page: Open,
) -> None:
    page = open_page("files", ROOM)
    taken = avif(base64.b64decode(page.evaluate(FRAME)))
    attach(page, a_file("lake", taken, ""))
    page.get_by_test_id("message-send").click()
    (sent,) = sent_files(page)
    content = base64.b64decode(sent["content"])
    assert PLACE not in content
    assert len(content) == len(taken)
    assert (sent["type"], sent["width"], sent["height"]) == ("image/avif", 320, 180)
    assert 0 < sent["thumb"] <= 12_288


def test_what_may_still_tell_a_place_says_so(open_page: Open) -> None:
    page = open_page("files", ROOM)
    said = page.get_by_text("May still say where it was taken")
    attach(
        page,
        a_file("notes.txt"),
        a_file("drawing.svg", b"<svg/>", "image/svg+xml"),
        a_file("lake.jpg", with_place(photo(page, "image/jpeg"), 1), "image/jpeg"),
    )
    expect(page.get_by_text("Getting it ready…")).to_have_count(0)
    expect(said).to_have_count(0)
    attach(page, a_file("scan.tiff", b"II*\x00", "image/tiff"))
    attach(page, a_file("old.avi", b"RIFF....AVI ", "video/x-msvideo"))
    expect(said).to_have_count(2)
    page.get_by_test_id("message-send").click()
    assert [file["name"] for file in sent_files(page)][3:] == ["scan.tiff", "old.avi"]


def test_a_photo_can_be_sent_as_it_is(open_page: Open) -> None:
    page = open_page("files", ROOM)
    taken = with_place(photo(page, "image/jpeg"), 6)
    attach(page, a_file("lake.jpg", taken, "image/jpeg"), a_file("notes.txt"))
    tray = page.get_by_test_id("attachment-tray")
    expect(tray.get_by_text("Without place, camera and time")).to_have_count(1)
    keep = tray.get_by_role("checkbox", name="Keep as it is")
    expect(keep).to_have_count(1)
    keep.check()
    expect(tray.get_by_text("With place, camera and time, if it holds them")).to_be_visible()
    keep.uncheck()
    expect(tray.get_by_text("Without place, camera and time")).to_be_visible()
    keep.check()
    page.get_by_test_id("message-send").click()
    sent = sent_files(page)
    assert base64.b64decode(sent[0]["content"]) == taken
    assert [file["name"] for file in sent] == ["lake.jpg", "notes.txt"]
    assert sent[0]["thumb"] > 0


def test_a_picture_that_held_more_says_that_it_goes_alone(open_page: Open) -> None:
    page = open_page("files", ROOM)
    jpeg = photo(page, "image/jpeg")
    said = page.get_by_text("Only the picture itself is sent")
    attach(page, a_file("frames.mjpeg", jpeg + jpeg, "video/x-motion-jpeg"))
    expect(page.get_by_text("Getting it ready…")).to_have_count(0)
    expect(said).to_have_count(0)
    attach(page, a_file("live.jpg", jpeg + b"\x00\x00\x00\x18ftypmp42film", "image/jpeg"))
    expect(said).to_have_count(1)
    page.get_by_test_id("message-send").click()
    frames, live = (base64.b64decode(file["content"]) for file in sent_files(page))
    assert frames == jpeg + jpeg
    assert live == jpeg


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
