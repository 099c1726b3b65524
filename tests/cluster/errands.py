"""Somebody who only asks: reads, which may be repeated, and renewals of a log-in (S-13)."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator
from http.cookies import SimpleCookie

import aiohttp

from tests.people import Peer

REFRESH_EVERY = 5
PAUSE_S = 0.02
REFRESH = "sealroom-refresh"


class Errands:
    """One person with a browser's pool of connections; `seen` counts answers and broken calls."""

    def __init__(self, peer: Peer) -> None:
        self.seen: Counter[str] = Counter()
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

    async def _run(self, origin: str) -> None:
        timeout = aiohttp.ClientTimeout(total=20)
        jar = aiohttp.DummyCookieJar()
        async with aiohttp.ClientSession(origin, timeout=timeout, cookie_jar=jar) as session:
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
