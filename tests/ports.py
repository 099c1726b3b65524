"""Ports that nobody listens on."""

import socket
from contextlib import ExitStack


def free_ports(count: int, host: str = "127.0.0.1") -> list[int]:
    """Find as many at once, so that no two are the same."""
    with ExitStack() as stack:
        opened = [stack.enter_context(socket.create_server((host, 0))) for _ in range(count)]
        return [one.getsockname()[1] for one in opened]
