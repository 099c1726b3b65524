"""Servers and a bus in processes of their own, which tests start, kill and stop."""

import asyncio
import json
import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
STOP_TIMEOUT_S = 15
START_TIMEOUT_S = 15


class Child:
    """A process that tests end as a crash or as an operator would; whoever starts it sets it."""

    _process: subprocess.Popen[Any] | None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process is not None

    def kill(self) -> None:
        """End it as a crash would."""
        assert self._process is not None
        self._process.kill()
        self._ended()

    def stop(self) -> int:
        """End it as an operator would; returns the exit code."""
        assert self._process is not None
        self._process.terminate()
        return self._ended()

    def _ended(self) -> int:
        assert self._process is not None
        code = self._process.wait(timeout=STOP_TIMEOUT_S)
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._process = None
        return code


@dataclass
class ServerProcess(Child):
    """A server on loopback and the folder of its data; its ports stay when it restarts.

    `within` is a command that starts another: what the server runs in. `root` holds its program.
    """

    data_dir: Path
    settings: dict[str, str] = field(default_factory=dict)
    within: tuple[str, ...] = ()
    root: Path = ROOT
    origin: str = ""
    messenger: str = ""  # host:port, or nothing where it is off
    _process: subprocess.Popen[str] | None = None
    _read: set[Path] = field(default_factory=set)

    def start(self) -> None:
        """Start and return once it listens."""
        environment = os.environ | {
            "SEALROOM_PORT": self.origin.rpartition(":")[2] or "0",
            "SEALROOM_MESSENGER_PORT": self.messenger.rpartition(":")[2] or "0",
            "SEALROOM_DATA_DIR": str(self.data_dir),
            "SEALROOM_TEST_CLOCK_FILE": str(self._clock_file),
            **self.settings,
        }
        if not self._clock_file.exists():
            self._clock_file.write_text("0")
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*self.within, sys.executable, "server.py"],
                cwd=self.root,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        self.origin = self._told()
        if environment["SEALROOM_MESSENGER_PORT"] != "-1":
            self.messenger = self._told()

    def _told(self) -> str:
        """Return the address in the next line that the server prints."""
        assert self._process is not None
        assert self._process.stdout is not None
        words = self._process.stdout.readline().split()
        assert words, self.log.read_text(encoding="utf-8")
        return words[-1]

    @property
    def log(self) -> Path:
        return self.data_dir / "server.log"

    @property
    def _clock_file(self) -> Path:
        return self.data_dir / "clock-offset-ms"

    def advance(self, step_ms: int) -> None:
        """Let the server's clock jump forward."""
        now_ms = int(self._clock_file.read_text()) + step_ms
        partial = self._clock_file.with_suffix(".new")
        partial.write_text(str(now_ms))
        partial.replace(self._clock_file)

    async def code_for(self, email: str) -> str:
        """The code in the next mail to an address; mails go out a moment after the answer."""
        async with asyncio.timeout(20):
            while True:
                outbox = self.data_dir / "outbox"
                for mail in sorted(set(outbox.glob(f"*-{email}.eml")) - self._read):
                    self._read.add(mail)
                    found = re.search(r"\b\d{6}\b", mail.read_text(encoding="utf-8"))
                    if found is not None:
                        return found.group()
                await asyncio.sleep(0.05)


@dataclass
class NatsProcess(Child):
    """A NATS server on loopback with `config/nats.conf`; the port stays when it restarts."""

    folder: Path
    options: tuple[str, ...] = ()
    password: str = field(default_factory=lambda: f"p{os.urandom(8).hex()}")
    url: str = ""
    _process: subprocess.Popen[bytes] | None = None

    @property
    def settings(self) -> dict[str, str]:
        """What a `ServerProcess` needs to be on this bus."""
        return {
            "SEALROOM_BUS": self.url,
            "SEALROOM_BUS_USER": "sealroom",
            "SEALROOM_BUS_PASSWORD": self.password,
        }

    def start(self) -> None:
        """Start and return once it listens."""
        program = Path(sys.executable).with_name("nats-server")
        port = self.url.rsplit(":", 1)[-1] if self.url else "-1"
        command = [program, "-c", "config/nats.conf", "-p", port, *self.options]
        with (self.folder / "nats.log").open("ab") as log:
            self._process = subprocess.Popen(
                [*map(str, command), "--ports_file_dir", str(self.folder)],
                cwd=ROOT,
                env=os.environ | {"SEALROOM_BUS_PASSWORD": self.password},
                stdout=log,
                stderr=log,
            )
        ports = self.folder / f"nats-server_{self._process.pid}.ports"
        deadline = time.monotonic() + START_TIMEOUT_S
        while not (ports.exists() and ports.read_text()):
            assert self._process.poll() is None, (self.folder / "nats.log").read_text()
            assert time.monotonic() < deadline, (self.folder / "nats.log").read_text()
            time.sleep(0.02)
        (self.url,) = json.loads(ports.read_text())["nats"]
