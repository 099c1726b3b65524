"""From the first connection to the last: listen, delete what has expired, drain (R-20)."""

import asyncio
import contextlib
import itertools
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from logging import ERROR, WARNING

from tornado.netutil import bind_sockets

from handlers import SealroomApplication
from handlers.conversations import Conversations
from handlers.health import Readiness
from handlers.listener import Listener
from handlers.messenger import Messenger
from models.events import Bus
from models.ports import Clock
from models.stores import Database
from protocol.errors import AppError, CloseCode
from services.files import FileService
from services.notices import Notices
from services.tasks import cut_off, spawn

SWEEP_S = 30  # what has expired is gone from disk within a minute; reads never show it
ORPHAN_SWEEPS = 120  # an hour; looking at every file costs more
DRAIN_S = 5.0  # for requests under way; with the rest of the stop it stays below ten seconds
LAST_WORDS_S = 2.5
CLOSE_S = 1.0  # for clients to answer the close frame, or to read the last line

Work = Callable[[], Coroutine[object, object, None]]

_log = logging.getLogger("sealroom.server")


@dataclass
class Lifecycle:
    """One process that serves.

    `background` is work that does not end by itself; it may be cut off anywhere. `last_words` are
    done side by side when nothing is under way any more, before the database closes.
    """

    application: SealroomApplication
    listener: Listener
    messenger: Messenger
    conversations: Conversations
    database: Database
    files: FileService
    notices: Notices
    bus: Bus
    clock: Clock
    readiness: Readiness
    drain_wait_s: float
    background: list[Work]
    last_words: list[Work]
    _beside: list[asyncio.Task[None]] = field(default_factory=list, init=False)

    def listen(self, host: str, port: int) -> int:
        """Begin to accept connections; returns the port."""
        sockets = bind_sockets(port, host)
        self.listener.add_sockets(sockets)
        bound_port: int = sockets[0].getsockname()[1]
        return bound_port

    def start(self) -> None:
        """Begin what goes on beside the requests."""
        self.bus.open()
        self._beside = [spawn(work()) for work in (self.sweep, *self.background)]

    async def sweep(self) -> None:
        """Delete what has expired, for ever."""
        for count in itertools.count():
            await asyncio.sleep(SWEEP_S)
            try:
                await self.database.sweep(self.clock.now_ms())
                await self.files.sweep()
                if count % ORPHAN_SWEEPS == 0:
                    await self.files.sweep_orphans()
            except Exception:  # noqa: BLE001 - the next round tries again
                _log.exception("what has expired was not deleted")

    async def stop(self) -> None:
        """Finish what is under way and let go: nothing that was accepted is lost."""
        self.readiness.is_draining = True
        self.notices.stop()
        self.application.let_go()
        await asyncio.sleep(self.drain_wait_s)
        self.listener.stop()
        self.messenger.stop()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_S):
                await asyncio.gather(
                    self._finish_requests(), self.conversations.finish_all(CloseCode.COME_BACK)
                )
                await self.notices.finish()  # before the mailer closes, with the last words
        await cut_off(self._beside)  # it would find the stores closed
        done = await asyncio.gather(
            *(asyncio.wait_for(word(), LAST_WORDS_S) for word in self.last_words),
            return_exceptions=True,
        )
        for error in done:
            if error is not None:  # a store that is away, or slow, was promised to nobody
                level = WARNING if isinstance(error, AppError | TimeoutError) else ERROR
                _log.log(level, "something was left undone", exc_info=error)
        await self.database.close()
        await self.bus.close()  # after the last commit, which has told of its messages
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_S):
                await self.conversations.empty()
        await self.listener.close_all_connections()

    async def _finish_requests(self) -> None:
        """Answer what has been asked, and leave no connection on which more could be asked.

        Whoever asks on a connection that has just ended gets no answer and asks again elsewhere;
        one that still stood open would be answered without a database.
        """
        await self.application.idle()
        await self.listener.close_all_connections()
