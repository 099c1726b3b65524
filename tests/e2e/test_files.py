"""Files in a room, between browsers and terminals, through a real server and its disk.

S2-6, S-33, R-40.
"""

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Route

from client.seal.files import FileManifest
from tests.client.crowd import Crowd, Device
from tests.client.file_pieces import MIB
from tests.client.test_room_files import exchange, flip, swap
from tests.e2e.conftest import NewPerson
from tests.e2e.file_engine import FileEngine, sha256
from tests.e2e.person import Person
from tests.process import ServerProcess

pytestmark = pytest.mark.slow

PHOTO_BYTES = 3 * MIB + 17
FILM_BYTES = 50 * MIB + 1


def written(folder: Path, name: str, size_bytes: int) -> Path:
    path = folder / name
    path.write_bytes(os.urandom(size_bytes))
    return path


@dataclass
class Two:
    """Two people at browsers, and how their pages reach the engine."""

    an: Person
    binh: Person
    sender: FileEngine
    receiver: FileEngine

    async def reload(self, engine: FileEngine) -> None:
        await engine.page.reload()
        await engine.connect()

    async def arrives(self, *paths: Path, text: str = "") -> None:
        """What was sent can be fetched, byte for byte."""
        key = await self.receiver.received(text)
        for index, path in enumerate(paths):
            fetched = await self.receiver.fetch(key, index)
            assert (fetched.get("name"), fetched.get("hash")) == (path.name, sha256(path)), fetched
            assert await self.receiver.state(index) == "intact"


@pytest_asyncio.fixture
async def two(pair: tuple[Person, Person]) -> Two:
    an, binh = pair
    two = Two(an, binh, FileEngine(an.page), FileEngine(binh.page))
    await two.sender.connect()
    await two.receiver.connect()
    return two


async def test_ten_files_arrive_at_once_byte_for_byte(two: Two, tmp_path: Path) -> None:
    paths = [written(tmp_path, f"{n}.bin", n * 100_000) for n in range(9)]
    paths.append(written(tmp_path, "Ảnh chụp.jpg", PHOTO_BYTES))
    await two.sender.send(*paths, text="from Huế")
    await two.arrives(*paths, text="from Huế")


class Held:
    """Lets the first parts of a file pass, and holds the others until it is let go."""

    def __init__(self, passing: int) -> None:
        self.passed = 0
        self._passing = passing
        self._held = asyncio.Event()

    async def __call__(self, route: Route) -> None:
        if self.passed < self._passing:
            self.passed += 1
            await route.continue_()
        else:
            self._held.set()
            await route.abort()

    async def until(self) -> None:
        await asyncio.wait_for(self._held.wait(), 60)


async def test_an_upload_goes_on_after_a_reload(two: Two, tmp_path: Path) -> None:
    film, held = written(tmp_path, "film.mp4", FILM_BYTES), Held(3)
    await two.an.context.route("**/parts/*", held)
    await two.sender.send(film)
    await held.until()
    await two.reload(two.sender)
    await two.an.context.unroute("**/parts/*")
    await two.arrives(film)


async def test_a_download_goes_on_after_a_reload(two: Two, tmp_path: Path) -> None:
    film, held, again = written(tmp_path, "film.mp4", FILM_BYTES), Held(3), Held(100)
    await two.sender.send(film)
    key = await two.receiver.received()
    await two.binh.context.route("**/content", held)
    fetching = asyncio.ensure_future(two.receiver.fetch(key))
    await held.until()
    await two.binh.page.reload()
    await asyncio.gather(fetching, return_exceptions=True)
    await two.binh.context.unroute("**/content")
    await two.binh.context.route("**/content", again)
    await two.receiver.connect()
    await two.arrives(film)
    assert again.passed == 13 - 3


