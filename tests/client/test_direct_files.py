"""Files that go past the server to a bucket and come from there, through real ones (S-44)."""

import asyncio
import json
import re
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import pytest_asyncio

from client.api import Api
from client.link_visits import LinkAddress, LinkVisit
from client.seal.errors import DecryptError
from protocol.ids import FileId
from protocol.limits import FILE_PART_BYTES
from storage.blobs.s3 import S3BlobStore
from tests.client.crowd import Crowd
from tests.client.tap import Tap
from tests.client.test_room_files import sent, written
from tests.process import ServerProcess
from tests.s3 import S3Process

SIZE = 2 * FILE_PART_BYTES + 600_000  # three parts
ADDRESS = "/api/files/{file_id}/parts/{number}/address"
PART = "/api/files/{file_id}/parts/{number}"
CONTENT = "/api/files/{file_id}/content"


@dataclass
class World:
    """A crowd, its server, and a bucket at whose door a test listens."""

    crowd: Crowd
    server: ServerProcess
    door: Tap
    service: S3Process
    prefix: str

    def calls(self) -> list[tuple[str, str]]:
        """Which calls the server has answered well, and how often."""
        lines = [json.loads(line) for line in self.server.log.read_text().splitlines()]
        return [
            (line["method"], line["route"])
            for line in lines
            if line["message"] == "request" and line["status"] < 300
        ]


@pytest_asyncio.fixture
async def world(s3_service: S3Process, tmp_path: Path) -> AsyncIterator[World]:
    await s3_service.ready()
    bucket, prefix = s3_service.bucket, secrets.token_hex(8)
    async with AsyncExitStack() as stack:
        door = await stack.enter_async_context(Tap(bucket.endpoint))
        settings = {
            "SEALROOM_FILES": f"s3://{bucket.name}/{prefix}",
            "SEALROOM_S3_ENDPOINT": bucket.endpoint,
            "SEALROOM_S3_ACCESS_KEY": bucket.access_key,
            "SEALROOM_S3_SECRET_KEY": bucket.secret_key,
            "SEALROOM_S3_PRESIGNED": "on",
            "SEALROOM_S3_PUBLIC_ENDPOINT": door.origin,
            "SEALROOM_LOG_LEVEL": "debug",
        }
        folder = tmp_path / "server"
        folder.mkdir()
        server = ServerProcess(folder, settings)
        server.start()
        crowd = Crowd(server, tmp_path)
        yield World(crowd, server, door, s3_service, prefix)
        for device in crowd.devices:
            device.close()
        assert server.stop() == 0


async def test_a_file_goes_past_the_server_and_arrives_byte_for_byte(
    world: World, tmp_path: Path
) -> None:
    alice, bob = await world.crowd.contacts()
    source = written(tmp_path, "film.mp4", SIZE)
    received = await sent(alice, bob, source)
    await bob.engine.save_file(received, received.files[0], tmp_path / "received")
    assert (tmp_path / "received").read_bytes() == source.read_bytes()
    calls = world.calls()
    assert calls.count(("POST", ADDRESS)) == calls.count(("GET", ADDRESS)) == 3
    assert ("PUT", PART) not in calls
    assert ("GET", CONTENT) not in calls
    heard = bytes(world.door.heard)
    assert (heard.count(b"PUT /"), heard.count(b"GET /")) == (3, 3)
    for of_a_log_in in (b"Authorization", b"X-File-Grant", b"Cookie", b"Referer", b"Bearer"):
        assert of_a_log_in.lower() not in heard.lower()


async def test_no_log_of_the_server_holds_an_address(world: World, tmp_path: Path) -> None:
    alice, bob = await world.crowd.contacts()
    received = await sent(alice, bob, written(tmp_path, "film.mp4", SIZE))
    await bob.engine.save_file(received, received.files[0], tmp_path / "received")
    signatures = set(re.findall(rb"X-Amz-Signature=([0-9a-f]{64})", bytes(world.door.heard)))
    assert len(signatures) == 6
    log = world.server.log.read_bytes()
    assert b'"level": "debug"' in log
    assert b"X-Amz-Signature" not in log
    assert not [each for each in signatures if each in log]
    assert world.service.bucket.secret_key.encode() not in log


async def test_without_a_way_to_the_bucket_a_file_goes_through_the_server(
    world: World, tmp_path: Path
) -> None:
    await world.door.cut()
    alice, bob = await world.crowd.contacts()
    source = written(tmp_path, "film.mp4", 5 * FILE_PART_BYTES)
    received = await sent(alice, bob, source)
    await bob.engine.save_file(received, received.files[0], tmp_path / "received")
    assert (tmp_path / "received").read_bytes() == source.read_bytes()
    calls = world.calls()
    assert calls.count(("PUT", PART)) == calls.count(("GET", CONTENT)) == 6  # with padding
    assert calls.count(("POST", ADDRESS)) <= 2, "once it did not work, no other part tries"
    assert calls.count(("GET", ADDRESS)) <= 3


async def test_a_bucket_that_breaks_in_the_middle_loses_nothing(
    world: World, tmp_path: Path
) -> None:
    alice, bob = await world.crowd.contacts()
    world.door.most_bytes = FILE_PART_BYTES // 2

    async def break_off() -> None:
        await world.door.is_full.wait()
        await world.door.cut()

    source = written(tmp_path, "film.mp4", SIZE)
    breaking = asyncio.create_task(break_off())
    received = await sent(alice, bob, source)
    await breaking
    await bob.engine.save_file(received, received.files[0], tmp_path / "received")
    assert (tmp_path / "received").read_bytes() == source.read_bytes()


async def test_what_the_bucket_changes_is_not_saved(world: World, tmp_path: Path) -> None:
    alice, bob = await world.crowd.contacts()
    received = await sent(alice, bob, written(tmp_path, "film.mp4", SIZE))
    record = received.files[0]
    store = S3BlobStore(replace(world.service.bucket, prefix=world.prefix))
    client = await store._connected()
    folder = store._folder(FileId(str(record["file_id"])))
    listed = await client.list_objects_v2(Bucket=world.service.bucket.name, Prefix=folder)
    for entry in listed["Contents"]:
        body = secrets.token_bytes(entry["Size"])
        await client.put_object(Bucket=world.service.bucket.name, Key=entry["Key"], Body=body)
    await store.close()
    with pytest.raises(DecryptError):
        await bob.engine.save_file(received, record, tmp_path / "received")
    assert not (tmp_path / "received").exists()


async def test_whoever_has_a_link_fetches_from_the_bucket(world: World, tmp_path: Path) -> None:
    alice = await world.crowd.person("alice")
    source = written(tmp_path, "film.mp4", SIZE)
    link = await alice.engine.sent_transfers.send_by_link([source])
    api = Api(world.server.origin)
    visit = LinkVisit(api, LinkAddress(world.server.origin, link.transfer_id, link.secret))
    contents = await visit.open()
    await visit.save(contents.manifest.files[0], tmp_path / "received")
    api.close()
    assert (tmp_path / "received").read_bytes() == source.read_bytes()
    calls = world.calls()
    route = "/api/links/{transfer_id}/files/{file_id}/parts/{number}/address"
    assert calls.count(("GET", route)) == 3
    assert ("GET", "/api/links/{transfer_id}/files/{file_id}/content") not in calls
