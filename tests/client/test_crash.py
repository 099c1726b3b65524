"""The server dies in the middle of conversations, ten times, and nothing anybody was told is lost.

Each life of the server: everybody connects, repeats what has no answer with the same message id,
and goes on writing; then the process is killed at a random moment.
Spec: docs/protocol.md, order and recovery; R-01, R-04, R-05, R-20.
"""

import asyncio
import contextlib
import json
import random
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import pytest
import pytest_asyncio
from tornado.httpclient import AsyncHTTPClient, HTTPClientError

from client.errors import ConnectionLostError, RefusedError
from client.socket import Socket
from client.wire import room_id as wire_room
from protocol import bodies
from protocol.errors import CloseCode, ErrorCode
from protocol.limits import HISTORY_PAGE
from tests.client.crowd import Crowd, Device
from tests.process import ServerProcess

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

KILLS = 10
WRITTEN_PER_LIFE = 20
BURST = 5
BREATH_S = 0.002
MOST_DELAY_S = 0.02
DRAIN_WAIT_S = 2.0
OUTAGE = (ConnectionLostError, HTTPClientError, OSError)


@dataclass
class Talker:
    """One person who writes without waiting for answers, and keeps what has none."""

    device: Device
    room_id: bytes
    written: list[str] = field(default_factory=list)
    unanswered: dict[str, bodies.SendRequest] = field(default_factory=dict)
    posted: int = 0
    under_way: set[str] = field(default_factory=set)
    accepted: dict[str, int] = field(default_factory=dict)
    heard: list[tuple[int, str]] = field(default_factory=list)
    close_code: int | None = None

    async def live(self, count: int, *, goes_on: bool = False) -> None:
        """Write `count` messages, send them in bursts after those without an answer, listen.

        Args:
            goes_on: write and send one after the other until the server is gone.
        """
        with contextlib.suppress(*OUTAGE):
            async with await self.device.connect() as socket:
                listening = _begin(self._listen(socket))
                for _ in range(count):
                    await self._write()
                posts = []
                for body in list(self.unanswered.values()):
                    posts.append(_begin(self._post(socket, body)))
                    if len(posts) % BURST == 0:
                        await asyncio.sleep(BREATH_S)
                while goes_on and not listening.done():
                    posts.append(_begin(self._post(socket, await self._write())))
                    await asyncio.sleep(BREATH_S)
                await asyncio.gather(*posts, listening)
                self.close_code = socket.close_code

    async def _write(self) -> bodies.SendRequest:
        text = f"{self.device.email} {len(self.written)}"
        body = await self.device.engine.prepare(self.room_id, {"t": "text", "body": text})
        self.written.append(text)
        self.unanswered[body.msg_id] = body
        return body

    async def _post(self, socket: Socket, body: bodies.SendRequest) -> None:
        self.under_way.add(body.msg_id)
        self.posted += 1
        with contextlib.suppress(*OUTAGE):
            try:
                answer = await self.device.engine.post(self.room_id, body, socket)
            except RefusedError as error:
                # A server that stops stores nothing more; the message waits for the next life.
                if error.code == ErrorCode.UNAVAILABLE:
                    return
                raise
            assert body.msg_id not in self.accepted
            self.accepted[body.msg_id] = answer.seq
            del self.unanswered[body.msg_id]
            self.under_way.remove(body.msg_id)

    async def _listen(self, socket: Socket) -> None:
        try:
            async for received in self.device.engine.follow(socket):
                if not received.is_control:
                    assert received.text is not None, received.reason
                    self.heard.append((received.seq, received.text))
        except (*OUTAGE, RefusedError) as error:
            if isinstance(error, RefusedError) and error.code != ErrorCode.UNAVAILABLE:
                raise
            # A server that stops may not be asked for a gap any more; the connection still ends
            # properly, and what came on it is asked for in the next life.
            with contextlib.suppress(*OUTAGE):
                async for _ in socket.events():
                    pass

    async def log(self) -> list[str]:
        """The message ids of the room as the server has them now, by their gapless numbers."""
        found: list[str] = []
        has_more = True
        while has_more:
            query = f"after={len(found)}&limit={HISTORY_PAGE}"
            path = f"/api/rooms/{wire_room(self.room_id)}/messages?{query}"
            page = await self.device.api.call("GET", path, bodies.MessagePage)
            for message in page.messages:
                found.append(message.msg_id)
                assert message.seq == len(found)
            has_more = page.has_more
        return found

    async def check_accepted(self) -> None:
        """Everything this person was told to be stored is stored, where they were told, once."""
        log = await self.log()
        assert len(set(log)) == len(log)
        for msg_id, seq in self.accepted.items():
            assert log[seq - 1] == msg_id

    def check_heard(self, other: "Talker") -> None:
        """The other's words have been heard in the order they were written, each of them once."""
        assert [text for _, text in self.heard] == other.written
        assert all(one < next_one for (one, _), (next_one, _) in pairwise(self.heard))


