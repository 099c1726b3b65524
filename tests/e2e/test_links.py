"""The page of a link, for somebody without an account: a real server, a real browser.

S3-20, S-33, SEAL1 §4.13.
"""

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import closing, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Error, Route, ViewportSize, expect

from client.link_visits import LinkAddress
from client.seal.safety_number import fingerprint
from client.sent_transfers import Terms
from protocol.ids import TransferId
from protocol.limits import HOUR_MS
from tests.client.crowd import Crowd, Device
from tests.client.file_pieces import MIB
from tests.client.test_room_files import exchange, flip, swap, written
from tests.e2e.conftest import DESKTOP, PHONE, SCREENSHOTS
from tests.e2e.file_engine import sha256
from tests.e2e.test_conversation import AXE
from tests.e2e.test_secrecy import forms_of
from tests.e2e.visitor import Visitor
from tests.frontend.ui.test_polyglots import POLYGLOTS
from tests.frontend.ui.test_screens import SERIOUS, SETTLED
from tests.process import ServerProcess

pytestmark = pytest.mark.slow

PASSPHRASE = "mật khẩu chung của ta"
SMALL_BYTES = 300_000
FILM_BYTES = 50 * MIB + 1
INTACT = "Intact: exactly what was sent"
DAMAGED = "Damaged: not saved"

NewVisitor = Callable[..., Awaitable[Visitor]]


@pytest_asyncio.fixture
async def maker(crowd: Crowd) -> Device:
    """Somebody with an account, who makes links."""
    return await crowd.person("lan")


@pytest_asyncio.fixture
async def new_visitor(browser: Browser, tmp_path: Path) -> AsyncIterator[NewVisitor]:
    """Make visitors at fresh browsers; at the end no page may have complained."""
    visitors: list[Visitor] = []

    async def make(
        *, viewport: ViewportSize = PHONE, locale: str = "en-GB", bypass_csp: bool = False
    ) -> Visitor:
        context = await browser.new_context(
            viewport=viewport, locale=locale, bypass_csp=bypass_csp, accept_downloads=True
        )
        visitors.append(await Visitor.at(context, tmp_path))
        return visitors[-1]

    yield make
    for visitor in visitors:
        serious = [c for c in visitor.complaints if "ERR_" not in c and "status of 4" not in c]
        assert not serious, serious
        await visitor.page.context.close()


@pytest_asyncio.fixture
async def visitor(new_visitor: NewVisitor) -> Visitor:
    return await new_visitor()


async def linked(
    maker: Device,
    *paths: Path,
    passphrase: str | None = None,
    signed_as: str | None = "Lan",
    terms: Terms | None = None,
) -> str:
    """Make a link and return its whole address."""
    new = await maker.engine.sent_transfers.send_by_link(
        paths, terms, passphrase=passphrase, signed_as=signed_as
    )
    return LinkAddress(maker.server.origin, new.transfer_id, new.secret).dump()


async def withdraw(maker: Device) -> None:
    (transfer,) = await maker.engine.sent_transfers.live()
    await maker.engine.sent_transfers.withdraw(TransferId(transfer.id))


def stored_parts(server: ServerProcess) -> list[Path]:
    """Where the server keeps the only file there is, part by part."""
    (folder,) = (server.data_dir / "files").glob("??/*")
    return sorted(folder.iterdir(), key=lambda part: int(part.name.partition("-")[0]))


class Gate:
    """Lets the first parts of a file pass, and holds the others until it is opened."""

    def __init__(self, passing: int) -> None:
        self._passing = passing
        self._is_open = asyncio.Event()
        self.reached = asyncio.Event()

    async def __call__(self, route: Route) -> None:
        if self._passing > 0:
            self._passing -= 1
        else:
            self.reached.set()
            await self._is_open.wait()
        with suppress(Error):  # nobody waits for it any more
            await route.continue_()

    def open(self) -> None:
        self._is_open.set()