async def test_an_upload_waits_for_the_network(two: Two, tmp_path: Path) -> None:
    photo = written(tmp_path, "photo.jpg", PHOTO_BYTES)
    await two.an.context.set_offline(True)
    await two.sender.send(photo)
    assert await two.sender.state() in ("waiting", "sending")
    await two.an.context.set_offline(False)
    await two.arrives(photo)


@pytest.mark.parametrize("harm", [flip, swap, exchange])
async def test_what_the_server_s_disk_changes_is_damaged_and_not_saved(
    two: Two, server: ServerProcess, tmp_path: Path, harm: Callable[[list[Path]], None]
) -> None:
    await two.sender.send(written(tmp_path, "notes.pdf", 9_000_000))
    key = await two.receiver.received()
    (folder,) = (server.data_dir / "files").glob("??/*")
    harm(sorted(folder.iterdir(), key=lambda part: int(part.name.partition("-")[0])))
    assert await two.receiver.fetch(key) == {"code": "damaged"}
    assert await two.receiver.state() == "damaged"
    assert await two.receiver.plaintext_sizes() == []


async def test_a_tail_that_was_cut_off_on_the_way_is_damaged_and_not_saved(
    two: Two, tmp_path: Path
) -> None:
    async def cut(route: Route) -> None:
        answer = await route.fetch()
        whole = await answer.body()
        await route.fulfill(status=206, body=whole[:-1])

    await two.binh.context.route("**/content", cut)
    await two.sender.send(written(tmp_path, "notes.pdf", PHOTO_BYTES))
    key = await two.receiver.received()
    assert await two.receiver.fetch(key) == {"code": "damaged"}
    assert await two.receiver.plaintext_sizes() == []


@dataclass
class Mixed:
    """An at a browser, Binh at a terminal."""

    an: FileEngine
    binh: Device
    room: bytes


@pytest_asyncio.fixture
async def mixed(new_person: NewPerson, crowd: Crowd) -> Mixed:
    an = await new_person("An")
    await an.sign_up()
    binh = await crowd.person("binh")
    await binh.people.add(await an.friend_code())
    await an.accept()
    await an.open_room()
    engine = FileEngine(an.page)
    await engine.connect()
    (room,) = await binh.engine.rooms()
    return Mixed(engine, binh, room)


async def test_a_browser_and_the_terminal_exchange_files_byte_for_byte(
    mixed: Mixed, tmp_path: Path
) -> None:
    photo, film = (
        written(tmp_path, "ảnh.jpg", PHOTO_BYTES),
        written(tmp_path, "film.mp4", FILM_BYTES),
    )
    await mixed.an.send(photo, film, text="both")
    await mixed.an.received("both")
    (received,) = [each for each in await mixed.binh.read(mixed.room) if each.files]
    for record, source in zip(received.files, (photo, film), strict=True):
        target = tmp_path / f"saved-{source.name}"
        manifest = await mixed.binh.engine.save_file(received, record, target)
        assert (manifest.name, sha256(target)) == (source.name, sha256(source))

    await mixed.binh.engine.send_files(mixed.room, [film, photo], "back")
    key = await mixed.an.received("back")
    for index, source in enumerate((film, photo)):
        fetched = await mixed.an.fetch(key, index)
        assert (fetched.get("name"), fetched.get("hash")) == (source.name, sha256(source)), fetched


async def test_row_20_a_file_that_was_renamed_is_not_from_its_sender(
    mixed: Mixed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign = FileManifest.sign

    def sign_another_name(manifest: FileManifest, *place: Any) -> bytes:
        return sign(replace(manifest, name="harmless.pdf"), *place)

    monkeypatch.setattr(FileManifest, "sign", sign_another_name)
    await mixed.binh.engine.send_files(mixed.room, [written(tmp_path, "x.exe", 1_000)])
    key = await mixed.an.received()
    assert await mixed.an.state() == "wrong-sender"
    assert await mixed.an.fetch(key) == {"code": "wrong_sender"}
    assert await mixed.an.plaintext_sizes() == []
