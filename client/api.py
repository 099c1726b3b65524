"""The calls of docs/protocol.md, with a token that renews itself; frames are in `client/socket.py`.

Bodies are the structs of `protocol`; nothing here knows a key.
"""

import asyncio
from http.cookies import SimpleCookie
from typing import TypeVar

import msgspec
from msgspec import Struct
from tornado.httpclient import AsyncHTTPClient, HTTPRequest, HTTPResponse

from client.errors import RefusedError
from protocol import bodies

T = TypeVar("T", bound=Struct)

TIMEOUT_S = 30.0
"""Registration waits for a password hash and a mail; everything else is far quicker."""


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

    async def transfer(
        self, method: str, path: str, headers: dict[str, str], body: bytes | None = None
    ) -> bytes:
        """A call whose body or answer is bytes; the token is renewed as in `call`.

        Raises: RefusedError; OSError or tornado's HTTPError 599 when nothing answers
        """
        used = self.access_token
        response = await self._send(method, path, headers, body)
        if response.code == 401 and used and _error(response).code == "token_expired":
            await self.renew(used)
            response = await self._send(method, path, headers, body)
        if response.code >= 400:
            raise _error(response)
        return bytes(response.body)

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
        if method == "GET":
            return await self._send(method, path, {}, None)
        headers = {"Content-Type": "application/json"}
        return await self._send(method, path, headers, msgspec.json.encode(body or bodies.Empty()))

    async def _send(
        self, method: str, path: str, headers: dict[str, str], body: bytes | None
    ) -> HTTPResponse:
        if self.access_token:
            headers["Authorization"] = f"Bearer {self.access_token}"
        if cookies := self._matching(path):
            headers["Cookie"] = "; ".join(cookies)
        request = HTTPRequest(
            self.base_url + path,
            method=method,
            headers=headers,
            body=body,
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
