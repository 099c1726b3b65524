"""The calls of docs/protocol.md, with a token that renews itself; frames are in `client/socket.py`.

Bodies are the structs of `protocol`; nothing here knows a key.
"""

import asyncio
from collections.abc import Callable, Mapping
from http.cookies import SimpleCookie
from typing import TypeVar

import msgspec
from msgspec import Struct
from tornado.httpclient import AsyncHTTPClient, HTTPRequest, HTTPResponse

from client.bucket import BucketConnections
from client.errors import RefusedError
from client.octets import OctetConnections
from client.seal.encoding import Octets
from protocol import bodies

T = TypeVar("T", bound=Struct)

NO_HEADERS: Mapping[str, str] = {}
TIMEOUT_S = 30.0
"""Registration waits for a password hash and a mail; everything else is far quicker."""


class Api:
    """REST calls of one log-in.

    `bucket` is where parts of files may go instead, at addresses that the server gives.
    `refresh_cookie` is what must be kept to go on after a restart; each renewal changes it, and
    calls `on_renewal` before anything else is asked.
    """

    def __init__(self, base_url: str, refresh_cookie: str = "") -> None:
        self.base_url = base_url.rstrip("/")
        self.access_token = ""
        self.on_renewal: Callable[[], None] = _kept_nowhere
        self._cookies: dict[str, tuple[str, str]] = {}
        if refresh_cookie:
            name, _, value = refresh_cookie.partition("=")
            self._cookies[name] = ("/api/auth/refresh", value)
        self._http = AsyncHTTPClient(force_instance=True, max_clients=32)
        self._octets = OctetConnections(self.base_url)
        self.bucket = BucketConnections(self.base_url)
        self._renewal = asyncio.Lock()

    def close(self) -> None:
        """Give the connections back."""
        self._http.close()
        self._octets.close()
        self.bucket.close()

    @property
    def refresh_cookie(self) -> str:
        """The refresh token as `name=value`, empty without a log-in."""
        return next(iter(self._matching("/api/auth/refresh")), "")

    async def call(
        self,
        method: str,
        path: str,
        answer: type[T],
        body: Struct | None = None,
        headers: Mapping[str, str] = NO_HEADERS,
    ) -> T:
        """One call; an access token that has run out is renewed and the call repeated.

        Raises: RefusedError; OSError or tornado's HTTPError 599 when nothing answers
        """
        used = self.access_token
        response = await self._fetch(method, path, body, headers)
        if used and _is_expired(response.code, response.body):
            await self.renew(used)
            response = await self._fetch(method, path, body, headers)
        if response.code >= 400:
            raise _error(response.code, response.body)
        return msgspec.json.decode(response.body, type=answer)

    async def transfer(
        self,
        method: str,
        path: str,
        headers: dict[str, str],
        body: Octets | None = None,
        into: memoryview | None = None,
    ) -> memoryview:
        """A call whose body or answer is bytes; the token is renewed as in `call`.

        Args:
            into: where the answer goes, which is cut when it is longer

        Returns: the answer, the beginning of `into` where that is given
        Raises: RefusedError; OSError when nothing answers
        """

        async def once() -> tuple[int, memoryview]:
            bearer = {"Authorization": f"Bearer {self.access_token}"} if self.access_token else {}
            return await self._octets.call(method, path, headers | bearer, body, into)

        used = self.access_token
        code, answer = await once()
        if used and _is_expired(code, answer):
            await self.renew(used)
            code, answer = await once()
        if code >= 400:
            raise _error(code, answer)
        return answer

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
                raise _error(response.code, response.body)
            session = msgspec.json.decode(response.body, type=bodies.Session)
            self.access_token = session.access_token
            self.on_renewal()
            return session

    async def _fetch(
        self,
        method: str,
        path: str,
        body: Struct | None,
        headers: Mapping[str, str] = NO_HEADERS,
    ) -> HTTPResponse:
        if method == "GET":
            return await self._send(method, path, {**headers}, None)
        typed = {**headers, "Content-Type": "application/json"}
        return await self._send(method, path, typed, msgspec.json.encode(body or bodies.Empty()))

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


def _kept_nowhere() -> None:
    pass


def _is_expired(status: int, answer: Octets) -> bool:
    return status == 401 and _error(status, answer).code == "token_expired"


def _error(status: int, answer: Octets) -> RefusedError:
    try:
        body = msgspec.json.decode(answer)["error"]
    except (msgspec.DecodeError, KeyError, TypeError):
        body = {"code": "internal", "message": f"HTTP {status} without an error body"}
    return RefusedError(body)
