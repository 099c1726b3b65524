"""A real NATS server, and buses that are joined by it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path

import pytest
import pytest_asyncio
import uvloop

from models.events import Kind, ProcessId
from protocol.encoding import b64url
from protocol.frames import Message
from protocol.ids import DeviceId, MsgId, UserId
from realtime.nats_bus import NatsBus
from realtime.nats_link import BusAddress, NatsLink
from realtime.packets import Packets
from services.system import SystemEntropy
from tests.cluster.process import until
from tests.harness import MovableClock
from tests.people import random_text
from tests.process import NatsProcess

KEY = bytes(32)

MakeBus = Callable[..., NatsBus]


def pytest_asyncio_loop_factories(
    item: pytest.Item,
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Run whatever uses `link_to` on uvloop too, as the server does: its transports differ."""
    usual = {"asyncio": asyncio.new_event_loop}
    uses_link = "link_to" in getattr(item, "fixturenames", ())
    return usual | {"uvloop": uvloop.new_event_loop} if uses_link else usual


@pytest.fixture
def nats(tmp_path: Path) -> Iterator[NatsProcess]:
    process = NatsProcess(tmp_path)
    process.start()
    yield process
    if process.is_running:
        process.kill()


@pytest_asyncio.fixture
async def make_bus(nats: NatsProcess, clock: MovableClock) -> AsyncIterator[MakeBus]:
    """Make the bus of one more process; open it with `joined`."""
    made: list[NatsBus] = []

    def make(key: bytes = KEY) -> NatsBus:
        link = NatsLink(BusAddress((nats.url,), "sealroom", nats.password))
        made.append(NatsBus(link, new_process(), key, clock))
        return made[-1]

    yield make
    for bus in made:
        await bus.close()


async def joined(*buses: NatsBus) -> None:
    """Open buses and wait until each of them hears everybody."""
    for bus in buses:
        bus.open()
    await until(lambda: all(bus.is_up for bus in buses))


def new_process() -> ProcessId:
    return ProcessId(b64url(SystemEntropy().token(16)))


def stranger(process: ProcessId | None = None, key: bytes = KEY) -> Packets:
    """Write packets as another process would."""
    return Packets(process or new_process(), key)


def listen(bus: NatsBus, *kinds: type[Kind]) -> list[Kind]:
    """Return a list that grows with every event of these kinds."""
    heard: list[Kind] = []
    for kind in kinds:
        bus.subscribe(kind, heard.append)
    return heard


def some_message(sender: UserId, seq: int = 1) -> Message:
    return Message(
        seq=seq,
        msg_id=MsgId(random_text(16)),
        sender=sender,
        sender_device=DeviceId(random_text(16)),
        epoch=0,
        roster_hash=random_text(32),
        payload=random_text(300),  # type: ignore[arg-type]
        c2=random_text(32),
        capsule=None,
        frank=random_text(32),
        server_ms=5,
    )
