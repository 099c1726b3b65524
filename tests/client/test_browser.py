"""The Python client and a real browser talk to each other through a real server.

The two share nothing but SEAL1 and the wire, so each checks what the other has understood of them.
"""

import os
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio
from playwright.async_api import Page, async_playwright, expect

from client.seal.encoding import b64url_decode
from client.seal.safety_number import safety_number
from tests.chromium import LAUNCH
from tests.client.crowd import PASSWORD, Crowd, Device
from tests.process import ServerProcess

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

PATIENCE_MS = 20_000
expect.set_options(timeout=PATIENCE_MS)


# A worker may outlive its page by a moment, and would still open what comes.
ENGINE_GONE = """async () => {
  while ((await navigator.locks.query()).held.length > 0) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}"""
FORGET_SESSIONS = """async () => {
  const [{ name }] = await indexedDB.databases();
  const opened = indexedDB.open(name);
  await new Promise((resolve) => { opened.onsuccess = resolve; });
  const transaction = opened.result.transaction("sessions", "readwrite");
  transaction.objectStore("sessions").clear();
  await new Promise((resolve) => { transaction.oncomplete = resolve; });
  opened.result.close();
}"""


@dataclass
class Person:
    """Somebody with a browser."""

    page: Page
    server: ServerProcess
    email: str
    recovery_code: str = ""

    async def sign_up(self, name: str) -> None:
        await self.page.goto(f"{self.server.origin}/#/sign-up")
        await self.fill("signup-email", self.email)
        await self.fill("signup-name", name)
        await self.fill("signup-password", PASSWORD)
        await self.click("signup-submit")
        await self.enter_code()
        shown = self.page.get_by_test_id("recovery-code")
        await expect(shown).to_be_visible()
        self.recovery_code = re.sub(r"\s", "", await shown.inner_text())
        await self.fill("recovery-confirm", self.recovery_code[-4:])
        await self.click("recovery-continue")
        await self.is_inside()

    async def log_in(self) -> None:
        await self.page.goto(f"{self.server.origin}/#/log-in")
        await self.fill("login-email", self.email)
        await self.fill("login-password", PASSWORD)
        await self.click("login-submit")
        await self.enter_code()
        await self.is_inside()

    async def is_inside(self) -> None:
        await expect(self.page.get_by_role("link", name="Chats")).to_be_visible()

    async def enter_code(self) -> None:
        code = self.page.get_by_test_id("otp-code")
        await expect(code).to_be_visible()
        await code.fill(await self.server.code_for(self.email))
        submit = self.page.get_by_test_id("otp-submit")
        if await submit.is_visible() and await submit.is_enabled():
            await submit.click()

    async def friend_code(self) -> str:
        await self.page.goto(f"{self.server.origin}/#/people")
        shown = self.page.get_by_test_id("my-friend-code")
        await expect(shown).to_have_text(re.compile(r"([0-9a-f]\s*){12}"))
        return re.sub(r"[^0-9a-f]", "", await shown.inner_text())

    async def open_only_room(self) -> None:
        await self.page.goto(f"{self.server.origin}/#/chats")
        await self.page.get_by_test_id("room-item").first.click()
        await expect(self.page.get_by_test_id("message-input")).to_be_visible()

    async def say(self, text: str) -> None:
        await self.fill("message-input", text)
        await self.click("message-send")

    async def sees(self, text: str) -> None:
        await expect(self.page.get_by_test_id("message-text").filter(has_text=text)).to_be_visible()

    async def fill(self, test_id: str, text: str) -> None:
        await self.page.get_by_test_id(test_id).fill(text)

    async def click(self, test_id: str) -> None:
        await self.page.get_by_test_id(test_id).click()


@pytest_asyncio.fixture
async def browser_person(server_process: ServerProcess) -> AsyncIterator[Person]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(**LAUNCH)
        context = await browser.new_context(locale="en-GB")
        page = await context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        yield Person(page, server_process, f"browser-{os.urandom(4).hex()}@example.org")
        await browser.close()


async def hears(device: Device, room_id: bytes, text: str) -> None:
    """Read until the text has come."""
    for _ in range(200):
        if text in await device.texts(room_id):
            return
        await device.engine.rooms()
    raise AssertionError(f"{text!r} never came")


async def befriend(browser_person: Person, terminal: Device) -> tuple[bytes, bytes]:
    """A room of the two, in which each has said something; and the browser's user id."""
    await terminal.people.add(await browser_person.friend_code())
    await browser_person.click("contact-request-accept")
    await expect(browser_person.page.get_by_test_id("contact-request-accept")).to_have_count(0)
    (contact,) = (await terminal.people.contacts()).contacts
    peer = b64url_decode(contact.user.id)
    room_id = await terminal.engine.open_room(peer)
    await terminal.engine.send_text(room_id, "xin chào from Python")
    await browser_person.open_only_room()
    await browser_person.sees("xin chào from Python")
    await browser_person.say("hello from a browser")
    await hears(terminal, room_id, "hello from a browser")
    return room_id, peer