def _begin(work: object) -> asyncio.Task[None]:
    return asyncio.get_running_loop().create_task(work)  # type: ignore[arg-type]


@pytest.fixture
def server_process(tmp_path: Path) -> Iterator[ServerProcess]:
    """A server of this test's own, which may be killed."""
    quick = {"SEALROOM_FRAME_BURST": "10000", "SEALROOM_FRAMES_PER_SECOND": "10000"}
    process = ServerProcess(
        tmp_path / "server", quick | {"SEALROOM_DRAIN_WAIT_S": str(DRAIN_WAIT_S)}
    )
    process.data_dir.mkdir()
    process.start()
    yield process
    if process.is_running:
        process.kill()


@pytest_asyncio.fixture
async def pairs(
    server_process: ServerProcess, crowd: Crowd
) -> AsyncIterator[list[tuple[Talker, Talker]]]:
    """Two pairs of people, each pair in a room of its own."""
    made = []
    for _ in range(2):
        alice, bob = await crowd.contacts()
        room_id = await alice.engine.open_room(bob.user_id)
        await bob.engine.rooms()
        made.append((Talker(alice, room_id), Talker(bob, room_id)))
    yield made
    if server_process.is_running:
        assert server_process.stop() == 0
    log = server_process.log.read_text(encoding="utf-8")
    assert '"level": "error"' not in log, log[-4_000:]


async def all_settled(pairs: list[tuple[Talker, Talker]]) -> None:
    """Wait until everything written is answered and heard."""
    async with asyncio.timeout(60):
        while any(
            one.unanswered or len(other.heard) < len(one.written)
            for pair in pairs
            for one, other in (pair, pair[::-1])
        ):
            await asyncio.sleep(0.05)


async def test_ten_crashes_lose_nothing_that_was_acknowledged_and_double_nothing(
    server_process: ServerProcess, pairs: list[tuple[Talker, Talker]]
) -> None:
    talkers = [talker for pair in pairs for talker in pair]
    under_way: set[str] = set()
    for _ in range(KILLS):
        async with asyncio.timeout(60), asyncio.TaskGroup() as lives:
            for talker in talkers:
                talker.under_way.clear()
                lives.create_task(talker.live(WRITTEN_PER_LIFE))
            before = sum(talker.posted for talker in talkers)
            all_of_it = sum(len(t.unanswered) + WRITTEN_PER_LIFE for t in talkers)
            until = before + random.randint(BURST, all_of_it)
            while sum(talker.posted for talker in talkers) < until:
                await asyncio.sleep(0)
            await asyncio.sleep(random.uniform(0, MOST_DELAY_S))
            server_process.kill()
        server_process.start()
        for talker in talkers:
            await talker.check_accepted()
            under_way |= talker.under_way
    assert len(under_way) > KILLS, "the server was not killed in the middle of anything"
    lives = [_begin(talker.live(WRITTEN_PER_LIFE)) for talker in talkers]
    await all_settled(pairs)
    for one, other in pairs:
        await one.check_accepted()
        await other.check_accepted()
        assert len(one.accepted) == len(one.written)
        one.check_heard(other)
        other.check_heard(one)
    assert await asyncio.to_thread(server_process.stop) == 0
    await asyncio.gather(*lives)


async def test_a_stop_under_load_says_so_finishes_and_loses_nothing(
    server_process: ServerProcess, pairs: list[tuple[Talker, Talker]]
) -> None:
    talkers = [talker for pair in pairs for talker in pair]
    lives = [_begin(talker.live(BURST, goes_on=True)) for talker in talkers]
    while not all(talker.accepted for talker in talkers):
        await asyncio.sleep(0.01)
    began = time.monotonic()
    stopping = _begin(asyncio.to_thread(server_process.stop))
    health = await draining_health(server_process.origin)
    services = {"database": "up", "files": "up", "tcp_messenger": "up"}
    assert health == {"status": "draining", "services": services}
    assert await stopping == 0
    assert time.monotonic() - began < 10
    await asyncio.gather(*lives)
    assert [talker.close_code for talker in talkers] == [CloseCode.COME_BACK] * len(talkers)
    assert any(talker.unanswered for talker in talkers), "the stop met no load"
    server_process.start()
    for talker in talkers:
        await talker.check_accepted()
    lives = [_begin(talker.live(1)) for talker in talkers]
    await all_settled(pairs)
    for one, other in pairs:
        one.check_heard(other)
        other.check_heard(one)
    assert await asyncio.to_thread(server_process.stop) == 0
    await asyncio.gather(*lives)


async def draining_health(origin: str) -> dict[str, object]:
    """What health says once it answers 503, its time left out."""
    async with asyncio.timeout(DRAIN_WAIT_S):
        while True:
            response = await AsyncHTTPClient().fetch(f"{origin}/health", raise_error=False)
            if response.code == 503:
                body: dict[str, object] = json.loads(response.body)
                del body["timestamp"]
                return body
            await asyncio.sleep(0.05)
