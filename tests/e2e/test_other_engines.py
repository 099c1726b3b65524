"""The page in the engines of other browsers, beside somebody at a terminal (S0-1, S2-7, S3-20).

What is asked of every engine: its keys, its database, its workers, its streams, and our policies.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, suppress
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import ClientSession, web

from client.incoming import Received
from tests.client.crowd import Crowd, Device
from tests.client.file_pieces import MIB
from tests.client.test_room_files import written
from tests.e2e.other_engines import Tab, firefox, webkit
from tests.e2e.person import PASSWORD, PATIENCE_MS
from tests.e2e.test_links import INTACT, linked
from tests.process import ServerProcess

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

PATIENCE_S = 2 * PATIENCE_MS / 1_000

FILL = """([id, text]) => {
  const input = document.querySelector(`[data-testid="${id}"]`);
  input.focus();
  input.value = text;
  input.dispatchEvent(new Event("input", { bubbles: true }));
}"""

PRESS = """([id, at]) => [...document.querySelectorAll(`[data-testid="${id}"]`)].at(at).click()"""

SEEN = """(selector) => {
  const found = [...document.querySelectorAll(selector)].filter((one) => one.checkVisibility());
  return found.map((one) => one.innerText.trim());
}"""

HEIGHTS = """(selector) =>
  [...document.querySelectorAll(selector)].map((one) => one.getBoundingClientRect().height)"""

RUN = """() => import(document.querySelector("script[type=module]").src)
  .then(() => "ran", () => "stopped")"""


class Elsewhere:
    """Somebody in another engine, by the test ids that are the page's public contract."""

    def __init__(self, tab: Tab, server: ServerProcess) -> None:
        self.tab = tab
        self.server = server

    async def sees(self, selector: str, text: str = "") -> str:
        """Wait until something says so; returns all it says."""
        seen: list[str] = []
        try:
            async with asyncio.timeout(PATIENCE_S):
                while not (found := [one for one in seen if text in one]):
                    await asyncio.sleep(0.1)
                    seen = await self.tab.evaluate(SEEN, selector)
        except TimeoutError:
            page = await self.tab.evaluate("() => document.body.innerText")
            pytest.fail(f"no {text!r} in {selector}, but {seen}; the page says: {page}")
        return found[-1]

    async def sees_no(self, selector: str) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while await self.tab.evaluate(SEEN, selector):
                await asyncio.sleep(0.1)

    async def fill(self, test_id: str, text: str) -> None:
        await self.sees(at(test_id))
        await self.tab.evaluate(FILL, [test_id, text])

    async def press(self, test_id: str, *, last: bool = False) -> None:
        await self.sees(at(test_id))
        await self.tab.evaluate(PRESS, [test_id, -1 if last else 0])

    async def sign_up(self) -> str:
        """Make an account; returns its friend code."""
        email = f"mai-{os.urandom(4).hex()}@example.org"
        await self.tab.goto(f"{self.server.origin}/#/sign-up")
        await self.fill("signup-name", "Mai")
        await self.fill("signup-email", email)
        await self.fill("signup-password", PASSWORD)
        await self.press("signup-submit")
        await self.sees(at("otp-code"))
        await self.fill("otp-code", await self.server.code_for(email))
        recovery_code = await self.sees(at("recovery-code"))
        await self.fill("recovery-confirm", recovery_code[-4:])
        await self.press("recovery-continue")
        return await self.sees(at("my-friend-code"))

    async def saved(self, name: str, content: bytes) -> None:
        """Wait until the browser has saved a file, and see that it is that one."""
        async with asyncio.timeout(PATIENCE_S):
            while read(self.tab.folder / name) != content:
                await asyncio.sleep(0.1)


