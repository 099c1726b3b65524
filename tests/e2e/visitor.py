"""Somebody without an account who opens a link in a browser."""

import os
from dataclasses import dataclass, field
from pathlib import Path

from playwright.async_api import BrowserContext, Locator, Page, Request, expect

# What is left over of files in the making, in bytes; nothing when all is well.
PLAINTEXT = """async () => {
  const root = await navigator.storage.getDirectory();
  const sizes = [];
  for await (const [name, folder] of root.entries()) {
    if (!name.startsWith("link-")) continue;
    for await (const file of folder.values()) sizes.push((await file.getFile()).size);
  }
  return sizes.filter((size) => size > 0);
}"""


@dataclass
class Visitor:
    """One tab; `sent` is every request it made, `complaints` what its console said."""

    page: Page
    folder: Path
    sent: list[Request] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    downloads: int = 0

    @classmethod
    async def at(cls, context: BrowserContext, folder: Path) -> "Visitor":
        visitor = cls(await context.new_page(), folder)
        page = visitor.page
        context.on("request", lambda request: visitor.sent.append(request))
        page.on("pageerror", lambda error: visitor.complaints.append(f"error: {error}"))
        page.on(
            "console",
            lambda message: (
                visitor.complaints.append(message.text) if message.type == "error" else None
            ),
        )
        page.on("download", visitor._count)
        # Whoever leaves in the middle of a download is asked, and says yes.
        page.on("dialog", lambda dialog: dialog.accept())
        return visitor

    def get(self, test_id: str) -> Locator:
        return self.page.get_by_test_id(test_id)

    async def open(self, link: str) -> None:
        """Follow a link, also from another link."""
        await self.page.goto("about:blank")
        await self.page.goto(link)

    async def sees(self, title: str) -> None:
        await expect(self.page.get_by_role("heading", level=1)).to_have_text(title)

    async def save(self, button: str = "link-download") -> Path:
        """Press the first such button and return where the browser saved what came of it.

        Its name ends in the suggested one.
        """
        async with self.page.expect_download() as started:
            await self.get(button).first.click()
        download = await started.value
        target = self.folder / f"{os.urandom(4).hex()}-{download.suggested_filename}"
        await download.save_as(target)
        return target

    async def status(self, text: str, index: int = 0) -> None:
        """A file's row says this."""
        await expect(self.get("link-file-status").nth(index)).to_have_text(text)

    async def paths(self) -> list[str]:
        return [request.url.partition("/api/")[2] for request in self.sent]

    async def said(self) -> str:
        """Everything that was sent: addresses, headers and bodies."""
        parts = []
        for request in self.sent:
            headers = await request.all_headers()
            parts.append(f"{request.url} {headers} {request.post_data or ''}")
        return "\n".join(parts)

    async def plaintext_sizes(self) -> list[int]:
        sizes: list[int] = await self.page.evaluate(PLAINTEXT)
        return sizes

    def _count(self, _: object) -> None:
        self.downloads += 1
