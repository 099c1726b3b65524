"""Our ratchet against PyPI DoubleRatchet 1.3.0: thousands of random operations, both roles.

Messages are reordered, lost, doubled and damaged on the way. Whatever arrives whole for the first
time must open, everything else must be refused, and neither may disturb what comes later.
"""

import random
from collections.abc import Awaitable, Callable
from typing import Protocol

import pytest
from doubleratchet import (
    AuthenticationFailedException,
    DoSProtectionException,
    DuplicateMessageException,
)

from tests.crypto.conftest import Driver
from tests.crypto.peer import Identity, Peer, PreKey

OPERATIONS = 1_500
# DoubleRatchet warns when a damaged PN asks for too many keys; warnings are errors here.
REFUSALS = (
    AuthenticationFailedException,
    DoSProtectionException,
    DuplicateMessageException,
    ValueError,
    UserWarning,
)

Message = tuple[bytes, bytes]
Start = Callable[..., Awaitable[list["Side"]]]


class Refused(Exception):
    """What a side says to a message it does not open."""


class Side(Protocol):
    """One end of the conversation, whichever implementation it is."""

    can_send: bool

    async def encrypt(self, plaintext: bytes) -> Message: ...

    async def decrypt(self, message: Message) -> bytes: ...


class PythonSide:
    def __init__(self, peer: Peer) -> None:
        self._peer = peer

    @property
    def can_send(self) -> bool:
        return self._peer.can_send

    async def encrypt(self, plaintext: bytes) -> Message:
        return await self._peer.encrypt(plaintext)

    async def decrypt(self, message: Message) -> bytes:
        try:
            return await self._peer.decrypt(*message)
        except REFUSALS as error:
            raise Refused from error


class JavaScriptSide:
    def __init__(self, driver: Driver, chance: random.Random, *, can_send: bool) -> None:
        self._driver = driver
        self._chance = chance
        self.can_send = can_send

    async def encrypt(self, plaintext: bytes) -> Message:
        sent = await self._driver.do("encrypt", plaintext=plaintext.hex())
        return bytes.fromhex(sent["header"]), bytes.fromhex(sent["ciphertext"])

    async def decrypt(self, message: Message) -> bytes:
        header, ciphertext = message
        if self._chance.random() < 0.05:
            await self._driver.do("reload")
        opened = await self._driver.do("decrypt", header=header.hex(), ciphertext=ciphertext.hex())
        if "refused" in opened:
            raise Refused(opened["refused"])
        self.can_send = True
        return bytes.fromhex(opened["plaintext"])


class Line:
    """One direction: what is on the way, and what has arrived."""

    def __init__(self, sender: Side, receiver: Side) -> None:
        self.sender = sender
        self.receiver = receiver
        self.in_flight: list[tuple[Message, bytes]] = []
        self.arrived: list[Message] = []

    async def send(self, chance: random.Random) -> None:
        if self.sender.can_send:
            plaintext = chance.randbytes(96)
            self.in_flight.append((await self.sender.encrypt(plaintext), plaintext))

    async def deliver(self, chance: random.Random) -> None:
        """Hand over one message from anywhere in the queue, often the oldest."""
        if self.in_flight:
            place = 0 if chance.random() < 0.5 else chance.randrange(len(self.in_flight))
            message, plaintext = self.in_flight.pop(place)
            assert await self.receiver.decrypt(message) == plaintext
            self.arrived.append(message)

    async def lose(self, chance: random.Random) -> None:
        if self.in_flight:
            self.in_flight.pop(chance.randrange(len(self.in_flight)))

    async def repeat(self, chance: random.Random) -> None:
        if self.arrived:
            with pytest.raises(Refused):
                await self.receiver.decrypt(chance.choice(self.arrived))

    async def damage(self, chance: random.Random) -> None:
        """Hand over a damaged copy; the message itself stays on the way."""
        if self.in_flight:
            header, ciphertext = chance.choice(self.in_flight)[0]
            damaged = bytearray(header + ciphertext)
            damaged[chance.randrange(len(damaged))] ^= 1 << chance.randrange(8)
            with pytest.raises(Refused):
                await self.receiver.decrypt((bytes(damaged[:75]), bytes(damaged[75:])))


async def converse(first: Side, second: Side, chance: random.Random) -> int:
    """Let two sides talk over a bad line; returns how many messages arrived."""
    lines = [Line(first, second), Line(second, first)]
    await lines[0].send(chance)
    for _ in range(OPERATIONS):
        line = chance.choice(lines)
        actions = [line.send, line.deliver, line.lose, line.repeat, line.damage]
        [action] = chance.choices(actions, weights=[40, 35, 3, 10, 12])
        await action(chance)
        # A first message that is lost for good leaves the responder mute: send until one arrives.
        if not lines[0].in_flight and not lines[0].arrived:
            await lines[0].send(chance)
    for line in lines:
        while line.in_flight:
            await line.deliver(chance)
    return sum(len(line.arrived) for line in lines)


async def start_as_initiator(
    driver: Driver, chance: random.Random, *, with_opk: bool
) -> list[Side]:
    """Our side starts; theirs has published prekeys."""
    peer = Peer()
    opk = PreKey(9) if with_opk else None
    started = await driver.do(
        "initiate",
        peer=peer.identity.to_wire(),
        spk=peer.own_prekey.to_wire(),
        opk=opk.to_wire() if opk else None,
    )
    peer.respond(Identity.from_wire(started["identity"]), started["pre"], opk)
    return [JavaScriptSide(driver, chance, can_send=True), PythonSide(peer)]


async def start_as_responder(
    driver: Driver, chance: random.Random, *, with_opk: bool
) -> list[Side]:
    """Their side starts; ours has published prekeys."""
    peer = Peer()
    published = await driver.do("publish", withOpk=with_opk)
    pre = peer.initiate(
        Identity.from_wire(published["identity"]), published["spk"], published["opk"]
    )
    await driver.do("respond", peer=peer.identity.to_wire(), pre=pre)
    return [PythonSide(peer), JavaScriptSide(driver, chance, can_send=False)]


@pytest.mark.parametrize("start", [start_as_initiator, start_as_responder])
@pytest.mark.parametrize("with_opk", [True, False], ids=["with one-time prekey", "without"])
async def test_a_foreign_double_ratchet_understands_ours_over_a_bad_line(
    driver: Driver, start: Start, with_opk: bool
) -> None:
    seed = random.SystemRandom().getrandbits(32)
    print(f"seed {seed}")  # pytest shows it when the test fails
    chance = random.Random(seed)
    sides = await start(driver, chance, with_opk=with_opk)
    arrived = await converse(*sides, chance)
    assert arrived > OPERATIONS // 4
