"""A database in which something of everything has happened, and all that can be read of it."""

import asyncio
from dataclasses import dataclass, field, replace
from typing import Any

from models.accounts import Account, Preferences
from models.codes import PendingCode, Registration
from models.devices import Device
from models.files import Allowance, File
from models.keys import ClaimShare, Target
from models.logins import Login
from models.messages import Appended, NewMessage
from models.rooms import Room, Watermark
from models.stores import Stores
from models.transfers import Transfer
from protocol.errors import AppError
from protocol.limits import DAY_MS
from tests.contracts.make import Make

NOW_MS = 2_000_000_000_000
LATER_MS = NOW_MS + DAY_MS
SHARE = ClaimShare(DAY_MS, of_one_device=3, by_one_claimer=20)
ALLOWANCE = Allowance(10**9, 10**9, 10)
ROTATION = {"now_ms": NOW_MS, "grace_ms": 10_000, "expires_ms": LATER_MS, "address_prefix": "::/48"}


@dataclass
class World:
    """What was put into the database, to ask for it and to go on with it."""

    people: list[Account]
    devices: list[Device] = field(default_factory=list)
    rooms: list[Room] = field(default_factory=list)
    messages: list[NewMessage] = field(default_factory=list)
    logins: list[Login] = field(default_factory=list)
    files: list[File] = field(default_factory=list)
    transfers: list[Transfer] = field(default_factory=list)
    codes: list[PendingCode] = field(default_factory=list)
    claim_id: str = ""
    emails: tuple[str, ...] = ("new@example.org", "other@example.org")


async def append(stores: Stores, message: NewMessage, now_ms: int = NOW_MS) -> Any:
    """Append one message; returns what became of it."""
    outcome: asyncio.Future[Appended | AppError] = asyncio.get_running_loop().create_future()
    stores.messages.append(message, now_ms, outcome.set_result)
    return await outcome


async def populate(stores: Stores, make: Make) -> World:
    """Let people do something of everything."""
    world = World([make.account(last_seen_ms=n, preferences=Preferences(n > 1)) for n in range(5)])
    for account in world.people:
        await stores.accounts.create(account)
    await _enrol(stores, make, world)
    await _log_in(stores, make, world)
    await _befriend(stores, world)
    await _talk(stores, make, world)
    await _send_files(stores, make, world)
    await _transfer(stores, make, world)
    return world


async def _enrol(stores: Stores, make: Make, world: World) -> None:
    for account in world.people[:3]:
        user = account.user_id
        first, second, third = (make.device(user) for _ in range(3))
        world.devices += (first, second, third)
        active: list[Any] = []
        for version, device in enumerate((first, second, third), 1):
            active.append(device.device_id)
            backup = make.backup(user) if version == 1 else None
            listed = make.device_list(user, version, *active)
            await stores.devices.enrol(
                device, listed, make.spk(version), make.opks(*range(5, 11)), backup
            )
        await stores.devices.put_list(make.device_list(user, 4, first.device_id, third.device_id))
        await stores.backups.put(make.backup(user, 2))
        await stores.keys.upload(user, first.device_id, make.spk(7), make.opks(20, 21))
    claimer = Target(world.people[0].user_id, world.devices[0].device_id)
    targets = [Target(device.user_id, device.device_id) for device in world.devices]
    world.claim_id = make.text()
    for claim_id in (make.text(), world.claim_id):
        await stores.keys.claim(claimer, claim_id, targets, SHARE, NOW_MS)


async def _log_in(stores: Stores, make: Make, world: World) -> None:
    for n, account in enumerate(world.people):
        login = make.login(account.user_id, expires_ms=LATER_MS, created_ms=NOW_MS)
        world.logins.append(login)
        await stores.logins.create(login, f"{n} token 0")
        for number in range(n):
            await stores.logins.rotate(f"{n} token {number}", f"{n} token {number + 1}", **ROTATION)
        await stores.logins.trust(f"cookie {n}", account.user_id, f"device {n}", LATER_MS)
    registration = Registration("Dung", make.text(), 65_536, 3, 1, "$2b$12$hash")
    for n, more in enumerate(({"registration": registration}, {"user_id": make.user()}, {})):
        code = PendingCode("login", "an@example.org", f"ticket {n}", "cc", NOW_MS, LATER_MS)
        world.codes.append(replace(code, **more))
        await stores.codes.put(world.codes[-1])
        for _ in range(n):
            await stores.codes.attempt(code.ticket_hash, "00", NOW_MS, 5)


