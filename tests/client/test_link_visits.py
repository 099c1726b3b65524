"""Links, opened without an account through a real server (S3-6, S3-15, S3-23)."""

import asyncio
import os
from argparse import Namespace
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from client import file_parts, link_commands
from client.api import Api
from client.errors import RefusedError
from client.file_commands import (
    DAMAGED,
    FAILED,
    NOT_FOR_US,
    NOT_READABLE,
    WRONG_SENDER,
    Refused,
)
from client.link_visits import LinkAddress, LinkContents, LinkVisit
from client.seal.encoding import b64url_decode, b64url_encode
from client.seal.errors import DecryptError, SealError
from client.seal.link_manifests import make_link_manifest, read_link_manifest
from client.seal.links import dump_fragment, link_keys, open_link_manifest, seal_link_manifest
from client.seal.safety_number import shown_fingerprint
from client.sent_transfers import NewLink, Terms
from protocol import bodies
from protocol.frames import Sealed
from protocol.limits import FILE_PART_BYTES, HOUR_MS
from tests.client.crowd import Crowd, Device
from tests.client.people import golden_device
from tests.client.tap import Tap
from tests.client.test_room_files import written
from tests.client.test_transfers import HARMS, sent, stored_parts
from tests.process import ServerProcess

PASSPHRASE = "six plain words of mine"
TRANSFER, SECRET = "VVVVVVVVVVVVVVVVVVVVVQ", b"\x44" * 32
LINK = f"https://chat.example.org:8443/t/{TRANSFER}#{dump_fragment(SECRET)}"


def test_the_address_of_a_link_reads_back() -> None:
    address = LinkAddress.parse(f" {LINK}\n")
    assert address == LinkAddress("https://chat.example.org:8443", b"\x55" * 16, SECRET)
    assert address.dump() == LINK


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        LINK.partition("#")[0],
        LINK.partition("#")[0] + "#",
        LINK[:-1],
        LINK + "A",
        LINK.replace("#1.", "#2."),
        LINK.replace("https", "ftp"),
        LINK.replace("https:", "javascript:"),
        LINK.replace("chat.", "user:word@chat."),
        LINK.replace("8443", "84430000"),
        LINK.replace("/t/", "/u/"),
        LINK.replace("/t/", "/t//"),
        LINK.replace("Q#", "B#"),
        LINK.replace("#", "?a=b#"),
        LINK.replace("chat.example.org", "[::1"),
        "https:///t/" + LINK.partition("/t/")[2],
    ],
)
def test_what_is_no_link_is_refused_without_a_word_of_its_secret(wrong: str) -> None:
    with pytest.raises(SealError) as refused:
        LinkAddress.parse(wrong)
    assert b64url_encode(SECRET)[:20] not in str(refused.value)


def test_no_secret_is_in_what_is_printed_for_developers() -> None:
    assert b64url_encode(SECRET) not in repr(LinkAddress.parse(LINK))
    assert repr(SECRET)[2:-1] not in repr(LinkAddress.parse(LINK))
    assert repr(SECRET)[2:-1] not in repr(NewLink(b"\x55" * 16, SECRET))


@pytest_asyncio.fixture
async def alice(crowd: Crowd) -> Device:
    return await crowd.person("alice")


@pytest_asyncio.fixture
async def visit(server_process: ServerProcess) -> AsyncIterator[Callable[[NewLink], LinkVisit]]:
    """Begins visits, each with an `Api` of its own, as from a machine that has no account."""
    opened: list[Api] = []

    def begin(link: NewLink) -> LinkVisit:
        opened.append(Api(server_process.origin))
        address = LinkAddress(server_process.origin, link.transfer_id, link.secret)
        return LinkVisit(opened[-1], address)

    yield begin
    for api in opened:
        api.close()


Begin = Callable[[NewLink], LinkVisit]


@pytest.mark.on_cluster
async def test_whoever_has_the_link_gets_everything_byte_for_byte(
    alice: Device, visit: Begin, tmp_path: Path
) -> None:
    sizes = (0, 1, FILE_PART_BYTES, 9_000_000)
    sources = [written(tmp_path, f"phim {size}.mp4", size) for size in sizes]
    outbox = alice.engine.sent_transfers
    link = await outbox.send_by_link(sources, signed_as="Ánh")
    guest = visit(link)
    assert not (await guest.look()).has_passphrase
    contents = await guest.open()
    assert [each.name for each in contents.manifest.files] == [each.name for each in sources]
    assert contents.manifest.sender is not None
    assert contents.manifest.sender.name == "Ánh"
    assert contents.manifest.sender.device == alice.file.state.device.identity()
    for number, file in enumerate(contents.manifest.files):
        await guest.save(file, tmp_path / f"{number}")
        assert (tmp_path / f"{number}").read_bytes() == sources[number].read_bytes()
    assert (await sent(alice)).downloads == 1, "one visit is one download"
    assert alice.file.state.unsealed == {}