async def brought(device: Device, room: bytes) -> Received:
    """Wait for somebody's next message."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            for received in await device.read(room):
                if not received.is_control:
                    return received
            await asyncio.sleep(0.1)


def at(test_id: str) -> str:
    return f'[data-testid="{test_id}"]'


def read(path: Path) -> bytes:
    with suppress(FileNotFoundError):
        return path.read_bytes()
    return b""


@pytest_asyncio.fixture(params=[firefox, webkit], ids=["firefox", "webkit"])
async def elsewhere(
    request: pytest.FixtureRequest, server: ServerProcess, tmp_path: Path
) -> AsyncIterator[Elsewhere]:
    start: Callable[[Path], AbstractAsyncContextManager[Tab]] = request.param
    folder = tmp_path / "browser"
    folder.mkdir()
    async with start(folder) as tab:
        yield Elsewhere(tab, server)


@pytest_asyncio.fixture
async def lan(crowd: Crowd) -> Device:
    """Somebody at a terminal."""
    return await crowd.person("lan")


async def test_words_and_files_go_both_ways_and_are_there_after_a_reload(
    elsewhere: Elsewhere, lan: Device, tmp_path: Path
) -> None:
    await lan.people.add(await elsewhere.sign_up())
    await elsewhere.press("contact-request-accept")
    await elsewhere.press("room-item")
    (room,) = await lan.engine.rooms()

    await elsewhere.fill("message-input", "chào Lan")
    await elsewhere.press("message-send")
    assert (await brought(lan, room)).text == "chào Lan"
    await lan.engine.send_text(room, "chào Mai")
    await elsewhere.sees(at("message-text"), "chào Mai")

    film = written(tmp_path, "phim.bin", 9 * MIB + 1)  # three parts
    await elsewhere.tab.choose('input[type="file"]', film)
    await elsewhere.sees(at("attachment-tray"), film.name)
    await elsewhere.press("message-send")
    received = await brought(lan, room)
    await lan.engine.save_file(received, received.files[0], tmp_path / "received")
    assert (tmp_path / "received").read_bytes() == film.read_bytes()

    plan = written(tmp_path, "plan.bin", 5 * MIB)
    await lan.engine.send_files(room, [plan])
    await elsewhere.sees(at("attachment"), plan.name)
    await elsewhere.press("attachment-download", last=True)
    await elsewhere.sees(at("attachment"), "Intact")
    await elsewhere.saved(plan.name, plan.read_bytes())

    await elsewhere.tab.evaluate("() => location.reload()")
    await elsewhere.sees(at("message-text"), "chào Mai")
    await elsewhere.sees(f'{at("attachment")}[data-verdict="intact"]', plan.name)
    await lan.engine.send_text(room, "còn đó không?")
    await elsewhere.sees(at("message-text"), "còn đó không?")


async def test_a_notice_is_a_line_and_a_click_beside_a_dialog_closes_it(
    elsewhere: Elsewhere, lan: Device
) -> None:
    await lan.people.add(await elsewhere.sign_up())
    await elsewhere.press("contact-request-accept")
    await elsewhere.sees(".toast")
    heights = await elsewhere.tab.evaluate(HEIGHTS, ".toast")
    assert all(24 <= height < 100 for height in heights)

    await elsewhere.press("new-room")
    await elsewhere.sees("dialog", "New conversation")
    await elsewhere.tab.click(5, 5)
    await elsewhere.sees_no("dialog")


async def test_who_leaves_the_page_for_a_link_comes_back_to_it(
    elsewhere: Elsewhere, lan: Device, tmp_path: Path
) -> None:
    """WebKit keeps pages that were left, with whatever lock they hold."""
    code = await elsewhere.sign_up()
    link = await linked(lan, written(tmp_path, "phim.bin", 1_000))
    await elsewhere.tab.goto(link)
    await elsewhere.sees(at("link-download"))
    await elsewhere.tab.goto(f"{elsewhere.server.origin}/#/people")
    assert await elsewhere.sees(at("my-friend-code")) == code
    await elsewhere.tab.goto(link)
    await elsewhere.sees(at("link-download"))
    await elsewhere.tab.evaluate("() => history.back()")
    assert await elsewhere.sees(at("my-friend-code")) == code


async def test_a_link_opens_without_an_account(
    elsewhere: Elsewhere, lan: Device, tmp_path: Path
) -> None:
    film = written(tmp_path, "phim.bin", 9 * MIB + 1)
    await elsewhere.tab.goto(await linked(lan, film, passphrase="của hai ta"))
    await elsewhere.fill("link-passphrase", "của hai ta")
    await elsewhere.press("link-open")
    await elsewhere.press("link-download")
    await elsewhere.sees("main", INTACT)
    await elsewhere.saved(film.name, film.read_bytes())


async def test_a_module_of_which_one_byte_differs_does_not_run(elsewhere: Elsewhere) -> None:
    """S-32, docs/adr/0015-three-engines.md"""
    altered = ["/js/ui/dom.js"]

    async def pass_on(request: web.Request) -> web.Response:
        async with http.get(f"{elsewhere.server.origin}{request.path_qs}") as answer:
            body = await answer.read()
            kept = {"Content-Type", "Content-Security-Policy", "Cross-Origin-Embedder-Policy"}
            headers = {name: answer.headers[name] for name in kept & set(answer.headers)}
        end = b" " if request.path.endswith(tuple(altered)) else b""
        return web.Response(body=body + end, headers=headers)

    application = web.Application()
    application.router.add_get("/{path:.*}", pass_on)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    async with ClientSession() as http, AsyncExitStack() as stack:
        stack.push_async_callback(runner.cleanup)
        await site.start()
        port = runner.addresses[0][1]
        await elsewhere.tab.goto(f"http://localhost:{port}/")
        assert await elsewhere.tab.evaluate(RUN) == "stopped"
        altered.clear()
        await elsewhere.tab.goto(f"http://127.0.0.1:{port}/")  # of which no cache knows
        assert await elsewhere.tab.evaluate(RUN) == "ran"
        await elsewhere.sees("body", "Sealroom")
