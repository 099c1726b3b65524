"""Whose address counts, which host names are ours, and what is not HTTP as browsers speak it."""

import asyncio
import json
import logging
from dataclasses import replace

import pytest

from config.settings import Settings
from handlers.listener import TrustedProxies
from tests.harness import Fetch, RunningServer

PROXIES = TrustedProxies(["10.0.0.0/8", "::1", "fd00::/8"])


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "client"),
    [
        ("10.0.0.1", "203.0.113.7", "203.0.113.7"),
        ("10.0.0.1", "198.51.100.1, 203.0.113.7", "203.0.113.7"),
        ("10.0.0.1", "203.0.113.7, 10.0.0.2", "203.0.113.7"),
        ("10.0.0.1", "198.51.100.1,203.0.113.7,10.0.0.2,10.0.0.3", "203.0.113.7"),
        ("::1", "2001:db8::7", "2001:db8::7"),
        ("fd00::1", "2001:DB8:0::7", "2001:db8::7"),
        ("10.0.0.1", "10.0.0.9", "10.0.0.9"),
        ("::ffff:10.0.0.1", "203.0.113.7", "203.0.113.7"),
    ],
)
def test_the_client_is_the_right_most_hop_that_is_not_ours(
    peer: str, forwarded_for: str, client: str
) -> None:
    assert PROXIES.client(peer, forwarded_for) == client


@pytest.mark.parametrize(
    "forwarded_for",
    [
        "",
        "127.0.0.1",
        "10.0.0.1",
        "1.2.3.4, 10.0.0.1",
        "unknown",
        "1.2.3.4:80",
        "[::1]",
        ",",
        "1.2.3.4,",
        "<script>",
        "999.1.1.1",
        "a" * 10_000,
    ],
)
def test_nobody_else_can_choose_their_address(forwarded_for: str) -> None:
    assert PROXIES.client("203.0.113.9", forwarded_for) == "203.0.113.9"
    assert TrustedProxies([]).client("127.0.0.1", forwarded_for) == "127.0.0.1"


@pytest.mark.parametrize("junk", ["", "unknown", "1.2.3.4:80", "<script>", "1.2.3.4, nonsense"])
def test_what_a_proxy_passes_on_unread_is_not_believed(junk: str) -> None:
    assert PROXIES.client("10.0.0.1", junk) == "10.0.0.1"


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("LOCALHOST:1", 200),
        ("127.0.0.1:8888", 200),
        ("[::1]:8888", 200),
        ("evil.example", 421),
        ("localhost.evil.example", 421),
        ("127.0.0.2", 421),
    ],
)
async def test_only_our_host_names_are_answered(fetch: Fetch, host: str, status: int) -> None:
    for path in ("/health", "/", "/ws", "/api/rooms"):
        answer = await fetch("GET", path, headers={"Host": host})
        assert (answer.status == 421) == (status == 421), path
        if status == 421:
            assert answer.code == "misdirected"


