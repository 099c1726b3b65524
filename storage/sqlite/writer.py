"""The one thread that writes, and its group commit.

    event loop                                writer thread
    submit(job) ───────── queue ───────────▶  BEGIN IMMEDIATE
                                              every queued job runs (R-02)
                                              COMMIT, which waits for fdatasync
    job.settle() ◀─ one call for the batch ─  next batch

A job that is refused undoes itself and leaves the others alone. When the transaction itself fails,
none of its jobs has happened, the connection is opened anew, and the next batch tries again (R-35).
"""

import asyncio
import logging
import queue
import threading
from collections.abc import Callable
from typing import Protocol

import apsw

from protocol.errors import AppError, ErrorCode
from storage.errors import StorageRefused
from storage.sqlite.connection import refusal

_log = logging.getLogger(__name__)


class Job(Protocol):
    """A part of a transaction."""

    def run(self, connection: apsw.Connection) -> None:
        """Do it, in the writer thread; keep what `settle` will tell.

        Raises: apsw.Error when the whole transaction must be given up, and nothing else.
        """
        ...

    def settle(self, failure: AppError | None) -> None:
        """Tell the outcome, on the event loop, after the commit; never raises.

        Args:
            failure: why nothing of this job has happened, or None when it is durable.
        """
        ...


class Writer:
    """Owns the writing connection; every job of a process goes through here in order."""

    def __init__(
        self, connection: apsw.Connection, reconnect: Callable[[], apsw.Connection]
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._queue: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._connection: apsw.Connection | None = connection
        self._reconnect = reconnect
        self._thread = threading.Thread(target=self._work, name="sqlite-writer", daemon=True)
        self._closed = False
        self._thread.start()

    def submit(self, job: Job) -> None:
        """Queue a job; returns at once. Called on the event loop.

        After `close` the job is settled with AppError(unavailable).
        """
        if self._closed:
            self._loop.call_soon(job.settle, AppError(ErrorCode.UNAVAILABLE, "closed"))
        else:
            self._queue.put(job)

    async def close(self) -> None:
        """Commit what is queued, settle it, and end the thread."""
        if not self._closed:
            self._closed = True
            self._queue.put(None)
        await self._loop.run_in_executor(None, self._thread.join)

    def _work(self) -> None:
        batch: list[Job] = []
        while (job := self._queue.get()) is not None:
            batch.append(job)
            last = self._drain(batch)
            failure = self._commit(batch)
            self._loop.call_soon_threadsafe(_settle, batch, failure)
            batch = []
            if last:
                break
        if self._connection is not None:
            self._connection.close()

    def _drain(self, batch: list[Job]) -> bool:
        """Add everything that waits; whether `close` was among it."""
        while True:
            try:
                job = self._queue.get_nowait()
            except queue.Empty:
                return False
            if job is None:
                return True
            batch.append(job)

    def _commit(self, batch: list[Job]) -> AppError | None:
        try:
            if self._connection is None:
                self._connection = self._reconnect()
            connection = self._connection
            connection.execute("BEGIN IMMEDIATE")
            for job in batch:
                job.run(connection)
            connection.execute("COMMIT")
        except (apsw.Error, StorageRefused) as error:
            _log.warning("a write was refused by the database: %s", type(error).__name__)
            self._give_up()
            return refusal(error)
        return None

    def _give_up(self) -> None:
        # After a failed fdatasync the kernel may have dropped the pages and call them clean:
        # nothing this connection believes about the file can be trusted any more (fsyncgate).
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


def _settle(batch: list[Job], failure: AppError | None) -> None:
    for job in batch:
        job.settle(failure)
