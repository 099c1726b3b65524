"""The frames of docs/protocol.md as questions, answers and events, on one connection.

Frames are the structs of `protocol`; nothing here knows a key, nor what carries the frames.
"""

import asyncio
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Self

import msgspec

from client.api import Api
from client.connections import Connection, LineConnection, Messenger, WebSocketConnection
from client.errors import ConnectionLostError, RefusedError
from protocol import frames
from protocol.ids import DeviceId

EVENTS_KEPT = 10_000
"""Frames that wait for `events()`; a caller that never reads them must not fill the memory."""

_server_frames = msgspec.json.Decoder(frames.ServerFrame)


class Socket:
    """One authenticated connection; `async with` closes it."""

    def __init__(self, connection: Connection, greeting: frames.Authenticated) -> None:
        self.greeting = greeting
        self._connection = connection
        self._waiting: dict[int, asyncio.Future[frames.ServerFrame | None]] = {}
        self._events: asyncio.Queue[frames.ServerFrame | None] = asyncio.Queue(EVENTS_KEPT)
        self._last_id = 0
        self._reader = asyncio.get_running_loop().create_task(self._read())

    @classmethod
    async def open(cls, api: Api, device_id: str, messenger: Messenger | None = None) -> Self:
        """Connect and authenticate: on the WebSocket, or as lines to a TCP messenger.

        Raises: RefusedError, ConnectionLostError, OSError
        """
        connection: Connection
        connection = await (
            LineConnection.open(messenger) if messenger else WebSocketConnection.open(api.base_url)
        )
        first = frames.Authenticate(token=api.access_token, device_id=DeviceId(device_id))
        await connection.write(frames.dump(first))
        answer = await connection.read()
        if answer is None:
            raise ConnectionLostError(connection.close_code)
        greeting = _server_frames.decode(answer)
        if isinstance(greeting, frames.ErrorFrame):
            connection.close()
            raise RefusedError(greeting.error)
        if not isinstance(greeting, frames.Authenticated):
            connection.close()
            raise ConnectionLostError(None)
        return cls(connection, greeting)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Say goodbye and wait until the connection is gone."""
        self._connection.close()
        await self._reader

    @property
    def close_code(self) -> int | None:
        """Why the server closed, or None."""
        return self._connection.close_code

    def next_id(self) -> int:
        """A request id that this connection has not used."""
        self._last_id += 1
        return self._last_id

    async def ask(
        self, frame: frames.MessageSend | frames.Sync | frames.Ping
    ) -> frames.ServerFrame:
        """Send a frame that has an id and wait for its answer.

        Raises: RefusedError, ConnectionLostError
        """
        if not isinstance(frame.id, int):
            raise ValueError("a frame without id has no answer")
        answer: asyncio.Future[frames.ServerFrame | None] = (
            asyncio.get_running_loop().create_future()
        )
        self._waiting[frame.id] = answer
        await self.tell(frame)
        frame_answer = await answer
        if frame_answer is None:
            raise ConnectionLostError(self.close_code)
        if isinstance(frame_answer, frames.ErrorFrame):
            raise RefusedError(frame_answer.error)
        return frame_answer

    async def tell(self, frame: frames.ClientFrame) -> None:
        """Send a frame and wait for nothing.

        Raises: ConnectionLostError
        """
        if self._reader.done():
            raise ConnectionLostError(self.close_code)
        await self._connection.write(frames.dump(frame))

    async def events(self) -> AsyncIterator[frames.ServerFrame]:
        """What the server says unasked, until the connection ends."""
        while (event := await self._events.get()) is not None:
            yield event

    async def _read(self) -> None:
        while (text := await self._connection.read()) is not None:
            try:
                frame = _server_frames.decode(text)
            except msgspec.ValidationError:
                continue  # a newer server says more than this client understands
            answers = getattr(frame, "id", msgspec.UNSET)
            waiting = self._waiting.pop(answers, None) if isinstance(answers, int) else None
            if waiting is not None and not waiting.done():
                waiting.set_result(frame)
            elif waiting is None and not self._events.full():
                self._events.put_nowait(frame)
        for unanswered in self._waiting.values():
            if not unanswered.done():
                unanswered.set_result(None)
        if self._events.full():
            self._events.get_nowait()
        self._events.put_nowait(None)
