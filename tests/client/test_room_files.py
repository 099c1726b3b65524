"""Files between two people of the Python client, through a real server."""

import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from client import file_parts
from client.errors import RefusedError
from client.incoming import Received
from client.seal.encoding import b64url_decode, b64url_encode
from client.seal.errors import DecryptError, MalformedError, SealError, TrustError
from protocol.limits import FILE_PART_BYTES
from tests.client.crowd import Crowd, Device
from tests.process import ServerProcess


async def sent(alice: Device, bob: Device, *paths: Path, text: str = "") -> Received:
    """Let Alice send files, and Bob receive the message that brings them."""
    room = await alice.engine.open_room(bob.user_id)
    await alice.engine.send_files(room, list(paths), text)
    await bob.engine.rooms()
    (received,) = [each for each in await bob.read(room) if each.files]
    return received


def written(folder: Path, name: str, size_bytes: int) -> Path:
    path = folder / name
    path.write_bytes(secrets.token_bytes(size_bytes))
    return path


def parts_on_disk(server: ServerProcess, record: dict[str, object]) -> list[Path]:
    name = b64url_decode(str(record["file_id"])).hex()
    folder = server.data_dir / "files" / name[:2] / name
    return sorted(folder.iterdir(), key=lambda part: int(part.name.partition("-")[0]))


SIZES = [0, 1, 16_383, 16_384, FILE_PART_BYTES - 100, FILE_PART_BYTES, 9_000_000]


@pytest.mark.on_cluster
@pytest.mark.parametrize("size_bytes", SIZES)
async def test_a_file_arrives_byte_for_byte(crowd: Crowd, tmp_path: Path, size_bytes: int) -> None:
    """S2-7, S2-8, S3-5, S1-41"""
    alice, bob = await crowd.contacts()
    source = written(tmp_path, "ảnh chụp.jpg", size_bytes)
    received = await sent(alice, bob, source, text="from Huế")
    assert received.text == "from Huế"
    (record,) = received.files
    target = tmp_path / "received"
    manifest = await bob.engine.save_file(received, record, target)
    assert (manifest.name, manifest.mime) == ("ảnh chụp.jpg", "image/jpeg")
    assert target.read_bytes() == source.read_bytes()
    assert target.stat().st_mode & 0o777 == 0o600


@pytest.mark.on_cluster
async def test_ten_files_come_in_one_message_and_eleven_do_not(
    crowd: Crowd, tmp_path: Path
) -> None:
    alice, bob = await crowd.contacts()
    sources = [written(tmp_path, f"{n}.bin", 100 + n) for n in range(11)]
    received = await sent(alice, bob, *sources[:10])
    (tmp_path / "received").mkdir()
    for record, source in zip(received.files, sources, strict=False):
        await bob.engine.save_file(received, record, tmp_path / "received" / source.name)
        assert (tmp_path / "received" / source.name).read_bytes() == source.read_bytes()
    with pytest.raises(MalformedError):
        await sent(alice, bob, *sources)


def flip(parts: list[Path]) -> None:
    data = bytearray(parts[1].read_bytes())
    data[1_000] ^= 1
    parts[1].write_bytes(data)


def swap(parts: list[Path]) -> None:
    first, second = (part.read_bytes() for part in parts[:2])
    parts[0].write_bytes(second)
    parts[1].write_bytes(first)


def truncate(parts: list[Path]) -> None:
    os.truncate(parts[-1], parts[-1].stat().st_size - 1)


def exchange(parts: list[Path]) -> None:
    parts[0].write_bytes(secrets.token_bytes(parts[0].stat().st_size))


