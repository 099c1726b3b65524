"""Transfers as services see them: principals, whole files straight in the store."""

import hashlib

from models.files import Allowance, File
from models.transfers import Transfer
from protocol import bodies
from protocol.encoding import b64url
from protocol.frames import Sealed
from protocol.ids import DeviceId, FileId, UserId
from services.logins import Principal
from tests.house import House, Seal, body
from tests.people import random_text

PLENTY = Allowance(stored_bytes=2**40, daily_bytes=2**40, pending_files=1_000)
HEAD = Sealed("A" * 40)


async def person(house: House, email: str) -> Principal:
    """Sign somebody up, with a device."""
    opened = await house.sign_up(email)
    return await house.enrol(opened, Seal(opened.account.user_id, house.clock.now_ms()))


async def whole_file(house: House, transfer: Transfer) -> FileId:
    """Put a whole file of one byte into a draft."""
    now_ms = house.clock.now_ms()
    device_id = DeviceId(random_text(16))
    file = File(
        FileId(random_text(16)), transfer.sender, device_id, None, 1, now_ms, transfer.transfer_id
    )
    digest = hashlib.sha256(b"x").digest()
    await house.stores.files.begin(file, PLENTY, now_ms)
    await house.blobs.put(file.file_id, 0, b"x", digest)
    await house.stores.files.add_part(file.file_id, 0, digest, now_ms)
    await house.stores.files.commit(file.file_id, now_ms)
    return file.file_id


async def draft(house: House, sender: Principal, **fields: object) -> Transfer:
    """Begin a transfer: by link unless the fields say otherwise."""
    wanted = {"id": random_text(16), "kind": "link"} | fields
    return await house.transfers.begin(sender, body(bodies.StartTransferRequest, **wanted))


def contents(
    transfer: Transfer, files: list[FileId], auth: bytes = b""
) -> bodies.SendTransferRequest:
    """Return what makes a draft visible."""
    if transfer.kind == "person":
        heads = [HEAD] * len(files)
        sent: bodies.SendTransferRequest = body(
            bodies.SendTransferRequest, files=files, heads=heads
        )
        return sent
    offer = bodies.LinkOffer(
        auth_hash=b64url(hashlib.sha256(auth).digest()),
        manifest=Sealed(random_text(200)),
        has_passphrase=False,
    )
    sent = body(bodies.SendTransferRequest, files=files, link=offer)
    return sent


async def sent(house: House, sender: Principal, auth: bytes = b"", **fields: object) -> Transfer:
    """Begin a transfer of one file and make it visible."""
    begun = await draft(house, sender, **fields)
    files = [await whole_file(house, begun)]
    return await house.transfers.send(sender, begun.transfer_id, contents(begun, files, auth))


async def to_person(house: House, sender: Principal, to: UserId) -> Transfer:
    return await sent(house, sender, kind="person", user=to)


async def to_address(house: House, sender: Principal, email: str) -> Transfer:
    return await sent(house, sender, kind="address", email=email)