async def test_a_link_says_what_it_holds_and_from_whom_and_then_gives_it(
    maker: Device, visitor: Visitor, tmp_path: Path
) -> None:
    paper = written(tmp_path, "Báo cáo tháng 11.pdf", SMALL_BYTES)
    note = written(tmp_path, "notes.txt", 1_000)
    await visitor.open(await linked(maker, paper, note))
    await visitor.sees("Files for you")
    intro = visitor.page.locator(".intro")
    await expect(intro).to_contain_text("2 files · 301 kB · until ")
    await visitor.status("300 kB")
    await expect(visitor.get("link-file").first).to_contain_text(paper.name)
    assert not any("downloads" in path or "/files/" in path for path in await visitor.paths())
    sender = visitor.get("link-sender")
    await expect(sender).to_contain_text("The link says it is from Lan.")
    await expect(sender).to_contain_text("It proves no person")
    await sender.get_by_text("Numbers to compare").click()
    device = maker.file.state.device
    digits = fingerprint(device.user_id, device.account_key)
    groups = " ".join(digits[at : at + 5] for at in range(0, 30, 5))
    await expect(visitor.get("link-fingerprint")).to_have_text(groups)

    first = await visitor.save("link-get")
    assert first.name.endswith(paper.name)
    assert sha256(first) == sha256(paper)
    await visitor.status(INTACT)
    second = await visitor.save()
    assert second.read_bytes() == note.read_bytes()
    await visitor.status(INTACT, 1)
    await expect(visitor.get("link-download")).to_be_hidden()
    again = await visitor.save("link-save")
    assert again.read_bytes() == paper.read_bytes()
    (sent,) = await maker.engine.sent_transfers.live()
    assert sent.downloads == 1


async def test_the_secret_leaves_the_address_at_once_and_the_browser_never(
    maker: Device, visitor: Visitor, server: ServerProcess, tmp_path: Path
) -> None:
    name = "chim hoàng yến.txt"
    link = await linked(
        maker, written(tmp_path, name, SMALL_BYTES), passphrase=PASSPHRASE, signed_as="Lan Ngọc Ánh"
    )
    address, _, fragment = link.partition("#")
    await visitor.open(link)
    assert visitor.page.url == address
    await visitor.get("link-passphrase").fill(PASSPHRASE)
    await visitor.get("link-open").click()
    await visitor.save()
    await visitor.status(INTACT)
    kept = await visitor.page.evaluate(
        "() => JSON.stringify([location.href, history.state, document.cookie, name, "
        "{...localStorage}, {...sessionStorage}, performance.getEntriesByType('resource')])"
    )
    databases = await visitor.page.evaluate("async () => (await indexedDB.databases()).length")
    assert databases == 0
    assert await visitor.page.context.cookies() == []
    sent = await visitor.said()
    assert "x-link-auth" in sent.lower()
    server.stop()
    files = [path for path in server.data_dir.rglob("*") if path.is_file()]
    assert any(path.name == "sealroom.db" for path in files)
    ciphertext = b"".join(path.read_bytes() for path in files)
    secret = LinkAddress.parse(link).secret
    for word in (fragment, fragment[2:], PASSPHRASE, name, "Lan Ngọc Ánh"):
        assert word not in sent
        assert word.encode() not in ciphertext
    for form in forms_of(secret):
        assert form not in ciphertext
        assert form.decode("latin-1") not in sent + kept


async def test_s3_20_a_passphrase_is_asked_for_and_another_one_does_not_open(
    maker: Device, visitor: Visitor, tmp_path: Path
) -> None:
    source = written(tmp_path, "a.bin", SMALL_BYTES)
    await visitor.open(await linked(maker, source, passphrase=PASSPHRASE))
    await visitor.sees("This link has a passphrase")
    await visitor.get("link-open").click()
    await expect(visitor.page.get_by_text("Enter the passphrase.")).to_be_visible()
    for wrong in ("another one", "yet another"):
        await visitor.get("link-passphrase").fill(wrong)
        await visitor.get("link-open").click()
        await expect(visitor.page.get_by_text("This passphrase does not open it.")).to_be_visible()
    await visitor.get("link-passphrase").fill(PASSPHRASE)
    await visitor.get("link-open").click()
    await visitor.sees("A file for you")
    assert sha256(await visitor.save()) == sha256(source)


async def test_a_film_arrives_byte_for_byte_and_shows_how_far_it_is(
    maker: Device, visitor: Visitor, tmp_path: Path
) -> None:
    film, gate = written(tmp_path, "film.mp4", FILM_BYTES), Gate(6)
    await visitor.page.context.route("**/content", gate)
    await visitor.open(await linked(maker, film, signed_as=None))
    await expect(visitor.get("link-sender")).to_contain_text("did not say who they are")
    saving = asyncio.ensure_future(visitor.save())
    await gate.reached.wait()
    await expect(visitor.get("link-file-status").first).to_contain_text("% of 52 MB")
    await expect(visitor.get("link-note")).to_have_text(
        "Keep this page open until everything is here."
    )
    gate.open()
    assert sha256(await saving) == sha256(film)
    await visitor.status(INTACT)


