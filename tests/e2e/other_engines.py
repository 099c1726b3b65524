"""Firefox and WebKit as people have them, driven by what their makers serve for it.

Firefox is told what to do by WebDriver BiDi, WebKit by WebDriver; Playwright wants builds of its
own of both. Here a page is opened, evaluates, and is given files, which both standards know.
"""

import asyncio
import json
import os
import re
import shutil
import signal
from asyncio.subprocess import DEVNULL
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

from aiohttp import ClientSession
from websockets.asyncio.client import ClientConnection, connect

from tests.ports import free_ports

START_S = 60
CALL_S = 60
STOP_S = 15

# Downloads go to a folder without a question, and nothing is asked of anybody outside.
_PREFERENCES = {
    "app.normandy.enabled": False,
    "browser.download.folderList": 2,
    "browser.download.useDownloadDir": True,
    "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
}


class Tab(Protocol):
    """A page in some engine; `folder` is where it saves."""

    folder: Path

    async def goto(self, url: str) -> None: ...

    async def evaluate(self, function: str, argument: Any = None) -> Any:
        """Call a function in the page and return what it resolves to, which JSON can say."""

    async def choose(self, selector: str, *paths: Path) -> None:
        """Put files into an input, as a person would."""

    async def click(self, x: int, y: int) -> None:
        """Press and let go there, in CSS pixels from the corner of the page."""


