"""Transfers while the server is killed again and again (R-32, R-40, S3-15).

What anybody was told is true afterwards, whatever was not told has ended, and of what has ended
nothing is left on the disk.
"""

import asyncio
import hashlib
import os
import secrets
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from typing import Literal

import pytest
from tornado.httpclient import HTTPError

from client import file_parts
from client.errors import RefusedError
from client.file_parts import again
from client.link_visits import LinkAddress, LinkVisit
from client.seal.encoding import b64url_encode
from protocol import bodies
from protocol.ids import TransferId
from tests.client.crowd import Crowd, Device
from tests.client.test_file_drill import left_after_sweep
from tests.process import ServerProcess

PEOPLE = 4
TRANSFERS_EACH = 12
AT_ONCE = 3
KILLS = 3

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

Kind = Literal["person", "address", "link"]
KINDS: Sequence[Kind] = ("person", "address", "link")
FAULTS = (RefusedError, HTTPError, OSError)
"""What a server that dies may cause; anything else is a fault of the client."""


@dataclass
class Sent:
    """A transfer of one file that its sender was told is sent, and what else somebody was told."""

    kind: Kind
    sender: Device
    receiver: Device
    transfer_id: TransferId
    digest: bytes
    link: LinkAddress | None = None
    is_accepted: bool = False
    is_withdrawn: bool = False


@dataclass
class Load:
    """Everybody sends to one other, in all three ways; every fourth one is withdrawn again."""

    folder: Path
    sent: list[Sent] = field(default_factory=list)
    failed: int = 0

    async def run(self, sender: Device, receiver: Device) -> None:
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(number: int, kind: Kind) -> None:
            async with gate:
                await self._one(sender, receiver, number, kind)

        kinds = zip(range(TRANSFERS_EACH), cycle(KINDS), strict=False)
        await asyncio.gather(*(one(*each) for each in kinds))

    async def _one(self, sender: Device, receiver: Device, number: int, kind: Kind) -> None:
        path = self.folder / secrets.token_hex(8)
        path.write_bytes(os.urandom(secrets.randbelow(30_000)))
        try:
            sent = await send(sender, receiver, kind, path)
        except FAULTS:
            self.failed += 1
            return
        self.sent.append(sent)
        with suppress(*FAULTS):
            if kind == "address":
                accept = receiver.engine.received_transfers.accept
                await again(lambda: accept(sent.transfer_id))
                sent.is_accepted = True
                await sender.engine.sent_transfers.settle()
            if number % 4 == 3:
                await withdraw(sent)


async def send(sender: Device, receiver: Device, kind: Kind, path: Path) -> Sent:
    digest, outbox = hashlib.sha256(path.read_bytes()).digest(), sender.engine.sent_transfers
    if kind == "person":
        transfer_id = await outbox.send_to_person(receiver.user_id, [path])
        return Sent(kind, sender, receiver, TransferId(b64url_encode(transfer_id)), digest)
    email = receiver.email if kind == "address" else None
    link = await outbox.send_by_link([path], email=email, signed_as="somebody")
    address = LinkAddress(sender.server.origin, link.transfer_id, link.secret)
    transfer_id = TransferId(b64url_encode(link.transfer_id))
    return Sent(kind, sender, receiver, transfer_id, digest, address)


async def withdraw(sent: Sent) -> None:
    try:
        await again(lambda: sent.sender.engine.sent_transfers.withdraw(sent.transfer_id))
    except RefusedError as error:
        if error.code != "not_found":  # the answer to the first time was lost
            raise
    sent.is_withdrawn = True


async def test_r_40_what_was_told_of_a_transfer_holds_and_nothing_else_is_left(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_parts, "RETRY_S", (0.1, 0.2, 0.4, 0.8, 1.6, 3.2))
    server = ServerProcess(tmp_path_factory.mktemp("server"))
    server.start()
    crowd, load = Crowd(server, tmp_path), Load(tmp_path)
    try:
        pairs = [await crowd.contacts() for _ in range(PEOPLE // 2)]
        ways = [way for pair in pairs for way in (pair, pair[::-1])]
        working = asyncio.gather(*(load.run(*way) for way in ways))
        for _ in range(KILLS):
            target = len(load.sent) + PEOPLE * TRANSFERS_EACH // (KILLS + 2)
            while len(load.sent) < target and not working.done():
                await asyncio.sleep(0.02)
            server.kill()
            server.start()
        await working
        assert len(load.sent) + load.failed == PEOPLE * TRANSFERS_EACH
        assert len(load.sent) > PEOPLE * TRANSFERS_EACH // 2
        assert any(each.is_withdrawn for each in load.sent)
        assert any(each.is_accepted for each in load.sent)
        live = {transfer.id: transfer for way in ways for transfer in await settled(way[0])}
        expected = {each.transfer_id: each for each in load.sent if not each.is_withdrawn}
        assert live.keys() == expected.keys()
        for transfer_id, each in expected.items():
            await verify(each, live[transfer_id])
        files = {file.id for transfer in live.values() for file in transfer.files}
        assert len(files) == len(expected)
        assert await left_after_sweep(server, None) == files
    finally:
        for device in crowd.devices:
            device.close()
        if server.is_running:
            server.kill()


async def settled(device: Device) -> list[bodies.SentTransfer]:
    """What is live when everything owed has been done."""
    assert await device.engine.sent_transfers.settle() == {}
    assert device.file.state.drafts == set()
    return await device.engine.sent_transfers.live()


async def verify(sent: Sent, told: bodies.SentTransfer) -> None:
    """Read a transfer back in every way in which it can be had."""
    assert (told.kind, told.state) == (sent.kind, "open")
    if sent.is_accepted:
        assert told.is_sealed, "settled"
    if told.is_sealed:
        inbox, content = sent.receiver.engine.received_transfers, bytearray()
        (file,) = await inbox.open(await inbox.find(sent.transfer_id))
        await sent.receiver.engine.own_files.fetch(file.manifest, content.extend)
        assert hashlib.sha256(content).digest() == sent.digest
    if sent.link is not None:
        visit, place = LinkVisit(sent.receiver.api, sent.link), Path(f"{sent.receiver.path}.link")
        (linked,) = (await visit.open()).manifest.files
        await visit.save(linked, place)
        assert hashlib.sha256(place.read_bytes()).digest() == sent.digest
        place.unlink()
