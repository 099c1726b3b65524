"""Balancers and workers in processes of their own."""

import contextlib
import json
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
STOP_TIMEOUT_S = 15


@contextlib.contextmanager
def worker_process(name: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Run a worker; gives its address and its process."""
    command = [sys.executable, str(Path(__file__).with_name("worker.py")), name]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"127.0.0.1:{process.stdout.readline().strip()}", process
        finally:
            process.kill()


@dataclass
class BalancerProcess:
    """`python -m lb` with one service "web"; it can be given other settings while it runs."""

    folder: Path
    workers: list[str]
    settings: dict[str, Any] = field(default_factory=dict)
    whole: dict[str, Any] = field(default_factory=dict)
    port: int = 0
    descriptors: int = 0
    process: subprocess.Popen[str] | None = None

    def write(self) -> Path:
        """Write the settings; returns the file."""
        service = {
            "name": "web",
            "listen": f"127.0.0.1:{self.port}",
            "protocol": "tcp",
            "check": "tcp",
        } | self.settings
        lines = [f"{name} = {json.dumps(value)}" for name, value in self.whole.items()]
        lines += ["[[service]]"]
        lines += [f"{name} = {json.dumps(value)}" for name, value in service.items()]
        for address in self.workers:
            lines += ["[[service.worker]]", f"address = {json.dumps(address)}"]
        path = self.folder / "lb.toml"
        path.write_text("\n".join(lines))
        return path

    def start(self) -> None:
        """Start and return once it accepts."""
        command = [sys.executable, "-m", "lb", "--config", str(self.write())]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command,
                cwd=ROOT,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                preexec_fn=self._limit if self.descriptors else None,
            )
        assert self.process.stdout is not None
        greeting = self.process.stdout.readline()
        assert greeting, self.log.read_text()
        self.port = int(greeting.split()[-1])

    def _limit(self) -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (self.descriptors, self.descriptors))

    @property
    def log(self) -> Path:
        return self.folder / "lb.log"

    def tell(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def ended(self) -> int:
        """Wait for its end; returns the exit code."""
        assert self.process is not None
        assert self.process.stdout is not None
        code = self.process.wait(timeout=STOP_TIMEOUT_S)
        self.process.stdout.close()
        return code

    def kill(self) -> None:
        """End it, whatever state it is in."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.ended()
