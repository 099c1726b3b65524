"""Somebody who only asks: reads, which may be repeated, and renewals of a log-in (S-13)."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator
from http.cookies import SimpleCookie

import aiohttp

from tests.cluster.process import until
from tests.people import Peer

REFRESH_EVERY = 5
PAUSE_S = 0.02
REFRESH = "sealroom-refresh"


class Errands:
    """One person; `seen` counts answers and broken calls.

    Args:
        keeps_connections: as a browser does; otherwise every call opens a connection.
    """

    def __init__(self, peer: Peer, *, keeps_connections: bool = True) -> None:
        self.seen: Counter[str] = Counter()
        self._keeps_connections = keeps_connections
        self._token, self._refresh_token = peer.token, peer.refresh_token

    @contextlib.asynccontextmanager
    async def running(self, origin: str) -> AsyncIterator[None]:
        """Ask again and again meanwhile."""
        task = asyncio.get_running_loop().create_task(self._run(origin))
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def calls(self, count: int) -> None:
        """Wait until so many more calls have been made."""
        enough = self.seen.total() + count
        await until(lambda: self.seen.total() >= enough)

    async def _run(self, origin: str) -> None:
        timeout = aiohttp.ClientTimeout(total=20)
        async with aiohttp.ClientSession(
            origin,
            timeout=timeout,
            cookie_jar=aiohttp.DummyCookieJar(),
            connector=aiohttp.TCPConnector(force_close=not self._keeps_connections),
        ) as session:
            while True:
                for _ in range(REFRESH_EVERY):
                    await self._call(session, "GET", "/api/rooms")
                await self._call(session, "POST", "/api/auth/refresh")
                await asyncio.sleep(PAUSE_S)

    async def _call(self, session: aiohttp.ClientSession, method: str, path: str) -> None:
        """Call once; what a refresh brings is kept, one without an answer is repeated later."""
        headers = {"Authorization": f"Bearer {self._token}"}
        if method == "POST":
            headers = {"Cookie": f"{REFRESH}={self._refresh_token}"}
        body = None if method == "GET" else {}
        try:
            async with session.request(method, path, headers=headers, json=body) as answer:
                self.seen[f"{method} {answer.status}"] += 1
                if method == "POST" and answer.status == 200:
                    self._token = (await answer.json())["access_token"]
                    cookies = SimpleCookie(answer.headers["Set-Cookie"])
                    self._refresh_token = cookies[REFRESH].value
        except (aiohttp.ClientError, TimeoutError) as error:
            self.seen[f"{method} {type(error).__name__}"] += 1
