"""Somebody who talks all the time, and does what docs/protocol.md tells a client to do.

A talker sends with message ids of its own, repeats what was not acknowledged, comes back after the
connection broke, and asks for what it missed. Payloads are random: the server cannot tell.
"""

import asyncio
import contextlib
import random
import time
from collections import Counter
from dataclasses import dataclass
from typing import Any

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.typing import Origin

from protocol.errors import CloseCode, ErrorCode
from tests.cluster.history import Attempt, History, Outcome, Shown
from tests.people import Peer, sealed

IN_FLIGHT = 3
THINK_S = 0.05  # between two messages of one person
SPREAD_S = 0.5  # a browser comes back within five seconds; a drill has less time
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.05, 1.0
HANDSHAKE_S = 3.0
PING_S = 1.5  # a connection whose other end is frozen is noticed after two of these
PAGE = 50
BROKEN = 1006  # no close frame came (RFC 6455 §7.1.5)
OUTAGE = (ConnectionClosed, InvalidHandshake, OSError, TimeoutError)

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


@dataclass
class Unanswered:
    """A message that is not acknowledged yet.

    `sent_s` is when it was last sent, 0 while it waits to be; `not_before_s` is when it may be.
    """

    body: dict[str, Any]
    sent_s: float = 0.0
    not_before_s: float = 0.0


