"""The server: settings → secrets → stores → services → routes → listen → drain.

python server.py [--config FILE]     start; prints the address
python server.py --check             print the settings in force, secrets as •••
python server.py --example           print an example of a settings file
"""

import argparse
import asyncio
import contextlib
import logging
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

import uvloop
from tornado.netutil import bind_sockets

from config.load import load
from config.logs import set_up
from config.secrets import Secrets, derive, open_master_key
from config.settings import Settings, SettingsError, effective, example
from handlers import SealroomApplication, assets, health
from handlers.health import Readiness
from handlers.listener import Listener, TrustedProxies
from models.ports import Clock
from models.stores import Stores
from protocol.errors import CloseCode
from protocol.limits import BODY_BYTES
from realtime.hub import Hub
from realtime.local_bus import LocalBus
from services.system import ShiftedClock, SystemClock
from storage import open_stores

FRONTEND = Path(__file__).parent / "frontend"
SWEEP_S = 30  # what has expired is gone from disk within a minute; reads never show it
DRAIN_S = 7.0  # for requests under way; with the rest of the stop it stays below ten seconds
CLOSE_S = 1.0  # for browsers to answer the close frame

_log = logging.getLogger("sealroom.server")


@dataclass
class Server:
    """Everything that runs, and how it stops."""

    settings: Settings
    clock: Clock
    stores: Stores
    hub: Hub
    application: SealroomApplication
    readiness: Readiness
    listener: Listener
    port: int = 0

    def listen(self) -> str:
        """Begin to accept connections; returns the address people open."""
        sockets = bind_sockets(self.settings.port, self.settings.host)
        self.port = sockets[0].getsockname()[1]
        self.listener.add_sockets(sockets)
        return self.settings.public_url or f"http://localhost:{self.port}"

    async def sweep(self) -> None:
        """Delete what has expired, for ever."""
        while True:
            await asyncio.sleep(SWEEP_S)
            try:
                await self.stores.database.sweep(self.clock.now_ms())
            except Exception:  # noqa: BLE001 - the next round tries again
                _log.exception("what has expired was not deleted")

    async def stop(self) -> None:
        """Finish what is under way and let go (R-20): nothing that was accepted is lost."""
        self.readiness.is_draining = True
        await asyncio.sleep(self.settings.drain_wait_s)
        self.listener.stop()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_S):
                await self.application.idle()
        await self.stores.database.close()
        self.hub.close_all(CloseCode.COME_BACK)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_S):
                await self.listener.close_all_connections()


async def build(
    settings: Settings, secrets: Secrets, clock: Clock, *, frontend: Path = FRONTEND
) -> Server:
    """Make all parts and join them."""
    stores = await open_stores(settings.database_url)
    bus = LocalBus()
    hub = Hub(asyncio.get_running_loop().call_soon)
    readiness = Readiness()
    files = assets.Assets(frontend)
    for name in sorted(files.missing):
        _log.error("the page names a file that is not there: %s", name)
    application = SealroomApplication(
        [
            *health.routes(database=stores.database, clock=clock, readiness=readiness),
            *assets.routes(assets=files),
        ],
        hosts=settings.hosts,
    )
    listener = Listener(
        application, proxies=TrustedProxies(settings.trusted_proxies), max_body_bytes=BODY_BYTES
    )
    return Server(settings, clock, stores, hub, application, readiness, listener)


def secrets_of(settings: Settings) -> Secrets:
    """Open the master key and derive the server's keys from it."""
    data_dir = Path(settings.data_dir)
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    named = settings.master_key_file
    path = Path(named) if named else data_dir / "master.key"
    return derive(open_master_key(path, create=not named))


async def serve(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT; a second one stops at once."""
    shifted = settings.test_clock_file
    clock = ShiftedClock(Path(shifted)) if shifted else SystemClock()
    server = await build(settings, secrets_of(settings), clock)
    loop = asyncio.get_running_loop()
    told_to_stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told_to_stop.set)
    print(f"Sealroom is at {server.listen()}", flush=True)
    sweeper = loop.create_task(server.sweep())
    await told_to_stop.wait()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.remove_signal_handler(number)
        signal.signal(number, signal.SIG_DFL)
    sweeper.cancel()
    await server.stop()


def main() -> int:
    """Return the exit status: 2 when a setting is wrong."""
    parser = argparse.ArgumentParser(description="A place for private conversations.")
    parser.add_argument("--config", metavar="FILE", help="settings as TOML")
    parser.add_argument("--check", action="store_true", help="print the settings in force and exit")
    parser.add_argument("--example", action="store_true", help="print an example of FILE and exit")
    arguments = parser.parse_args()
    if arguments.example:
        print(example(), end="")
        return 0
    try:
        settings = load(arguments.config)
        if arguments.check:
            print(effective(settings), end="")
            return 0
        set_up(settings.log_level, settings.log_format)
        uvloop.run(serve(settings))
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
