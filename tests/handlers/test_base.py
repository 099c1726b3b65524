"""What every call of the API has in common: who may call, what may come in, what goes out."""

import re
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from tornado.routing import URLSpec
from tornado.web import RequestHandler

from handlers.base import SMALL_BODY_BYTES, BaseHandler
from handlers.security import audit_routes, guard, methods, public
from protocol.errors import AppError, ErrorCode
from services.contacts import ContactService
from tests.handlers.conftest import Browser
from tests.harness import Answer, Fetch, RunningServer

ID = "A" * 22
LINK = f"/api/links/{ID}"
PUBLIC_CALLS = [
    f"GET {LINK}",
    f"GET {LINK}/contents",
    f"GET {LINK}/files/{ID}/content",
    f"GET {LINK}/files/{ID}/hashes",
    f"GET {LINK}/files/{ID}/parts/0/address",
    "GET /api/openapi.json",
    "POST /api/auth/forgot-password",
    "POST /api/auth/login",
    "POST /api/auth/prelogin",
    "POST /api/auth/refresh",
    "POST /api/auth/register",
    "POST /api/auth/reset-password",
    "POST /api/auth/send-otp",
    "POST /api/auth/verify-otp",
    f"POST {LINK}/downloads",
    f"POST {LINK}/reports",
]
HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "content-type": "application/json; charset=utf-8",
}
PARAMETERS = {"room_id": "A" * 43, "number": "0"}


def specs(server: RunningServer) -> list[URLSpec]:
    return [spec for spec in server.lifecycle.application.routes if "/api/" in spec.regex.pattern]


def filled(pattern: str) -> str:
    """Return a route with ids in the place of its groups."""
    return re.sub(
        r"\(\?P<(\w+)>[^()]*\)",
        lambda group: PARAMETERS.get(group[1], ID),
        pattern.removesuffix("$"),
    )


def calls(server: RunningServer) -> list[tuple[str, str]]:
    """Return method and address of every call of the API, with ids filled in."""
    found = []
    for spec in specs(server):
        handler: Any = spec.handler_class
        path = filled(spec.regex.pattern)
        found += [(method.upper(), path) for method in methods(handler)]
    return found


async def test_only_these_calls_of_people_are_public(server: RunningServer) -> None:
    listed = audit_routes(specs(server))
    assert sorted(map(filled, listed)) == sorted(PUBLIC_CALLS)


async def test_every_other_call_needs_a_token(server: RunningServer, fetch: Fetch) -> None:
    asked = 0
    for method, path in calls(server):
        answer = await fetch(method, path)
        if f"{method} {path}" not in PUBLIC_CALLS:
            assert (answer.status, answer.code) == (401, "unauthenticated"), f"{method} {path}"
            assert answer.headers["www-authenticate"] == "Bearer"
            asked += 1
    assert asked > 25


@pytest.mark.parametrize(
    "value", ["", "Bearer", "Bearer ", "Basic YTpi", "Bearer x.y.z", "Bearer " + "x" * 3_000]
)
async def test_what_is_no_token_is_unauthenticated(fetch: Fetch, value: str) -> None:
    answer = await fetch("GET", "/api/users/me", headers={"Authorization": value})
    assert (answer.status, answer.code) == (401, "unauthenticated")


async def test_the_scheme_of_a_token_may_be_written_in_any_case(an: Browser) -> None:
    token = an.session["access_token"]
    answer = await an.call("GET", "/api/users/me", Authorization=f"bEARER {token}")
    assert answer.status == 200


async def answers(an: Browser) -> dict[str, Answer]:
    """Return one answer of each kind."""
    big = '{"display_name": "' + "x" * SMALL_BODY_BYTES + '"}'
    return {
        "200": await an.call("GET", "/api/users/me"),
        "202": await an.call("POST", "/api/contacts", {"email": "nobody@example.org"}),
        "400": await an.call("PATCH", "/api/users/me", "{"),
        "401": await an.fetch("GET", "/api/users/me"),
        "403": await an.call("POST", "/api/contacts", {}, Origin="https://evil.example"),
        "404": await an.call("GET", f"/api/users/{ID}"),
        "404, no such path": await an.call("GET", "/api/nothing"),
        "405": await an.call("DELETE", "/api/users/me"),
        "413": await an.call("PATCH", "/api/users/me", big),
        "415": await an.call("PATCH", "/api/users/me", "{}", **{"Content-Type": "text/plain"}),
    }


async def test_every_answer_has_the_headers_that_keep_browsers_safe(an: Browser) -> None:
    for name, answer in (await answers(an)).items():
        assert answer.status == int(name[:3]), answer.text
        assert HEADERS.items() <= answer.headers.items(), name
        assert "server" not in answer.headers, name
        assert "strict-transport-security" not in answer.headers, name
        assert re.fullmatch(r"[0-9a-f]{16}", answer.headers["x-request-id"]), name


async def test_every_refusal_has_the_documented_body(an: Browser) -> None:
    seen = set()
    for name, answer in (await answers(an)).items():
        if answer.status >= 400:
            error = answer.json["error"]
            assert sorted(error) == ["code", "message", "request_id"], name
            assert error["request_id"] == answer.headers["x-request-id"]
            assert AppError(ErrorCode(error["code"])).http_status == answer.status
            seen.add(error["request_id"])
    assert len(seen) == 8


async def test_behind_tls_browsers_are_told_to_stay_there(an: Browser, monkeypatch: Any) -> None:
    honest = BaseHandler.set_default_headers

    def behind_tls(self: BaseHandler) -> None:
        self.request.protocol = "https"
        honest(self)

    monkeypatch.setattr(BaseHandler, "set_default_headers", behind_tls)
    answer = await an.call("GET", "/api/users/me")
    assert answer.headers["strict-transport-security"].startswith("max-age=63072000")