async def test_a_page_that_is_loaded_again_asks_for_the_link_and_is_not_counted_again(
    maker: Device, visitor: Visitor, tmp_path: Path
) -> None:
    film, gate = written(tmp_path, "film.mp4", 20 * MIB), Gate(2)
    link = await linked(maker, film, terms=Terms(max_downloads=1))
    await visitor.page.context.route("**/content", gate)
    await visitor.open(link)
    await visitor.get("link-download").click()
    await gate.reached.wait()
    await visitor.page.reload()
    await visitor.sees("Open the link again")
    await visitor.page.context.unroute("**/content")
    gate.open()
    await visitor.page.goto(link)
    await visitor.sees("A file for you")
    # What the broken visit had decrypted was swept away by this one.
    assert await visitor.plaintext_sizes() == []
    assert sha256(await visitor.save()) == sha256(film)


async def test_a_download_waits_for_the_network_and_goes_on(
    maker: Device, visitor: Visitor, tmp_path: Path
) -> None:
    film, gate = written(tmp_path, "film.mp4", 20 * MIB), Gate(2)
    await visitor.page.context.route("**/content", gate)
    await visitor.open(await linked(maker, film))
    saving = asyncio.ensure_future(visitor.save())
    await gate.reached.wait()
    await visitor.page.context.set_offline(True)
    gate.open()
    await visitor.status("Interrupted; it goes on by itself")
    await visitor.page.context.set_offline(False)
    assert sha256(await saving) == sha256(film)
    first = [
        request for request in visitor.sent if request.headers.get("range") == "bytes=0-4194303"
    ]
    assert len(first) == 1, "what was there is not fetched again"


@pytest.mark.parametrize(
    "lost",
    ["**/api/**", "**/js/session/link-visit.js"],
    ids=["the server", "a part of the page"],
)
async def test_what_a_link_does_not_get_is_fetched_again(
    maker: Device, visitor: Visitor, tmp_path: Path, lost: str
) -> None:
    link = await linked(maker, written(tmp_path, "a", 10))
    await visitor.page.context.route(lost, lambda route: route.abort())
    await visitor.open(link)
    await visitor.sees("The link could not be opened")
    await visitor.page.context.unroute(lost)
    await visitor.get("link-again").click()
    await visitor.sees("A file for you")


@pytest.mark.parametrize("harm", [flip, swap, exchange])
async def test_row_20_what_the_server_s_disk_changes_is_damaged_and_not_saved(
    maker: Device,
    visitor: Visitor,
    server: ServerProcess,
    tmp_path: Path,
    harm: Callable[[list[Path]], None],
) -> None:
    await visitor.open(await linked(maker, written(tmp_path, "notes.pdf", 9_000_000)))
    harm(stored_parts(server))
    await visitor.get("link-download").click()
    await visitor.status(DAMAGED)
    await expect(visitor.get("link-file")).to_have_attribute("data-state", "damaged")
    assert visitor.downloads == 0
    assert await visitor.plaintext_sizes() == []


async def test_a_tail_that_was_cut_off_on_the_way_is_damaged_and_not_saved(
    maker: Device, visitor: Visitor, tmp_path: Path
) -> None:
    async def cut(route: Route) -> None:
        answer = await route.fetch()
        await route.fulfill(status=206, body=(await answer.body())[:-1])

    await visitor.page.context.route("**/content", cut)
    await visitor.open(await linked(maker, written(tmp_path, "notes.pdf", SMALL_BYTES)))
    await visitor.get("link-download").click()
    await visitor.status(DAMAGED)
    assert visitor.downloads == 0
    assert await visitor.plaintext_sizes() == []


async def test_a_limit_holds_for_whoever_comes_too_late(
    maker: Device, new_visitor: NewVisitor, tmp_path: Path
) -> None:
    source = written(tmp_path, "a.bin", SMALL_BYTES)
    link = await linked(maker, source, terms=Terms(HOUR_MS, max_downloads=1))
    first, second, third = [await new_visitor() for _ in range(3)]
    for early in (first, second):
        await early.open(link)
        await expect(early.get("link-note")).to_have_text("Can be downloaded 1 more time")
    assert sha256(await first.save()) == sha256(source)
    await second.get("link-download").click()
    used_up = "It was downloaded as often as its sender allowed. Ask them for a new link."
    for late in (second, third):
        if late is third:
            await late.open(link)
        await expect(late.get("link-note")).to_have_text(used_up)
        await expect(late.get("link-download")).to_be_hidden()
        await expect(late.get("link-get")).to_be_hidden()
        assert late.downloads == 0


