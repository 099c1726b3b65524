"""What most tests of the server need: movable time, a real database, a real port, people."""

import json
import logging
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio
from tornado.httpclient import AsyncHTTPClient, HTTPRequest, HTTPResponse

from config.secrets import Secrets, derive
from config.settings import Settings
from models.rooms import Room
from models.stores import Stores
from realtime.local_bus import LocalBus
from server import build
from services.hashing import BcryptHasher
from services.logins import LoginService
from services.system import SystemEntropy
from storage import open_stores
from tests import mongo
from tests.harness import Answer, Connect, Fetch, MovableClock, RunningServer
from tests.people import Peer, People, Wire, open_wire

if TYPE_CHECKING:
    from tests.s3 import S3Process

PAGE = """<!doctype html><html><head><!--importmap--><!--modulepreload-->
<script type="module" src="{{asset:js/ENTRY.js}}"></script></head><body></body></html>"""


def pytest_configure(config: pytest.Config) -> None:
    mongo.require_in_ci()
    mongo.excuse_driver(config)
    logging.getLogger("asyncio").addFilter(_tells_of_more_than_time)


def _tells_of_more_than_time(record: logging.LogRecord) -> bool:
    """How long a turn of a loop took, which its debug mode warns of, is the machine's doing."""
    return not record.getMessage().startswith("Executing ")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    is_asked = metafunc.definition.get_closest_marker("every_database")
    if is_asked and "database_url" in metafunc.fixturenames:
        metafunc.parametrize("database_url", mongo.EVERY_DATABASE, indirect=True)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    mongo.deselect(config, items)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    mongo.tell(terminalreporter)


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A fresh database: SQLite, and for tests marked `every_database` the others as well."""
    if getattr(request, "param", "sqlite") == "mongo":
        with mongo.fresh_database() as url:
            yield url
    else:
        yield f"sqlite:///{tmp_path}/sealroom.db"


@pytest_asyncio.fixture
async def stores(database_url: str) -> AsyncIterator[Stores]:
    opened = await open_stores(database_url)
    yield opened
    await opened.database.close()


@pytest.fixture(scope="session")
def keys() -> Secrets:
    return derive(bytes(32))


@pytest.fixture(scope="session")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pages of two files each, and a worker, so that starting a server costs nothing."""
    folder = tmp_path_factory.mktemp("page")
    (folder / "js").mkdir()
    for page, entry in (("index", "main"), ("link", "link")):
        (folder / f"{page}.html").write_text(PAGE.replace("ENTRY", entry))
        (folder / f"js/{entry}.js").write_text("export {};\n")
    (folder / "js/workers").mkdir()
    (folder / "js/workers/offline.js").write_text("")
    return folder


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(host="127.0.0.1", port=0, messenger_port=0, data_dir=str(tmp_path))


@pytest.fixture
def bus() -> LocalBus:
    """The bus of this test's server."""
    return LocalBus()


@pytest.fixture(scope="session")
def s3_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator["S3Process"]:
    """An S3 service for all tests; wait until it is `ready`."""
    from tests.s3 import S3Process  # takes a second that other tests are spared

    process = S3Process(tmp_path_factory.mktemp("s3"))
    process.start()
    yield process
    process.kill()


@pytest.fixture
def no_errors(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Fail a test that makes the server log an error: error level means bug."""
    yield
    errors = [r for r in caplog.get_records("call") if r.levelno >= logging.ERROR]
    assert errors == [], [r.getMessage() for r in errors]


@pytest_asyncio.fixture
async def server(
    settings: Settings,
    keys: Secrets,
    clock: MovableClock,
    stores: Stores,
    bus: LocalBus,
    page: Path,
    no_errors: None,
) -> AsyncIterator[RunningServer]:
    """The whole server in this process."""
    hasher = BcryptHasher(pepper=keys.pepper, cost=4)
    lifecycle = build(settings, keys, clock, stores, bus, hasher, frontend=page)
    port = lifecycle.listen(settings.host, settings.port)
    messenger_port = lifecycle.messenger.listen(settings.host, settings.messenger_port)
    yield RunningServer(lifecycle, f"http://127.0.0.1:{port}", messenger_port)
    await lifecycle.stop()


@pytest.fixture
def fetch(server: RunningServer) -> Fetch:
    """Call the server: `await fetch("GET", "/api/rooms", as_=alice, body={…}, headers={…})`."""

    async def call(
        method: str,
        path: str,
        *,
        as_: Peer | None = None,
        body: Any = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        all_headers = dict(as_.headers if as_ else {}) | (headers or {})
        text: str | None = None
        if body is not None or method in ("POST", "PUT", "PATCH"):
            text = body if isinstance(body, str) else json.dumps({} if body is None else body)
            all_headers.setdefault("Content-Type", "application/json")
        request = HTTPRequest(
            server.origin + path,
            method=method,
            headers=all_headers,
            body=text,
            allow_nonstandard_methods=True,
            follow_redirects=False,
            decompress_response=False,
        )
        response: HTTPResponse = await AsyncHTTPClient().fetch(request, raise_error=False)
        answered = {name.lower(): value for name, value in response.headers.get_all()}
        return Answer(response.code, answered, response.body.decode("utf-8", "replace"))

    return call


@pytest_asyncio.fixture
async def ws(server: RunningServer) -> AsyncIterator[Connect]:
    """Open a connection, authenticated when a peer is given: `await ws(alice)`."""
    opened: list[Wire] = []

    async def connect(peer: Peer | None = None, **options: Any) -> Wire:
        wire = await open_wire(server.origin, **options)
        opened.append(wire)
        if peer is not None:
            await wire.authenticate(peer)
        return wire

    yield connect
    for wire in opened:
        await wire.close()


@pytest.fixture
def logins(stores: Stores, clock: MovableClock, keys: Secrets) -> LoginService:
    """Opens log-ins that the server of this test knows, for it has the same keys and store."""
    return LoginService(
        stores,
        clock,
        SystemEntropy(),
        LocalBus(),
        jwt_key=keys.jwt_key,
        refresh_key=keys.refresh_key,
    )


@pytest.fixture
def people(stores: Stores, clock: MovableClock, logins: LoginService, bus: LocalBus) -> People:
    return People(stores, clock, logins, bus)


@pytest_asyncio.fixture
async def alice(people: People) -> Peer:
    return await people.new("alice")


@pytest_asyncio.fixture
async def bob(people: People, alice: Peer) -> Peer:
    """An accepted contact of Alice."""
    bob = await people.new("bob")
    await people.befriend(alice, bob)
    return bob


@pytest_asyncio.fixture
async def mallory(people: People) -> Peer:
    """A stranger to everybody."""
    return await people.new("mallory")


@pytest_asyncio.fixture
async def room(people: People, alice: Peer, bob: Peer) -> Room:
    """Alice's and Bob's room."""
    return await people.room(alice, bob)
