"""People for tests: an account with one enrolled device, logged in, without going through sign-up.

Signatures and points are random text of the right form: the stores keep them as they are, and what
checks them has tests of its own.
"""

import contextlib
import json
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from config.secrets import open_secrets
from models.accounts import Account, KdfParams, Preferences, Verifier
from models.devices import Device, DeviceList
from models.events import DevicesAltered, EventSink
from models.keys import OneTimePrekey, SignedPrekey
from models.ports import Clock
from models.rooms import Room
from models.stores import Stores
from protocol.encoding import b64url
from protocol.ids import DeviceId, LoginId, UserId
from protocol.limits import SPK_TTL_MS
from realtime.local_bus import LocalBus
from services.access import Access
from services.logins import Browser, LoginService
from services.quotas import Quotas
from services.rooms import RoomService
from services.system import SystemClock, SystemEntropy
from storage import open_stores

POINT = b"\x04"


def random_text(size_bytes: int) -> str:
    return b64url(secrets.token_bytes(size_bytes))


def random_point() -> str:
    return b64url(POINT + secrets.token_bytes(64))


def new_account(name: str, now_ms: int) -> Account:
    return Account(
        user_id=UserId(random_text(16)),
        email=f"{name}@example.org",
        display_name=name.title(),
        friend_code=secrets.token_hex(6),
        verifier=Verifier(random_text(16), KdfParams(65_536, 3, 1), "!"),
        role="user",
        preferences=Preferences(),
        created_ms=now_ms,
    )


def new_device(user_id: UserId, now_ms: int) -> Device:
    return Device(
        user_id=user_id,
        device_id=DeviceId(random_text(16)),
        cert=random_text(200),
        sig_a=random_text(64),
        sig_p=random_text(64),
        cert_hash=random_text(32),
        created_ms=now_ms,
    )


def device_list(user_id: UserId, version: int, active: tuple[DeviceId, ...]) -> DeviceList:
    return DeviceList(
        user_id=user_id,
        version=version,
        aik=random_point(),
        devlist=random_text(100),
        sig=random_text(64),
        list_hash=random_text(32),
        active=active,
    )


def signed_prekey(now_ms: int, key_id: int = 1) -> SignedPrekey:
    return SignedPrekey(key_id, random_point(), now_ms, now_ms + SPK_TTL_MS, random_text(64))


@dataclass
class Peer:
    """One person on one device. `lists` are the versions of every device list the peer knows."""

    user_id: UserId
    device_id: DeviceId
    login_id: LoginId
    token: str = field(repr=False)
    refresh_token: str = field(default="", repr=False)
    origin: str = ""

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}


class Wire:
    """One connection as a test uses it: JSON in, JSON out; frames that come are kept in order."""

    def __init__(self, socket: Any) -> None:
        """Args: socket: a `ClientConnection`, or what has its `send`, `recv` and close code."""
        self.socket = socket
        self._kept: list[dict[str, Any]] = []

    async def send(self, frame_type: str, **fields: Any) -> None:
        await self.socket.send(json.dumps({"type": frame_type, **fields}))

    async def next(self) -> dict[str, Any]:
        """Return the oldest frame that has not been taken."""
        if self._kept:
            return self._kept.pop(0)
        return await self._receive()

    async def expect(self, frame_type: str, **fields: Any) -> dict[str, Any]:
        """Return the oldest frame of this type with these fields; the others stay."""

        def fits(frame: dict[str, Any]) -> bool:
            return frame["type"] == frame_type and fields.items() <= frame.items()

        for at, frame in enumerate(self._kept):
            if fits(frame):
                return self._kept.pop(at)
        while not fits(frame := await self._receive()):
            self._kept.append(frame)
        return frame

    async def quiet(self, *, presence: bool = False) -> list[dict[str, Any]]:
        """Return what has come until the server has answered a ping, the answer left out.

        Args:
            presence: count people's coming and going too.
        """
        await self.send("ping", id=2**52)
        while (frame := await self._receive()).get("id") != 2**52:
            self._kept.append(frame)
        kept, self._kept = self._kept, []
        return [frame for frame in kept if presence or frame["type"] != "presence"]

    async def authenticate(self, peer: Peer) -> dict[str, Any]:
        await self.send("authenticate", token=peer.token, device_id=peer.device_id)
        return await self.expect("authenticated")

    async def closed(self) -> int:
        """Wait for the end and return its code."""
        await self.socket.wait_closed()
        return self.socket.close_code or 1005

    async def drained(self) -> list[dict[str, Any]]:
        """Read until the connection is closed; return what came."""
        try:
            while True:
                self._kept.append(await self._receive())
        except ConnectionClosed:
            return self._kept

    async def close(self) -> None:
        await self.socket.close()

    async def _receive(self) -> dict[str, Any]:
        frame: dict[str, Any] = json.loads(await self.socket.recv())
        return frame


