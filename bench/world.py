"""The people of the bench: pairs of contacts with a device each, in rooms of two.

They are written straight into a Sealroom database and given access tokens by the server's own key,
so that no bench waits for mails and password hashes. Ciphertext is random: the server cannot tell.
"""

from pathlib import Path

import msgspec

from tests.people import Peer as Enrolled
from tests.people import people_of


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


async def make_world(folder: Path, pairs: int, database: str = "") -> World:
    """Fill a new data folder, or another new database, with `pairs` of people who share a room."""
    peers: list[Peer] = []
    async with people_of(folder, database or f"sqlite:///{folder}/sealroom.db") as people:
        for number in range(pairs):
            one, two = await people.new(f"one-{number}"), await people.new(f"two-{number}")
            await people.befriend(one, two)
            room = (await people.room(one, two)).room_id
            peers += [_peer(one, two, room), _peer(two, one, room)]
    world = World(peers)
    (folder / "world.json").write_bytes(msgspec.json.encode(world))
    return world


def _peer(me: Enrolled, you: Enrolled, room: str) -> Peer:
    return Peer(me.user_id, me.device_id, me.token, room, you.user_id, you.device_id)
