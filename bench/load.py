"""The load: every person keeps a number of messages in flight to the other one of their room.

A message counts when its receiver has it, and the next one follows when its sender has the
acknowledgement; latency is from sending to receiving. Receivers say how far they have come with a
coalesced watermark, as the browser does.
"""

import asyncio
import time
from dataclasses import dataclass, field

from bench.wire import Wire
from bench.world import Peer, World
from tests.people import random_text as text

PAYLOAD_BYTES = 400
_ACCEPTED = b'"message.accepted"'
_NEW = b'"message.new"'
_AUTHENTICATED = b'"authenticated"'
_ERROR = b'"error"'
_SEQ = b'"seq":'


@dataclass
class Result:
    """What one run saw; `latencies_ms` is a sample of one message in 16."""

    delivered: int
    seconds: float
    latencies_ms: list[float]

    @property
    def rate(self) -> float:
        return self.delivered / self.seconds

    def percentile(self, share: float) -> float:
        ordered = sorted(self.latencies_ms)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


@dataclass
class Run:
    """Shared by all people of one run."""

    delivered: int = 0
    latencies_ms: list[float] = field(default_factory=list)
    stopped: bool = False
    failure: bytes = b""
    sent_at: dict[bytes, float] = field(default_factory=dict)


class Sender:
    """One person: sends, counts, acknowledges."""

    def __init__(self, run: Run, peer: Peer) -> None:
        self._run = run
        self._peer = peer
        self._next_id = 0
        self._ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._wire: Wire | None = None
        self._delivered_seq = 0
        self._is_flushing = False
        head = (
            f'{{"type":"message.send","room":"{peer.room}","epoch":0,"roster_hash":"{peer.room}",'
            f'"c2":"{text(32)}","payload":"'
        )
        tail = (
            f'","capsules":[{{"user":"{peer.other}","device":"{peer.other_device}",'
            f'"sid":"{text(16)}","header":"{text(75)}","ciphertext":"{text(124)}"}}],'
            f'"device_lists":{{"{peer.user}":1,"{peer.other}":1}},"msg_id":"'
        )
        self._head, self._tail = head.encode(), tail.encode()

    async def open(self, origin: str) -> None:
        self._wire = await Wire.open(origin, self._received)
        hello = f'{{"type":"authenticate","token":"{self._peer.token}",'
        self._wire.send((hello + f'"device_id":"{self._peer.device}"}}').encode())
        await asyncio.wait_for(self._ready, 10)

    def begin(self, in_flight: int) -> None:
        for _ in range(in_flight):
            self._send()

    def close(self) -> None:
        if self._wire is not None:
            self._wire.close()

    def _send(self) -> None:
        if self._run.stopped or self._wire is None:
            return
        self._next_id += 1
        payload = text(PAYLOAD_BYTES).encode()
        if self._next_id % 16 == 0:
            self._run.sent_at[payload[:24]] = time.perf_counter()
        self._wire.send(
            b'%b%b%b%b","id":%d}'
            % (self._head, payload, self._tail, text(16).encode(), self._next_id)
        )

    def _received(self, data: bytes) -> None:
        kind = data[:40]
        if _NEW in kind:
            self._run.delivered += 1
            self._note(data)
        elif _ACCEPTED in kind:
            self._send()
        elif _AUTHENTICATED in kind and not self._ready.done():
            self._ready.set_result(None)
        elif _ERROR in kind:
            self._run.failure = self._run.failure or data

    def _note(self, data: bytes) -> None:
        at = data.index(b'"payload":"') + 11
        sent = self._run.sent_at.pop(data[at : at + 24], None)
        if sent is not None:
            self._run.latencies_ms.append((time.perf_counter() - sent) * 1000)
        start = data.index(_SEQ) + len(_SEQ)
        end = start
        while data[end : end + 1].isdigit():
            end += 1
        self._delivered_seq = int(data[start:end])
        if not self._is_flushing:
            self._is_flushing = True
            asyncio.get_running_loop().call_later(0.05, self._acknowledge)

    def _acknowledge(self) -> None:
        self._is_flushing = False
        if self._wire is not None and not self._run.stopped:
            room, seq = self._peer.room, self._delivered_seq
            self._wire.send(f'{{"type":"message.delivered","room":"{room}","seq":{seq}}}'.encode())


async def relay(origin: str, world: World, *, seconds: float, in_flight: int) -> Result:
    """Load a server for some seconds, after one second of warming up.

    Raises: RuntimeError when the server refused a message: then nothing was measured.
    """
    run = Run()
    senders = [Sender(run, peer) for peer in world.peers]
    for sender in senders:
        await sender.open(origin)
    for sender in senders:
        sender.begin(in_flight)
    await asyncio.sleep(1)
    before, start = run.delivered, time.perf_counter()
    await asyncio.sleep(seconds)
    result = Result(run.delivered - before, time.perf_counter() - start, list(run.latencies_ms))
    run.stopped = True
    await asyncio.sleep(0.2)
    for sender in senders:
        sender.close()
    if run.failure:
        raise RuntimeError(run.failure.decode())
    return result


async def hold_idle(origin: str, world: World, count: int) -> list[Wire]:
    """Open `count` authenticated connections that do nothing, 16 for each person at most."""
    wires: list[Wire] = []
    waiting: asyncio.Queue[None] = asyncio.Queue()

    def received(data: bytes) -> None:
        if _AUTHENTICATED in data:
            waiting.put_nowait(None)

    for number in range(count):
        peer = world.peers[number % len(world.peers)]
        # One address may open 200 at once (services/quotas.py); loopback has sixteen million.
        wire = await Wire.open(origin, received, f"127.0.{number // 50 + 1}.1")
        hello = f'{{"type":"authenticate","token":"{peer.token}","device_id":"{peer.device}"}}'
        wire.send(hello.encode())
        await asyncio.wait_for(waiting.get(), 10)
        wires.append(wire)
    return wires