async def test_a_passphrase_is_needed_beside_the_link(
    alice: Device, visit: Begin, tmp_path: Path
) -> None:
    source = written(tmp_path, "a", 10)
    link = await alice.engine.sent_transfers.send_by_link([source], passphrase=PASSPHRASE)
    guest = visit(link)
    assert (await guest.look()).has_passphrase
    for wrong in (None, "another passphrase"):
        if wrong is not None:
            await guest.unlock(wrong)
        with pytest.raises(RefusedError, match="bad_link"):
            await guest.open()
    await guest.unlock(PASSPHRASE)
    contents = await guest.open()
    assert contents.manifest.sender is None
    await guest.save(contents.manifest.files[0], tmp_path / "b")
    assert (tmp_path / "b").read_bytes() == source.read_bytes()


async def test_a_limit_holds_and_what_is_used_up_saves_nothing(
    alice: Device, visit: Begin, tmp_path: Path
) -> None:
    terms = Terms(HOUR_MS, max_downloads=2)
    link = await alice.engine.sent_transfers.send_by_link([written(tmp_path, "a", 10)], terms)
    for left in (2, 1):
        guest = visit(link)
        contents = await guest.open()
        assert contents.downloads_left == left
        await guest.save(contents.manifest.files[0], tmp_path / f"{left}")
    late = visit(link)
    contents = await late.open()
    assert contents.downloads_left == 0
    before = sorted(tmp_path.iterdir())
    with pytest.raises(RefusedError, match="used_up"):
        await late.save(contents.manifest.files[0], tmp_path / "late")
    assert sorted(tmp_path.iterdir()) == before


async def test_what_was_withdrawn_is_gone_in_the_middle_of_a_visit(
    alice: Device, visit: Begin, tmp_path: Path
) -> None:
    sources = [written(tmp_path, name, 10) for name in ("a", "b")]
    outbox = alice.engine.sent_transfers
    guest = visit(await outbox.send_by_link(sources))
    one, other = (await guest.open()).manifest.files
    await guest.save(one, tmp_path / "one")
    await outbox.withdraw((await sent(alice)).id)
    before = sorted(tmp_path.iterdir())
    for late in (guest.look(), guest.open(), guest.save(other, tmp_path / "other")):
        with pytest.raises(RefusedError, match="not_found"):
            await late
    assert sorted(tmp_path.iterdir()) == before


