"""Transfers through the engines of real browsers, a terminal, a real server and its disk.

S3-15, S3-20, S3-25, S-43, R-40. The screens are in test_transfer_screens.py, the page of a link in
test_links.py.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from client.seal.encoding import b64url_decode, b64url_encode
from tests.client.crowd import Crowd, Device
from tests.client.test_room_files import exchange, flip, swap
from tests.client.test_transfers import saved
from tests.e2e.conftest import PHONE, NewPerson
from tests.e2e.file_engine import FileEngine, sha256
from tests.e2e.person import Person
from tests.e2e.test_files import FILM_BYTES, PHOTO_BYTES, Held, written
from tests.e2e.test_secrecy import forms_of, kept_by
from tests.e2e.transfer_engine import TransferEngine
from tests.process import ServerProcess

pytestmark = pytest.mark.slow

PASSPHRASE = "six plain words of mine"
LINK = {"kind": "link"}


async def engine_of(person: Person) -> TransferEngine:
    engine = TransferEngine(person.page)
    await engine.connect()
    return engine


@dataclass
class Two:
    """Two contacts at browsers."""

    an: Person
    binh: Person
    sender: TransferEngine
    receiver: TransferEngine
    to_binh: dict[str, str]

    async def reload(self, engine: TransferEngine) -> None:
        await engine.page.reload()
        await engine.connect()

    async def arrives(self, transfer: str, *paths: Path) -> None:
        """What was sent can be fetched, byte for byte."""
        assert (await self.receiver.arrived(transfer))["refusal"] is None
        await fetches(self.receiver, transfer, *paths)
        await self.receiver.until("received", transfer)


async def fetches(engine: TransferEngine, transfer: str, *paths: Path) -> None:
    for index, path in enumerate(paths):
        fetched = await engine.fetch(transfer, index)
        assert (fetched.get("name"), fetched.get("hash")) == (path.name, sha256(path)), fetched


@pytest_asyncio.fixture
async def two(pair: tuple[Person, Person]) -> Two:
    an, binh = pair
    sender, receiver = await engine_of(an), await engine_of(binh)
    people = await an.page.evaluate(
        """async () => {
          const { engine } = globalThis.transferring;
          const slice = new Promise((resolve) => engine.on("people", resolve));
          await engine.call("boot", {});
          return (await slice).people.map(({ id }) => id);
        }"""
    )
    (user,) = people
    return Two(an, binh, sender, receiver, {"kind": "person", "user": user})


async def test_ten_files_arrive_byte_for_byte(two: Two, tmp_path: Path) -> None:
    paths = [written(tmp_path, f"{n}.bin", n * 100_000) for n in range(9)]
    paths.append(written(tmp_path, "Ảnh chụp.jpg", PHOTO_BYTES))
    transfer = await two.sender.send(two.to_binh, *paths)
    await two.arrives(transfer, *paths)
    told = await two.sender.until("sent", transfer, downloads=1)
    assert told["downloadedMs"] is not None


async def test_an_upload_goes_on_after_a_reload(two: Two, tmp_path: Path) -> None:
    film, held = written(tmp_path, "film.mp4", FILM_BYTES), Held(3)
    await two.an.context.route("**/parts/*", held)
    transfer = await two.sender.send(two.to_binh, film)
    await held.until()
    await two.reload(two.sender)
    await two.sender.until("sent", transfer, state="uploading")
    await two.an.context.unroute("**/parts/*")
    await two.arrives(transfer, film)


async def test_a_download_goes_on_after_a_reload(two: Two, tmp_path: Path) -> None:
    film, held, again = written(tmp_path, "film.mp4", FILM_BYTES), Held(3), Held(100)
    transfer = await two.sender.send(two.to_binh, film)
    await two.receiver.arrived(transfer)
    await two.binh.context.route("**/content", held)
    await two.binh.page.evaluate(
        """(id) => {
          void globalThis.transferring.engine.call("fetchTransfer", { id, index: 0 });
        }""",
        transfer,
    )
    await held.until()
    await two.reload(two.receiver)
    await two.binh.context.unroute("**/content")
    await two.binh.context.route("**/content", again)
    await two.arrives(transfer, film)
    assert again.passed == 13 - 3


async def test_an_upload_waits_for_the_network(two: Two, tmp_path: Path) -> None:
    photo = written(tmp_path, "photo.jpg", PHOTO_BYTES)
    await two.an.context.set_offline(True)
    transfer = await two.sender.send(two.to_binh, photo)
    await two.sender.until("sent", transfer, state="uploading")
    await two.an.context.set_offline(False)
    await two.arrives(transfer, photo)


async def test_another_tab_goes_on_when_the_leading_one_is_closed(two: Two, tmp_path: Path) -> None:
    film, held = written(tmp_path, "film.mp4", FILM_BYTES), Held(3)
    page = await two.an.context.new_page()
    two.an.watch(page)
    await page.goto(two.an.server.origin)
    other = TransferEngine(page)
    await other.connect()
    await two.an.context.route("**/parts/*", held)
    transfer = await two.sender.send(two.to_binh, film)
    await held.until()
    await two.an.page.close()
    await two.an.context.unroute("**/parts/*")
    await other.until("sent", transfer, state="open")
    await two.arrives(transfer, film)


@pytest.mark.parametrize("harm", [flip, swap, exchange])
async def test_what_the_server_s_disk_changes_is_damaged_and_not_saved(
    two: Two, server: ServerProcess, tmp_path: Path, harm: Callable[[list[Path]], None]
) -> None:
    transfer = await two.sender.send(two.to_binh, written(tmp_path, "notes.pdf", 9_000_000))
    await two.receiver.arrived(transfer)
    (folder,) = (server.data_dir / "files").glob("??/*")
    harm(sorted(folder.iterdir(), key=lambda part: int(part.name.partition("-")[0])))
    assert await two.receiver.fetch(transfer) == {"code": "damaged"}
    assert await FileEngine(two.binh.page).plaintext_sizes() == []
    assert (await two.sender.until("sent", transfer))["downloadedMs"] is None


async def test_s3_25_who_joins_later_accepts_and_gets_the_files_when_the_sender_is_back(
    new_person: NewPerson, tmp_path: Path
) -> None:
    an = await new_person("An")
    await an.sign_up()
    sender = await engine_of(an)
    photo, note = written(tmp_path, "photo.jpg", PHOTO_BYTES), written(tmp_path, "note.txt", 5)
    email = f"binh-{os.urandom(4).hex()}@example.org"
    transfer = await sender.send({"kind": "address", "email": email}, photo, note)
    await sender.until("sent", transfer, state="open", accepted=False)
    await an.page.goto("about:blank")

    binh = await new_person("Binh", email=email, viewport=PHONE)
    await binh.sign_up()
    receiver = await engine_of(binh)
    offer = await receiver.until("received", transfer, state="offered")
    assert [each["name"] for each in offer["files"]] == ["", ""]
    await receiver.call("acceptTransfer", transfer)
    await receiver.until("received", transfer, state="accepted")

    await an.page.goto(an.server.origin)
    await sender.connect()
    assert (await receiver.arrived(transfer))["origin"]["kind"] == "known"
    await fetches(receiver, transfer, photo, note)
    await sender.until("sent", transfer, accepted=True, sealed=True, name="Binh")


@dataclass
class Mixed:
    """An at a browser, Binh at a terminal."""

    an: TransferEngine
    an_id: str
    binh: Device


@pytest_asyncio.fixture
async def mixed(new_person: NewPerson, crowd: Crowd) -> Mixed:
    an = await new_person("An")
    await an.sign_up()
    binh = await crowd.person("binh")
    await binh.people.add(await an.friend_code())
    await an.accept()
    engine = await engine_of(an)
    (contact,) = (await binh.people.contacts()).contacts
    return Mixed(engine, contact.user.id, binh)


async def test_a_browser_and_the_terminal_send_each_other_files(
    mixed: Mixed, tmp_path: Path
) -> None:
    photo, film = written(tmp_path, "ảnh.jpg", PHOTO_BYTES), written(tmp_path, "f.mp4", FILM_BYTES)
    to_binh = {"kind": "person", "user": b64url_encode(mixed.binh.user_id)}
    there = await mixed.an.send(to_binh, photo, film)
    await mixed.an.until("sent", there, state="open")
    assert await saved(mixed.binh, tmp_path) == [photo.read_bytes(), film.read_bytes()]

    outbox = mixed.binh.engine.sent_transfers
    sent = await outbox.send_to_person(b64url_decode(mixed.an_id), [film, photo])
    back = b64url_encode(sent)
    assert (await mixed.an.arrived(back))["origin"]["kind"] == "known"
    await fetches(mixed.an, back, film, photo)


async def test_the_server_never_learns_a_name_a_content_a_secret_or_a_passphrase(
    two: Two, server: ServerProcess, tmp_path: Path
) -> None:
    named = tmp_path / "CANARY-chim-hoàng-yến.txt"
    named.write_bytes(b"CANARY content 4711 " * 50)
    requests: list[bytes] = []
    two.an.context.on("request", lambda request: requests.append(request.url.encode()))
    person = await two.sender.send(two.to_binh, named)
    await two.arrives(person, named)
    link = await two.sender.send(LINK, named, passphrase=PASSPHRASE)
    shown = await two.sender.until("sent", link, state="open")
    secret = b64url_decode(shown["link"].split("#1.")[1])
    server.stop()
    named.unlink()
    secrets = [named.name.encode(), b"CANARY content 4711", PASSPHRASE.encode(), secret]
    kept = {str(path): data for path, data in kept_by(server).items()}
    kept |= {f"request {n}": url for n, url in enumerate(requests)}
    assert len(kept) > 10
    for place, data in kept.items():
        for each in secrets:
            assert not any(form in data for form in forms_of(each)), (place, each)
