"""The settings of deploy/ at work: front → balancer → worker, each knowing who is there.

Addresses of loopback stand for those of the containers: 127.0.0.1 for the balancer, 127.0.0.2 for
the front, 127.0.0.3 for a stranger. Of the three workers two are not there.
"""

import json
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.ports import free_ports
from tests.process import ROOT, ServerProcess

BALANCER, FRONT, STRANGER = "127.0.0.1", "127.0.0.2", "127.0.0.3"
STANDS_FOR = {"172.30.2.2": BALANCER, "172.30.1.2": FRONT}
HOST = "chat.example.org"
PATIENCE_S = 20

pytestmark = pytest.mark.slow


@dataclass
class Chain:
    """Where the balancer listens, and the log of the worker behind it."""

    web: int
    messenger: int
    admin: int
    log: Path

    def ask(self, path: str, *, source: str, forwarded_for: str) -> int:
        """Ask as the front asks, from any address; returns the status."""
        connection = HTTPConnection(BALANCER, self.web, PATIENCE_S, source_address=(source, 0))
        headers = {"Host": HOST, "X-Forwarded-For": forwarded_for, "X-Forwarded-Proto": "https"}
        connection.request("GET", path, headers=headers)
        status = connection.getresponse().status
        connection.close()
        return status

    def seen(self, path: str, **how: str) -> str:
        """Return the network that the worker takes a visitor to come from."""
        before = len(self._requests())
        assert self.ask(path, **how) == 404
        # The line is written once the answer is on its way.
        until(lambda: len(self._requests()) > before)
        return str(self._requests()[-1]["address_prefix"])

    def _requests(self) -> list[dict[str, object]]:
        rows = map(json.loads, self.log.read_text().splitlines())
        return [row for row in rows if row["message"] == "request"]

    def is_healthy(self) -> bool:
        try:
            return self.ask("/health", source=FRONT, forwarded_for="203.0.113.7") == 200
        except OSError:
            return False


def until(condition: Callable[[], bool]) -> None:
    """Wait for what is bound to happen."""
    deadline_s = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline_s
        time.sleep(0.05)


def described() -> dict[str, Any]:
    """Return the Compose file."""
    compose: dict[str, Any] = yaml.safe_load((ROOT / "deploy/compose.yaml").read_text())
    return compose


def worker_settings() -> dict[str, str]:
    """Return those of a worker's settings that say who it is and who is believed."""
    told = described()["x-worker"]["environment"]
    believed = ("SEALROOM_BALANCERS", "SEALROOM_TRUSTED_PROXIES")
    return {name: STANDS_FOR[told[name]] for name in believed} | {
        "SEALROOM_PUBLIC_URL": re.sub(r"\$\{DOMAIN.*\}", HOST, told["SEALROOM_PUBLIC_URL"])
    }


def moved(text: str, ports: dict[str, int]) -> str:
    """Put the balancer's file on loopback."""
    text = re.sub(r"\d+\.0\.0\.[01]:(\d+)", lambda m: f"{BALANCER}:{ports[m[1]]}", text)
    return re.sub(r"(worker\d:\d+)", lambda m: f"{BALANCER}:{ports[m[1]]}", text)


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[Chain]:
    names = ["8000", "9000", "8010"]
    names += [f"worker{number}:{port}" for number in (1, 2, 3) for port in (8888, 9999)]
    ports = dict(zip(names, free_ports(len(names), BALANCER), strict=True))
    worker = ServerProcess(
        tmp_path,
        worker_settings(),
        origin=f"http://localhost:{ports['worker1:8888']}",
        messenger=f"localhost:{ports['worker1:9999']}",
    )
    worker.start()
    file = tmp_path / "balancer.toml"
    file.write_text(moved((ROOT / "deploy/balancer.toml").read_text(), ports))
    command = [sys.executable, "-m", "lb", "--config", file]
    with subprocess.Popen(command, cwd=ROOT) as balancer:
        chain = Chain(ports["8000"], ports["9000"], ports["8010"], worker.log)
        until(chain.is_healthy)
        yield chain
        balancer.terminate()
        assert balancer.wait(PATIENCE_S) == 0
    assert worker.stop() == 0


def test_a_visitor_is_known_by_what_the_front_says_and_nobody_else(chain: Chain) -> None:
    of_visitor = {"forwarded_for": "203.0.113.7"}
    assert chain.seen("/api/nothing", source=FRONT, **of_visitor) == "203.0.113.0/24"
    # What the visitor wrote stands left of what the front adds.
    forged = {"forwarded_for": "198.51.100.9, 203.0.113.7"}
    assert chain.seen("/api/nothing", source=FRONT, **forged) == "203.0.113.0/24"
    assert chain.seen("/api/nothing", source=STRANGER, **of_visitor) == "127.0.0.0/24"


def test_the_messenger_is_reached_and_answers(chain: Chain) -> None:
    with socket.create_connection((BALANCER, chain.messenger), PATIENCE_S) as connection:
        connection.sendall(b'{"type":"typing.start"}\n')
        with connection.makefile() as lines:
            assert json.loads(lines.readline())["type"] == "error"


def test_the_health_check_of_the_balancer_finds_it_well(chain: Chain) -> None:
    *_, code = described()["services"]["balancer"]["healthcheck"]["test"]
    for port, status in ((str(chain.admin), 0), (str(free_ports(1, BALANCER)[0]), 1)):
        asked = [sys.executable, "-c", code.replace("8010", port)]
        done = subprocess.run(asked, check=False, stderr=subprocess.PIPE, timeout=PATIENCE_S)
        assert done.returncode == status, done.stderr
