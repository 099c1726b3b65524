"""A page of Chromium that nothing watches: for what its memory and its speed are.

Playwright listens to the network of the pages it drives, and the browser keeps up to 200 MB of what
they send for it. Here a page is asked to evaluate, and nothing else (Chrome DevTools Protocol).
"""

import asyncio
import json
import re
import shutil
from asyncio import StreamReader
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.async_api import async_playwright
from websockets.asyncio.client import ClientConnection, connect

from tests.chromium import LAUNCH
from tests.client.crowd import Device
from tests.e2e.file_engine import CONNECT, SEND, FileEngine
from tests.e2e.person import Person

START_S = 30
EVALUATE_S = 300
PATIENCE_S = 300


class ProtocolError(Exception):
    """What the browser refused."""


class BarePage:
    """One page; `open` starts a browser of its own on a profile, and ends it."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._session: dict[str, str] = {}
        self._last = 0

    @classmethod
    @asynccontextmanager
    async def open(cls, profile: Path, url: str) -> AsyncIterator["BarePage"]:
        process = await asyncio.create_subprocess_exec(
            LAUNCH["executable_path"] or shutil.which("chromium") or "chromium",
            *LAUNCH["args"],
            "--headless=new",
            "--remote-debugging-port=0",
            f"--user-data-dir={profile}",
            "about:blank",
            stdout=DEVNULL,
            stderr=PIPE,
        )
        assert process.stderr is not None
        try:
            async with asyncio.timeout(START_S):
                address = await _address(process.stderr)
            reading = asyncio.ensure_future(process.stderr.read())
            async with connect(address, max_size=None, compression=None) as socket:
                page = cls(socket)
                await page._attach(url)
                yield page
                await page._call("Browser.close", within_page=False)
            async with asyncio.timeout(START_S):
                await process.wait()
                await reading
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()

    async def evaluate(self, function: str, argument: Any = None) -> Any:
        """Call a function in the page and return what it resolves to."""
        result = await self._evaluate(f"({function})({json.dumps(argument)})", by_value=True)
        return result.get("value")

    async def wait_for(self, selector: str) -> None:
        async with asyncio.timeout(START_S):
            while not await self._has(selector):
                await asyncio.sleep(0.1)

    async def choose(self, selector: str, *paths: Path) -> None:
        """Put files into an input, as a person would."""
        found = await self._evaluate(f"document.querySelector({json.dumps(selector)})")
        files = {"files": [str(path) for path in paths], "objectId": found["objectId"]}
        await self._call("DOM.setFileInputFiles", files)

    async def process_ids(self) -> list[int]:
        """Of every process of the browser."""
        found = await self._call("SystemInfo.getProcessInfo", within_page=False)
        return [each["id"] for each in found["processInfo"]]

    async def _has(self, selector: str) -> bool:
        try:
            return bool(await self.evaluate("(s) => document.querySelector(s) !== null", selector))
        except ProtocolError:  # between two documents
            return False

    async def _attach(self, url: str) -> None:
        target = await self._call("Target.createTarget", {"url": url}, within_page=False)
        to = {"targetId": target["targetId"], "flatten": True}
        attached = await self._call("Target.attachToTarget", to, within_page=False)
        self._session = {"sessionId": attached["sessionId"]}

    async def _evaluate(self, expression: str, *, by_value: bool = False) -> dict[str, Any]:
        what = {"expression": expression, "awaitPromise": True, "returnByValue": by_value}
        answer = await self._call("Runtime.evaluate", what)
        assert "exceptionDetails" not in answer, answer
        result: dict[str, Any] = answer["result"]
        return result

    async def _call(
        self, method: str, params: dict[str, Any] | None = None, *, within_page: bool = True
    ) -> dict[str, Any]:
        self._last += 1
        call = {"id": self._last, "method": method, "params": params or {}}
        await self._socket.send(json.dumps(call | (self._session if within_page else {})))
        async with asyncio.timeout(EVALUATE_S):
            while (answer := json.loads(await self._socket.recv())).get("id") != self._last:
                pass
        if "result" not in answer:
            raise ProtocolError(answer["error"])
        result: dict[str, Any] = answer["result"]
        return result


@dataclass
class BareEngine(FileEngine):
    """The engine of a page that nothing watches."""

    page: BarePage  # type: ignore[assignment]

    async def connect(self) -> None:
        await self.page.wait_for('[data-testid="message-input"]')
        await self.page.evaluate(CONNECT)

    async def send(self, *paths: Path, text: str = "") -> str:
        await self.page.choose("#files-of-test", *paths)
        return str(await self.page.evaluate(SEND, text))

    async def received(self, text: str = "") -> str:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                with suppress(TimeoutError):
                    return await super().received(text)


async def _address(words: StreamReader) -> str:
    """Read where the browser listens, which is the first it says."""
    while line := await words.readline():
        if found := re.search(rb"DevTools listening on (ws://\S+)", line):
            return found[1].decode()
    raise RuntimeError("the browser did not start")


@asynccontextmanager
async def room_with(
    friend: Device, profile: Path
) -> AsyncIterator[tuple[BarePage, BareEngine, bytes]]:
    """A page whose person, made for it, is in a room with somebody at a terminal."""
    async with async_playwright() as playwright:
        context = await playwright.chromium.launch_persistent_context(profile, **LAUNCH)
        person = await Person.at(friend.server, context, "Dan")
        await person.sign_up()
        await friend.people.add(await person.friend_code())
        await person.accept()
        await person.open_room()
        url = person.page.url
        await context.close()
    (room,) = await friend.engine.rooms()
    async with BarePage.open(profile, url) as page:
        engine = BareEngine(page)
        await engine.connect()
        yield page, engine, room
