"""A real server is killed before a mail server took what it had to send (S3-6, S3-25)."""

import asyncio
import email
import email.policy
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from client.engine import system_now_ms
from models.transfers import Transfer
from protocol.limits import DAY_MS
from services.notices import CLAIM_MS
from storage import open_stores
from tests import mongo
from tests.client.crowd import Crowd
from tests.mail.conftest import Mailbox, Serve, until
from tests.ports import free_ports
from tests.process import ServerProcess

NOBODY = "nobody@example.org"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


@pytest.fixture(params=mongo.EVERY_DATABASE)
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ServerProcess]:
    """A server that is not running yet, with mails as files."""
    with ExitStack() as stack:
        made = ServerProcess(tmp_path / "data", {"SEALROOM_MESSENGER_PORT": "-1"})
        made.data_dir.mkdir()
        url = f"sqlite:///{made.data_dir / 'sealroom.db'}"
        if request.param == "mongo":
            url = stack.enter_context(mongo.database_of_today())
        made.settings["SEALROOM_DATABASE"] = url
        yield made
        if made.is_running:
            made.kill()


async def due(server: ServerProcess) -> list[Transfer]:
    """Return the transfers whose mails wait."""
    stores = await open_stores(server.settings["SEALROOM_DATABASE"])
    found = await stores.transfers.mails_due(system_now_ms() + DAY_MS, 10)
    await stores.database.close()
    return found


def recipients(box: Mailbox) -> list[str]:
    mails = (email.message_from_bytes(mail, policy=email.policy.default) for mail in box.mails)
    return [str(mail["To"]) for mail in mails]


async def test_a_mail_comes_once_though_mail_server_and_server_were_away(
    server: ServerProcess, serve: Serve, tmp_path: Path
) -> None:
    server.start()
    crowd, (port,) = Crowd(server, tmp_path), free_ports(1, "localhost")
    try:
        an = await crowd.person("an")
        server.stop()
        smtp = {"MAIL": "smtp", "SMTP_HOST": "localhost", "SMTP_SECURITY": "none"}
        server.settings |= {f"SEALROOM_{name}": value for name, value in smtp.items()}
        server.settings["SEALROOM_SMTP_PORT"] = str(port)
        server.start()
        path = tmp_path / "file"
        path.write_bytes(b"for somebody who is not here")
        await an.engine.sent_transfers.send_by_link([path], email=NOBODY)
        await until(lambda: "will be tried again" in server.log.read_text(encoding="utf-8"))
        server.kill()
        assert len(await due(server)) == 1
        box = await serve(port=port)
        server.advance(2 * CLAIM_MS)
        server.start()
        await box.arrived()
        # That a stop waits for the note, though not for ever, is shown in test_smtp.py.
        while await due(server):
            await asyncio.sleep(0.1)
        assert server.stop() == 0
        assert await due(server) == []
        assert recipients(box) == [NOBODY]
        assert "@example.org" not in server.log.read_text(encoding="utf-8")
    finally:
        for device in crowd.devices:
            device.close()