async def open_wire(server: str, /, **options: Any) -> Wire:
    """Connect to the server at this origin as its own page would."""
    address = server.replace("http", "ws", 1) + "/ws"
    options.setdefault("origin", server)
    return Wire(await connect(address, compression=None, max_size=None, **options))


async def enrol(stores: Stores, clock: Clock, logins: LoginService, account: Account) -> Peer:
    """Add a device to an account (its first or one more) and log it in."""
    now_ms = clock.now_ms()
    device = new_device(account.user_id, now_ms)
    newest = await stores.devices.newest_list(account.user_id)
    version, others = (newest.version, newest.active) if newest else (0, ())
    await stores.devices.enrol(
        device,
        device_list(account.user_id, version + 1, (*others, device.device_id)),
        signed_prekey(now_ms),
        [OneTimePrekey(n, random_point(), random_text(64)) for n in range(1, 6)],
        None,
    )
    browser = Browser("Test", "web", "127.0.0.1")
    opened = await logins.open(account, browser, device.device_id)
    return Peer(
        account.user_id,
        device.device_id,
        opened.login_id,
        opened.access_token,
        opened.refresh_token,
    )


def capsule(receiver: Peer) -> dict[str, Any]:
    return {
        "user": receiver.user_id,
        "device": receiver.device_id,
        "sid": random_text(16),
        "header": random_text(75),
        "ciphertext": random_text(124),
    }


def sealed(receivers: list[Peer], versions: dict[str, int], **fields: Any) -> dict[str, Any]:
    """Return the body of a send: random text of the documented form.

    Args:
        versions: the device list version of every member.
    """
    return {
        "msg_id": random_text(16),
        "epoch": 0,
        "roster_hash": random_text(32),
        "c2": random_text(32),
        "payload": random_text(300),
        "capsules": [capsule(receiver) for receiver in receivers],
        "device_lists": versions,
        **fields,
    }


@dataclass
class People:
    """Makes people, more devices, contacts and rooms, straight in the store."""

    stores: Stores
    clock: Clock
    logins: LoginService
    bus: EventSink

    browser = Browser("Test", "web", "127.0.0.1")

    def publish_devices(self, peer: Peer) -> None:
        """Tell the server of this test that a device list has a new version."""
        self.bus.publish(DevicesAltered(peer.user_id, 0))

    async def new(self, name: str) -> Peer:
        account = new_account(name, self.clock.now_ms())
        await self.stores.accounts.create(account)
        return await enrol(self.stores, self.clock, self.logins, account)

    async def another_device(self, peer: Peer) -> Peer:
        return await enrol(self.stores, self.clock, self.logins, await self.account(peer.user_id))

    async def account(self, user_id: UserId) -> Account:
        account = await self.stores.accounts.by_id(user_id)
        assert account is not None
        return account

    async def befriend(self, one: Peer, other: Peer) -> None:
        now_ms = self.clock.now_ms()
        await self.stores.contacts.request(one.user_id, other.user_id, now_ms)
        await self.stores.contacts.accept(other.user_id, one.user_id)

    async def room(self, one: Peer, other: Peer) -> Room:
        """Open a room of two contacts."""
        rooms = RoomService(
            self.stores,
            self.clock,
            LocalBus(),
            access=Access(self.stores, self.clock),
            quotas=Quotas(self.clock),
        )
        return (await rooms.open_dm(one.user_id, other.user_id, random_text(16)))[0]

    async def versions(self, *peers: Peer) -> dict[str, int]:
        active = await self.stores.devices.active(frozenset(peer.user_id for peer in peers))
        return {user: devices.version for user, devices in active.items()}


@contextlib.asynccontextmanager
async def people_of(data_dir: Path, database: str) -> AsyncIterator[People]:
    """Make people for a server in another process, which has this data folder and database."""
    keys, clock, bus = open_secrets(data_dir, ""), SystemClock(), LocalBus()
    stores = await open_stores(database)
    logins = LoginService(
        stores, clock, SystemEntropy(), bus, jwt_key=keys.jwt_key, refresh_key=keys.refresh_key
    )
    try:
        yield People(stores, clock, logins, bus)
    finally:
        await stores.database.close()