async def exchange(server: RunningServer, request: bytes) -> bytes:
    port = int(server.origin.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    answer = await asyncio.wait_for(reader.read(65_536), 5)
    writer.close()
    return answer


BODY = b'{"email": "an@example.org"}  '
CHUNKED = b"1d\r\n" + BODY + b"\r\n0\r\n\r\n"
POST = b"POST /api/auth/prelogin HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


@pytest.mark.parametrize(
    "request_text",
    [
        b"GET http://localhost/health HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /health HTTP/1.2\r\nHost: localhost\r\n\r\n",
        b"GET /health HTTP/2.0\r\nHost: localhost\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n",
        b"GET /health HTTP/1.1\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"POST /health HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /health HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n"
        b"Content-Length: 2\r\n\r\nab",
        b"GET /health HTTP/1.1\r\nHost : localhost\r\n\r\n",
        b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 20_000 + b"\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: localhost\r\nX: a\r\n folded\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: localhost\r\nX: a\0b\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: localhost\rX: a\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: evil@localhost\r\n\r\n",
        b"GET /health HTTP/1.1\nHost: localhost\n\n",
        b"GET /health HTTP/1.1\r\nHost: localhost\nX: a\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: localhost\r\n\n",
        b"GET /health HTTP/1.1\r\nHost: localhost\n\r\n",
        b"GET\t/health\tHTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /health\r\n\r\n",
        b"TRACE /health HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"a" * 100 + b"\r\n\r\n",
        *(
            POST + field + b"\r\n\r\n" + body
            for field, body in (
                (b"Content-Length: 29\r\nContent-Length: 29", BODY),
                (b"Content-Length: 29, 29", BODY),
                (b"Content-Length: +29", BODY),
                (b"Content-Length: 0x1d", BODY),
                (b"Content-Length: 99999999999999999999", BODY),
                (b"Transfer-Encoding: xchunked", CHUNKED),
                (b"Transfer-Encoding: identity, chunked", CHUNKED),
                (b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", CHUNKED),
                (b"Transfer-Encoding: chunked", CHUNKED.replace(b"1d", b"1d;ext=1")),
                (b"Transfer-Encoding: chunked", CHUNKED.replace(b"1d", b"+1d")),
                (b"Transfer-Encoding: chunked", CHUNKED.replace(b"1d", b"0x1d")),
                (b"Transfer-Encoding: chunked", CHUNKED[:-2] + b"X: a\r\n\r\n"),
            )
        ),
        POST.replace(b"HTTP/1.1", b"HTTP/1.0") + b"Transfer-Encoding: chunked\r\n\r\n" + CHUNKED,
    ],
)
async def test_what_browsers_never_send_is_refused(
    server: RunningServer, request_text: bytes
) -> None:
    answer = await exchange(server, request_text)
    assert not answer or answer.startswith(b"HTTP/1.1 4")
    assert (await exchange(server, POST + b"Content-Length: 29\r\n\r\n" + BODY))[:12].endswith(
        b"200"
    )


async def test_the_access_log_holds_the_pattern_and_no_more(
    server: RunningServer, fetch: Fetch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "sealroom.access")
    room = "r" * 42 + "A"
    answer = await fetch("GET", f"/api/rooms/{room}/messages?after=31337")
    (record,) = [r for r in caplog.records if r.name == "sealroom.access"]
    assert vars(record)["route"] == "/api/rooms/{room_id}/messages"
    assert vars(record)["status"] == 401
    assert vars(record)["request_id"] == answer.headers["x-request-id"]
    assert vars(record)["address_prefix"] == "127.0.0.0/24"
    assert room not in json.dumps(vars(record), default=str)
    assert "31337" not in json.dumps(vars(record), default=str)


async def test_only_a_health_that_is_not_well_makes_a_line(
    server: RunningServer, fetch: Fetch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "sealroom.access")
    await fetch("GET", "/health")
    assert caplog.records == []
    server.lifecycle.readiness.is_draining = True
    await fetch("GET", "/health")
    assert [vars(record)["status"] for record in caplog.records] == [503]


@pytest.fixture
def settings(request: pytest.FixtureRequest, settings: Settings) -> Settings:
    if request.node.get_closest_marker("behind_proxy"):
        public_url = "https://chat.example.org"
        return replace(settings, trusted_proxies=("127.0.0.1",), public_url=public_url)
    return settings


@pytest.mark.behind_proxy
async def test_behind_a_trusted_proxy_the_forwarded_client_and_scheme_count(
    fetch: Fetch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "sealroom.access")
    headers = {"X-Forwarded-For": "203.0.113.7", "X-Forwarded-Proto": "https"}
    answer = await fetch("GET", "/health", headers=headers)
    assert "strict-transport-security" in answer.headers
    assert vars(caplog.records[-1])["address_prefix"] == "203.0.113.0/24"


@pytest.mark.behind_proxy
async def test_behind_a_proxy_that_changes_the_host_the_public_page_may_still_call(
    fetch: Fetch,
) -> None:
    body = {"email": "an@example.org"}
    for origin, status in (
        ("https://chat.example.org", 200),
        ("http://chat.example.org", 403),
        ("https://evil.example", 403),
    ):
        headers = {"Origin": origin, "Sec-Fetch-Site": "same-origin"}
        answer = await fetch("POST", "/api/auth/prelogin", body=body, headers=headers)
        assert answer.status == status, origin


async def test_without_one_they_do_not(fetch: Fetch, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "sealroom.access")
    headers = {
        "X-Forwarded-For": "203.0.113.7",
        "X-Real-Ip": "203.0.113.7",
        "Forwarded": "for=203.0.113.7;proto=https",
        "X-Forwarded-Proto": "https",
        "X-Scheme": "https",
    }
    answer = await fetch("GET", "/health", headers=headers)
    assert "strict-transport-security" not in answer.headers
    assert vars(caplog.records[-1])["address_prefix"] == "127.0.0.0/24"
