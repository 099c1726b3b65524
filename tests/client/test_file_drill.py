"""Five hundred uploads while server and S3 service are killed again and again (R-32, R-40)."""

import asyncio
import hashlib
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from client import file_parts
from client.seal.files import FileManifest
from models.blobs import BlobStore
from models.files import Allowance
from protocol.encoding import b64url
from protocol.ids import FileId
from protocol.limits import DAY_MS, HOUR_MS
from services.access import Access
from services.downloads import Downloads
from services.files import FileLimits, FileService
from services.grants import Grants
from services.quotas import Quotas
from storage import open_stores
from storage.blobs.local import LocalBlobStore
from storage.blobs.s3 import S3BlobStore
from tests.client.crowd import Crowd, Device
from tests.harness import MovableClock
from tests.process import ServerProcess
from tests.s3 import S3Process

PEOPLE = 10
UPLOADS_EACH = 50
AT_ONCE = 3
KILLS = 4

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@dataclass
class Load:
    """What was uploaded, and what the server said of it."""

    folder: Path
    whole: list[tuple[Device, bytes, FileManifest, bytes]] = field(default_factory=list)
    refused: int = 0

    async def upload(self, device: Device, room: bytes) -> None:
        path = self.folder / secrets.token_hex(8)
        path.write_bytes(secrets.token_bytes(secrets.randbelow(30_000)))
        try:
            manifest = await device.engine._files.upload(room, path)
        except Exception:  # noqa: BLE001 - whatever it was, nobody was told that the file is there
            self.refused += 1
        else:
            digest = hashlib.sha256(path.read_bytes()).digest()
            self.whole.append((device, room, manifest, digest))
        path.unlink()

    async def run(self, device: Device, room: bytes) -> None:
        gate = asyncio.Semaphore(AT_ONCE)

        async def one() -> None:
            async with gate:
                await self.upload(device, room)

        await asyncio.gather(*(one() for _ in range(UPLOADS_EACH)))


@pytest.fixture(params=["local", "s3"])
async def service(
    request: pytest.FixtureRequest, tmp_path: Path
) -> AsyncIterator[S3Process | None]:
    if request.param == "local":
        yield None
        return
    service = S3Process(tmp_path)
    service.start()
    await service.ready()
    yield service
    service.kill()


def settings(service: S3Process | None) -> dict[str, str]:
    if service is None:
        return {}
    bucket = service.bucket
    return {
        "SEALROOM_FILES": f"s3://{bucket.name}/drill",
        "SEALROOM_S3_ENDPOINT": bucket.endpoint,
        "SEALROOM_S3_ACCESS_KEY": bucket.access_key,
        "SEALROOM_S3_SECRET_KEY": bucket.secret_key,
    }


async def people(crowd: Crowd) -> list[tuple[Device, bytes]]:
    found = []
    for _ in range(PEOPLE // 2):
        one, other = await crowd.contacts()
        room = await one.engine.open_room(other.user_id)
        await other.engine.rooms()
        found += [(one, room), (other, room)]
    return found


async def test_no_acknowledged_file_is_lost_and_no_orphan_stays(
    service: S3Process | None,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(file_parts, "RETRY_S", (0.1, 0.2, 0.4, 0.8, 1.6, 3.2))
    server = ServerProcess(tmp_path_factory.mktemp("server"), settings(service))
    server.start()
    crowd, load = Crowd(server, tmp_path), Load(tmp_path)
    try:
        everybody = await people(crowd)
        working = asyncio.gather(*(load.run(*each) for each in everybody))
        for number in range(KILLS):
            target = len(load.whole) + PEOPLE * UPLOADS_EACH // (KILLS + 2)
            while len(load.whole) < target and not working.done():
                await asyncio.sleep(0.05)
            if service is not None and number % 2:
                service.kill()
                service.start()
            else:
                server.kill()
                server.start()
        await working
        if service is not None:
            await service.ready()
        assert len(load.whole) + load.refused == PEOPLE * UPLOADS_EACH
        assert len(load.whole) > PEOPLE * UPLOADS_EACH // 2
        await verify(load, tmp_path)
        assert await left_after_sweep(server, service) == {
            FileId(b64url(manifest.file_id)) for _, _, manifest, _ in load.whole
        }
    finally:
        for device in crowd.devices:
            device.close()
        if server.is_running:
            server.kill()


async def verify(load: Load, folder: Path) -> None:
    """Read every acknowledged file back, through the server, and compare its hash."""
    for number, (device, _, manifest, digest) in enumerate(load.whole):
        content = bytearray()
        await device.engine.own_files.fetch(manifest, content.extend)
        assert hashlib.sha256(content).digest() == digest, number


async def left_after_sweep(server: ServerProcess, service: S3Process | None) -> set[FileId]:
    """Let a day pass, which ends unfinished uploads, and sweep; returns whose parts are left."""
    server.stop()
    clock = MovableClock()
    clock.advance(DAY_MS + HOUR_MS)
    stores = await open_stores(f"sqlite:///{server.data_dir}/sealroom.db")
    blobs: BlobStore = LocalBlobStore(server.data_dir / "files")
    if service is not None:
        blobs = S3BlobStore(replace(service.bucket, prefix="drill"))
    allowance = Allowance(stored_bytes=1, daily_bytes=1, pending_files=1)
    files = FileService(
        stores,
        blobs,
        clock,
        access=Access(stores, clock),
        quotas=Quotas(clock),
        grants=Grants(clock, grant_key=bytes(32)),
        downloads=Downloads(blobs),
        limits=FileLimits(1, allowance),
    )
    try:
        await files.sweep()
        await files.sweep_orphans()
        return {file_id async for file_id, _ in blobs.files()}
    finally:
        await blobs.close()
        await stores.database.close()
