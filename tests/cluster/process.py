"""A whole cluster in a process group of its own, as `make cluster` starts it."""

import os
import random
import re
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from tests.process import ROOT, ServerProcess

START_TIMEOUT_S = 60


def free_ports(count: int) -> int:
    """Return the first of so many ports in a row that are free and that no connection is given."""
    given_from = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0]
    while True:
        first = random.randrange(10_000, int(given_from) - count)
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
    options: tuple[str, ...] = ()

    def start(self) -> None:
        """Start and return once the cluster is ready."""
        first = free_ports(5 + 2 * self.workers)
        names = ("--port", "--tcp-port", "--status-port", "--bus-port", "--worker-port")
        ports = dict(zip(names, range(first, first + 5), strict=True))
        ports["--worker-tcp-port"] = first + 4 + self.workers
        command = [sys.executable, "-m", "lb", "cluster", "--data-dir", str(self.data_dir)]
        command += ["--workers", str(self.workers), *self.options]
        command += [word for name, port in ports.items() for word in (name, str(port))]
        self.origin = f"http://127.0.0.1:{first}"
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
        self.says("CLUSTER READY")

    def says(self, words: str, times: int = 1) -> None:
        """Wait until the launcher has printed something so often."""
        assert self._process is not None
        deadline = time.monotonic() + START_TIMEOUT_S
        while (said := self.log.read_text(encoding="utf-8")).count(words) < times:
            assert self._process.poll() is None, said[-4_000:]
            assert time.monotonic() < deadline, said[-4_000:]
            time.sleep(0.05)

    def process_of(self, child: str) -> int:
        """The process id of a child's newest life, like that of `worker-1`."""
        said = self.log.read_text(encoding="utf-8")
        return int(re.findall(rf"^{child} +\| started as process (\d+)$", said, re.M)[-1])