async def test_s3_15_a_link_ends_when_its_time_is_over(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    server = ServerProcess(tmp_path_factory.mktemp("clock"))
    server.start()
    crowd = Crowd(server, tmp_path)
    try:
        alice = await crowd.person("alice")
        link = await alice.engine.sent_transfers.send_by_link(
            [written(tmp_path, "a", 10)], Terms(HOUR_MS)
        )
        guest = LinkVisit(alice.api, LinkAddress(server.origin, link.transfer_id, link.secret))
        (file,) = (await guest.open()).manifest.files
        await guest.save(file, tmp_path / "in time")
        server.advance(HOUR_MS)
        await gone(guest)
        for late in (guest.open(), guest.save(file, tmp_path / "late")):
            with pytest.raises(RefusedError, match="not_found"):
                await late
        assert not (tmp_path / "late").exists()
        assert await alice.engine.sent_transfers.live() == []
    finally:
        for device in crowd.devices:
            device.close()
        assert server.stop() == 0


async def gone(visit: LinkVisit) -> None:
    """Wait until a link has ended; a server looks at the clock of tests every 50 ms."""
    async with asyncio.timeout(20):
        while await is_there(visit):
            await asyncio.sleep(0.05)


async def is_there(visit: LinkVisit) -> bool:
    try:
        await visit.look()
    except RefusedError as error:
        return error.code != "not_found"
    return True


@pytest.mark.parametrize("harm", HARMS)
async def test_row_20_a_content_that_the_server_changed_is_not_saved(
    alice: Device,
    visit: Begin,
    server_process: ServerProcess,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    harm: Callable[[list[Path]], None],
) -> None:
    monkeypatch.setattr(file_parts, "RETRY_S", ())
    guest = visit(
        await alice.engine.sent_transfers.send_by_link([written(tmp_path, "film.mp4", 9_000_000)])
    )
    harm(stored_parts(server_process, (await sent(alice)).files[0].id))
    (file,) = (await guest.open()).manifest.files
    before = sorted(tmp_path.iterdir())
    with pytest.raises((DecryptError, RefusedError, OSError)):
        await guest.save(file, tmp_path / "saved")
    assert sorted(tmp_path.iterdir()) == before, "nothing may be saved"


Change = Callable[[bodies.LinkContents, "Lie"], bodies.LinkContents]


class Lie:
    """What a server that has got hold of a link's secret can do, and what one without it can."""

    def __init__(self, link: NewLink) -> None:
        self._id, self._key = link.transfer_id, link_keys(link.secret).manifest

    def _sealed(self, json: bytes) -> Sealed:
        return Sealed(b64url_encode(seal_link_manifest(self._key, self._id, json)))

    def _opened(self, told: bodies.LinkContents) -> bytes:
        return open_link_manifest(self._key, self._id, b64url_decode(told.manifest))

    def flipped(self, told: bodies.LinkContents) -> bodies.LinkContents:
        data = bytearray(b64url_decode(told.manifest))
        data[100] ^= 1
        return msgspec.structs.replace(told, manifest=Sealed(b64url_encode(bytes(data))))

    def longer(self, told: bodies.LinkContents) -> bodies.LinkContents:
        file = msgspec.structs.replace(told.files[0], size_bytes=told.files[0].size_bytes + 1)
        return msgspec.structs.replace(told, files=[file, told.files[1]])

    def reordered(self, told: bodies.LinkContents) -> bodies.LinkContents:
        return msgspec.structs.replace(told, files=told.files[::-1])

    def fewer(self, told: bodies.LinkContents) -> bodies.LinkContents:
        return msgspec.structs.replace(told, files=told.files[:1])

    def renamed(self, told: bodies.LinkContents) -> bodies.LinkContents:
        json = self._opened(told).replace(b'"a"', b'"z"')
        return msgspec.structs.replace(told, manifest=self._sealed(json))

    def by_another_name(self, told: bodies.LinkContents) -> bodies.LinkContents:
        json = self._opened(told).replace(b'"Alice"', b'"Carol"')
        return msgspec.structs.replace(told, manifest=self._sealed(json))

    def of_a_newer_version(self, told: bodies.LinkContents) -> bodies.LinkContents:
        json = self._opened(told).replace(b'"v":1', b'"v":2')
        return msgspec.structs.replace(told, manifest=self._sealed(json))

    def signed_by_another(self, told: bodies.LinkContents) -> bodies.LinkContents:
        files = read_link_manifest(self._id, self._opened(told)).files
        json = make_link_manifest(self._id, files, golden_device("A"), "Alice")
        return msgspec.structs.replace(told, manifest=self._sealed(json))


VERDICTS: list[tuple[Change, int, str]] = [
    (lambda told, lie: lie.flipped(told), DAMAGED, "damaged: not saved"),
    (lambda told, lie: lie.longer(told), DAMAGED, "damaged: not saved"),
    (lambda told, lie: lie.reordered(told), DAMAGED, "damaged: not saved"),
    (lambda told, lie: lie.fewer(told), DAMAGED, "damaged: not saved"),
    (lambda told, lie: lie.renamed(told), WRONG_SENDER, "not from whom it says: not saved"),
    (lambda told, lie: lie.by_another_name(told), WRONG_SENDER, "not from whom it says"),
    (lambda told, lie: lie.of_a_newer_version(told), NOT_READABLE, "by a newer version"),
]


def arguments(link: NewLink, origin: str, **rest: Any) -> Namespace:
    url = LinkAddress(origin, link.transfer_id, link.secret).dump()
    return Namespace(**{"action": "get", "url": url, **rest})


def no_question(question: str) -> str:
    raise AssertionError(question)


def lie_with(monkeypatch: pytest.MonkeyPatch, change: Change, lie: Lie) -> None:
    """Let the server answer something else when it is asked what a link brings."""
    truthful = Api.call

    async def call(api: Api, *asked: Any, **rest: Any) -> Any:
        answer = await truthful(api, *asked, **rest)
        return change(answer, lie) if isinstance(answer, bodies.LinkContents) else answer

    monkeypatch.setattr(Api, "call", call)


async def test_rows_5_and_20_what_the_server_changed_of_a_link_gets_its_verdict(
    alice: Device, server_process: ServerProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources = [written(tmp_path, name, 1_000) for name in ("a", "b")]
    link = await alice.engine.sent_transfers.send_by_link(sources, signed_as="Alice")
    asked = arguments(link, server_process.origin, output=tmp_path / "saved")
    before = sorted(tmp_path.rglob("*"))
    for change, status, verdict in VERDICTS:
        with monkeypatch.context() as patch:
            lie_with(patch, change, Lie(link))
            with pytest.raises(Refused, match=verdict) as refused:
                await link_commands.run(asked, no_question)
        assert refused.value.status == status
    assert sorted(tmp_path.rglob("*")) == before, "nothing may be saved"


async def test_another_signer_shows_another_number(
    alice: Device,
    visit: Begin,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whoever has the secret can sign anew, only not as the account that the sender names."""
    sources = [written(tmp_path, name, 1_000) for name in ("a", "b")]
    link = await alice.engine.sent_transfers.send_by_link(sources, signed_as="Alice")
    honest = shown(await visit(link).open())
    lie_with(monkeypatch, lambda told, lie: lie.signed_by_another(told), Lie(link))
    forged = shown(await visit(link).open())
    own = alice.file.state.device
    assert honest == ("Alice", shown_fingerprint(own.user_id, own.account_key))
    assert (forged[0], forged[1] == honest[1]) == ("Alice", False)


def shown(contents: LinkContents) -> tuple[str, str]:
    sender = contents.manifest.sender
    assert sender is not None
    return sender.name, shown_fingerprint(sender.device.user_id, sender.device.account_key)


async def test_the_command_saves_says_from_whom_and_never_overwrites(
    alice: Device,
    server_process: ServerProcess,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    sources = [tmp_path / folder / "note.txt" for folder in ("one", "other")]
    for number, source in enumerate(sources):
        source.parent.mkdir()
        source.write_text(f"{number}")
    link = await alice.engine.sent_transfers.send_by_link(
        sources, signed_as="Alice", passphrase=PASSPHRASE
    )
    out = tmp_path / "new" / "folder"
    asked = arguments(link, server_process.origin, output=out)
    await link_commands.run(asked, lambda _: PASSPHRASE)
    printed, told = capsys.readouterr()
    places = [out / "note.txt", out / "(2) note.txt"]
    assert printed.splitlines() == [str(place) for place in places]
    assert [place.read_text() for place in places] == ["0", "1"]
    own = alice.file.state.device
    assert shown_fingerprint(own.user_id, own.account_key) in told
    assert "signed as 'Alice', which proves no person" in told
    assert told.endswith("intact: exactly what was sent\n")
    with pytest.raises(Refused, match="is there already") as refused:
        await link_commands.run(asked, lambda _: PASSPHRASE)
    assert refused.value.status == FAILED
    assert [place.read_text() for place in places] == ["0", "1"]


async def test_the_command_asks_for_the_link_and_refuses_what_is_none(
    alice: Device, server_process: ServerProcess, tmp_path: Path
) -> None:
    link = await alice.engine.sent_transfers.send_by_link(
        [written(tmp_path, "a", 10)], passphrase=PASSPHRASE
    )
    asked = arguments(link, server_process.origin, output=tmp_path / "saved")
    answers = {"Link": asked.url, "Passphrase": "another passphrase"}
    asked.url = None
    with pytest.raises(Refused) as refused:
        await link_commands.run(asked, answers.__getitem__)
    assert refused.value.status == NOT_FOR_US
    for wrong in ("", "not a link", LINK.replace("#1.", "#2."), LINK.partition("#")[0]):
        with pytest.raises(Refused) as refused:
            await link_commands.run(asked, {"Link": wrong}.__getitem__)
        assert refused.value.status == NOT_READABLE
    gone = replace(link, transfer_id=os.urandom(16))
    with pytest.raises(RefusedError, match="not_found"):
        await link_commands.run(arguments(gone, server_process.origin), no_question)
    assert not (tmp_path / "saved").exists()


async def test_a_report_reaches_the_operator(
    alice: Device, server_process: ServerProcess, tmp_path: Path
) -> None:
    link = await alice.engine.sent_transfers.send_by_link([written(tmp_path, "a", 10)])
    report = {"action": "report", "reason": "malware", "text": f"bad {os.urandom(4).hex()}"}
    await link_commands.run(arguments(link, server_process.origin, **report), no_question)
    database = b"".join(path.read_bytes() for path in server_process.data_dir.glob("sealroom.db*"))
    assert report["text"].encode() in database


async def test_s3_6_the_secret_of_a_link_passes_no_wire(
    server_process: ServerProcess, tmp_path: Path, crowd: Crowd
) -> None:
    """Sending and getting, everything that passes between client and server, both ways."""
    alice = await crowd.person("alice")
    alice.close()
    async with Tap(server_process.origin) as tap:
        alice.server = ServerProcess(server_process.data_dir, origin=tap.origin)
        alice.start()
        await alice.account.resume()
        link = await alice.engine.sent_transfers.send_by_link(
            [written(tmp_path, "canary-name", 100)], passphrase=PASSPHRASE, signed_as="canary-name"
        )
        asked = arguments(link, tap.origin, output=tmp_path / "saved")
        await link_commands.run(asked, lambda _: PASSPHRASE)
        heard = bytes(tap.heard)
        alice.close()
    assert b"/api/links/" in heard
    # Nor what the link alone would have shown: with it the server could try passphrases.
    assert b64url_encode(link_keys(link.secret).auth).encode() not in heard
    for secret in (link.secret, b64url_encode(link.secret).encode(), PASSPHRASE.encode()):
        assert secret not in heard
    assert b"canary-name" not in heard
