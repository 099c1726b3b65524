"""The yardstick: the least that a Tornado server with the same promise can do.

It accepts the same frames, stores each message durably with the same SQLite settings and group
commit, answers the sender and tells the other one after the commit. No log-in, no checks, no
capsules of its own, no receipts, no limits, nobody but two people a room.
"""

import asyncio
import sys
from pathlib import Path
from typing import Any

import apsw
import msgspec
import tornado.httpserver
import tornado.netutil
import tornado.web
import tornado.websocket
import uvloop

from bench.world import World

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode

Job = tuple["Socket", dict[str, Any]]


class Log:
    """Group commit in a thread: whatever has queued up goes into one transaction."""

    def __init__(self, path: Path) -> None:
        self._connection = apsw.Connection(str(path))
        for pragma in ("journal_mode = WAL", "synchronous = FULL"):
            self._connection.execute(f"PRAGMA {pragma}")
        self._connection.execute(
            "CREATE TABLE messages (room, seq, body, PRIMARY KEY (room, seq)) WITHOUT ROWID"
        )
        self._last: dict[str, int] = {}
        self._queue: list[Job] = []
        self._busy = False

    def append(self, job: Job) -> None:
        self._queue.append(job)
        if not self._busy:
            self._busy = True
            asyncio.get_running_loop().call_soon(self._commit_soon)

    def _commit_soon(self) -> None:
        loop = asyncio.get_running_loop()
        batch, self._queue = self._queue, []
        loop.run_in_executor(None, self._commit, batch).add_done_callback(
            lambda done: self._committed(batch, done.result())
        )

    def _commit(self, batch: list[Job]) -> list[int]:
        rows = []
        for _, body in batch:
            seq = self._last[body["room"]] = self._last.get(body["room"], 0) + 1
            rows.append((body["room"], seq, body["payload"]))
        with self._connection:
            self._connection.executemany("INSERT INTO messages VALUES (?, ?, ?)", rows)
        return [seq for _, seq, _ in rows]

    def _committed(self, batch: list[Job], numbers: list[int]) -> None:
        out: dict[Socket, list[bytes]] = {}
        for (sender, body), seq in zip(batch, numbers, strict=True):
            accepted = {"type": "message.accepted", "id": body["id"], "seq": seq}
            out.setdefault(sender, []).append(_encode(accepted))
            other = sender.other_in(body["room"])
            if other is not None:
                new = {
                    "type": "message.new",
                    "room": body["room"],
                    "message": {"seq": seq, "payload": body["payload"]},
                }
                out.setdefault(other, []).append(_encode(new))
        for socket, frames in out.items():
            socket.write_frames(frames)
        if self._queue:
            self._commit_soon()
        else:
            self._busy = False


class Socket(tornado.websocket.WebSocketHandler):
    """One person of the world, known by the token alone."""

    log: Log
    world: World
    present: dict[str, "Socket"]

    def open(self, *args: str, **kwargs: str) -> None:
        self.set_nodelay(True)
        self._user = ""

    def on_message(self, message: str | bytes) -> None:
        body = _decode(message)
        match body["type"]:
            case "message.send":
                self.log.append((self, body))
            case "authenticate":
                self._user = self.world.user_of_token[body["token"]]
                self.present[self._user] = self
                self.write_frames([_encode({"type": "authenticated"})])

    def other_in(self, room: str) -> "Socket | None":
        return self.present.get(self.world.other[room, self._user])

    def write_frames(self, frames: list[bytes]) -> None:
        """Write text frames straight to the stream: one write for all of them."""
        out = bytearray()
        for payload in frames:
            size = len(payload)
            out += bytes((0x81, size)) if size < 126 else b"\x81\x7e" + size.to_bytes(2, "big")
            out += payload
        stream = self.ws_connection.stream if self.ws_connection else None
        if stream is not None and not stream.closed():
            stream.write(bytes(out))


async def serve(folder: Path) -> None:
    """Serve the world of this folder on a free port, which is printed."""
    Socket.log, Socket.world, Socket.present = Log(folder / "bare.db"), World.load(folder), {}
    server = tornado.httpserver.HTTPServer(tornado.web.Application([(r"/ws", Socket)]))
    sockets = tornado.netutil.bind_sockets(0, "127.0.0.1")
    server.add_sockets(sockets)
    print(f"http://127.0.0.1:{sockets[0].getsockname()[1]}", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(serve(Path(sys.argv[1])))
