"""The server: settings → secrets → stores → services → routes → listen → drain.

python server.py [--config FILE]     start; prints the address
python server.py --check             print the settings in force, secrets as •••
python server.py --example           print an example of a settings file
"""

import argparse
import asyncio
import logging
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import uvloop

from adapters import (
    file_limits,
    messenger_tls,
    open_blobs,
    open_bus,
    open_mailer,
    rates,
    transfer_options,
)
from config.load import load
from config.logs import set_up
from config.secrets import Secrets, open_secrets
from config.settings import Settings, SettingsError, effective, example
from handlers import SealroomApplication, build_live, build_routes
from handlers.arrivals import Arrivals
from handlers.assets import Assets
from handlers.health import Readiness
from handlers.lifecycle import Lifecycle
from handlers.listener import Listener, TrustedProxies
from handlers.messenger import Messenger
from handlers.networks import Networks
from models.events import Bus, EventsLost, LogGrown, LoginsEnded, MessageStored, Told
from models.ports import Clock, PasswordHasher
from models.stores import Stores
from protocol.limits import BODY_BYTES
from realtime.hub import Hub
from services import quotas, tasks
from services.assembly import assemble
from services.catch_up import CatchUpService
from services.hashing import BcryptHasher
from services.system import ShiftedClock, SystemClock, SystemEntropy
from storage import open_stores
from storage.errors import StorageRefused

FRONTEND = Path(__file__).parent / "frontend"

_log = logging.getLogger("sealroom.server")


def build(
    settings: Settings,
    secrets: Secrets,
    clock: Clock,
    stores: Stores,
    bus: Bus,
    hasher: PasswordHasher,
    *,
    frontend: Path = FRONTEND,
) -> Lifecycle:
    """Make all parts and join them; called on the event loop they will live on."""
    hub, mailer = Hub(asyncio.get_running_loop().call_soon, bus), open_mailer(settings, clock)
    taken = quotas.Quotas(clock, rates(settings))
    blobs, addresses = open_blobs(settings)
    services = assemble(
        stores,
        clock,
        SystemEntropy(),
        bus,
        mailer,
        hasher,
        blobs,
        addresses,
        quotas=taken,
        secrets=secrets,
        file_limits=file_limits(settings),
        transfer_options=transfer_options(settings),
    )
    # After the services, so that nobody is told what a service still remembers differently.
    bus.subscribe(LoginsEnded, hub.end)
    bus.subscribe(MessageStored, hub.deliver)
    bus.subscribe(Told, hub.tell)
    catch_up = CatchUpService(stores, clock, bus, services.logins, hub)
    readiness, assets = Readiness(), Assets(frontend, settings.parts_origin)
    for name in sorted(assets.missing):
        _log.error("the page names a file that is not there: %s", name)
    closing = [mailer.close, blobs.close, *([addresses.close] if addresses else [])]
    origins = frozenset((settings.public_url,)) - {""}
    live, arrivals = build_live(services, hub, clock), Arrivals(Networks(settings.balancers))
    is_one_of_several = bus.is_up is not None
    if is_one_of_several:
        bus.subscribe(MessageStored, catch_up.told)
        bus.subscribe(LogGrown, catch_up.log_grew)
        bus.subscribe(EventsLost, catch_up.events_lost)
        bus.subscribe(EventsLost, live.conversations.renew_all)
    messenger = Messenger(live, arrivals, messenger_tls(settings))
    routes = build_routes(
        services, live, messenger, stores.database, blobs, bus, readiness, assets, origins
    )
    application = SealroomApplication(routes, hosts=settings.hosts, origins=origins)
    proxies = TrustedProxies(settings.trusted_proxies)
    return Lifecycle(
        application=application,
        listener=Listener(
            application, arrivals=arrivals, proxies=proxies, max_body_bytes=BODY_BYTES
        ),
        messenger=messenger,
        conversations=live.conversations,
        database=stores.database,
        files=services.files,
        notices=services.notices,
        bus=bus,
        clock=clock,
        readiness=readiness,
        drain_wait_s=settings.drain_wait_s,
        background=[services.notices.run, *([catch_up.run] if is_one_of_several else [])],
        last_words=[services.watermarks.flush, services.presence.close, *closing],
    )


async def serve(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT; a second one stops at once."""
    shift = settings.test_clock_file
    clock = ShiftedClock(Path(shift)) if shift else SystemClock()
    secrets = open_secrets(Path(settings.data_dir), settings.master_key_file)
    stores = await open_stores(settings.database_url, settings.database_wait_s)
    bus = open_bus(settings, secrets, clock)
    server = build(settings, secrets, clock, stores, bus, BcryptHasher(pepper=secrets.pepper))
    loop = asyncio.get_running_loop()
    told_to_stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told_to_stop.set)
    try:
        port = _listen(server.listen, settings, "port")
        messenger_port = _listen(server.messenger.listen, settings, "messenger_port")
    except SettingsError:
        await server.stop()
        raise
    print(f"Sealroom is at {settings.public_url or f'http://localhost:{port}'}", flush=True)
    if messenger_port > 0:
        if not (settings.is_loopback or settings.messenger_certificate_file):
            _log.warning("the messenger has no TLS: on that network tokens can be read")
        print(f"Its TCP messenger is at localhost:{messenger_port}", flush=True)
    server.start()
    await told_to_stop.wait()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.remove_signal_handler(number)
        signal.signal(number, signal.SIG_DFL)
    await server.stop()
    await tasks.end()


def _listen(listen: Callable[[str, int], int], settings: Settings, name: str) -> int:
    """Return the port, or -1 where the setting wants none."""
    wanted: int = getattr(settings, name)
    try:
        return listen(settings.host, wanted) if wanted >= 0 else wanted
    except OSError as error:
        raise SettingsError(f"{name} = {wanted}: {error.strerror}.") from error


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
    except (SettingsError, StorageRefused, PermissionError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