async def test_they_talk_through_a_reload_and_show_one_safety_number(
    browser_person: Person, crowd: Crowd
) -> None:
    await browser_person.sign_up("Browser")
    terminal = await crowd.person("terminal")
    room_id, peer = await befriend(browser_person, terminal)
    for number in range(10):
        await terminal.engine.send_text(room_id, f"Python {number}")
        await browser_person.say(f"browser {number}")
        await hears(terminal, room_id, f"browser {number}")
        await browser_person.sees(f"Python {number}")
    await browser_person.page.reload()
    await browser_person.sees("Python 9")
    await terminal.engine.send_text(room_id, "after the reload")
    await browser_person.sees("after the reload")
    own = terminal.file.state.device
    pin = terminal.file.state.pins[peer]
    number = safety_number((own.user_id, own.account_key), (peer, pin.account_key))
    await browser_person.click("verify-open")
    shown = browser_person.page.get_by_test_id("safety-number")
    await expect(shown).to_have_text(re.compile(r"(\d{5}\s*){12}"))
    assert (await shown.inner_text()).split() == number.split()


@pytest.mark.parametrize("with_recovery", [False, True])
async def test_python_joins_the_account_of_a_browser(
    browser_person: Person, crowd: Crowd, with_recovery: bool
) -> None:
    await browser_person.sign_up("Browser")
    terminal = await crowd.person("terminal")
    room_id, peer = await befriend(browser_person, terminal)
    joined = crowd.device(browser_person.email)
    await joined.log_in(recovery_code=browser_person.recovery_code if with_recovery else None)
    pinned = terminal.file.state.pins[peer].account_key
    assert joined.file.state.device.account_key == pinned
    await joined.engine.rooms()
    await terminal.engine.send_text(room_id, "to your browser and your terminal")
    await browser_person.sees("to your browser and your terminal")
    await hears(joined, room_id, "to your browser and your terminal")
    await joined.engine.send_text(room_id, "from the terminal")
    await browser_person.sees("from the terminal")
    await hears(terminal, room_id, "from the terminal")
    await browser_person.say("from the browser")
    await hears(joined, room_id, "from the browser")
    await hears(terminal, room_id, "from the browser")


async def test_a_browser_joins_the_account_of_the_python_client(
    browser_person: Person, crowd: Crowd
) -> None:
    alice, bob = await crowd.contacts()
    room_id = await alice.engine.open_room(bob.user_id)
    await bob.engine.rooms()
    browser_person.email = alice.email
    await browser_person.log_in()
    await bob.engine.send_text(room_id, "to all your devices")
    await browser_person.open_only_room()
    await browser_person.sees("to all your devices")
    await hears(alice, room_id, "to all your devices")
    await browser_person.say("from my browser")
    await hears(bob, room_id, "from my browser")
    await hears(alice, room_id, "from my browser")


async def test_a_browser_seals_again_what_python_lost(browser_person: Person, crowd: Crowd) -> None:
    await browser_person.sign_up("Browser")
    terminal = await crowd.person("terminal")
    room_id, _ = await befriend(browser_person, terminal)
    terminal.file.state.sessions.clear()
    await browser_person.say("lost and found")
    await hears(terminal, room_id, "lost and found")
    await browser_person.say("and on we go")
    await hears(terminal, room_id, "and on we go")
    await terminal.engine.send_text(room_id, "with one session")
    await browser_person.sees("with one session")


async def test_python_seals_again_what_a_browser_lost(browser_person: Person, crowd: Crowd) -> None:
    await browser_person.sign_up("Browser")
    terminal = await crowd.person("terminal")
    room_id, _ = await befriend(browser_person, terminal)
    await browser_person.page.goto(f"{browser_person.server.origin}/health")
    await browser_person.page.evaluate(ENGINE_GONE)
    await terminal.engine.send_text(room_id, "sealed for what is gone")
    await browser_person.page.evaluate(FORGET_SESSIONS)
    await browser_person.open_only_room()
    for _ in range(100):
        await terminal.read(room_id)
        if await browser_person.page.get_by_text("sealed for what is gone").count():
            break
        await browser_person.page.wait_for_timeout(50)
    await browser_person.sees("sealed for what is gone")
    assert any(sent.reissued for sent in terminal.file.state.sent.values())
