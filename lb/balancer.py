"""All services of one process: start, drain, stop."""

import asyncio
import contextlib
import logging

from lb.listener import Listener
from lb.service import Service
from lb.settings import ServiceSettings, Settings

_log = logging.getLogger(__name__)


class Balancer:
    """Services and their listening sockets."""

    def __init__(self, settings: Settings) -> None:
        """Bind every address, but accept nothing yet.

        Raises: OSError
        """
        self.settings = settings
        self.services: dict[str, Service] = {}
        self._listeners: dict[str, Listener] = {}
        for service in settings.services:
            self._add(service)

    def _add(self, settings: ServiceSettings) -> None:
        service = Service(settings)
        self._listeners[settings.name] = Listener(settings.address, service.accept)
        self.services[settings.name] = service

    @property
    def connections(self) -> int:
        """How many were accepted and have not ended."""
        return sum(service.connections for service in self.services.values())

    def port(self, name: str) -> int:
        """Return the port of a service, also when the settings left it to the system."""
        return self._listeners[name].port

    async def start(self) -> None:
        """Ask every worker for its health once, then begin to accept.

        A process that takes over from another would otherwise refuse what that one still served.
        """
        await asyncio.gather(*(service.start() for service in self.services.values()))
        for listener in self._listeners.values():
            listener.start()

    async def drain(self, timeout_s: float) -> None:
        """Accept no more, wait for the connections to end, and cut those that do not."""
        for listener in self._listeners.values():
            listener.stop()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await asyncio.gather(*(service.idle() for service in self.services.values()))
        for service in self.services.values():
            service.stop()
            service.cut_all("drained")