class FirefoxTab:
    """WebDriver BiDi, a W3C standard, over one WebSocket."""

    def __init__(self, socket: ClientConnection, folder: Path) -> None:
        self.folder = folder
        self._socket = socket
        self._context = ""
        self._last = 0

    async def start(self) -> None:
        await self._call("session.new", {"capabilities": {}})
        tree = await self._call("browsingContext.getTree", {})
        self._context = tree["contexts"][0]["context"]

    async def goto(self, url: str) -> None:
        where = {"context": self._context, "url": url, "wait": "complete"}
        await self._call("browsingContext.navigate", where)

    async def evaluate(self, function: str, argument: Any = None) -> Any:
        told = (
            f"Promise.resolve(({function})({json.dumps(argument)})).then((a) => JSON.stringify(a))"
        )
        result = await self._evaluate(told)
        return json.loads(result["value"]) if "value" in result else None

    async def choose(self, selector: str, *paths: Path) -> None:
        found = await self._evaluate(f"document.querySelector({json.dumps(selector)})")
        await self._call(
            "input.setFiles",
            {
                "context": self._context,
                "element": {"sharedId": found["sharedId"]},
                "files": [str(path) for path in paths],
            },
        )

    async def click(self, x: int, y: int) -> None:
        await self._call("input.performActions", {"context": self._context, **_click(x, y)})

    async def _evaluate(self, expression: str) -> dict[str, Any]:
        what = {
            "expression": expression,
            "target": {"context": self._context},
            "awaitPromise": True,
        }
        answer = await self._call("script.evaluate", what)
        assert answer["type"] == "success", answer["exceptionDetails"]["text"]
        result: dict[str, Any] = answer["result"]
        return result

    async def _call(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        self._last += 1
        await self._socket.send(json.dumps({"id": self._last, "method": method, "params": params}))
        async with asyncio.timeout(CALL_S):
            while (answer := json.loads(await self._socket.recv())).get("id") != self._last:
                pass
        assert answer["type"] == "success", answer
        result: dict[str, Any] = answer["result"]
        return result


class WebKitTab:
    """WebDriver, a W3C standard, over HTTP."""

    def __init__(self, http: ClientSession, folder: Path) -> None:
        self.folder = folder
        self._http = http
        self._session = ""

    async def start(self) -> None:
        made = await self._call("POST", "/session", {"capabilities": {}})
        self._session = f"/session/{made['sessionId']}"

    async def end(self) -> None:
        await self._call("DELETE", self._session)

    async def goto(self, url: str) -> None:
        await self._call("POST", f"{self._session}/url", {"url": url})

    async def evaluate(self, function: str, argument: Any = None) -> Any:
        script = f"""const [argument, done] = arguments;
        Promise.resolve(({function})(argument)).then(
          (value) => done({{ value: value ?? null }}), (error) => done({{ error: String(error) }}),
        );"""
        what = {"script": script, "args": [argument]}
        answer = await self._call("POST", f"{self._session}/execute/async", what)
        assert "error" not in answer, answer
        return answer["value"]

    async def choose(self, selector: str, *paths: Path) -> None:
        what = {"using": "css selector", "value": selector}
        (element,) = (await self._call("POST", f"{self._session}/element", what)).values()
        text = {"text": "\n".join(map(str, paths))}
        await self._call("POST", f"{self._session}/element/{element}/value", text)

    async def click(self, x: int, y: int) -> None:
        await self._call("POST", f"{self._session}/actions", _click(x, y))

    async def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        async with asyncio.timeout(CALL_S), self._http.request(method, path, json=body) as answer:
            value = (await answer.json())["value"]
            assert answer.status == 200, value
            return value


def _click(x: int, y: int) -> dict[str, Any]:
    """Say it as both standards do."""
    move = {"type": "pointerMove", "x": x, "y": y}
    press = [{"type": kind, "button": 0} for kind in ("pointerDown", "pointerUp")]
    return {"actions": [{"type": "pointer", "id": "mouse", "actions": [move, *press]}]}


@asynccontextmanager
async def firefox(folder: Path) -> AsyncIterator[FirefoxTab]:
    """Start a Firefox on a profile of its own."""
    profile, saved, log = folder / "profile", folder / "saved", folder / "firefox.log"
    profile.mkdir()
    preferences = _PREFERENCES | {"browser.download.dir": str(saved)}
    lines = [f"user_pref({json.dumps(key)}, {json.dumps(to)});" for key, to in preferences.items()]
    (profile / "user.js").write_text("\n".join(lines), encoding="utf-8")
    async with _running(
        log,
        shutil.which("firefox-esr") or "firefox",
        *("--headless", "--no-remote", "--remote-debugging-port=0", "--profile", str(profile)),
        environment={"HOME": str(folder)},
    ):
        address = await _said(log, r"BiDi listening on (ws://\S+)\n")
        async with connect(f"{address}/session", max_size=None, compression=None) as socket:
            tab = FirefoxTab(socket, saved)
            await tab.start()
            yield tab


@asynccontextmanager
async def webkit(folder: Path) -> AsyncIterator[WebKitTab]:
    """Start the browser of WebKitGTK, on a screen that nobody sees; it saves at home."""
    (port,) = free_ports(1)
    screen, driver, home = folder / "screen.log", folder / "driver.log", folder / "home"
    home.mkdir()
    size = ("-screen", "0", "1280x800x24")
    async with _running(screen, "Xvfb", "-displayfd", "1", *size):
        display = await _said(screen, r"(\d+)\n")
        environment = {"HOME": str(home), "DISPLAY": f":{display}", "GDK_BACKEND": "x11"}
        async with (
            _running(driver, "WebKitWebDriver", f"--port={port}", environment=environment),
            ClientSession(f"http://127.0.0.1:{port}") as http,
        ):
            await _listens(port)
            tab = WebKitTab(http, home)
            await tab.start()
            yield tab
            await tab.end()


@asynccontextmanager
async def _running(
    log: Path, *command: str, environment: dict[str, str] | None = None
) -> AsyncIterator[None]:
    """Let a program run that says what it has to say in a file; nothing it started outlives it."""
    with log.open("wb") as words:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=DEVNULL,
            stdout=words,
            stderr=words,
            env=os.environ | (environment or {}),
            start_new_session=True,
        )
    try:
        yield
        process.terminate()
        with suppress(TimeoutError):
            async with asyncio.timeout(STOP_S):
                await process.wait()
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


async def _said(log: Path, pattern: str) -> str:
    """Wait until a program says what is asked for."""
    async with asyncio.timeout(START_S):
        while not (found := re.search(pattern, log.read_text(encoding="utf-8", errors="replace"))):
            await asyncio.sleep(0.05)
        return found[1]


async def _listens(port: int) -> None:
    async with asyncio.timeout(START_S):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.05)
            else:
                writer.close()
                return
