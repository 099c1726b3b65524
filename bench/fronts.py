"""What can stand in front of a TCP server: nothing, our balancer, HAProxy, nginx.

Each runs as one process with one thread, so that like is compared with like. HAProxy and nginx are
used when they are installed.
"""

import contextlib
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

START_S = 10
INSTALL = "apt-get install --no-install-recommends haproxy nginx-light libnginx-mod-stream"

Command = Callable[[Path, int, int], list[str]]


def free_port() -> int:
    """Return a port of loopback that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _ours(folder: Path, port: int, to_port: int) -> list[str]:
    (folder / "lb.toml").write_text(
        f"""[[service]]
name = "bench"
listen = "127.0.0.1:{port}"
protocol = "tcp"
check = "tcp"
max_connections = 0
[[service.worker]]
address = "127.0.0.1:{to_port}"
"""
    )
    return [sys.executable, "-m", "lb", "--config", str(folder / "lb.toml")]


def _haproxy(folder: Path, port: int, to_port: int) -> list[str]:
    (folder / "haproxy.cfg").write_text(
        f"""global
    nbthread 1
    maxconn 4000
defaults
    mode tcp
    timeout connect 5s
    timeout client 60s
    timeout server 60s
listen bench
    bind 127.0.0.1:{port}
    server one 127.0.0.1:{to_port} check
"""
    )
    return ["haproxy", "-db", "-q", "-f", str(folder / "haproxy.cfg")]


def _nginx(folder: Path, port: int, to_port: int) -> list[str]:
    (folder / "nginx.conf").write_text(
        f"""load_module /usr/lib/nginx/modules/ngx_stream_module.so;
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log;
events {{ worker_connections 9000; }}
stream {{ server {{ listen 127.0.0.1:{port}; proxy_pass 127.0.0.1:{to_port}; }} }}
"""
    )
    return ["nginx", "-c", str(folder / "nginx.conf"), "-p", str(folder)]


_COMMANDS: dict[str, Command] = {"ours": _ours, "haproxy": _haproxy, "nginx": _nginx}


def installed() -> list[str]:
    """Return what can be measured here, the bare connection first."""
    return ["direct", *(name for name in _COMMANDS if name == "ours" or shutil.which(name))]


@contextmanager
def front(name: str, folder: Path, to_port: int) -> Iterator[int]:
    """Put this in front of a port; gives the port to connect to."""
    if name == "direct":
        yield to_port
        return
    port = free_port()
    command = _COMMANDS[name](folder, port, to_port)
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_for(port)
        yield port
    finally:
        process.terminate()
        process.wait(20)


def _wait_for(port: int) -> None:
    deadline_s = time.monotonic() + START_S
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        if time.monotonic() > deadline_s:
            raise TimeoutError(f"nothing listens on port {port}")
        time.sleep(0.05)
