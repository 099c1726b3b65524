"""Values for stores: they differ where they must and agree where they may."""

import base64
import itertools
import secrets

from models.accounts import Account, KdfParams, Preferences, Verifier
from models.backups import Backup, Wrap
from models.devices import Device, DeviceList
from models.files import File
from models.keys import OneTimePrekey, SignedPrekey
from models.logins import Login
from models.messages import NewMessage
from models.reports import Report
from models.rooms import Member, Room
from models.transfers import Link, Transfer
from protocol.ids import DeviceId, FileId, LoginId, MsgId, RoomId, TransferId, UserId
from protocol.limits import DAY_MS, FILE_PART_BYTES


class Make:
    """Makes one of each kind."""

    def __init__(self) -> None:
        self._count = itertools.count(1)

    def text(self, size_bytes: int = 16) -> str:
        return base64.urlsafe_b64encode(secrets.token_bytes(size_bytes)).rstrip(b"=").decode()

    def point(self) -> str:
        return base64.urlsafe_b64encode(b"\x04" + secrets.token_bytes(64)).rstrip(b"=").decode()

    def user(self) -> UserId:
        return UserId(self.text())

    def device_id(self) -> DeviceId:
        return DeviceId(self.text())

    def room_id(self) -> RoomId:
        return RoomId(self.text(32))

    def verifier(self) -> Verifier:
        return Verifier(self.text(), KdfParams(65_536, 3, 1), f"$2b$12${self.text()}")

    def account(self, **fields: object) -> Account:
        number = next(self._count)
        values = {
            "user_id": self.user(),
            "email": f"person{number}@example.org",
            "display_name": f"Người {number}",
            "friend_code": f"{number:012x}",
            "verifier": self.verifier(),
            "role": "user",
            "preferences": Preferences(),
            "created_ms": 1_000 + number,
        }
        return Account(**{**values, **fields})

    def backup(self, user_id: UserId, version: int = 1) -> Backup:
        wraps = (
            Wrap("password", self.text(40), KdfParams(65_536, 3, 1), self.text()),
            Wrap("recovery", self.text(40)),
        )
        return Backup(user_id, version, self.text(), wraps, self.text(300))

    def device(self, user_id: UserId, device_id: DeviceId | None = None) -> Device:
        made = device_id or self.device_id()
        texts = [self.text(n) for n in (200, 64, 64, 32)]
        return Device(user_id, made, *texts, created_ms=1_000)

    def device_list(self, user_id: UserId, version: int, *active: DeviceId) -> DeviceList:
        texts = [self.text(n) for n in (65, 200, 64, 32)]
        return DeviceList(user_id, version, *texts, active=active)

    def spk(self, key_id: int = 1) -> SignedPrekey:
        return SignedPrekey(key_id, self.text(65), 1_000, 2_000, self.text(64))

    def opks(self, *key_ids: int) -> list[OneTimePrekey]:
        return [OneTimePrekey(key_id, self.text(65), self.text(64)) for key_id in key_ids]

    def login(self, user_id: UserId | None = None, **fields: object) -> Login:
        values = {
            "login_id": LoginId(self.text()),
            "user_id": user_id or self.user(),
            "device_id": None,
            "device_name": "Firefox trên Linux",
            "platform": "web",
            "address_prefix": "192.0.2.0/24",
            "created_ms": 1_000,
            "proven_ms": 1_000,
            "last_used_ms": 1_000,
            "expires_ms": 1_000_000,
        }
        return Login(**{**values, **fields})

    def room(
        self, first: UserId | None = None, second: UserId | None = None, expires_ms: int = 1_000_000
    ) -> Room:
        members = (
            Member(first or self.user(), "admin"),
            Member(second or self.user(), "member"),
        )
        return Room(self.room_id(), "dm", self.text(), members, 0, 1_000, expires_ms)

    def file(self, home: Room | Transfer, parts: int = 1, **fields: object) -> File:
        is_in_room = isinstance(home, Room)
        values = {
            "file_id": FileId(self.text()),
            "owner": home.members[0].user_id if is_in_room else home.sender,
            "device_id": self.device_id(),
            "room_id": home.room_id if is_in_room else None,
            "size_bytes": (parts - 1) * FILE_PART_BYTES + 1_000,
            "created_ms": 1_500,
            "transfer_id": None if is_in_room else home.transfer_id,
        }
        return File(**{**values, **fields})

    def transfer(self, **fields: object) -> Transfer:
        values = {
            "transfer_id": TransferId(self.text()),
            "sender": self.user(),
            "kind": "link",
            "created_ms": 1_500,
            "expires_ms": 1_500 + 7 * DAY_MS,
        }
        return Transfer(**{**values, **fields})

    def link(self) -> Link:
        return Link(secrets.token_bytes(32), self.text(2_000), has_passphrase=False)

    def report(self, **fields: object) -> Report:
        values = {
            "transfer_id": TransferId(self.text()),
            "sender": self.user(),
            "reason": "malware",
            "text": f"số {next(self._count)}",
            "created_ms": 1_500,
        }
        return Report(**{**values, **fields})

    def capsule(self) -> bytes:
        texts = (self.text(), self.text(75), self.text(124))
        return b'{"sid":"%s","header":"%s","ciphertext":"%s"}' % tuple(t.encode() for t in texts)

    def message(self, room: Room, **fields: object) -> NewMessage:
        values = {
            "room_id": room.room_id,
            "msg_id": MsgId(self.text()),
            "sender": room.members[0].user_id,
            "sender_device": self.device_id(),
            "epoch": 0,
            "roster_hash": self.text(32),
            "payload": self.text(400),
            "c2": self.text(32),
            "frank": self.text(32),
            "server_ms": 1_500,
            "capsules": {(room.members[1].user_id, self.device_id()): self.capsule()},
        }
        return NewMessage(**{**values, **fields})
