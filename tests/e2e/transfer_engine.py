"""Transfers through the engine of a page, as the page's own parts call it."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.async_api import Page

from tests.e2e.file_engine import PATIENCE_S

WEEK_MS = 7 * 86_400_000

CONNECT = """async () => {
  const loaded = performance.getEntriesByType("resource").map(({ name }) => name);
  const address = loaded.find((name) => name.endsWith("/js/session/client.js"));
  const { connectEngine } = await import(address);
  const engine = connectEngine();
  const seen = { transfers: null };
  engine.on("transfers", (lists) => {
    seen.transfers = lists;
  });
  await engine.call("boot", {});
  const input = document.createElement("input");
  input.type = "file";
  input.multiple = true;
  input.id = "transfer-of-test";
  document.body.append(input);
  globalThis.transferring = { engine, seen, input };
}"""

SEND = """async (form) => {
  const { engine, input } = globalThis.transferring;
  return (await engine.call("sendTransfer", { ...form, files: [...input.files] })).id;
}"""

CALL = """async ([name, argument]) => {
  await globalThis.transferring.engine.call(name, argument);
}"""

LISTS = """() => globalThis.transferring.seen.transfers"""

FETCH = """async ([id, index]) => {
  try {
    const { file } = await globalThis.transferring.engine.call("fetchTransfer", { id, index });
    const bytes = await file.arrayBuffer();
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
    const hash = [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    return { name: file.name, size: file.size, hash };
  } catch (error) {
    return { code: error.code ?? String(error) };
  }
}"""


@dataclass
class TransferEngine:
    """The engine of a page; `connect` anew after a reload."""

    page: Page

    async def connect(self) -> None:
        await self.page.locator(".nav").first.wait_for(state="attached")
        await self.page.evaluate(CONNECT)

    async def send(self, to: dict[str, str], *paths: Path, passphrase: str | None = None) -> str:
        """Hand files in; returns the transfer's id when they are stored in this browser."""
        await self.page.locator("#transfer-of-test").set_input_files(list(paths))
        form = {"livesMs": WEEK_MS, "maxDownloads": None, "signed": True}
        transfer: str = await self.page.evaluate(SEND, {**form, "to": to, "passphrase": passphrase})
        return transfer

    async def call(self, name: str, transfer: str) -> None:
        await self.page.evaluate(CALL, [name, {"id": transfer}])

    async def find(self, side: str, transfer: str) -> dict[str, Any]:
        """One of `sent` or `received` as the page sees it; empty when it is not there."""
        lists: dict[str, list[dict[str, Any]]] = await self.page.evaluate(LISTS) or {}
        return next((each for each in lists.get(side, []) if each["id"] == transfer), {})

    async def until(self, side: str, transfer: str, **fields: object) -> dict[str, Any]:
        """Wait until a transfer is listed and has these fields."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                found = await self.find(side, transfer)
                if found and {**found, **fields} == found:
                    return found
                await asyncio.sleep(0.1)

    async def arrived(self, transfer: str) -> dict[str, Any]:
        """Wait until a transfer is here and its heads have been judged."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                found = await self.find("received", transfer)
                if found and (found["origin"] or found["refusal"]):
                    return found
                await asyncio.sleep(0.1)

    async def fetch(self, transfer: str, index: int = 0) -> dict[str, Any]:
        """Name, size and hash of a file that is intact, or the code of what it is instead."""
        result: dict[str, Any] = await self.page.evaluate(FETCH, [transfer, index])
        return result