async def _befriend(stores: Stores, world: World) -> None:
    an, binh, cuc, dung, em = (account.user_id for account in world.people)
    contacts = stores.contacts
    await contacts.request(an, binh, 1_000)
    await contacts.accept(binh, an)
    await contacts.request(an, cuc, 1_000, world.people[2].email)
    await contacts.request(dung, an, 1_000)
    await contacts.block(em, an, 1_500)
    await contacts.request(an, em, 1_600, world.people[4].email)
    await contacts.request(cuc, dung, 1_700, world.people[3].email)
    await contacts.remove(dung, cuc)
    await contacts.block(dung, binh, 1_800)
    for user, at_ms in ((binh, 1_000), (an, 1_000), (cuc, 900)):
        for email in world.emails:
            await contacts.invite(user, email, at_ms)


async def _talk(stores: Stores, make: Make, world: World) -> None:
    an, binh, cuc, *_ = (account.user_id for account in world.people)
    for other, expires_ms in ((binh, LATER_MS), (cuc, LATER_MS + 1), (make.user(), NOW_MS + 1)):
        room = make.room(an, other, expires_ms=expires_ms)
        await stores.rooms.open_dm(room, NOW_MS)
        world.rooms.append(room)
        capsules = {(d.user_id, d.device_id): make.capsule() for d in world.devices}
        for n in range(7):
            sent = {"sender_device": world.devices[n % 2].device_id, "server_ms": NOW_MS}
            world.messages.append(make.message(room, capsules=capsules, **sent))
            await append(stores, world.messages[-1])
        await stores.rooms.advance([Watermark(room.room_id, other, 5, 3)])
        await stores.rooms.keep(room.room_id, an, True, DAY_MS, NOW_MS)
    ended = make.room()
    await stores.rooms.open_dm(ended, 1_000)
    await stores.rooms.remove(ended.room_id)


async def _send_files(stores: Stores, make: Make, world: World) -> None:
    for n in range(3):
        file = make.file(world.rooms[0], parts=2, created_ms=NOW_MS)
        world.files.append(await stores.files.begin(file, ALLOWANCE, NOW_MS))
        for number in range(min(n + 1, 2)):
            await stores.files.add_part(file.file_id, number, bytes([number]) * 32, NOW_MS)
    await stores.files.expect_part(world.files[0].file_id, 1, bytes([1]) * 32, NOW_MS)
    await stores.files.commit(world.files[1].file_id, NOW_MS)
    await stores.files.expire(world.files[2].file_id)


async def _transfer(stores: Stores, make: Make, world: World) -> None:
    """Leave a draft, and one of each kind that people did something with; one has ended."""
    an, binh, cuc, *_ = world.people
    begun = {"sender": an.user_id, "created_ms": NOW_MS, "expires_ms": LATER_MS + DAY_MS}
    draft, person, address, link, ended = (
        make.transfer(**begun, **more)
        for more in (
            {"email": "new@example.org", "kind": "address"},
            {"kind": "person", "recipient": binh.user_id},
            {"email": cuc.email, "kind": "address"},
            {"max_downloads": 3},
            {},
        )
    )
    for transfer in (draft, person, address, link, ended):
        world.transfers.append(await stores.transfers.begin(transfer, 5, NOW_MS))
        world.files.append(await _whole_file(stores, make, transfer))
    for transfer, file in list(zip(world.transfers, world.files[-5:], strict=True))[1:]:
        contents = (("head",), None) if transfer is person else ((), make.link())
        opening = (transfer.transfer_id, (file.file_id,), *contents, NOW_MS)
        await stores.transfers.open(*opening, mail_due_ms=NOW_MS if transfer is address else None)
    await stores.transfers.accept(address.transfer_id, cuc.user_id, NOW_MS)
    await stores.transfers.seal(address.transfer_id, ("later",), NOW_MS)
    await stores.transfers.hide(address.transfer_id)
    await stores.transfers.note_downloaded(person.transfer_id, NOW_MS)
    for holder in ("one", "two"):
        await stores.transfers.take_download(link.transfer_id, holder, NOW_MS)
    await stores.transfers.end(ended.transfer_id)
    for n, reported in enumerate((ended, link, link)):
        report = make.report(transfer_id=reported.transfer_id, created_ms=NOW_MS + n)
        await stores.reports.add(report)


