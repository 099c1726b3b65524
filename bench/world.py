"""The people of the bench: pairs of contacts with a device each, in rooms of two.

They are written straight into a Sealroom database and given access tokens by the server's own key,
so that no bench waits for mails and password hashes. Ciphertext is random: the server cannot tell.
"""

import secrets
from dataclasses import dataclass
from pathlib import Path

import msgspec

from config.secrets import derive, open_master_key
from models.accounts import Account, KdfParams, Preferences, Verifier
from models.devices import Device, DeviceList
from models.keys import OneTimePrekey, SignedPrekey
from models.rooms import Member, Room, dm_room_id
from protocol.encoding import b64url
from protocol.ids import DeviceId, UserId
from protocol.limits import ROOM_TTL_MS, SPK_TTL_MS
from realtime.local_bus import LocalBus
from services.logins import Browser, LoginService
from services.system import SystemClock, SystemEntropy
from storage import open_stores


def text(size_bytes: int) -> str:
    """Return random base64url text of so many bytes."""
    return b64url(secrets.token_bytes(size_bytes))


class Peer(msgspec.Struct, frozen=True):
    """One person on one device, the room they share with `other`, and a token to get in."""

    user: str
    device: str
    token: str
    room: str
    other: str
    other_device: str


class World(msgspec.Struct, frozen=True):
    """Everybody; kept as `world.json` beside the database for the processes of one run."""

    peers: list[Peer]

    @classmethod
    def load(cls, folder: Path) -> "World":
        return msgspec.json.decode((folder / "world.json").read_bytes(), type=cls)

    @property
    def user_of_token(self) -> dict[str, str]:
        return {peer.token: peer.user for peer in self.peers}

    @property
    def other(self) -> dict[tuple[str, str], str]:
        """The other one in a room: (room, user) → user."""
        return {(peer.room, peer.user): peer.other for peer in self.peers}


@dataclass
class _Enrolled:
    user: UserId
    device: DeviceId
    token: str


async def make_world(folder: Path, pairs: int) -> World:
    """Fill a new data folder with `pairs` of people who share a room."""
    clock = SystemClock()
    keys = derive(open_master_key(folder / "master.key", create=True))
    stores = await open_stores(f"sqlite:///{folder}/sealroom.db")
    logins = LoginService(
        stores,
        clock,
        SystemEntropy(),
        LocalBus(),
        jwt_key=keys.jwt_key,
        refresh_key=keys.refresh_key,
    )
    now_ms = clock.now_ms()

    async def enrol(number: int) -> _Enrolled:
        user, device = UserId(text(16)), DeviceId(text(16))
        account = Account(
            user_id=user,
            email=f"{number}@example.org",
            display_name=f"Person {number}",
            friend_code=secrets.token_hex(6),
            verifier=Verifier(text(16), KdfParams(65_536, 3, 1), "!"),
            role="user",
            preferences=Preferences(),
            created_ms=now_ms,
        )
        await stores.accounts.create(account)
        point = b64url(b"\x04" + secrets.token_bytes(64))
        await stores.devices.enrol(
            Device(user, device, text(200), text(64), text(64), text(32), now_ms),
            DeviceList(user, 1, point, text(100), text(64), text(32), (device,)),
            SignedPrekey(1, point, now_ms, now_ms + SPK_TTL_MS, text(64)),
            [OneTimePrekey(1, point, text(64))],
            None,
        )
        opened = await logins.open(account, Browser("Bench", "cli", "127.0.0.1"), device)
        return _Enrolled(user, device, opened.access_token)

    peers: list[Peer] = []
    for number in range(pairs):
        one, two = await enrol(2 * number), await enrol(2 * number + 1)
        await stores.contacts.request(one.user, two.user, now_ms)
        await stores.contacts.accept(two.user, one.user)
        nonce = text(16)
        room = Room(
            room_id=dm_room_id(one.user, two.user, nonce),
            kind="dm",
            nonce=nonce,
            members=(Member(one.user, "member"), Member(two.user, "member")),
            last_seq=0,
            created_ms=now_ms,
            expires_ms=now_ms + ROOM_TTL_MS,
        )
        await stores.rooms.open_dm(room, now_ms)
        for me, you in ((one, two), (two, one)):
            peers.append(Peer(me.user, me.device, me.token, room.room_id, you.user, you.device))
    await stores.database.close()
    world = World(peers)
    (folder / "world.json").write_bytes(msgspec.json.encode(world))
    return world
