"""A voice message is recorded, listened to and sent, or thrown away (S4)."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.frontend.ui.conftest import Open
from tests.frontend.ui.test_screens import AXE, SERIOUS

pytestmark = pytest.mark.slow

ROOM = "/chats/r-minh"

# The machines that test have no microphone: the browser hums into the real recorder.
HUM = """() => {
  const sound = new AudioContext();
  const hum = sound.createOscillator();
  const out = sound.createMediaStreamDestination();
  hum.connect(out);
  hum.start();
  globalThis.track = out.stream.getAudioTracks()[0];
  navigator.mediaDevices.getUserMedia = async () => out.stream;
}"""
REFUSE = """(name) => {
  navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException("", name));
}"""
SENT = """async () => {
  const [{ file, durationMs, wave }] = await sentFiles;
  return { type: file.type, size: file.size, durationMs, wave: [...wave] };
}"""


def record(page: Page) -> None:
    page.evaluate(HUM)
    page.get_by_test_id("voice-record").click()
    expect(page.get_by_role("timer")).to_have_text("0:01", timeout=30_000)


def test_what_was_said_can_be_heard_before_it_is_sent(open_page: Open) -> None:
    page = open_page("files", ROOM, bypass_csp=True)
    record(page)
    expect(page.get_by_test_id("message-input")).to_be_hidden()
    page.get_by_test_id("voice-stop").click()
    expect(page.get_by_label("Listen to what you said")).to_be_visible()
    assert page.evaluate("track.readyState") == "ended", "the microphone is let go"
    page.evaluate(AXE.read_text())
    assert page.evaluate(SERIOUS) == []
    page.get_by_test_id("voice-send").click()
    sent = page.evaluate(SENT)
    assert re.fullmatch("audio/(ogg|webm|mp4)", sent["type"])
    assert sent["size"] > 0
    assert sent["durationMs"] >= 500
    assert len(sent["wave"]) == 64
    assert max(sent["wave"]) > 0
    expect(page.get_by_test_id("message").last.locator("[data-show=voice]")).to_have_count(1)
    expect(page.get_by_test_id("message-input")).to_be_focused()


def test_a_recording_can_be_thrown_away(open_page: Open) -> None:
    page = open_page("files", ROOM)
    record(page)
    page.get_by_test_id("voice-discard").click()
    assert page.evaluate("track.readyState") == "ended"
    expect(page.get_by_test_id("message-input")).to_be_focused()
    expect(page.get_by_test_id("voice-record")).to_be_visible()
    assert "sendFiles" not in page.evaluate("engineCalls")


def test_the_microphone_is_let_go_when_the_room_is_left(open_page: Open) -> None:
    page = open_page("files", ROOM)
    record(page)
    page.evaluate("location.hash = '#/people'")
    expect(page.get_by_role("timer")).to_have_count(0)
    assert page.evaluate("track.readyState") == "ended"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("NotAllowedError", "The browser did not allow the microphone."),
        ("NotFoundError", "No microphone was found."),
        ("NotReadableError", "The microphone cannot be used right now."),
    ],
)
def test_why_nothing_is_recorded_is_said(open_page: Open, name: str, words: str) -> None:
    page = open_page("files", ROOM)
    page.evaluate(REFUSE, name)
    page.get_by_test_id("voice-record").click()
    expect(page.locator(".composer .hint")).to_contain_text(words)
    expect(page.get_by_test_id("message-input")).to_be_visible()
