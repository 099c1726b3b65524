"""A whole cluster in a process group of its own, as `make cluster` starts it."""

import asyncio
import json
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from tests.process import ROOT, ServerProcess

START_TIMEOUT_S = 60
PATIENCE_S = 60


def free_ports(count: int) -> int:
    """Return the first of so many ports in a row that are free and that no connection is given."""
    given_from = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0]
    while True:
        # Not by `random`, which begins anew with every test, and alike in all that run beside it.
        first = 10_000 + secrets.randbelow(int(given_from) - count - 10_000)
        if all(map(_is_free, range(first, first + count))):
            return first


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


@dataclass
class ClusterProcess(ServerProcess):
    """The launcher and everything it starts; `origin` is the balancer's."""

    workers: int = 3
    database: str = ""
    options: tuple[str, ...] = ()

    def start(self) -> None:
        """Start and return once the cluster is ready."""
        first = free_ports(5 + 2 * self.workers)
        names = ("--port", "--tcp-port", "--status-port", "--bus-port", "--worker-port")
        ports = dict(zip(names, range(first, first + 5), strict=True))
        ports["--worker-tcp-port"] = first + 4 + self.workers
        command = [sys.executable, "-m", "lb", "cluster", "--data-dir", str(self.data_dir)]
        command += ["--workers", str(self.workers), "--database", self.database, *self.options]
        command += [word for name, port in ports.items() for word in (name, str(port))]
        self.origin = f"http://127.0.0.1:{first}"
        self.messenger = f"127.0.0.1:{ports['--tcp-port']}"
        self.ports = ports
        environment = os.environ | {
            "SEALROOM_LOG_FORMAT": "json",
            "SEALROOM_TEST_CLOCK_FILE": str(self._clock_file),
            **self.settings,
        }
        self._clock_file.write_text("0")
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command, cwd=ROOT, env=environment, stdout=log, stderr=log, text=True
            )
        self._wait_for("CLUSTER READY")

    def _wait_for(self, words: str) -> None:
        assert self._process is not None
        deadline = time.monotonic() + START_TIMEOUT_S
        while words not in self.printed:
            assert self._process.poll() is None, self.printed[-4_000:]
            assert time.monotonic() < deadline, self.printed[-4_000:]
            time.sleep(0.05)

    @property
    def printed(self) -> str:
        """Everything the launcher has printed."""
        return self.log.read_text(encoding="utf-8")

    @property
    def errors(self) -> list[str]:
        """The lines that say something is broken."""
        return [line for line in self.printed.splitlines() if '"level": "error"' in line]

    @property
    def database_url(self) -> str:
        return self.database or f"sqlite:///{self.data_dir}/sealroom.db"

    def process_of(self, child: str) -> int:
        """The process id of the newest life of a child like `worker-1`."""
        return self._lives(child)[-1]

    def _lives(self, child: str) -> list[int]:
        pattern = rf"^{child} +\| started as process (\d+)$"
        return [int(pid) for pid in re.findall(pattern, self.printed, re.MULTILINE)]

    async def kill_child(self, child: str) -> None:
        """End a child as a crash would, and wait until another one serves in its place."""
        dead = self.process_of(child)
        os.kill(dead, signal.SIGKILL)
        await self.serves_again(child, dead)

    def interrupt(self) -> int:
        """End it as Ctrl-C does; returns the exit code."""
        os.kill(self.pid, signal.SIGINT)
        return self._ended()

    def restart_workers(self) -> None:
        os.kill(self.pid, signal.SIGHUP)

    # ---- what is waited for

    async def prints(self, words: str, times: int = 1) -> None:
        """Wait until the launcher has printed something so often since it started."""
        await until(lambda: self.printed.count(words) >= times)

    async def until_whole(self) -> None:
        """Wait until the balancer gives connections to every worker."""
        await until(lambda: set(self.states) <= {"healthy", "slow start"})

    async def shows(self, worker: int, state: str) -> None:
        """Wait until the balancer shows a worker, counted from 1, in a state."""
        await until(lambda: self.states[worker - 1] == state)

    @property
    def states(self) -> list[str]:
        """How the balancer sees the workers of the page."""
        return [worker["state"] for worker in self._services[0]["workers"]]

    def connections(self, service: str) -> int:
        """How many connections the balancer has for a service."""
        return sum(each["connections"] for each in self._services if each["name"] == service)

    @property
    def _services(self) -> list[dict[str, Any]]:
        return _json(self.ports["--status-port"], "/status.json")["services"]

    def health(self) -> dict[str, Any]:
        """What the first worker says of itself."""
        return _json(self.ports["--worker-port"], "/health")

    async def serves_again(self, child: str, after: int) -> None:
        """Wait until a later life of a child serves than the one with this process id."""
        pattern = rf"^{child} +\| started as process \d+$.*^{child} +\| serves$"
        again = re.compile(pattern, re.MULTILINE | re.DOTALL)
        this_life = f"started as process {after}\n"
        await until(lambda: again.search(self.printed.rpartition(this_life)[2]) is not None)


async def until(holds: Callable[[], bool]) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(PATIENCE_S):
        while not holds():
            await asyncio.sleep(0.05)


def _json(port: int, path: str) -> Any:
    with urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
        return json.load(answer)
