"""A real S3 service on loopback: SeaweedFS, with an account and a private bucket (F8)."""

import asyncio
import contextlib
import json
import secrets
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aioboto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from storage.blobs.s3 import Bucket
from tests.process import Child

START_TIMEOUT_S = 60
GRPC_OFFSET = 10_000  # beside each of its ports it takes the one so far above


def _free_ports(count: int) -> list[int]:
    """Find ports that are free together with their companions."""
    ports: list[int] = []
    while len(ports) < count:
        port = 20_000 + secrets.randbelow(20_000)
        with socket.socket() as one, socket.socket() as other:
            try:
                one.bind(("127.0.0.1", port))
                other.bind(("127.0.0.1", port + GRPC_OFFSET))
            except OSError:
                continue
        ports.append(port)
    return ports


@dataclass
class S3Process(Child):
    """The service and its folder; ports and content stay when it restarts."""

    folder: Path
    bucket: Bucket = field(init=False)
    _process: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        self._ports = _free_ports(4)
        self.bucket = Bucket(
            name="sealroom-test",
            endpoint=f"http://127.0.0.1:{self._ports[3]}",
            access_key="sealroom",
            secret_key=secrets.token_hex(16),
        )
        credentials = [{"accessKey": "sealroom", "secretKey": self.bucket.secret_key}]
        identity = {
            "name": "sealroom",
            "credentials": credentials,
            "actions": ["Admin", "Read", "List", "Write"],
        }
        self._accounts.write_text(json.dumps({"identities": [identity]}))

    @property
    def _accounts(self) -> Path:
        return self.folder / "accounts.json"

    def start(self) -> None:
        """Start; `ready` waits until it answers."""
        master, volume, filer, s3 = self._ports
        data = self.folder / "data"
        data.mkdir(exist_ok=True)
        with (self.folder / "s3.log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    Path(sys.executable).with_name("weed"),
                    "server",
                    f"-dir={data}",
                    "-ip=127.0.0.1",
                    "-ip.bind=127.0.0.1",
                    f"-master.port={master}",
                    "-master.telemetry=false",
                    "-master.volumeSizeLimitMB=64",
                    f"-volume.port={volume}",
                    "-volume.max=64",
                    "-filer",
                    f"-filer.port={filer}",
                    "-s3",
                    f"-s3.port={s3}",
                    "-s3.port.iceberg=0",
                    "-s3.port.lance=0",
                    f"-s3.config={self._accounts}",
                ],
                stdout=log,
                stderr=log,
            )

    async def ready(self) -> None:
        """Wait until parts can be written, making the bucket the first time."""
        deadline = time.monotonic() + START_TIMEOUT_S
        config = Config(retries={"max_attempts": 1}, connect_timeout=2, read_timeout=5)
        client = aioboto3.Session().client(
            "s3",
            endpoint_url=self.bucket.endpoint,
            region_name=self.bucket.region,
            aws_access_key_id=self.bucket.access_key,
            aws_secret_access_key=self.bucket.secret_key,
            config=config,
        )
        async with client as s3:
            while not await self._takes_parts(s3):
                assert time.monotonic() < deadline, (self.folder / "s3.log").read_text()
                await asyncio.sleep(0.2)

    async def _takes_parts(self, s3: Any) -> bool:
        with contextlib.suppress(ClientError, BotoCoreError):  # it may be there already
            await s3.create_bucket(Bucket=self.bucket.name)
        try:
            await s3.put_object(Bucket=self.bucket.name, Key="probe", Body=b"x")
            await s3.delete_object(Bucket=self.bucket.name, Key="probe")
        except (BotoCoreError, ClientError):
            return False
        return True
