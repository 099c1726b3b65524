"""Who is connected to this process, and how frames reach them.

    MessageStored ─▶ head + the device's own capsule + tail ─┐
    Told          ─▶ the same bytes for everybody            ├─▶ Connection ─▶ Wire
    an answer     ─▶ bytes for one                           ┘    (queue)     (one write a turn)

Everything a connection is given during one turn of the event loop, such as the answers to a whole
commit, leaves in one write. A connection whose reader falls further behind than OUTGOING_FRAMES or
OUTGOING_BYTES is closed and comes back through `sync`; it never slows anybody else down (F3, S-26).
"""

from collections.abc import Callable, Iterator
from typing import Protocol

from models.events import LoginsEnded, MessageStored, Told
from protocol.errors import CloseCode
from protocol.frames import MessageNew, SessionRevoked, dump
from protocol.ids import DeviceId, LoginId, UserId
from protocol.limits import OUTGOING_BYTES, OUTGOING_FRAMES

_NO_CAPSULE = b'"capsule":null'


class Wire(Protocol):
    """A socket, as the hub sees it."""

    def write(self, frames: list[bytes]) -> None:
        """Send frames in this order, in one go; never raises.

        When the system does not take all of it, `Connection.pause` says so before another turn of
        the event loop, and `Connection.resume` once it has.
        """
        ...

    def close(self, code: int) -> None:
        """Send what was written, then close with this code."""
        ...


class Interest(Protocol):
    """Who wants to know which users are connected here."""

    def came(self, user_id: UserId) -> None:
        """Note the first connection of a user."""
        ...

    def went(self, user_id: UserId) -> None:
        """Note that the last one has closed."""
        ...


class Connection:
    """One socket of one device. Frames given before `release` wait for it."""

    __slots__ = (
        "_behind_bytes",
        "_behind_frames",
        "_flush_soon",
        "_is_closed",
        "_is_held",
        "_queue",
        "_queued_bytes",
        "_wire",
        "_written",
        "device_id",
        "login_id",
        "user_id",
    )

    def __init__(self, wire: Wire, flush_soon: Callable[["Connection"], None]) -> None:
        self.user_id: UserId
        self.device_id: DeviceId
        self.login_id: LoginId
        self._wire = wire
        self._flush_soon = flush_soon
        self._queue: list[bytes] = []
        self._queued_bytes = 0
        self._written = (1, 0)  # frames and bytes of the last write
        self._behind_frames = 0  # of it, when the system has not taken all
        self._behind_bytes = 0
        self._is_held = False
        self._is_closed = False

    def send(self, frame: bytes) -> None:
        """Queue one frame; dropped without a word when the connection is closed."""
        if self._is_closed:
            return
        if not self._queue:
            self._flush_soon(self)
        self._queue.append(frame)
        self._queued_bytes += len(frame)
        if (
            len(self._queue) + self._behind_frames >= OUTGOING_FRAMES
            or self._queued_bytes + self._behind_bytes >= OUTGOING_BYTES
        ):
            self._relieve()

    def hold(self) -> None:
        """Keep what comes from now on until `release`."""
        self._is_held = True

    def release(self, first: bytes) -> None:
        """Send `first`, then what was kept."""
        self._is_held = False
        self._queue.insert(0, first)
        self._queued_bytes += len(first)
        self._flush_soon(self)

    def flush(self) -> None:
        """Write what is queued, unless an earlier write is still under way."""
        if self._queue and not (self._behind_frames or self._is_held or self._is_closed):
            frames, self._queue = self._queue, []
            self._written = len(frames), self._queued_bytes
            self._queued_bytes = 0
            self._wire.write(frames)

    def close(self, code: int) -> None:
        """Send what is queued, then close; twice is once."""
        if self._is_closed:
            return
        self._is_closed = True
        if self._queue:
            self._wire.write(self._queue)
        self._drop()
        self._wire.close(code)

    def lost(self) -> None:
        """Note that the socket is gone."""
        self._is_closed = True
        self._drop()

    def pause(self) -> None:
        """Note that what was written last is still waiting for the other end to read."""
        self._behind_frames, self._behind_bytes = self._written

    def resume(self) -> None:
        """Note that it no longer is."""
        self._behind_frames = self._behind_bytes = 0
        self.flush()

    def _relieve(self) -> None:
        if self._behind_frames or self._is_held:
            self._drop()
            self.close(CloseCode.TOO_SLOW)
        else:
            self.flush()

    def _drop(self) -> None:
        self._queue = []
        self._queued_bytes = 0


