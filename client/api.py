"""The wire of docs/protocol.md as calls: REST with a token that renews itself, and one WebSocket.

Bodies and frames are the structs of `protocol`; nothing here knows a key.
"""

import asyncio
from collections.abc import AsyncIterator
from http.cookies import SimpleCookie
from types import TracebackType
from typing import Self, TypeVar

import msgspec
from msgspec import Struct
from tornado.httpclient import AsyncHTTPClient, HTTPRequest, HTTPResponse
from tornado.websocket import (
    WebSocketClientConnection,
    WebSocketClosedError,
    websocket_connect,
)

from client.errors import ConnectionLostError, RefusedError
from protocol import bodies, frames
from protocol.ids import DeviceId

T = TypeVar("T", bound=Struct)

TIMEOUT_S = 30.0
"""Registration waits for a password hash and a mail; everything else is far quicker."""
MAX_ANSWER_BYTES = 16 * 1024 * 1024
"""A page of 50 messages with the largest payloads."""
EVENTS_KEPT = 10_000
"""Frames that wait for `events()`; a caller that never reads them must not fill the memory."""

ServerFrame = (
    frames.Authenticated
    | frames.MessageAccepted
    | frames.MessageNew
    | frames.Synced
    | frames.Watermark
    | frames.TypingOf
    | frames.PresenceChanged
    | frames.ContactChanged
    | frames.RoomChanged
    | frames.RoomRemoved
    | frames.DevicesChanged
    | frames.PrekeysLow
    | frames.ProfileChanged
    | frames.SessionRevoked
    | frames.Pong
    | frames.ErrorFrame
)
_server_frames = msgspec.json.Decoder(ServerFrame)


class Api:
    """REST calls of one log-in.

    `refresh_cookie` is what must be kept to go on after a restart; each renewal changes it.
    """

    def __init__(self, base_url: str, refresh_cookie: str = "") -> None:
        self.base_url = base_url.rstrip("/")
        self.access_token = ""
        self._cookies: dict[str, tuple[str, str]] = {}
        if refresh_cookie:
            name, _, value = refresh_cookie.partition("=")
            self._cookies[name] = ("/api/auth/refresh", value)
        self._http = AsyncHTTPClient(force_instance=True, max_clients=32)
        self._renewal = asyncio.Lock()

    def close(self) -> None:
        """Give the connections back."""
        self._http.close()

    @property
    def refresh_cookie(self) -> str:
        """The refresh token as `name=value`, empty without a log-in."""
        return next(iter(self._matching("/api/auth/refresh")), "")

    async def call(self, method: str, path: str, answer: type[T], body: Struct | None = None) -> T:
        """One call; an access token that has run out is renewed and the call repeated.

        Raises: RefusedError; OSError or tornado's HTTPError 599 when nothing answers
        """
        used = self.access_token
        response = await self._fetch(method, path, body)
        if response.code == 401 and used and _error(response).code == "token_expired":
            await self.renew(used)
            response = await self._fetch(method, path, body)
        if response.code >= 400:
            raise _error(response)
        return msgspec.json.decode(response.body, type=answer)

    async def renew(self, used: str = "") -> bodies.Session | None:
        """Use the refresh token; concurrent callers who used the same old token share one use.

        Returns: None when somebody else has renewed in the meantime
        Raises: RefusedError when the log-in has ended
        """
        async with self._renewal:
            if used and used != self.access_token:
                return None
            response = await self._fetch("POST", "/api/auth/refresh", bodies.Empty())
            if response.code >= 400:
                raise _error(response)
            session = msgspec.json.decode(response.body, type=bodies.Session)
            self.access_token = session.access_token
            return session

    async def _fetch(self, method: str, path: str, body: Struct | None) -> HTTPResponse:
        headers = {}
        if self.access_token:
            headers["Authorization"] = f"Bearer {self.access_token}"
        if cookies := self._matching(path):
            headers["Cookie"] = "; ".join(cookies)
        if method != "GET":
            headers["Content-Type"] = "application/json"
        request = HTTPRequest(
            self.base_url + path,
            method=method,
            headers=headers,
            body=None if method == "GET" else msgspec.json.encode(body or bodies.Empty()),
            allow_nonstandard_methods=True,
            follow_redirects=False,
            request_timeout=TIMEOUT_S,
        )
        response = await self._http.fetch(request, raise_error=False)
        if response.code == 599:
            response.rethrow()
        for header in response.headers.get_list("Set-Cookie"):
            for name, morsel in SimpleCookie(header).items():
                self._cookies[name] = (morsel["path"] or "/", morsel.value)
        return response

    def _matching(self, path: str) -> list[str]:
        return [
            f"{name}={value}"
            for name, (below, value) in self._cookies.items()
            if value and path.startswith(below)
        ]


def _error(response: HTTPResponse) -> RefusedError:
    try:
        body = msgspec.json.decode(response.body)["error"]
    except (msgspec.DecodeError, KeyError, TypeError):
        body = {"code": "internal", "message": f"HTTP {response.code} without an error body"}
    return RefusedError(body)


class Socket:
    """One authenticated WebSocket; `async with` closes it."""

    def __init__(self, connection: WebSocketClientConnection, greeting: frames.Authenticated):
        self.greeting = greeting
        self._connection = connection
        self._waiting: dict[int, asyncio.Future[ServerFrame | None]] = {}
        self._events: asyncio.Queue[ServerFrame | None] = asyncio.Queue(EVENTS_KEPT)
        self._last_id = 0
        self._reader = asyncio.get_running_loop().create_task(self._read())

    @classmethod
    async def open(cls, api: Api, device_id: str) -> Self:
        """Connect and authenticate.

        Raises: RefusedError, ConnectionLostError, OSError
        """
        url = "ws" + api.base_url.removeprefix("http") + "/ws"
        request = HTTPRequest(url, headers={"Origin": api.base_url}, connect_timeout=TIMEOUT_S)
        connection = await websocket_connect(request, max_message_size=MAX_ANSWER_BYTES)
        first = frames.Authenticate(token=api.access_token, device_id=DeviceId(device_id))
        await connection.write_message(frames.dump(first))
        answer = await connection.read_message()
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

    async def ask(self, frame: frames.MessageSend | frames.Sync | frames.Ping) -> ServerFrame:
        """Send a frame that has an id and wait for its answer.

        Raises: RefusedError, ConnectionLostError
        """
        if not isinstance(frame.id, int):
            raise ValueError("a frame without id has no answer")
        answer: asyncio.Future[ServerFrame | None] = asyncio.get_running_loop().create_future()
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
        try:
            await self._connection.write_message(frames.dump(frame))
        except WebSocketClosedError as error:
            raise ConnectionLostError(self.close_code) from error

    async def events(self) -> AsyncIterator[ServerFrame]:
        """What the server says unasked, until the connection ends."""
        while (event := await self._events.get()) is not None:
            yield event

    async def _read(self) -> None:
        while (text := await self._connection.read_message()) is not None:
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
