"""The bus of deploy/, started with its file: who is let in, and where they may speak (S-60)."""

import asyncio
import socket
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import nats
import pytest
import pytest_asyncio
from nats.aio.client import Client
from nats.errors import Error

from deploy import make_secrets
from tests.process import ROOT

PATIENCE_S = 10

Join = Callable[..., Awaitable[Client]]


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    folder = tmp_path / "run/secrets"
    folder.parent.mkdir()
    make_secrets.make(folder)
    return folder


@pytest_asyncio.fixture
async def join(secrets: Path, tmp_path: Path) -> AsyncIterator[Join]:
    """Start the bus; joins it as a worker would, unless told otherwise."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    file = tmp_path / "etc/nats/nats.conf"
    file.parent.mkdir(parents=True)
    text = (ROOT / "deploy/nats.conf").read_text().replace('"/run/secrets', f'"{secrets}')
    file.write_text(text.replace("port: 4222", f"listen: 127.0.0.1:{port}"))
    command = [Path(sys.executable).parent / "nats-server", "-c", file]

    async def be_silent(error: Exception) -> None:
        """What is refused is seen by its absence."""

    async def connect(password: str = "", ca_file: str = "bus_ca.pem") -> Client:
        return await nats.connect(
            f"tls://127.0.0.1:{port}",
            user="sealroom",
            password=password or (secrets / "bus_password").read_text().strip(),
            tls=ssl.create_default_context(cafile=secrets / ca_file if ca_file else None),
            tls_hostname="bus",
            allow_reconnect=False,
            error_cb=be_silent,
        )

    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as bus:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                try:
                    await (await connect()).close()
                    break
                except (Error, OSError):
                    await asyncio.sleep(0.05)
        yield connect
        bus.terminate()


async def test_workers_hear_each_other_under_our_subjects_and_no_others(join: Join) -> None:
    one, other = await join(), await join()
    ours, outside = await other.subscribe("sealroom.>"), await other.subscribe("outside")
    # The first ping overtakes what waits to be written, the second follows it.
    await other.flush()
    await other.flush()
    await one.publish("outside", b"hello")
    await one.publish("sealroom.all", b"hello")
    assert (await ours.next_msg(PATIENCE_S)).data == b"hello"
    assert outside.pending_msgs == 0
    await one.close()
    await other.close()


@pytest.mark.parametrize("how", [{"password": "another"}, {"ca_file": ""}])
async def test_whoever_has_no_password_or_trusts_another_bus_is_not_in(
    join: Join, how: dict[str, str]
) -> None:
    with pytest.raises((Error, ssl.SSLError)):
        await join(**how)
