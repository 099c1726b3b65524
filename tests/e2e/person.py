"""What a person does in the page, by the test ids that are its public contract."""

import os
import re
from dataclasses import dataclass, field

from playwright.async_api import BrowserContext, ConsoleMessage, Locator, Page, expect

from tests.process import ServerProcess

PASSWORD = "correct horse battery staple"
PATIENCE_MS = 20_000

expect.set_options(timeout=PATIENCE_MS)


@dataclass
class Person:
    """Somebody at one browser; the same address in another context is their second device."""

    server: ServerProcess
    context: BrowserContext
    page: Page
    name: str
    email: str
    password: str = PASSWORD
    recovery_code: str = ""
    complaints: list[str] = field(default_factory=list)

    @classmethod
    async def at(
        cls, server: ServerProcess, context: BrowserContext, name: str, email: str = ""
    ) -> "Person":
        page = await context.new_page()
        address = email or f"{name.lower()}-{os.urandom(4).hex()}@example.org"
        person = cls(server, context, page, name, address)
        person.watch(page)
        await page.goto(server.origin)
        return person

    def watch(self, page: Page) -> None:
        """Remember what the page complains about; a test ends by asking for it."""
        page.set_default_timeout(PATIENCE_MS)

        def printed(message: ConsoleMessage) -> None:
            if message.type == "error":
                self.complaints.append(f"console: {message.text}")

        page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        page.on("console", printed)

    def get(self, test_id: str) -> Locator:
        return self.page.get_by_test_id(test_id)

    # ---- accounts

    async def sign_up(self) -> None:
        await self.page.goto(f"{self.server.origin}/#/sign-up")
        await self.get("signup-name").fill(self.name)
        await self.get("signup-email").fill(self.email)
        await self.get("signup-password").fill(self.password)
        await self.get("signup-submit").click()
        await self.enter_code()
        await self.confirm_recovery()
        await expect(self.get("my-friend-code")).to_have_text(re.compile("^[0-9a-f]{12}$"))

    async def enter_code(self) -> None:
        await self.get("otp-code").wait_for()
        await self.get("otp-code").fill(await self.server.code_for(self.email))
        await self.get("otp-submit").click()

    async def confirm_recovery(self) -> None:
        code = (await self.get("recovery-code").text_content() or "").strip()
        assert re.fullmatch(r"([0-9A-HJKMNP-TV-Z]{4}-){6}[0-9A-HJKMNP-TV-Z]{4}", code), code
        self.recovery_code = code
        await self.get("recovery-confirm").fill(code[-4:])
        await self.get("recovery-continue").click()

    async def log_in(self, password: str | None = None) -> None:
        await self.page.goto(f"{self.server.origin}/#/log-in")
        await self.get("login-email").fill(self.email)
        await self.get("login-password").fill(password or self.password)
        await self.get("login-submit").click()

    # ---- people

    async def friend_code(self) -> str:
        return (await self.get("my-friend-code").text_content() or "").strip()

    async def add(self, friend_code: str) -> None:
        await self.get("add-contact-code").fill(friend_code)
        await self.get("add-contact-submit").click()

    async def accept(self) -> None:
        await self.get("contact-request-accept").first.click()
        await self.get("room-item").first.wait_for()

    # ---- talking

    async def open_room(self) -> None:
        await self.get("room-item").first.click()
        await self.get("message-input").wait_for()

    async def send(self, text: str) -> None:
        await self.get("message-input").fill(text)
        await self.get("message-input").press("Enter")

    def message(self, text: str) -> Locator:
        return self.get("message").filter(has=self.page.get_by_text(text, exact=True))

    async def reads(self, text: str) -> None:
        """Wait for a message and see that it stands there once."""
        await expect(self.message(text)).to_have_count(1)

    async def sees_state(self, text: str, state: str) -> None:
        await expect(self.message(text)).to_have_attribute("data-state", state)

    async def texts(self) -> list[str]:
        return await self.get("message-text").all_text_contents()


async def befriend(one: Person, other: Person) -> None:
    """One adds the other by friend code; both open the room that accepting made."""
    await one.add(await other.friend_code())
    await other.accept()
    await one.get("room-item").first.wait_for()
    await one.open_room()
    await other.open_room()