async def test_a_link_that_is_withdrawn_in_the_middle_ends_there(
    maker: Device, visitor: Visitor, tmp_path: Path
) -> None:
    gate = Gate(2)
    await visitor.page.context.route("**/content", gate)
    link = await linked(maker, written(tmp_path, "film.mp4", 20 * MIB))
    await visitor.open(link)
    await visitor.get("link-download").click()
    await gate.reached.wait()
    await withdraw(maker)
    gate.open()
    await visitor.status("No longer on the server")
    await expect(visitor.get("link-note")).to_contain_text("The link ended in the meantime")
    assert visitor.downloads == 0
    assert await visitor.plaintext_sizes() == []
    await visitor.open(link)
    await visitor.sees("There is nothing here any more")


async def test_a_link_that_has_run_out_is_gone(
    maker: Device, visitor: Visitor, server: ServerProcess, tmp_path: Path
) -> None:
    link = await linked(maker, written(tmp_path, "a", 10), terms=Terms(HOUR_MS))
    server.advance(HOUR_MS + 1)
    await visitor.open(link)
    await visitor.sees("There is nothing here any more")


async def test_where_links_are_switched_off_there_are_none(
    maker: Device, visitor: Visitor, server: ServerProcess, tmp_path: Path
) -> None:
    link = await linked(maker, written(tmp_path, "a", 10))
    server.stop()
    server.settings["SEALROOM_LINKS"] = "off"
    server.start()
    await visitor.open(link)
    await visitor.sees("There is nothing here any more")


async def test_an_address_that_lost_a_part_says_so(
    maker: Device, visitor: Visitor, server: ServerProcess, tmp_path: Path
) -> None:
    link, other = [await linked(maker, written(tmp_path, name, 10)) for name in "ab"]
    address, _, fragment = link.partition("#")
    broken = [
        address,
        f"{address}#",
        link[:-1],
        f"{link}x",
        f"{address[:-1]}#{fragment}",
        f"{server.origin}/t/#{fragment}",
        f"{address}#{other.partition('#')[2]}",
    ]
    for cut in broken:
        await visitor.open(cut)
        await visitor.sees("The link is not whole")
    await visitor.open(f"{address}#2{fragment[1:]}")
    await visitor.sees("Made with a newer version")
    await visitor.open(f"{server.origin}/t/{'A' * 22}#{fragment}")
    await visitor.sees("There is nothing here any more")
    # Pasted over another one, it is another fragment of the same page.
    await visitor.open(f"{address}#{fragment[:-1]}")
    await visitor.sees("The link is not whole")
    await visitor.page.goto(link)
    await visitor.sees("A file for you")


async def test_a_report_reaches_the_operator(
    maker: Device, visitor: Visitor, server: ServerProcess, tmp_path: Path
) -> None:
    link = await linked(maker, written(tmp_path, "a", 10))
    await visitor.open(link)
    await visitor.get("link-report").click()
    await expect(visitor.page.get_by_role("dialog")).to_contain_text(
        "They do not learn who you are"
    )
    await visitor.get("link-report-reason").select_option("malware")
    await visitor.get("link-report-text").fill("It wants my password.")
    await visitor.get("link-report-send").click()
    await expect(visitor.page.get_by_text("Thank you.")).to_be_visible()
    await visitor.page.get_by_role("button", name="Close").click()
    await expect(visitor.page.get_by_role("dialog")).to_have_count(0)
    with closing(sqlite3.connect(server.data_dir / "sealroom.db")) as database:
        (report,) = database.execute("SELECT reason, text FROM reports").fetchall()
    assert report == ("malware", "It wants my password.")


async def test_whoever_cancels_saves_nothing_and_may_begin_again(
    maker: Device, visitor: Visitor, tmp_path: Path
) -> None:
    film, gate = written(tmp_path, "film.mp4", 20 * MIB), Gate(2)
    await visitor.page.context.route("**/content", gate)
    await visitor.open(await linked(maker, film))
    await visitor.get("link-download").click()
    await gate.reached.wait()
    await visitor.get("link-cancel").click()
    await visitor.status("21 MB")
    assert await visitor.plaintext_sizes() == []
    gate.open()
    assert sha256(await visitor.save()) == sha256(film)


