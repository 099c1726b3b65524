"""`make lan`: phones at home that were told once to trust the machine, and what they then trust."""

import re
import socket
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from playwright.async_api import Browser, async_playwright
from tornado.httpclient import AsyncHTTPClient, HTTPClientError

from tests.chromium import LAUNCH, trusting
from tests.e2e.person import Person, befriend
from tests.ports import free_ports
from tests.process import ROOT, ServerProcess

STOP_TIMEOUT_S = 30


@dataclass
class Lan:
    """What the terminal shows."""

    url: str
    page: str
    fingerprint: str
    data_dir: Path


def found(pattern: str, text: str) -> str:
    match = re.search(pattern, text, re.MULTILINE)
    assert match is not None, text
    return match[1]


@pytest.fixture
def lan(tmp_path: Path) -> Iterator[Lan]:
    data_dir = tmp_path / "data"
    port, page_port, server_port = map(str, free_ports(3, ""))
    where = ["--address", "127.0.0.1", "--port", port, "--page-port", page_port]
    inside = ["--server-port", server_port, "--data-dir", str(data_dir)]
    with subprocess.Popen(
        [sys.executable, "-m", "tools.lan", *where, *inside],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line)
            if line.startswith("Ctrl-C"):
                break
        shown = "".join(lines)
        fingerprint = found(r"^  ((?:[0-9A-F]{2}:){31}[0-9A-F]{2})$", shown)
        url, page = found(r"^Sealroom is at (\S+)$", shown), found(r"opens (\S+)", shown)
        yield Lan(url, page, fingerprint, data_dir)
        process.terminate()
        process.stdout.read()
        assert process.wait(STOP_TIMEOUT_S) == 0


@pytest_asyncio.fixture
async def certificate(lan: Lan) -> bytes:
    """What a phone downloads from the page; DER."""
    return (await AsyncHTTPClient().fetch(f"{lan.page}/sealroom.crt")).body


@pytest_asyncio.fixture
async def phones(tmp_path: Path, certificate: bytes) -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        environment = dict(trusting(tmp_path / "phone", certificate))
        chromium = await playwright.chromium.launch(**LAUNCH, env=environment)
        yield chromium
        await chromium.close()


async def test_people_who_trust_the_machine_sign_up_and_talk(lan: Lan, phones: Browser) -> None:
    # Started by `make lan`; only its address and its mails are asked for.
    server = ServerProcess(lan.data_dir, origin=lan.url)
    an = await Person.at(server, await phones.new_context(), "An")
    binh = await Person.at(server, await phones.new_context(), "Binh")
    await an.sign_up()
    await binh.sign_up()
    await befriend(an, binh)
    await an.send("xin chào")
    await binh.reads("xin chào")
    assert await an.page.evaluate("isSecureContext")
    assert an.page.url.startswith(f"{lan.url}/")
    assert [*an.complaints, *binh.complaints] == []


async def test_the_page_hands_out_what_the_terminal_names_and_nothing_else(
    lan: Lan, certificate: bytes
) -> None:
    named = x509.load_der_x509_certificate(certificate).fingerprint(SHA256()).hex(":").upper()
    assert named == lan.fingerprint
    page = await AsyncHTTPClient().fetch(lan.page)
    assert lan.url in page.body.decode()
    for path in ("/authority.pem", "/lan/authority.pem", "/health", "/../master.key"):
        with pytest.raises(HTTPClientError, match="404"):
            await AsyncHTTPClient().fetch(f"{lan.page}{path}")


async def test_only_who_trusts_the_authority_trusts_the_server(
    lan: Lan, certificate: bytes
) -> None:
    trusting_it = ssl.create_default_context(cadata=certificate)
    answer = await AsyncHTTPClient().fetch(f"{lan.url}/health", ssl_options=trusting_it)
    assert answer.code == 200
    with pytest.raises(ssl.SSLCertVerificationError):
        await AsyncHTTPClient().fetch(f"{lan.url}/health")


def refusal(tmp_path: Path, *arguments: str) -> str:
    """Start it as it must not be; returns what it says."""
    done = subprocess.run(
        [sys.executable, "-m", "tools.lan", "--data-dir", str(tmp_path), *arguments],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
        timeout=STOP_TIMEOUT_S,
    )
    assert done.returncode == 2
    return done.stderr


def test_a_public_address_is_refused_in_one_sentence(tmp_path: Path) -> None:
    said = refusal(tmp_path, "--address", "8.8.8.8")
    assert said == "8.8.8.8 is not a private address or a .local name (--address).\n"


def test_a_port_that_somebody_has_is_refused_in_one_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        said = refusal(tmp_path, "--address", "127.0.0.1", "--server-port", port)
    assert said == f"Port {port}: Address already in use.\n"
