"""What a cluster on one machine consists of: every command, port and setting, before any is used.

    people ──▶ balancer 8000, 9000 ──▶ worker-1  5001, 9991   weight 3
                      │                worker-2  5002, 9992   weight 2 ──▶ database
               status 8010             worker-3  5003, 9993   weight 1
                                           └──── bus 4222

Only the balancer can be reached from elsewhere. The workers share a data folder: its database,
when no other is named, its keys and its mails.
"""

import os
import secrets
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
LOOPBACK = "127.0.0.1"
BUS_USER = "sealroom"


@dataclass(frozen=True)
class Options:
    """What can be asked for; ports of workers are the first of as many in a row."""

    workers: int
    database: str
    data_dir: Path
    host: str
    port: int
    tcp_port: int
    status_port: int
    worker_port: int
    worker_tcp_port: int
    bus_port: int
    bus: str

    @property
    def public_url(self) -> str:
        return f"http://localhost:{self.port}"


@dataclass(frozen=True)
class Worker:
    """One server of the cluster."""

    name: str
    port: int
    tcp_port: int
    weight: int

    @property
    def health_url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}/health"


@dataclass(frozen=True)
class Plan:
    """The cluster of some options. Its secrets are new at every start."""

    options: Options
    bus_password: str = field(default_factory=lambda: f"p{secrets.token_hex(16)}", repr=False)
    admin_token: str = field(default_factory=lambda: secrets.token_hex(16), repr=False)

    @property
    def workers(self) -> list[Worker]:
        """Weights fall to 1: of three workers they are 3, 2 and 1 (S0-10)."""
        o = self.options
        return [
            Worker(f"worker-{n + 1}", o.worker_port + n, o.worker_tcp_port + n, o.workers - n)
            for n in range(o.workers)
        ]

    @property
    def bus_command(self) -> list[str]:
        program = str(Path(sys.executable).with_name("nats-server"))
        return [program, "-c", str(ROOT / "config/nats.conf"), "-p", str(self.options.bus_port)]

    @property
    def bus_environment(self) -> dict[str, str]:
        # Nobody but this user can read the environment of these processes, and no file is left.
        return _environment({"SEALROOM_BUS_PASSWORD": self.bus_password})

    @property
    def worker_command(self) -> list[str]:
        return [sys.executable, str(ROOT / "server.py")]

    def worker_environment(self, worker: Worker) -> dict[str, str]:
        """Return the environment of one server: the launcher's own, and what makes it a worker."""
        o = self.options
        settings = {
            "SEALROOM_HOST": LOOPBACK,
            "SEALROOM_PORT": str(worker.port),
            "SEALROOM_MESSENGER_PORT": str(worker.tcp_port),
            "SEALROOM_DATA_DIR": str(o.data_dir),
            "SEALROOM_BALANCERS": LOOPBACK,
        }
        if o.database:
            settings["SEALROOM_DATABASE"] = o.database
        if o.bus:
            settings["SEALROOM_BUS"] = o.bus
        else:
            settings["SEALROOM_BUS"] = f"nats://{LOOPBACK}:{o.bus_port}"
            settings["SEALROOM_BUS_USER"] = BUS_USER
            settings["SEALROOM_BUS_PASSWORD"] = self.bus_password
        usual = {
            "SEALROOM_PUBLIC_URL": o.public_url,
            "SEALROOM_LOG_FORMAT": "text",
            # So long a worker that is to stop still answers whom the balancer has just let in.
            "SEALROOM_DRAIN_WAIT_S": "0.5",
        }
        return _environment(settings, usual)

    @property
    def balancer_file(self) -> Path:
        return self.options.data_dir / "balancer.toml"

    @property
    def balancer_command(self) -> list[str]:
        return [sys.executable, "-m", "lb", "--config", str(self.balancer_file)]

    @property
    def balancer_environment(self) -> dict[str, str]:
        return _environment({})

    @property
    def status_url(self) -> str:
        return f"http://{LOOPBACK}:{self.options.status_port}"

    def balancer_settings(self) -> str:
        """Return the balancer's file. On one machine health is cheap to ask and quick to tell."""
        o = self.options
        rows = [
            f'admin = "{LOOPBACK}:{o.status_port}"',
            f'admin_token = "{self.admin_token}"',
            'log_format = "text"',
        ]
        for name, port, protocol in (("web", o.port, "http"), ("messenger", o.tcp_port, "tcp")):
            rows += [
                "",
                "[[service]]",
                f'name = "{name}"',
                f'listen = "{o.host}:{port}"',
                f'protocol = "{protocol}"',
                'proxy_protocol = "v2"',
                "check_interval_s = 0.5",
                "check_timeout_s = 1.0",
                "failures_down = 2",
            ]
            for worker in self.workers:
                address = worker.port if name == "web" else worker.tcp_port
                rows += [
                    "",
                    "[[service.worker]]",
                    f'address = "{LOOPBACK}:{address}"',
                    f'check_address = "{LOOPBACK}:{worker.port}"',
                    f"weight = {worker.weight}",
                ]
        return "\n".join(rows) + "\n"

    def write(self) -> None:
        """Write the balancer's file, readable by its owner only: it holds the token."""
        self.options.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.balancer_file.unlink(missing_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        with os.fdopen(os.open(self.balancer_file, flags, 0o600), "w") as file:
            file.write(self.balancer_settings())


def _environment(
    settings: Mapping[str, str], usual: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Return this process's environment with settings that count more, and usual ones less."""
    inherited = os.environ  # noqa: TID251 - what a child is started with, not what this reads
    without_files = {
        name: value
        for name, value in inherited.items()
        if name.removesuffix("_FILE") == name or name.removesuffix("_FILE") not in settings
    }
    return {**(usual or {}), **without_files, **settings}