@pytest.mark.parametrize("harm", [flip, swap, truncate, exchange])
async def test_what_the_server_changes_is_not_saved(
    crowd: Crowd,
    server_process: ServerProcess,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    harm: Callable[[list[Path]], None],
) -> None:
    monkeypatch.setattr(file_parts, "RETRY_S", ())
    alice, bob = await crowd.contacts()
    received = await sent(alice, bob, written(tmp_path, "film.mp4", 9_000_000))
    (record,) = received.files
    harm(parts_on_disk(server_process, record))
    target = tmp_path / "received"
    with pytest.raises((DecryptError, RefusedError, OSError)):
        await bob.engine.save_file(received, record, target)
    assert sorted(path.name for path in tmp_path.iterdir() if "received" in path.name) == []
    assert not list(tmp_path.glob(".*.part"))


@pytest.mark.parametrize(
    ("field", "value", "error"),
    [
        ("name", "other.mp4", TrustError),
        ("mime", "text/html", TrustError),
        ("size", 99_999, TrustError),
        ("size", 9_999_999, MalformedError),
        ("root", b64url_encode(bytes(32)), TrustError),
        ("sig", b64url_encode(bytes(64)), TrustError),
        ("name", "../../etc/passwd", MalformedError),
        ("key", b64url_encode(bytes(32)), DecryptError),
        ("key", "short", SealError),
        ("files", None, MalformedError),
    ],
)
async def test_a_manifest_that_was_changed_saves_nothing(
    crowd: Crowd, tmp_path: Path, field: str, value: object, error: type[Exception]
) -> None:
    alice, bob = await crowd.contacts()
    received = await sent(alice, bob, written(tmp_path, "film.mp4", 100_000))
    (record,) = received.files
    changed = {"name": None} if field == "files" else record | {field: value}
    with pytest.raises(error):
        await bob.engine.save_file(received, changed, tmp_path / "received")
    assert not (tmp_path / "received").exists()


async def test_a_manifest_of_another_message_is_not_from_its_sender(
    crowd: Crowd, tmp_path: Path
) -> None:
    alice, bob = await crowd.contacts()
    first = await sent(alice, bob, written(tmp_path, "a", 100))
    second = await sent(alice, bob, written(tmp_path, "b", 100))
    with pytest.raises(TrustError):
        await bob.engine.save_file(first, second.files[0], tmp_path / "received")


async def test_what_is_there_already_stays(crowd: Crowd, tmp_path: Path) -> None:
    alice, bob = await crowd.contacts()
    received = await sent(alice, bob, written(tmp_path, "a", 100))
    target = tmp_path / "received"
    target.write_bytes(b"mine")
    with pytest.raises(FileExistsError):
        await bob.engine.save_file(received, received.files[0], target)
    assert target.read_bytes() == b"mine"


async def test_an_upload_goes_on_after_the_server_was_killed(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = ServerProcess(tmp_path_factory.mktemp("killed"))
    server.start()
    crowd = Crowd(server, tmp_path)
    try:
        alice, bob = await crowd.contacts()
        source = written(tmp_path, "film.mp4", 5 * FILE_PART_BYTES)
        put, count = file_parts._put, 0

        async def put_and_kill(*args: Any) -> bytes:
            nonlocal count
            count += 1
            if count in (2, 4):
                server.kill()
                server.start()
            return await put(*args)

        monkeypatch.setattr(file_parts, "_put", put_and_kill)
        received = await sent(alice, bob, source)
        await bob.engine.save_file(received, received.files[0], tmp_path / "received")
        assert (tmp_path / "received").read_bytes() == source.read_bytes()
    finally:
        for device in crowd.devices:
            device.close()
        server.kill()


async def test_neither_name_nor_content_is_on_the_server(
    crowd: Crowd, server_process: ServerProcess, tmp_path: Path
) -> None:
    """S-63: canaries in name, text and content."""
    alice, bob = await crowd.contacts()
    source = tmp_path / "canary-name-7f3a.txt"
    source.write_bytes(b"canary-content-91bc " * 1_000)
    received = await sent(alice, bob, source, text="canary-text-55e0")
    await bob.engine.save_file(received, received.files[0], tmp_path / "received")
    for path in server_process.data_dir.rglob("*"):
        if path.is_file():
            assert b"canary-" not in path.read_bytes(), path
