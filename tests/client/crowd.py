"""People who talk through a real server with the Python client."""

import os
from dataclasses import dataclass, field
from pathlib import Path

from client.account import Account, NewAccount, PendingCode
from client.api import Api
from client.connections import Messenger
from client.engine import Engine, system_now_ms
from client.incoming import Received
from client.people import People
from client.seal.encoding import b64url_encode
from client.socket import Socket
from client.state import StateFile
from protocol.ids import DeviceId
from tests.process import ServerProcess

PASSWORD = "correct horse battery staple"


@dataclass
class Device:
    """One device of a person, through the Python client."""

    server: ServerProcess
    email: str
    path: Path
    file: StateFile = field(init=False)
    api: Api = field(init=False)

    def __post_init__(self) -> None:
        self.start()

    def start(self) -> None:
        """Begin with what the state file holds, as after a restart; `close` comes before it."""
        self.file = StateFile(self.path)
        self.api = Api(self.server.origin, self.file.state.refresh_cookie)
        self.account = Account(self.api, self.file, system_now_ms)
        self.engine = Engine(self.api, self.file)
        self.people = People(self.api)

    def close(self) -> None:
        """Give back the connections and the state file."""
        self.api.close()
        self.file.close()

    @property
    def user_id(self) -> bytes:
        return self.file.state.device.user_id

    async def sign_up(self) -> NewAccount:
        pending = await self.account.sign_up(self.email, self.email.split("@")[0], PASSWORD)
        new = await self.account.submit_code(pending, await self.code())
        assert new is not None
        return new

    async def log_in(self, password: str = PASSWORD, recovery_code: str | None = None) -> None:
        pending: PendingCode = await self.account.log_in(self.email, password)
        await self.account.submit_code(pending, await self.code(), recovery_code)

    async def code(self) -> str:
        return await self.server.code_for(self.email)

    async def connect(self, *, over_tcp: bool = False) -> Socket:
        device = DeviceId(b64url_encode(self.file.state.device.device_id))
        messenger = Messenger.at(self.server.messenger) if over_tcp else None
        return await Socket.open(self.api, device, messenger)

    async def read(self, room_id: bytes) -> list[Received]:
        """What is new in a room, with everything devices owe each other sent."""
        received = await self.engine.catch_up(room_id)
        await self.engine.settle(room_id)
        return received

    async def texts(self, room_id: bytes) -> list[str | None]:
        """The words among what is new."""
        return [each.text for each in await self.read(room_id) if not each.is_control]


@dataclass
class Crowd:
    """Makes devices and closes their connections at the end."""

    server: ServerProcess
    folder: Path
    devices: list[Device] = field(default_factory=list)

    def device(self, email: str) -> Device:
        """A device that is not logged in yet."""
        path = self.folder / f"device-{len(self.devices)}" / "state.msgpack"
        self.devices.append(Device(self.server, email, path))
        return self.devices[-1]

    async def person(self, name: str) -> Device:
        """A new account with its first device."""
        device = self.device(f"{name}-{os.urandom(4).hex()}@example.org")
        await device.sign_up()
        return device

    async def contacts(self) -> tuple[Device, Device]:
        """Two new people who are contacts of each other."""
        alice, bob = await self.person("alice"), await self.person("bob")
        await alice.people.add((await bob.people.me()).friend_code)
        request = (await bob.people.contacts()).contacts[0]
        await bob.people.accept(request.user.id)
        return alice, bob
