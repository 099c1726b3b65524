"""Real browsers against a real server process."""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, ViewportSize, async_playwright

from tests import mongo
from tests.chromium import LAUNCH
from tests.client.crowd import Crowd
from tests.cluster.process import ClusterProcess
from tests.e2e.person import Person, befriend
from tests.process import ServerProcess

SCREENSHOTS = Path(__file__).parents[2] / "build" / "screenshots"
PHONE: ViewportSize = {"width": 390, "height": 844}
DESKTOP: ViewportSize = {"width": 1280, "height": 800}

NewPerson = Callable[..., Awaitable[Person]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.e2e)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if metafunc.definition.get_closest_marker("on_cluster"):
        where = ["process", pytest.param("cluster", marks=pytest.mark.mongo)]
        metafunc.parametrize("server", where, indirect=True)


@pytest.fixture
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ServerProcess]:
    """One process on SQLite; as a `cluster` three behind a balancer, on a bus and on MongoDB."""
    with contextlib.ExitStack() as stack:
        process = ServerProcess(tmp_path)
        if getattr(request, "param", "process") == "cluster":
            database = stack.enter_context(mongo.database_of_today())
            process = ClusterProcess(tmp_path, database=database)
        process.start()
        yield process
        if process.is_running:
            assert process.stop() == 0
    log = process.log.read_text(encoding="utf-8")
    assert '"level": "error"' not in log, log[-4000:]


@pytest_asyncio.fixture
async def crowd(server: ServerProcess, tmp_path: Path) -> AsyncIterator[Crowd]:
    """Makes people at terminals."""
    crowd = Crowd(server, tmp_path / "terminals")
    yield crowd
    for device in crowd.devices:
        device.close()


@pytest_asyncio.fixture
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(**LAUNCH)
        yield chromium
        await chromium.close()


@pytest_asyncio.fixture
async def new_person(server: ServerProcess, browser: Browser) -> AsyncIterator[NewPerson]:
    """Make people at fresh browsers; at the end no page may have complained."""
    people: list[Person] = []

    async def make(
        name: str,
        *,
        email: str = "",
        viewport: ViewportSize | None = None,
        locale: str = "en-GB",
        **options: object,
    ) -> Person:
        context = await browser.new_context(
            viewport=viewport or DESKTOP,
            locale=locale,
            **options,  # type: ignore[arg-type]
        )
        person = await Person.at(server, context, name, email)
        people.append(person)
        return person

    yield make
    for person in people:
        serious = [c for c in person.complaints if "ERR_" not in c and "status of 4" not in c]
        assert not serious, serious
        await person.context.close()


@pytest_asyncio.fixture
async def pair(new_person: NewPerson) -> tuple[Person, Person]:
    """Two people who are contacts, each looking at the room they share."""
    an, binh = await new_person("An"), await new_person("Binh", viewport=PHONE)
    await an.sign_up()
    await binh.sign_up()
    await befriend(an, binh)
    return an, binh