async def test_under_a_public_https_address_too_whoever_ends_tls(
    an: Browser, server: RunningServer
) -> None:
    settings = server.lifecycle.application.settings
    settings["trusted_origins"] = {server.origin.replace("http://", "https://")}
    answer = await an.call("GET", "/api/users/me")
    assert answer.headers["strict-transport-security"].startswith("max-age=63072000")


async def test_a_method_that_is_not_taken_is_refused_with_those_that_are(
    server: RunningServer, fetch: Fetch
) -> None:
    by_path: dict[str, set[str]] = {}
    for method, path in calls(server):
        by_path.setdefault(path, set()).add(method)
    for path, taken in by_path.items():
        for method in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} - taken:
            answer = await fetch(method, path)
            assert answer.status == 405, f"{method} {path}"
            assert set(answer.headers["allow"].split(", ")) == taken, path


@pytest.mark.parametrize("method", ["TRACE", "PROPFIND", "get"])
async def test_a_method_nobody_knows_is_refused(fetch: Fetch, method: str) -> None:
    answer = await fetch(method, "/api/users/me")
    assert (answer.status, answer.code) == (405, "method_not_allowed")
    assert answer.headers["allow"] == "GET, PATCH"


@pytest.mark.parametrize(
    "media_type",
    [
        "",
        "text/plain",
        "text/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "multipart/form-data",
    ],
)
async def test_only_json_changes_anything(an: Browser, media_type: str) -> None:
    answer = await an.call(
        "PATCH", "/api/users/me", '{"display_name":"x"}', **{"Content-Type": media_type}
    )
    assert (answer.status, answer.code) == (415, "unsupported_media_type")


@pytest.mark.parametrize(
    "media_type", ["application/json", "application/json; charset=utf-8", "Application/JSON"]
)
async def test_json_may_name_its_charset(an: Browser, media_type: str) -> None:
    answer = await an.call("PATCH", "/api/users/me", "{}", **{"Content-Type": media_type})
    assert answer.status == 200


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        '"text"',
        '{"display_name": 1}',
        '{"display_name": null}',
        '{"display_name": {"$ne": 1}}',
        '{"settings": {"presence": 1}}',
        '{"settings": {"presence": NaN}}',
        '{"display_name": "\\ud800"}',
        '{"display_name": "a", }',
        "[" * 10_000,
        '{"a":' * 3_000,
    ],
)
async def test_a_body_of_another_form_is_a_bad_request(an: Browser, text: str) -> None:
    answer = await an.call("PATCH", "/api/users/me", text)
    assert (answer.status, answer.code) == (400, "bad_request")


async def test_unknown_keys_are_ignored(an: Browser) -> None:
    answer = await an.call("PATCH", "/api/users/me", {"display_name": "An", "role": "admin"})
    assert (answer.json["display_name"], answer.json["role"]) == ("An", "user")


@pytest.mark.parametrize("user_id", ["A" * 21 + "B", "A" * 21, "A" * 23, "A" * 21 + "%2e"])
async def test_an_id_has_one_spelling(an: Browser, user_id: str) -> None:
    answer = await an.call("GET", f"/api/users/{user_id}")
    assert (answer.status, answer.code) == (404, "not_found")


async def test_a_bug_is_answered_as_internal_and_logged_with_its_request_id(
    an: Browser, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(*_: Any) -> None:
        raise RuntimeError("a secret in the message of a bug")

    monkeypatch.setattr(ContactService, "of_user", broken)
    answer = await an.call("GET", "/api/contacts")
    assert (answer.status, answer.code) == (500, "internal")
    assert "secret" not in answer.text
    (record,) = [r for r in caplog.records if r.levelname == "ERROR"]
    assert record.__dict__["request_id"] == answer.json["error"]["request_id"]
    assert record.exc_info is not None
    caplog.clear()


async def test_a_store_that_is_away_says_when_to_come_back(
    an: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: Any) -> None:
        raise AppError(ErrorCode.UNAVAILABLE)

    monkeypatch.setattr(ContactService, "of_user", away)
    answer = await an.call("GET", "/api/contacts")
    assert (answer.status, answer.code) == (503, "unavailable")
    assert answer.headers["retry-after"] == "1"
    assert answer.json["error"]["retry_after_ms"] == 1_000


# ── deny by default ─────────────────────────────────────────────────────────────────────────────


class Guarded(BaseHandler):
    async def get(self) -> None: ...

    @public
    async def post(self) -> None: ...


class Forgotten(RequestHandler):
    async def get(self) -> None: ...


class Loosened(BaseHandler):
    async def prepare(self) -> None: ...

    async def get(self) -> None: ...


class Decided(RequestHandler):
    @guard
    def prepare(self) -> None: ...

    async def get(self) -> None: ...


def test_the_audit_lists_what_is_public() -> None:
    assert audit_routes([(r"/a", Guarded), URLSpec(r"/b", Decided)]) == ["POST /a"]


@pytest.mark.parametrize("handler", [Forgotten, Loosened])
def test_the_audit_refuses_a_method_nobody_decided_about(handler: type[RequestHandler]) -> None:
    with pytest.raises(ValueError, match="neither guarded nor public"):
        audit_routes([(r"/a", handler)])


def test_the_audit_refuses_what_it_cannot_look_into() -> None:
    target: Callable[[], Awaitable[None]] | None = None
    with pytest.raises(ValueError, match="not a handler"):
        audit_routes([(r"/a", target)])
