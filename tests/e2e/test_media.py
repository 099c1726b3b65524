"""Voice messages and uploads as people see them, through the page's own engine and a real server.

The browser has a microphone and a camera of its own, which hum and show a picture (S4).
"""

import os
import struct
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Locator, Page, async_playwright, expect

from tests.chromium import LAUNCH
from tests.e2e.person import Person
from tests.e2e.test_attachments import chooser_of
from tests.e2e.test_files import Held

pytestmark = pytest.mark.slow

LARGE_BYTES = 9_000_000  # three parts


@pytest_asyncio.fixture
async def browser() -> AsyncIterator[Browser]:
    devices = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(
            executable_path=LAUNCH["executable_path"], args=[*LAUNCH["args"], *devices]
        )
        yield chromium
        await chromium.close()


def written(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def plan(folder: Path) -> Path:
    return written(folder, "plan.pdf", os.urandom(LARGE_BYTES))


async def send(person: Person, *paths: Path) -> None:
    """Choose files as a person does, and send what is in the tray."""
    await (await chooser_of(person.page)).set_files(list(paths))
    await person.get("message-send").click()


def hum(seconds: int) -> bytes:
    """A sound without compression, which no browser reads to its end before it plays."""
    samples = bytes(seconds * 176_400)  # 44.1 kHz, two channels, 16 bit
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 2, 44_100, 176_400, 4, 16)
    data = struct.pack("<4sI", b"data", len(samples)) + samples
    return struct.pack("<4sI", b"RIFF", 4 + len(form) + len(data)) + b"WAVE" + form + data


def named(page: Page, name: str) -> Locator:
    return page.get_by_test_id("attachment").filter(has_text=name)


async def saved(file: Locator, folder: Path) -> bytes:
    async with file.page.expect_download() as download:
        await file.get_by_test_id("attachment-download").click()
    path = folder / "saved"
    await (await download.value).save_as(path)
    return path.read_bytes()


async def second_tab(person: Person) -> Person:
    tab = Person(
        person.server, person.context, await person.context.new_page(), person.name, person.email
    )
    tab.watch(tab.page)
    await tab.page.goto(person.page.url)
    await tab.get("message-input").wait_for()
    return tab


async def test_what_was_fetched_through_a_tab_that_is_gone_is_fetched_again(
    pair: tuple[Person, Person], tmp_path: Path
) -> None:
    an, binh = pair
    document, sound = plan(tmp_path), written(tmp_path, "hum.wav", hum(70))
    await send(an, document, sound)
    tab = await second_tab(binh)
    file, heard = named(tab.page, "plan.pdf"), named(tab.page, "hum.wav")
    assert await saved(file, tmp_path) == document.read_bytes()
    await heard.get_by_test_id("attachment-open").click()
    player = heard.locator("audio")
    await expect(player).to_have_js_property("duration", 70)
    await binh.page.close()
    await tab.send("from the tab that is left")
    await an.reads("from the tab that is left")
    assert await saved(file, tmp_path) == document.read_bytes()
    await player.evaluate("(player) => { player.currentTime = 65; }")
    await expect(player).to_have_js_property("seeking", False)
    await expect(player).to_have_js_property("error", None)
    assert await player.evaluate("({ currentTime }) => currentTime") >= 65
    assert await saved(heard, tmp_path) == sound.read_bytes()


async def test_a_voice_message_is_heard_by_the_other(pair: tuple[Person, Person]) -> None:
    """S2-13"""
    an, binh = pair
    await an.get("voice-record").click()
    await expect(an.page.get_by_role("timer")).to_have_text("0:01", timeout=30_000)
    await an.get("voice-stop").click()
    await an.get("voice-send").click()
    heard = binh.page.locator("[data-testid=attachment][data-show=voice]")
    await expect(heard).to_have_attribute("data-verdict", "here")
    await expect(heard.locator(".waveform")).to_be_visible()
    await heard.get_by_test_id("attachment-open").click()
    await expect(heard.locator(".status")).to_have_text("Intact, from An")
    await heard.locator("audio").evaluate(
        """(player) => new Promise((resolve) => {
          const look = () => player.currentTime > 0 && resolve(null);
          player.addEventListener("timeupdate", look);
          look();
        })"""
    )


async def test_a_voice_message_that_is_thrown_away_goes_nowhere(
    pair: tuple[Person, Person],
) -> None:
    an, binh = pair
    await an.get("voice-record").click()
    await an.get("voice-discard").click()
    await an.get("discard-confirm").click()
    await an.send("nothing said")
    await binh.reads("nothing said")
    await expect(binh.page.get_by_test_id("attachment")).to_have_count(0)


async def held_after_one(an: Person, document: Path) -> Locator:
    """Send a file of which nothing but the first part comes through; returns it as An sees it."""
    held = Held(1)
    await an.context.route("**/parts/*", held)
    await send(an, document)
    await held.until()
    return named(an.page, document.name)


async def test_an_upload_is_held_and_goes_on_when_it_is_told_to(
    pair: tuple[Person, Person], tmp_path: Path
) -> None:
    an, binh = pair
    document = plan(tmp_path)
    own = await held_after_one(an, document)
    await own.get_by_role("button", name="Pause plan.pdf").click()
    await expect(own.locator(".status")).to_contain_text("Paused at")
    await an.context.unroute("**/parts/*")
    await an.page.reload()
    await expect(own.locator(".status")).to_contain_text("Paused at")
    await an.send("while it waits")
    await binh.reads("while it waits")
    await expect(named(binh.page, "plan.pdf")).to_have_count(0)
    await own.get_by_role("button", name="Go on with plan.pdf").click()
    assert await saved(named(binh.page, "plan.pdf"), tmp_path) == document.read_bytes()


async def test_an_upload_that_is_cancelled_never_arrives(
    pair: tuple[Person, Person], tmp_path: Path
) -> None:
    an, binh = pair
    own = await held_after_one(an, plan(tmp_path))
    await own.get_by_role("button", name="Cancel plan.pdf").click()
    await an.get("discard-confirm").click()
    await expect(own).to_have_count(0)
    await an.context.unroute("**/parts/*")
    await an.send("never mind")
    await binh.reads("never mind")
    await expect(named(binh.page, "plan.pdf")).to_have_count(0)


async def test_what_is_sent_without_a_network_leaves_when_it_is_back(
    pair: tuple[Person, Person], tmp_path: Path
) -> None:
    an, binh = pair
    document = plan(tmp_path)
    await an.context.set_offline(True)
    await expect(an.page.get_by_text("Will be sent when you are back")).to_be_visible()
    await send(an, document)
    own = named(an.page, "plan.pdf")
    await expect(own).to_have_attribute("data-verdict", "pending")
    await an.context.set_offline(False)
    assert await saved(named(binh.page, "plan.pdf"), tmp_path) == document.read_bytes()
    await expect(own).to_have_attribute("data-verdict", "intact")


async def test_a_photo_is_taken_and_seen_by_the_other(pair: tuple[Person, Person]) -> None:
    an, binh = pair
    await an.get("attach-file").click()
    await an.page.get_by_role("menuitem", name="Take a photo").click()
    await an.get("camera-shoot").click()
    await an.get("camera-use").click()
    await an.get("message-send").click()
    seen = binh.page.get_by_role("img", name="photo.jpg")
    await expect(seen).to_have_js_property("complete", True)
    assert await seen.evaluate("(picture) => picture.naturalWidth") > 300