async def test_row_20_polyglots_run_nothing_whatever_their_names_say(
    maker: Device, visitor: Visitor, tmp_path: Path
) -> None:
    """S-33: everything is handed out as octets, under its own name."""
    for ten in (POLYGLOTS[:10], POLYGLOTS[10:]):
        paths = []
        for name, _, _, content in ten:
            paths.append(tmp_path / name.replace("/", "_"))
            paths[-1].write_bytes(content.encode("latin-1"))
        await visitor.open(await linked(maker, *paths, signed_as="<img src=x onerror=alert(1)>"))
        await visitor.page.evaluate("globalThis.polyglotRan = false")
        for index, path in enumerate(paths):
            async with visitor.page.expect_download() as started:
                await visitor.get("link-get").nth(index).click()
            saved = await (await started.value).path()
            assert saved.read_bytes() == path.read_bytes()
            await visitor.status(INTACT, index)
        assert await visitor.page.evaluate("globalThis.polyglotRan") is False
        await expect(visitor.page.locator("img, iframe, object, embed")).to_have_count(0)


@pytest.mark.parametrize("locale", ["en-GB", "vi-VN"])
@pytest.mark.parametrize("viewport", [PHONE, DESKTOP], ids=["phone", "desktop"])
async def test_the_page_suits_everybody(
    maker: Device, new_visitor: NewVisitor, tmp_path: Path, viewport: ViewportSize, locale: str
) -> None:
    """No serious finding of axe in either theme, nothing cut off, targets for a thumb."""
    long = written(tmp_path, f"{'Biên bản cuộc họp rất dài ' * 6}.pdf", SMALL_BYTES)
    link = await linked(maker, long, written(tmp_path, "b.bin", 10), passphrase=PASSPHRASE)
    visitor = await new_visitor(viewport=viewport, locale=locale, bypass_csp=True)
    await visitor.open(link)
    await visitor.page.evaluate(AXE.read_text())
    name = f"link-{locale[:2]}-{viewport['width']}"

    async def look(stage: str) -> None:
        for theme in ("light", "dark"):
            await visitor.page.emulate_media(color_scheme=theme, reduced_motion="reduce")  # type: ignore[arg-type]
            await visitor.page.wait_for_function(SETTLED)
            await visitor.page.screenshot(
                path=SCREENSHOTS / f"{name}-{stage}-{theme}.png", full_page=True
            )
            assert await visitor.page.evaluate(SERIOUS) == [], (stage, theme)
        wide = await visitor.page.evaluate("document.documentElement.scrollWidth")
        assert wide <= viewport["width"]
        for button in await visitor.page.get_by_role("button").all():
            box = await button.bounding_box()
            assert box is None or box["height"] >= 44, await button.inner_text()

    await look("passphrase")
    await visitor.get("link-passphrase").fill(PASSPHRASE)
    await visitor.get("link-open").click()
    await visitor.get("link-sender").locator("summary").click()
    await look("ready")
    await visitor.get("link-report").click()
    await look("report")
    await visitor.page.keyboard.press("Escape")
    await visitor.save("link-get")
    await look("saved")


async def test_the_language_can_be_changed_in_the_middle(
    maker: Device, visitor: Visitor, tmp_path: Path
) -> None:
    source = written(tmp_path, "a.bin", SMALL_BYTES)
    await visitor.open(await linked(maker, source))
    await visitor.sees("A file for you")
    await visitor.page.get_by_role("button", name="Tiếng Việt").click()
    await visitor.sees("Tệp gửi cho bạn")
    assert sha256(await visitor.save()) == sha256(source)
    await visitor.page.get_by_role("button", name="English").click()
    await visitor.status(INTACT)


async def test_two_visits_side_by_side_do_not_meet(
    maker: Device, visitor: Visitor, tmp_path: Path
) -> None:
    sources = [written(tmp_path, name, 9 * MIB) for name in ("a.bin", "b.bin")]
    links = [await linked(maker, source) for source in sources]
    second = await Visitor.at(visitor.page.context, tmp_path)
    for tab, link in zip((visitor, second), links, strict=True):
        await tab.open(link)
    saved = await asyncio.gather(visitor.save(), second.save())
    assert [sha256(path) for path in saved] == [sha256(source) for source in sources]


def test_the_address_of_a_link_is_the_one_the_page_is_served_at(server: ServerProcess) -> None:
    link = LinkAddress(server.origin, bytes(16), bytes(32)).dump()
    assert urlsplit(link).path == f"/t/{'A' * 22}"
    assert os.path.basename(urlsplit(link).path) == "A" * 22
