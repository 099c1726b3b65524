"""Files through the engine of a page, as the page's own parts call it."""

import asyncio
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.async_api import Page

PATIENCE_S = 90

CONNECT = """async () => {
  const loaded = performance.getEntriesByType("resource").map(({ name }) => name);
  const address = loaded.find((name) => name.endsWith("/js/session/client.js"));
  const { connectEngine } = await import(address);
  const engine = connectEngine();
  const rooms = new Promise((resolve) => {
    engine.on("rooms", (slice) => slice.length > 0 && resolve(slice));
  });
  await engine.call("boot", {});
  const [{ id: room }] = await rooms;
  const input = document.createElement("input");
  input.type = "file";
  input.multiple = true;
  input.id = "files-of-test";
  document.body.append(input);
  globalThis.tested = { engine, room, input };
}"""

SEND = """async (text) => {
  const { engine, room, input } = globalThis.tested;
  const plain = { thumb: null, width: null, height: null, durationMs: null, wave: null };
  const files = [...input.files].map((file) => ({ file, ...plain }));
  return (await engine.call("sendFiles", { room, text, files })).key;
}"""

LAST = """async () => {
  const { engine, room } = globalThis.tested;
  const { rows } = await engine.call("messages", { room });
  return rows.at(-1) ?? null;
}"""

FETCH = """async ([key, index]) => {
  const { engine, room } = globalThis.tested;
  try {
    const { file } = await engine.call("fetchAttachment", { room, key, index });
    const bytes = await file.arrayBuffer();
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
    const hash = [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    return { name: file.name, type: file.type, size: file.size, hash };
  } catch (error) {
    return { code: error.code ?? String(error) };
  }
}"""

# Plaintext of files is nowhere but in the folder that results are put together in.
PLAINTEXT = """async () => {
  const root = await navigator.storage.getDirectory();
  const sizes = [];
  for await (const [name, folder] of root.entries()) {
    if (name !== "scratch") continue;
    for await (const file of folder.values()) sizes.push((await file.getFile()).size);
  }
  return sizes.filter((size) => size > 0);
}"""


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@dataclass
class FileEngine:
    """The engine of a page that looks at its one room; `connect` anew after a reload."""

    page: Page

    async def connect(self) -> None:
        await self.page.get_by_test_id("message-input").wait_for()
        await self.page.evaluate(CONNECT)

    async def send(self, *paths: Path, text: str = "") -> str:
        """Hand files in; returns the row's key when they are stored in this browser."""
        await self.page.locator("#files-of-test").set_input_files(list(paths))
        key: str = await self.page.evaluate(SEND, text)
        return key

    async def last(self) -> dict[str, Any]:
        """The newest row of the room; empty when there is none."""
        row: dict[str, Any] | None = await self.page.evaluate(LAST)
        return row or {}

    async def state(self, index: int = 0) -> str:
        """Of a file of the newest row."""
        return str((await self.last())["files"][index]["state"])

    async def received(self, text: str = "") -> str:
        """Wait until the newest row brings files and is numbered; returns its key."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                row = await self.last()
                if row.get("kind") == "files" and row["seq"] is not None and row["text"] == text:
                    return str(row["key"])
                await asyncio.sleep(0.1)

    async def fetch(self, key: str, index: int = 0) -> dict[str, Any]:
        """Name, type, size and hash of a file that is intact, or the code of what it is instead."""
        result: dict[str, Any] = await self.page.evaluate(FETCH, [key, index])
        return result

    async def plaintext_sizes(self) -> list[int]:
        """Of the decrypted files that lie in this browser."""
        sizes: list[int] = await self.page.evaluate(PLAINTEXT)
        return sizes
