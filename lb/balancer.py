"""All services of one process: start, take other settings, drain.

Settings are applied as a whole or not at all: certificates are read and addresses bound first, and
only then anything changes. Connections outlive every change but the end of the process.
"""

import asyncio
import math
import ssl
from dataclasses import dataclass

from lb.listener import Listener
from lb.service import Service
from lb.settings import ServiceSettings, Settings, SettingsError
from lb.tasks import spawn
from lb.tls import make_context


@dataclass
class _Front:
    """A service and where it listens."""

    service: Service
    listener: Listener


class Balancer:
    """Services and their listening sockets."""

    def __init__(self) -> None:
        self._fronts: dict[str, _Front] = {}
        self._left: list[Service] = []  # of earlier settings, while connections are left
        self._cut: asyncio.TimerHandle | None = None
        self._cut_at_s = math.inf
        self._ended = asyncio.Event()
        self._applying = asyncio.Lock()

    @property
    def services(self) -> list[Service]:
        """Those of the settings, in their order."""
        return [front.service for front in self._fronts.values()]

    def port(self, name: str) -> int:
        """Return the port of a service, also when the settings left it to the system."""
        return self._fronts[name].listener.port

    async def apply(self, settings: Settings) -> None:
        """Begin with these settings, or go over to them.

        Every worker has been asked for its health before a new address accepts: a process that
        takes over from another would otherwise refuse what that one still served.

        Raises: SettingsError; then everything is as before, as it is once `end_by` was called.
        """
        async with self._applying:
            if self._cut is None:
                await self._apply(settings)

    async def _apply(self, settings: Settings) -> None:
        contexts = [make_context(service) for service in settings.services]
        listeners = self._bind(settings)
        before, self._fronts = self._fronts, {}
        for service, context in zip(settings.services, contexts, strict=True):
            front = before.pop(service.name, None)
            self._fronts[service.name] = self._front(front, service, context, listeners)
        for front in before.values():
            front.listener.stop()
            front.service.stop()
            self._left.append(front.service)
        self._left = [service for service in self._left if service.connections]
        await asyncio.gather(*(service.start() for service in self.services))
        for listener in listeners.values():
            listener.start()

    def _bind(self, settings: Settings) -> dict[str, Listener]:
        """Bind the addresses that are new."""
        bound: dict[str, Listener] = {}
        for service in settings.services:
            front = self._fronts.get(service.name)
            if front is not None and front.service.settings.listen == service.listen:
                continue
            try:
                bound[service.name] = Listener(service.address)
            except OSError as error:
                for listener in bound.values():
                    listener.stop()
                name, where = service.name, f"listen = {service.listen!r}"
                raise SettingsError(f"service {name}: {where}: {error.strerror}.") from error
        return bound

    def _front(
        self,
        front: _Front | None,
        settings: ServiceSettings,
        context: ssl.SSLContext | None,
        listeners: dict[str, Listener],
    ) -> _Front:
        """Return what is at work with these settings, the same as before where it can be."""
        if front is None:
            front = _Front(Service(settings, context), listeners[settings.name])
        else:
            front.service.configure(settings, context)
            if settings.name in listeners:
                front.listener.stop()
                front.listener = listeners[settings.name]
        front.listener.accepted = front.service.accept
        return front

    def end_by(self, when_s: float) -> None:
        """Accept no more; whoever is connected at this time of the loop's clock is cut.

        Called again it can only make the time shorter.
        """
        loop = asyncio.get_running_loop()
        if self._cut is None:
            for front in self._fronts.values():
                front.listener.stop()
            spawn(self._end_when_idle())
        if when_s < self._cut_at_s:
            if self._cut is not None:
                self._cut.cancel()
            self._cut, self._cut_at_s = loop.call_at(when_s, self._cut_all), when_s

    async def ended(self) -> None:
        """Wait until `end_by` was called and no connection is left."""
        await self._ended.wait()

    async def _end_when_idle(self) -> None:
        services = (*self.services, *self._left)
        await asyncio.gather(*(service.idle() for service in services))
        for service in services:
            service.stop()
        self._ended.set()

    def _cut_all(self) -> None:
        for service in (*self.services, *self._left):
            service.cut_all("drained")
