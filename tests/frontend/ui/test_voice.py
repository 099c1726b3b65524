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
MICROPHONE_LET_GO = """async () => {
  while (track.readyState !== "ended") await new Promise((resolve) => setTimeout(resolve, 20));
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
    page.evaluate(MICROPHONE_LET_GO)
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


def test_of_what_a_browser_records_most_listeners_can_play_it(open_page: Open) -> None:
    page = open_page("files", ROOM)
    page.evaluate("() => void (MediaRecorder.isTypeSupported = () => true)")
    record(page)
    page.get_by_test_id("voice-stop").click()
    page.get_by_test_id("voice-send").click()
    assert page.evaluate(SENT)["type"] == "audio/webm"


def test_a_recording_can_be_thrown_away(open_page: Open) -> None:
    page = open_page("files", ROOM)
    record(page)
    page.get_by_test_id("voice-discard").click()
    page.get_by_role("button", name="Keep it").click()
    expect(page.get_by_test_id("voice-stop")).to_be_visible()
    page.get_by_test_id("voice-discard").click()
    page.get_by_test_id("discard-confirm").click()
    page.evaluate(MICROPHONE_LET_GO)
    expect(page.get_by_test_id("message-input")).to_be_focused()
    expect(page.get_by_test_id("voice-record")).to_be_visible()
    assert "sendFiles" not in page.evaluate("engineCalls")


def test_the_microphone_is_let_go_when_the_room_is_left(open_page: Open) -> None:
    page = open_page("files", ROOM)
    record(page)
    page.evaluate("location.hash = '#/people'")
    expect(page.get_by_role("timer")).to_have_count(0)
    page.evaluate(MICROPHONE_LET_GO)


@pytest.mark.parametrize("how", ["recording", "listening"])
def test_what_was_recorded_is_there_when_one_comes_back(open_page: Open, how: str) -> None:
    page = open_page("files", ROOM)
    record(page)
    if how == "listening":
        page.get_by_test_id("voice-stop").click()
        expect(page.get_by_label("Listen to what you said")).to_be_visible()
    page.evaluate("location.hash = '#/chats/r-alice'")
    expect(page.get_by_test_id("message-input")).to_be_visible()
    expect(page.get_by_label("Listen to what you said")).to_be_hidden()
    page.evaluate(f"location.hash = '#{ROOM}'")
    expect(page.get_by_label("Listen to what you said")).to_be_visible()
    page.get_by_test_id("voice-send").click()
    sent = page.evaluate(SENT)
    assert sent["size"] > 0
    assert sent["durationMs"] >= 500
    page.evaluate("location.hash = '#/chats/r-alice'")
    page.evaluate(f"location.hash = '#{ROOM}'")
    expect(page.get_by_test_id("message-input")).to_be_visible()


def test_a_recording_ends_after_an_hour_and_is_kept(open_page: Open) -> None:
    page = open_page("files", ROOM)
    record(page)
    page.evaluate(
        """() => {
          const now = performance.now.bind(performance);
          performance.now = () => now() + 3_600_000;
        }"""
    )
    expect(page.get_by_text("Recording stopped: 60 minutes is the most.")).to_be_visible()
    page.evaluate(MICROPHONE_LET_GO)
    page.get_by_test_id("voice-send").click()
    sent = page.evaluate(SENT)
    assert sent["size"] > 0
    assert sent["durationMs"] == 3_600_000


@pytest.mark.parametrize("event", ["ended", "mute"])
def test_a_recording_whose_microphone_is_taken_away_ends_and_is_kept(
    open_page: Open, event: str
) -> None:
    """By a call, a switch, or a plug; no browser here can be called."""
    page = open_page("files", ROOM)
    record(page)
    page.evaluate("(event) => void track.dispatchEvent(new Event(event))", event)
    expect(page.get_by_text("Recording stopped: the microphone was taken away.")).to_be_visible()
    page.evaluate(MICROPHONE_LET_GO)
    page.get_by_test_id("voice-send").click()
    sent = page.evaluate(SENT)
    assert sent["size"] > 0
    assert sent["durationMs"] >= 500


def test_the_microphone_is_let_go_when_nothing_can_be_recorded(open_page: Open) -> None:
    page = open_page("files", ROOM)
    page.evaluate(HUM)
    page.evaluate(
        """() => {
          MediaRecorder = class extends MediaRecorder {
            constructor() { super(new MediaStream(), { mimeType: "audio/never" }); }
          };
        }"""
    )
    page.get_by_test_id("voice-record").click()
    said = page.locator(".composer .hint")
    expect(said).to_contain_text("The microphone cannot be used right now.")
    page.evaluate(MICROPHONE_LET_GO)


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
