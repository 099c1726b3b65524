"""However wrongly one asks: no answer lacks the headers that keep browsers safe (S-30)."""

import pytest

from handlers import paths
from handlers.security import methods
from tests.harness import Answer, Fetch, RunningServer
from tests.people import Peer

SAFE = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}
ALWAYS = {"content-security-policy", "permissions-policy", "cache-control", "x-request-id"}
NEVER = {"server", "access-control-allow-origin", "x-powered-by"}
VALUES = {"room_id": "A" * 43, "build": "0" * 16, "name": "js/main.js"}

WAYS: dict[tuple[tuple[str, str], ...], set[int]] = {
    (): {200, 400, 404, 405},
    (("Origin", "https://evil.example"), ("Sec-Fetch-Site", "cross-site")): {200, 403},
    (("Host", "evil.example"),): {421},
    (("Content-Type", "multipart/form-data; boundary=x"),): {400, 415},
    (("Authorization", "Bearer a.b.c"),): {200, 401},
}


def address(template: str) -> str:
    """An address that leads to the route of this template."""
    if not template.startswith("/"):
        return {"page": "/", "link page": "/t/x", "not found": "/api/nothing"}[template]
    parts = template.split("/")
    return "/".join(VALUES.get(p[1:-1], "A" * 22) if p.startswith("{") else p for p in parts)


def check(answer: Answer, what: str) -> None:
    assert answer.status < 500, what
    assert SAFE.items() <= answer.headers.items(), what
    assert answer.headers.keys() >= ALWAYS, what
    assert not answer.headers.keys() & NEVER, what
    assert answer.headers["content-security-policy"].startswith("default-src 'none'"), what


@pytest.mark.parametrize(("way", "seen"), WAYS.items())
async def test_every_answer_of_every_route_is_safe_to_show(
    server: RunningServer,
    fetch: Fetch,
    alice: Peer,
    way: tuple[tuple[str, str], ...],
    seen: set[int],
) -> None:
    statuses = set()
    for spec in server.lifecycle.application.routes:
        path = address(paths.template(spec))
        for method in (*methods(spec.handler_class), "options"):
            answer = await fetch(method.upper(), path, headers=alice.headers | dict(way))
            check(answer, f"{method} {path}: {answer.status}")
            statuses.add(answer.status)
    assert statuses >= seen


@pytest.mark.parametrize("path", ["/api/rooms", "/api/x", "/ws", "/health", "/assets/x/y", "/a.b"])
async def test_a_stranger_is_answered_safely_too(fetch: Fetch, path: str) -> None:
    check(await fetch("GET", path), path)
