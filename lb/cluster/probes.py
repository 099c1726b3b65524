"""Whether a child serves by now; each probe ends within PROBE_S and never raises."""

import asyncio
import contextlib
import json
from typing import Any

from tornado.httpclient import AsyncHTTPClient, HTTPError, HTTPRequest, HTTPResponse

PROBE_S = 2.0


async def greets(port: int, words: bytes) -> bool:
    """Whether what listens on this port of loopback begins by saying these words."""
    try:
        async with asyncio.timeout(PROBE_S):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                return await reader.readexactly(len(words)) == words
            finally:
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()
    except (OSError, EOFError, TimeoutError):
        return False


async def fetch(url: str, method: str = "GET", **headers: str) -> HTTPResponse | None:
    """Call a server on this machine; None when it gives no answer."""
    request = HTTPRequest(
        url,
        method,
        headers=headers,
        body=b"" if method == "POST" else None,
        request_timeout=PROBE_S,
    )
    try:
        return await AsyncHTTPClient().fetch(request, raise_error=False)
    except (HTTPError, OSError):
        return None


async def is_well(url: str) -> bool:
    """Whether the answer is 200."""
    answer = await fetch(url)
    return answer is not None and answer.code == 200


async def status(url: str) -> dict[str, Any]:
    """Return the JSON object there; empty when there is none."""
    answer = await fetch(url)
    if answer is None or answer.code != 200:
        return {}
    found: dict[str, Any] = json.loads(answer.body)
    return found
