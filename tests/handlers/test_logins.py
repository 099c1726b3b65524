"""Signing up, logging in and out over HTTP: cookies, answers, what a stranger can tell apart."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from tornado.httputil import split_host_and_port

from config.settings import Settings
from handlers import cookies
from models.stores import Stores
from tests.handlers.conftest import KDF, LABEL, SALT, Browser
from tests.harness import Answer, Fetch, MovableClock
from tests.house import Seal

pytestmark = pytest.mark.every_database

REFRESH, LOGIN = "/api/auth/refresh", "/api/auth/login"
MakeBrowser = Callable[..., Browser]


def cookie(answer: Answer) -> str:
    return answer.headers["set-cookie"]


async def test_people_sign_up_and_are_logged_in(an: Browser) -> None:
    me = await an.call("GET", "/api/users/me")
    own = dict(me.json)
    assert own.pop("server") == {"file_bytes": 100 * 2**20, "links": True}
    assert own == an.session["user"]
    assert sorted(an.session) == ["access_token", "expires_in_s", "login_id", "user"]
    assert an.session["expires_in_s"] == 900
    assert me.json["email"] == "an@example.org"
    assert me.json["settings"] == {"read_receipts": True, "presence": True}


async def test_a_code_works_without_its_ticket_when_signing_up(browser: MakeBrowser) -> None:
    person = browser("an@example.org")
    await person.register()
    body = {"email": "an@example.org", "purpose": "verify", "device": LABEL}
    answer = await person.call("POST", "/api/auth/verify-otp", body | {"code": await person.code()})
    assert answer.status == 200


async def test_a_second_browser_logs_in_with_password_and_code(
    an: Browser, browser: MakeBrowser
) -> None:
    second = browser("an@example.org")
    answer = await second.log_in()
    assert (answer.status, answer.json["next"]) == (200, "otp")
    assert second.user_id == an.user_id
    assert second.session["login_id"] != an.session["login_id"]


async def test_an_enrolled_browser_logs_in_without_a_code(an: Browser, seal: Seal) -> None:
    request = msgspec.to_builtins(seal.enrolment())
    enrolled = await an.call("POST", "/api/e2ee/devices", request)
    assert enrolled.status == 201
    assert "Path=/api/auth/login" in cookie(enrolled)
    an.session = {}
    answer = await an.log_in(device_id=request["certificate"]["device_id"])
    assert "access_token" in answer.json
    count = await an.call("GET", "/api/e2ee/prekeys/count")
    assert count.json["opk"] == 5


async def test_the_refresh_cookie_is_for_the_refresh_path_only(an: Browser) -> None:
    an.session = {}
    refreshed = await an.call("POST", REFRESH)
    assert refreshed.status == 200
    text = cookie(refreshed)
    for attribute in ("HttpOnly", "SameSite=Strict", f"Path={REFRESH}", "Max-Age=604800"):
        assert attribute in text
    assert text.startswith("sealroom-refresh=")
    assert "Secure" not in text
    assert refreshed.headers["cache-control"] == "no-store"


async def test_elsewhere_than_on_localhost_the_cookie_is_secure() -> None:
    for host, scheme, secure in (
        ("localhost:8888", "http", False),
        ("127.0.0.1", "http", False),
        ("[::1]:8888", "http", False),
        ("localhost", "https", True),
        ("chat.example.org", "http", True),
        ("localhost.example.org", "http", True),
    ):
        request = SimpleNamespace(
            protocol=scheme, host_name=split_host_and_port(host)[0], host=host
        )
        handler: Any = SimpleNamespace(request=request)
        assert cookies._is_secure(handler) is secure
        assert cookies._name(handler, "x").startswith("__Secure-") is secure


async def test_refreshing_twice_in_a_row_logs_nobody_out(an: Browser, clock: MovableClock) -> None:
    first = dict(an.cookies)
    one = await an.call("POST", REFRESH)
    an.cookies = first
    two = await an.call("POST", REFRESH)
    assert cookie(one) == cookie(two)


async def test_a_replayed_refresh_token_ends_the_log_in(an: Browser, clock: MovableClock) -> None:
    first = dict(an.cookies)
    await an.call("POST", REFRESH)
    newer = dict(an.cookies)
    clock.advance(11_000)
    an.cookies = first
    assert (await an.call("POST", REFRESH)).code == "token_reused"
    an.cookies = newer
    assert (await an.call("POST", REFRESH)).code == "unauthenticated"
    assert (await an.call("GET", "/api/users/me")).code == "session_revoked"


async def test_without_a_cookie_nothing_is_refreshed(fetch: Fetch) -> None:
    answer = await fetch("POST", REFRESH)
    assert (answer.status, answer.code) == (401, "unauthenticated")


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://["},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://127.0.0.1"},
    ],
    ids=str,
)
@pytest.mark.parametrize("path", [REFRESH, LOGIN, "/api/auth/logout", "/api/auth/register"])
async def test_a_foreign_page_changes_nothing(
    an: Browser, path: str, headers: dict[str, str]
) -> None:
    answer = await an.call("POST", path, {}, **headers)
    assert (answer.status, answer.code) == (403, "bad_origin")
    assert "set-cookie" not in answer.headers


async def test_the_own_page_is_let_through(an: Browser, server: Any) -> None:
    own = {"Origin": server.origin, "Sec-Fetch-Site": "same-origin"}
    assert (await an.call("POST", REFRESH, {}, **own)).status == 200


async def test_logging_out_ends_this_log_in_and_takes_the_cookie_away(
    an: Browser, browser: MakeBrowser
) -> None:
    other = browser("an@example.org")
    await other.log_in()
    kept = dict(an.cookies)
    answer = await an.call("POST", "/api/auth/logout")
    assert (answer.status, answer.json) == (200, {})
    expired = an.cookies["sealroom-refresh"]
    assert (expired.value, expired["path"]) == ("", REFRESH)
    assert parsedate_to_datetime(expired["expires"]) < datetime.now(UTC)
    assert (await an.call("GET", "/api/users/me")).code == "session_revoked"
    an.cookies = kept
    assert (await an.call("POST", REFRESH)).code == "unauthenticated"
    assert (await other.call("GET", "/api/users/me")).status == 200


async def test_logging_out_everywhere_ends_every_log_in(
    an: Browser, browser: MakeBrowser, binh: Browser
) -> None:
    other = browser("an@example.org")
    await other.log_in()
    assert (await an.call("POST", "/api/auth/logout-all")).status == 200
    for each in (an, other):
        assert (await each.call("GET", "/api/users/me")).code == "session_revoked"
    assert (await binh.call("GET", "/api/users/me")).status == 200


async def test_log_ins_are_listed_and_revoked(
    an: Browser, browser: MakeBrowser, binh: Browser
) -> None:
    other = browser("an@example.org")
    await other.log_in()
    logins = (await an.call("GET", "/api/auth/logins")).json["logins"]
    assert {login["login_id"]: login["current"] for login in logins} == {
        an.session["login_id"]: True,
        other.session["login_id"]: False,
    }
    assert all(login["address_prefix"] == "127.0.0.0/24" for login in logins)
    assert all(login["device"] == LABEL for login in logins)
    path = f"/api/auth/logins/{other.session['login_id']}"
    assert (await binh.call("DELETE", path)).code == "not_found"
    assert (await an.call("DELETE", path)).status == 200
    assert (await an.call("DELETE", path)).code == "not_found"
    assert (await other.call("GET", "/api/users/me")).code == "session_revoked"


async def test_an_access_token_expires_after_fifteen_minutes(
    an: Browser, clock: MovableClock
) -> None:
    clock.advance(15 * 60_000)
    answer = await an.call("GET", "/api/users/me")
    assert (answer.status, answer.code) == (401, "token_expired")
    refreshed = await an.call("POST", REFRESH)
    an.session = refreshed.json
    assert (await an.call("GET", "/api/users/me")).status == 200


async def test_a_forgotten_password_is_reset(an: Browser, browser: MakeBrowser) -> None:
    other = browser("an@example.org", password="another password")
    forgot = await other.call("POST", "/api/auth/forgot-password", {"email": other.email})
    assert forgot.status == 202
    answer = await other.call(
        "POST",
        "/api/auth/reset-password",
        {
            "email": other.email,
            "ticket": forgot.json["ticket"],
            "code": await other.code(),
            "salt": SALT,
            "kdf": KDF,
            "auth_key": other.auth_key,
            "device": LABEL,
        },
    )
    assert answer.status == 200
    assert answer.json["user"]["id"] == an.user_id
    assert (await an.call("GET", "/api/users/me")).code == "session_revoked"
    assert (await browser("an@example.org").log_in()).code == "bad_credentials"


async def test_a_password_is_changed_with_its_backup(an: Browser, browser: MakeBrowser) -> None:
    changed = browser("an@example.org", password="another password")
    body = {
        "auth_key": an.auth_key,
        "new_salt": SALT,
        "new_kdf": KDF,
        "new_auth_key": changed.auth_key,
        "backup": {
            "version": 1,
            "brk_id": SALT,
            "wraps": [{"method": "password", "kdf": KDF, "salt": SALT, "wrap": "AAAA"}],
            "identity": "BBBB",
        },
    }
    answer = await an.call("POST", "/api/auth/change-password", body)
    assert (answer.status, answer.json) == (200, {})
    assert (await an.call("GET", "/api/e2ee/backup")).json == body["backup"]
    assert (await changed.log_in()).status == 200
    again = await an.call("POST", "/api/auth/change-password", body)
    assert (again.status, again.code) == (401, "bad_credentials")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"kdf": KDF | {"m_kib": 65_535}}, "weak_kdf"),
        ({"kdf": KDF | {"t": 2}}, "weak_kdf"),
        ({"kdf": KDF | {"alg": "scrypt"}}, "bad_request"),
        ({"email": "no address"}, "bad_request"),
        ({"email": "an..nguyen@example.org"}, "bad_request"),
        ({"display_name": "  "}, "bad_request"),
        ({"display_name": "x" * 65}, "bad_request"),
        ({"salt": "short"}, "bad_request"),
        ({"auth_key": "A" * 42 + "B"}, "bad_request"),
    ],
    ids=str,
)
async def test_a_registration_of_another_form_is_refused(
    browser: MakeBrowser, fetch: Fetch, body: dict[str, Any], code: str
) -> None:
    whole = browser("an@example.org").registration() | body
    answer = await fetch("POST", "/api/auth/register", body=whole)
    assert (answer.status, answer.code) == (400, code)


@pytest.mark.parametrize("path", ["/api/auth/register", "/api/auth/forgot-password", LOGIN])
async def test_what_a_stranger_sees_of_a_known_and_an_unknown_address_is_the_same(
    an: Browser, browser: MakeBrowser, fetch: Fetch, path: str
) -> None:
    """S-04: status, headers and body but for what is random in each of them."""

    async def seen(email: str) -> tuple[int, list[str], str]:
        body = browser(email, password="wrong").registration() | {"device": LABEL}
        answer = await fetch("POST", path, body=body)
        text = re.sub(r'"(ticket|request_id)":"[^"]+"', r'"\1":"…"', answer.text)
        return answer.status, sorted(answer.headers), text

    assert await seen("an@example.org") == await seen("nobody@example.org")


async def test_prelogin_answers_everybody(an: Browser, fetch: Fetch) -> None:
    known = await fetch("POST", "/api/auth/prelogin", body={"email": "an@example.org"})
    unknown = await fetch("POST", "/api/auth/prelogin", body={"email": "nobody@example.org"})
    assert known.json == {"salt": SALT, "kdf": KDF}
    assert unknown.json["kdf"] == KDF
    assert len(unknown.json["salt"]) == 22


@pytest.mark.parametrize("purpose", ["verify", "login", "reset"])
async def test_asking_for_a_code_again_always_answers_the_same(
    an: Browser, fetch: Fetch, purpose: str
) -> None:
    for email in ("an@example.org", "nobody@example.org"):
        answer = await fetch(
            "POST", "/api/auth/send-otp", body={"email": email, "purpose": purpose}
        )
        assert (answer.status, answer.json) == (202, {})


async def test_codes_are_refused_by_name(
    browser: MakeBrowser, fetch: Fetch, clock: MovableClock
) -> None:
    person = browser("an@example.org")
    ticket = await person.register()
    code = await person.code()
    wrong = f"{(int(code) + 1) % 1_000_000:06d}"
    body = {"email": "an@example.org", "purpose": "verify", "ticket": ticket, "device": LABEL}

    async def hand_in(text: str) -> str:
        answer = await fetch("POST", "/api/auth/verify-otp", body=body | {"code": text})
        return "" if answer.status == 200 else answer.code

    assert await hand_in(wrong) == "bad_code"
    assert await hand_in("12345") == "bad_request"
    clock.advance(600_000)
    assert await hand_in(code) == "code_expired"


async def test_a_used_code_is_refused(an: Browser, browser: MakeBrowser, fetch: Fetch) -> None:
    person = browser("binh@example.org")
    body = {
        "email": "binh@example.org",
        "purpose": "verify",
        "ticket": await person.register(),
        "code": await person.code(),
        "device": LABEL,
    }
    assert (await fetch("POST", "/api/auth/verify-otp", body=body)).status == 200
    assert (await fetch("POST", "/api/auth/verify-otp", body=body)).code == "code_expired"


async def test_too_many_guesses_are_told_when_to_come_back(
    an: Browser, browser: MakeBrowser
) -> None:
    guesser = browser("an@example.org", password="guess")
    for _ in range(20):
        assert (await guesser.log_in()).code == "bad_credentials"
    answer = await guesser.log_in()
    assert (answer.status, answer.code) == (429, "rate_limited")
    wait_ms = answer.json["error"]["retry_after_ms"]
    assert 0 < wait_ms <= 30_000
    assert int(answer.headers["retry-after"]) == -(-wait_ms // 1_000)


async def test_no_secret_is_in_log_or_database(
    an: Browser,
    browser: MakeBrowser,
    settings: Settings,
    stores: Stores,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """S-63: passwords, codes and tokens are in neither."""
    second = browser("an@example.org")
    await second.log_in()
    await stores.database.ping()
    stored = b"".join(f.read_bytes() for f in Path(settings.data_dir).glob("sealroom.db*"))
    written = caplog.text + json.dumps([vars(r) for r in caplog.records], default=str)
    for each in (an, second):
        secrets = [each.auth_key, each.session["access_token"]]
        secrets += [morsel.value for morsel in each.cookies.values()]
        for secret in secrets:
            assert secret.encode() not in stored
            assert secret not in written
    assert "an@example.org" not in written