class Hub:
    """Connections of this process by user and device."""

    def __init__(
        self, call_soon: Callable[[Callable[[], None]], object], interest: Interest
    ) -> None:
        """Args: call_soon: runs a function in the next turn of the event loop."""
        self._call_soon = call_soon
        self._interest = interest
        self._people: dict[UserId, dict[DeviceId, list[Connection]]] = {}
        self._unflushed: list[Connection] = []

    def open(self, wire: Wire) -> Connection:
        """Return a connection that belongs to nobody yet."""
        return Connection(wire, self._flush_soon)

    def add(
        self, connection: Connection, user_id: UserId, device_id: DeviceId, login_id: LoginId
    ) -> None:
        """Let a connection receive what its device is sent."""
        connection.user_id = user_id
        connection.device_id = device_id
        connection.login_id = login_id
        if user_id not in self._people:
            self._people[user_id] = {}
            self._interest.came(user_id)
        self._people[user_id].setdefault(device_id, []).append(connection)

    def remove(self, connection: Connection) -> None:
        """Forget a connection that was added."""
        devices = self._people[connection.user_id]
        devices[connection.device_id].remove(connection)
        if not devices[connection.device_id]:
            del devices[connection.device_id]
        if not devices:
            del self._people[connection.user_id]
            self._interest.went(connection.user_id)

    def count(self, user_id: UserId) -> int:
        """Return how many connections a user has in this process."""
        return sum(map(len, self._people.get(user_id, {}).values()))

    def devices_of(self, user_id: UserId) -> list[DeviceId]:
        """Return which devices of a user are connected here."""
        return list(self._people.get(user_id, ()))

    def logins(self) -> dict[LoginId, UserId]:
        """Return the log-ins of all connections, and whose they are."""
        return {
            connection.login_id: user_id
            for user_id in self._people
            for connection in self._all_of(user_id)
        }

    def deliver(self, event: MessageStored) -> None:
        """Send a message to every connected device of its recipients but the one that sent it.

        The frame is encoded once and each device's own capsule put in its place.
        """
        present = [user for user in event.recipients if user in self._people]
        if not present:
            return
        text = dump(MessageNew(room=event.room_id, message=event.message))
        # Nothing before the capsule may hold a quotation mark: ids and payload are base64url.
        head, _, tail = text.partition(_NO_CAPSULE)
        head += b'"capsule":'
        sender = event.message.sender_device
        for user in present:
            for device, connections in self._people[user].items():
                if device != sender or user != event.message.sender:
                    frame = head + event.capsules.get((user, device), b"null") + tail
                    for connection in connections:
                        connection.send(frame)

    def tell(self, event: Told) -> None:
        """Send a frame to every connected device of these users, except one, or to only one."""
        frame: bytes | None = None
        for user in event.users:
            for device, connections in self._people.get(user, {}).items():
                if device != event.not_to and event.only in (None, device):
                    frame = frame or dump(event.frame)
                    for connection in connections:
                        connection.send(frame)

    def end(self, event: LoginsEnded) -> None:
        """Close the connections of log-ins that are over."""
        ended = [
            connection
            for connection in self._all_of(event.user_id)
            if connection.login_id in event.login_ids
        ]
        for connection in ended:
            connection.send(dump(SessionRevoked(reason=event.reason)))
            connection.close(CloseCode.SESSION_ENDED)

    def _all_of(self, user_id: UserId) -> Iterator[Connection]:
        for connections in self._people.get(user_id, {}).values():
            yield from connections

    def _flush_soon(self, connection: Connection) -> None:
        if not self._unflushed:
            self._call_soon(self._flush)
        self._unflushed.append(connection)

    def _flush(self) -> None:
        unflushed, self._unflushed = self._unflushed, []
        for connection in unflushed:
            connection.flush()