async def _whole_file(stores: Stores, make: Make, transfer: Transfer) -> File:
    file = await stores.files.begin(make.file(transfer, created_ms=NOW_MS), ALLOWANCE, NOW_MS)
    await stores.files.add_part(file.file_id, 0, bytes(32), NOW_MS)
    return await stores.files.commit(file.file_id, NOW_MS) or file


async def everything(stores: Stores, world: World) -> dict[str, Any]:
    """Read all there is through the ports, under names that say what differs."""
    found: dict[str, Any] = {}
    for n, account in enumerate(world.people):
        found |= {f"{what} of {n}": value for what, value in await _of_person(stores, account)}
    for a in world.people:
        for b in world.people:
            who = (a.user_id, b.user_id)
            found[f"between {who}"] = (
                await stores.contacts.state(*who),
                await stores.contacts.is_blocked(*who),
            )
    for device in world.devices:
        who = (device.user_id, device.device_id)
        found[f"prekeys of {who}"] = await stores.keys.count(*who)
        found[f"last message of {who}"] = await stores.messages.last_of_device(*who, NOW_MS)
        for room in world.rooms:
            found[f"log of {room.room_id} for {who}"] = await stores.messages.page(
                room.room_id, who, now_ms=NOW_MS, limit=100
            )
    for room in world.rooms:
        found[f"room {room.room_id}"] = await stores.rooms.by_id(room.room_id, NOW_MS)
    for n, code in enumerate(world.codes):
        found[f"code {n}"] = await stores.codes.of_ticket(code.ticket_hash, NOW_MS)
    for n, file in enumerate(world.files):
        found[f"file {n}"] = await stores.files.by_id(file.file_id, NOW_MS)
        found[f"parts of file {n}"] = await stores.files.received(file.file_id)
    for n, transfer in enumerate(world.transfers):
        found[f"transfer {n}"] = await stores.transfers.by_id(transfer.transfer_id, NOW_MS)
        found[f"heads of transfer {n}"] = await stores.transfers.heads(transfer.transfer_id)
    found["reports"] = await stores.reports.all()
    found["known files"] = await stores.files.known(frozenset(f.file_id for f in world.files))
    found["ended files"] = set(await stores.files.ended(NOW_MS, 10))
    users = frozenset(account.user_id for account in world.people)
    found["active devices"] = await stores.devices.active(users)
    return found


async def _of_person(stores: Stores, account: Account) -> list[tuple[str, Any]]:
    user = account.user_id
    sent = await stores.transfers.sent(user, NOW_MS)
    return [
        ("account", await stores.accounts.by_id(user)),
        ("account by address", await stores.accounts.by_email(account.email)),
        ("account by code", await stores.accounts.by_friend_code(account.friend_code)),
        ("backup", await stores.backups.of_user(user)),
        ("device list", await stores.devices.newest_list(user)),
        ("device lists", await stores.devices.lists_after(user, 0)),
        ("devices", await stores.devices.devices(user)),
        ("contacts", await stores.contacts.of_user(user)),
        ("accepted contacts", await stores.contacts.accepted(user)),
        ("invitations", await stores.contacts.invites(user)),
        ("blocks", await stores.contacts.blocked(user)),
        ("log-ins", await stores.logins.of_user(user, NOW_MS)),
        ("rooms", await stores.rooms.of_user(user, NOW_MS)),
        ("sent transfers", sent),
        ("each", [await stores.transfers.by_id(each.transfer_id, NOW_MS) for each in sent]),
        ("received transfers", await stores.transfers.received(user, account.email, [], NOW_MS)),
        ("all transfers", set(await stores.transfers.of_sender(user))),
    ]
