"""The page opens without a network, and is never made of two builds (architecture 0013)."""

import shutil
from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.e2e.conftest import NewPerson
from tests.e2e.person import Person
from tests.process import ROOT, ServerProcess

pytestmark = pytest.mark.slow

ACTIVE = """async () => {
  const { active } = await navigator.serviceWorker.ready;
  while (active.state !== "activated") await new Promise((resolve) => setTimeout(resolve, 20));
  return active.scriptURL;
}"""
KEPT = """async () => {
  const names = await caches.keys();
  const lists = await Promise.all(names.map(async (name) => (await caches.open(name)).keys()));
  return lists.map((list) => list.map(({ url }) => new URL(url).pathname));
}"""
BUILD = "document.querySelector('script[type=module]').src.split('/')[4]"
MODULES = """performance.getEntriesByType("resource")
  .map(({ name }) => new URL(name).pathname).filter((path) => path.startsWith("/assets/"))"""

PAST = """async () => {
  performance.clearResourceTimings(); // which a page of so many files has filled
  await (await fetch("/health")).text();
  return performance.getEntriesByName(`${location.origin}/health`)[0].workerMatchedSourceType;
}"""


async def is_kept(person: Person, build: str) -> None:
    """Wait until the worker of a build has taken over."""
    while f"/assets/{build}/" not in await person.page.evaluate(ACTIVE):
        await person.page.wait_for_timeout(50)


async def cut_off(person: Person) -> None:
    await person.context.set_offline(True)
    assert person.server.stop() == 0
    await person.page.reload()


async def seals_and_opens(person: Person, file: Path) -> None:
    await person.get("file-input").set_input_files(file)
    await person.page.get_by_role("radio", name="Only me").check()
    await person.get("file-seal").click()
    await expect(person.get("file-verdict")).to_have_text("Sealed")
    async with person.page.expect_download() as started:
        await person.get("file-save").click()
    sealed = file.with_suffix(".seal")
    await (await started.value).save_as(sealed)
    await person.get("file-again").click()
    await person.get("file-input").set_input_files(sealed)
    await expect(person.get("file-verdict")).to_have_text("Intact, sealed by you")
    await person.get("file-again").click()


@pytest.fixture
def upgrade(tmp_path: Path) -> Path:
    """The same program, one file of whose page is another."""
    program = tmp_path / "program"
    others = shutil.ignore_patterns(".*", "__pycache__", "node_modules", "build", "tests", "bench")
    shutil.copytree(ROOT, program, ignore=others)
    style = program / "frontend/css/base.css"
    style.write_text(style.read_text() + "\n/* another build */\n")
    return program


async def test_the_page_opens_without_a_network_and_is_upgraded_as_a_whole(
    new_person: NewPerson, server: ServerProcess, tmp_path: Path, upgrade: Path
) -> None:
    an = await new_person("An")
    await an.sign_up()
    before = await an.page.evaluate(BUILD)
    await is_kept(an, before)
    ((page, *files),) = sorted(sorted(paths) for paths in await an.page.evaluate(KEPT))
    assert page == "/"
    assert files
    assert all(path.startswith(f"/assets/{before}/") for path in files), "nothing else is kept"

    await an.page.goto(f"{server.origin}/#/files/seal")
    await cut_off(an)
    await expect(an.page.get_by_text("You are offline. You can read and write")).to_be_visible()
    file = tmp_path / "notes.txt"
    file.write_bytes(b"written without a network")
    await seals_and_opens(an, file)

    server.root = upgrade
    server.start()
    await an.context.set_offline(False)
    await an.page.reload()
    after = await an.page.evaluate(BUILD)
    assert after != before
    await expect(an.get("file-choose")).to_be_visible()
    loaded = await an.page.evaluate(MODULES)
    assert loaded
    assert all(path.startswith(f"/assets/{after}/") for path in loaded)
    await is_kept(an, after)
    (paths,) = await an.page.evaluate(KEPT)
    assert "/" in paths
    assert all(path == "/" or path.startswith(f"/assets/{after}/") for path in paths)

    await cut_off(an)
    assert await an.page.evaluate(BUILD) == after
    await seals_and_opens(an, file)


async def test_a_link_and_an_answer_of_the_server_are_not_there_without_a_network(
    new_person: NewPerson, server: ServerProcess
) -> None:
    an = await new_person("An")
    await an.sign_up()
    await is_kept(an, await an.page.evaluate(BUILD))
    assert await an.page.evaluate(PAST) == "network", "nor do they wait for the worker"
    link = await an.context.new_page()
    await link.goto(f"{server.origin}/t/{'A' * 22}")
    await expect(link.locator("h1")).to_be_visible()
    await cut_off(an)
    await expect(an.page.get_by_text("You are offline. You can read and write")).to_be_visible()
    for path in (f"/t/{'A' * 22}", "/api/contacts", "/health"):
        assert await an.page.evaluate(
            "(path) => fetch(path).then(() => false, () => true)", path
        ), path
    assert not [
        path for (paths,) in [await an.page.evaluate(KEPT)] for path in paths if "/t/" in path
    ]


async def test_who_logs_out_leaves_nothing_but_the_files_of_the_page(
    new_person: NewPerson, server: ServerProcess
) -> None:
    an = await new_person("An")
    await an.sign_up()
    build = await an.page.evaluate(BUILD)
    await is_kept(an, build)
    await an.page.goto(f"{server.origin}/#/settings")
    await an.get("logout").click()
    await expect(an.page.get_by_role("link", name="Log in")).to_be_visible()
    await cut_off(an)
    await expect(an.page.get_by_role("link", name="Log in")).to_be_visible()
    (paths,) = await an.page.evaluate(KEPT)
    assert all(path == "/" or path.startswith(f"/assets/{build}/") for path in paths)