class Talker:
    """One person on one device in one room; `cursor` is the number of the last message shown.

    `notices` counts everything the person would notice besides messages.
    """

    def __init__(self, name: str, peer: Peer, other: Peer, room: str, history: History) -> None:
        self.name, self.peer, self.room = name, peer, room
        self.notices: Counter[str] = Counter()
        self.log: list[str] = []
        self.is_writing = True
        self._other = other
        self._history = history
        self._unanswered: dict[str, Unanswered] = {}
        self._begin_connection()

    def _begin_connection(self) -> None:
        self._asked: dict[int, str] = {}
        self._last_id = 0
        self._is_let_in = False
        self._has_gap = False
        self._sync_id = 0

    @property
    def cursor(self) -> int:
        return len(self.log)

    @property
    def is_done(self) -> bool:
        """Whether everything written has been acknowledged."""
        return not self.is_writing and not self._unanswered

    async def live(self, origin: str) -> None:
        """Talk until cancelled, through every outage."""
        pause_s = FIRST_PAUSE_S
        while True:
            self._begin_connection()
            try:
                await self._connected(origin)
            except OUTAGE as error:
                self.notices[_kind(error)] += 1
                self._give_up_answers()
                pause_s = FIRST_PAUSE_S if self._is_let_in else min(LONGEST_PAUSE_S, pause_s * 2)
                is_restart = _close_code(error) == CloseCode.COME_BACK
                await asyncio.sleep(random.uniform(0, SPREAD_S if is_restart else pause_s))

    async def _connected(self, origin: str) -> None:
        async with connect(
            origin.replace("http", "ws", 1) + "/ws",
            origin=Origin(origin),
            compression=None,
            max_size=None,
            open_timeout=HANDSHAKE_S,
            close_timeout=1,
            ping_interval=PING_S,
            ping_timeout=PING_S,
        ) as socket:
            await _send(
                socket, "authenticate", token=self.peer.token, device_id=self.peer.device_id
            )
            writing = asyncio.get_running_loop().create_task(self._write(socket))
            try:
                async for text in socket:
                    self._received(_decode(text))
            finally:
                writing.cancel()
                with contextlib.suppress(asyncio.CancelledError, *OUTAGE):
                    await writing
            raise ConnectionClosed(socket.protocol.close_rcvd, socket.protocol.close_sent)

    # ---- what is sent

    async def _write(self, socket: ClientConnection) -> None:
        while True:
            await asyncio.sleep(random.uniform(0, 2 * THINK_S))
            if not self._is_let_in:
                continue
            if self._has_gap and not self._sync_id:
                self._has_gap, self._sync_id = False, self._next_id()
                where = {"room": self.room, "after": self.cursor, "limit": PAGE}
                await _send(socket, "sync", id=self._sync_id, **where)
            if self.is_writing and len(self._unanswered) < IN_FLIGHT:
                body = sealed([self._other], {self.peer.user_id: 1, self._other.user_id: 1})
                self._unanswered[body["msg_id"]] = Unanswered(body)
            now_s = time.monotonic()
            for waiting in list(self._unanswered.values()):
                if not waiting.sent_s and waiting.not_before_s <= now_s:
                    waiting.sent_s, number = now_s, self._next_id()
                    self._asked[number] = waiting.body["msg_id"]
                    await _send(socket, "message.send", id=number, room=self.room, **waiting.body)

    def _next_id(self) -> int:
        self._last_id += 1
        return self._last_id

    # ---- what comes

    def _received(self, frame: dict[str, Any]) -> None:
        match frame["type"]:
            case "message.accepted":
                self._ended(self._asked.pop(frame["id"]), "ok", frame["seq"])
                self._take(frame["seq"], frame["msg_id"])
            case "message.new":
                self._take(frame["message"]["seq"], frame["message"]["msg_id"])
            case "synced":
                self._sync_id = 0
                for message in frame["messages"]:
                    self._take(message["seq"], message["msg_id"])
                self._has_gap = self._has_gap or frame["last_seq"] > self.cursor
            case "authenticated":
                self._is_let_in = True
                (head,) = frame["rooms"]
                self._has_gap = head["last_seq"] > self.cursor
            case "error":
                self._refused(frame.get("id", 0), frame["error"]["code"])

    def _take(self, seq: int, msg_id: str) -> None:
        """Show a message that follows, leave one that is known, ask for what lies between."""
        if seq > self.cursor + 1:
            self._has_gap = True
        elif seq == self.cursor + 1 or self.log[seq - 1] != msg_id:
            self.log.append(msg_id)
            self._history.shown.append(Shown(self.name, self.room, seq, msg_id))

    def _refused(self, number: int, code: str) -> None:
        self.notices[f"refused: {code}"] += 1
        if not self._is_let_in:
            raise ConnectionError(code)
        if number == self._sync_id:
            self._has_gap, self._sync_id = True, 0
        elif code == ErrorCode.UNAVAILABLE:
            waiting = self._unanswered[self._asked.pop(number)]
            self._record(waiting, "info")
            waiting.sent_s, waiting.not_before_s = 0.0, time.monotonic() + SPREAD_S
        elif number in self._asked:
            self._ended(self._asked.pop(number), "fail")

    # ---- what is written down

    def _ended(self, msg_id: str, outcome: Outcome, seq: int = 0) -> None:
        self._record(self._unanswered.pop(msg_id), outcome, seq)

    def _give_up_answers(self) -> None:
        """The connection is gone: what was asked on it may or may not have happened."""
        for msg_id in self._asked.values():
            waiting = self._unanswered[msg_id]
            self._record(waiting, "info")
            waiting.sent_s = 0.0

    def _record(self, waiting: Unanswered, outcome: Outcome, seq: int = 0) -> None:
        msg_id, now_s = waiting.body["msg_id"], time.monotonic()
        attempt = Attempt(self.room, msg_id, waiting.sent_s, now_s, outcome, seq)
        self._history.attempts.append(attempt)


async def _send(socket: ClientConnection, kind: str, **fields: object) -> None:
    await socket.send(_encode({"type": kind, **fields}), text=True)


def _close_code(error: Exception) -> int | None:
    if isinstance(error, ConnectionClosed):
        return error.rcvd.code if error.rcvd else BROKEN
    return None


def _kind(error: Exception) -> str:
    code = _close_code(error)
    return f"closed: {code}" if code else f"not connected: {type(error).__name__}"
