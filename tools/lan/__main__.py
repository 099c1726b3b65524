"""Sealroom for a home: one server behind TLS, for phones on the same network (`make lan`).

    phone ──TLS──▶ balancer, port 8443 ──PROXY──▶ server 127.0.0.1:8888
    phone ──http─▶ page, port 8442          the authority's certificate, and how to trust it

Browsers give cryptography to pages from https only, and nobody certifies 192.168.1.5: so this
machine is an authority of its own, which each phone has to be told about once. The page is plain
http, because without the certificate there is no other way to the phone; it serves nothing else,
and the terminal shows what the fingerprint must be.

Ctrl-C ends everything, and so does the end of this process however it comes.
"""

import argparse
import asyncio
import contextlib
import json
import os
import signal
import socket
import ssl
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import segno

from lb.cluster.child import Child, ChildEndedError
from lb.tasks import spawn
from tools.lan.certificates import Pair, certify, may_certify, open_authority
from tools.lan.page import trust_page

PROBE_TIMEOUT_S = 2.0

Probe = Callable[[], Awaitable[bool]]

BALANCER = """\
log_format = "text"
log_level = "warning"

[[service]]
name = "web"
listen = "{port}"
certificate_file = {pem}
key_file = {pem}
proxy_protocol = "v2"
check_host = "localhost"
check_interval_s = 1.0

[[service.worker]]
address = "127.0.0.1:{server_port}"
"""

GREETING = """
Sealroom is at {url}

A phone that does not trust this machine yet opens {page} first
and finds the way there. The certificate it is shown must have this fingerprint (SHA-256):

  {fingerprint}

Ctrl-C ends everything.
"""


class LanError(Exception):
    """One sentence that says why nothing was started."""


@dataclass(frozen=True)
class Lan:
    """What is started: where it listens and where it keeps its data."""

    address: str
    port: int
    page_port: int
    server_port: int
    data_dir: Path

    @property
    def url(self) -> str:
        """Return the origin that people open."""
        return f"https://{self._host}:{self.port}"

    @property
    def page(self) -> str:
        """Return where a phone learns to trust it."""
        return f"http://{self._host}:{self.page_port}"

    @property
    def folder(self) -> Path:
        """Return where certificates and the balancer's settings are."""
        return self.data_dir.resolve() / "lan"

    @property
    def _host(self) -> str:
        return f"[{self.address}]" if ":" in self.address else self.address

    def require_possible(self) -> None:
        """Raises: LanError when the address is not of a home, or a port is taken."""
        if not may_certify(self.address):
            raise LanError(f"{self.address} is not a private address or a .local name (--address).")
        for port in (self.port, self.page_port, self.server_port):
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind(("0.0.0.0", port))  # noqa: S104 - phones come from outside
                except OSError as error:
                    raise LanError(f"Port {port}: {error.strerror}.") from error


def own_address() -> str:
    """Return this machine's address on the network that leads outside, or loopback without one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing: the kernel only picks a route
        except OSError:
            return "127.0.0.1"
        return str(probe.getsockname()[0])


def say(name: str, line: str) -> None:
    """Print one line of a child."""
    print(f"{name:<8} {line}", flush=True)


def answers(host: str, port: int, tls: ssl.SSLContext | None = None) -> Probe:
    """Return a probe: whether GET /health is answered with 200."""

    async def ask() -> bool:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            async with asyncio.timeout(PROBE_TIMEOUT_S):
                reader, writer = await asyncio.open_connection(host, port, ssl=tls)
                with contextlib.closing(writer):
                    writer.write(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
                    return b" 200 " in await reader.readuntil(b"\r\n")
        return False

    return ask


def children(lan: Lan, authority: Pair, pem: Path) -> tuple[Child, Child]:
    """Prepare the server, and the balancer in front of it with the certificate in `pem`."""
    environment = os.environ | {
        "SEALROOM_HOST": "127.0.0.1",
        "SEALROOM_PORT": str(lan.server_port),
        "SEALROOM_MESSENGER_PORT": "-1",
        "SEALROOM_BALANCERS": "127.0.0.1",
        "SEALROOM_PUBLIC_URL": lan.url,
        "SEALROOM_DATA_DIR": str(lan.data_dir.resolve()),
        "SEALROOM_LOG_FORMAT": "text",
        "SEALROOM_LOG_LEVEL": "warning",
    }
    settings = lan.folder / "balancer.toml"
    quoted = json.dumps(str(pem))  # a text of JSON is one of TOML too
    text = BALANCER.format(port=lan.port, pem=quoted, server_port=lan.server_port)
    settings.write_text(text, encoding="utf-8")
    python = sys.executable
    trusting = ssl.create_default_context(cadata=authority.der)
    at_server = answers("127.0.0.1", lan.server_port)
    through_tls = answers("localhost", lan.port, trusting)
    balance = [python, "-m", "lb", "--config", str(settings)]
    return (
        Child("server", [python, "server.py"], environment, at_server, say),
        Child("balancer", balance, environment, through_tls, say),
    )


async def serve(lan: Lan) -> None:
    """Run until cancelled.

    Raises: LanError, ChildEndedError when something could not be started.
    """
    lan.require_possible()
    now = datetime.now(UTC)
    authority = open_authority(lan.folder, socket.gethostname(), now)
    pem = certify(lan.folder, authority, lan.address, now)
    server, balancer = children(lan, authority, pem)
    page = trust_page(lan.url, authority.der).listen(lan.page_port)
    lives = [spawn(server.run())]
    try:
        await server.healthy()
        lives.append(spawn(balancer.run()))
        await balancer.healthy()
        segno.make(lan.url).terminal(compact=True)
        text = GREETING.format(url=lan.url, page=lan.page, fingerprint=authority.fingerprint)
        print(text, flush=True)
        await asyncio.Event().wait()
    finally:
        page.stop()
        await balancer.stop()
        await server.stop()
        await asyncio.gather(*lives)


async def until_told(lan: Lan) -> int:
    """Serve until SIGTERM or Ctrl-C; returns the exit status, 2 when it could not start."""
    loop = asyncio.get_running_loop()
    serving = loop.create_task(serve(lan))
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, serving.cancel)
    try:
        await serving
    except (LanError, ChildEndedError) as error:
        print(error, file=sys.stderr)
        return 2
    except asyncio.CancelledError:  # as the signal wanted
        pass
    return 0


def main() -> int:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description="Sealroom over https on the local network.")
    parser.add_argument("--address", default=own_address(), help="what phones open (%(default)s)")
    parser.add_argument("--port", type=int, default=8443, help="port for them (%(default)s)")
    parser.add_argument("--page-port", type=int, default=8442, help="of the page (%(default)s)")
    parser.add_argument("--server-port", type=int, default=8888, help="on loopback (%(default)s)")
    parser.add_argument("--data-dir", type=Path, default=Path("data"), help="(%(default)s)")
    return asyncio.run(until_told(Lan(**vars(parser.parse_args()))))


if __name__ == "__main__":
    sys.exit(main())
