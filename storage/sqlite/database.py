"""The open file: one writing connection behind a thread, and connections that read beside it.

Point reads run on the event loop itself, on a connection of their own: in WAL mode a reader waits
for nobody, and a thread hop would cost more than the read. What could take longer than a
millisecond goes to a reading thread.
"""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Generic, Self, TypeVar

import apsw

from protocol.errors import AppError, ErrorCode
from storage.errors import StorageRefused
from storage.sqlite import sweep
from storage.sqlite.connection import (
    connect,
    create_private_file,
    is_statement_fault,
    refusal,
    require_sqlite_version,
)
from storage.sqlite.rows import first
from storage.sqlite.schema import migrate
from storage.sqlite.writer import Job, Writer

SCAN_THREADS = 2  # long reads at a time; more would only take the cores from the loop

Result = TypeVar("Result")


class _Write(Generic[Result]):
    """One call of `SqliteDatabase.write`."""

    def __init__(self, action: Callable[[apsw.Connection], Result]) -> None:
        self.future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._action = action
        self._result: Result
        self._error: Exception | None = None

    def run(self, connection: apsw.Connection) -> None:
        connection.execute("SAVEPOINT job")
        try:
            self._result = self._action(connection)
        except Exception as error:
            if isinstance(error, apsw.Error) and not is_statement_fault(error):
                raise
            self._error = error
            connection.execute("ROLLBACK TO job")
        connection.execute("RELEASE job")

    def settle(self, failure: AppError | None) -> None:
        if self.future.done():  # the caller was cancelled; what was written stays written
            return
        if error := failure or self._error:
            self.future.set_exception(error)
        else:
            self.future.set_result(self._result)


class SqliteDatabase:
    """`models.stores.Database`, and how the stores read and write."""

    def __init__(self, path: Path, writing: apsw.Connection, reading: apsw.Connection) -> None:
        self._path = path
        self._writer = Writer(writing, lambda: connect(path))
        self._reader = reading
        # On the loop nothing may wait for a lock: `read` goes to a thread instead.
        self._reader.set_busy_timeout(0)
        self._scanners = ThreadPoolExecutor(SCAN_THREADS, thread_name_prefix="sqlite-reader")
        self._scanning = threading.local()
        self._scan_connections: list[apsw.Connection] = []
        self._closed = False

    @classmethod
    async def open(cls, path: Path) -> Self:
        """Open or create the file and bring its schema up to date.

        Raises: StorageRefused; OSError when file or directory cannot be made.
        """
        require_sqlite_version(apsw.SQLITE_VERSION_NUMBER)
        try:
            connections = await asyncio.get_running_loop().run_in_executor(None, _prepare, path)
        except apsw.Error as error:
            raise StorageRefused(f"The database {path} cannot be used: {error}.") from error
        return cls(path, *connections)

    def submit(self, job: Job) -> None:
        """Hand a job to the writer; see `Writer.submit`."""
        self._writer.submit(job)

    async def write(self, action: Callable[[apsw.Connection], Result]) -> Result:
        """Run `action` inside a write transaction and return its result once that is durable.

        Atomicity: what it did is undone when it raises; other writes of the transaction stand.
        Cancellation: the write happens all the same.
        Raises: what `action` raises; AppError(unavailable) or AppError(storage_full).
        """
        job = _Write(action)
        self.submit(job)
        return await job.future

    async def read(self, action: Callable[[apsw.Connection], Result]) -> Result:
        """Run a read of a few indexed rows, at once and on the loop.

        Raises: AppError(unavailable)
        """
        self._require_open()
        try:
            return action(self._reader)
        except apsw.BusyError:
            # Only while another process recovers the log of one that died.
            return await self.scan(action)
        except apsw.Error as error:
            raise _refusal_or_bug(error) from error

    async def scan(self, action: Callable[[apsw.Connection], Result]) -> Result:
        """Run a read of any length in a thread.

        Raises: AppError(unavailable)
        """
        self._require_open()
        try:
            return await asyncio.get_running_loop().run_in_executor(
                self._scanners, lambda: action(self._scan_connection())
            )
        except apsw.Error as error:
            raise _refusal_or_bug(error) from error

    async def ping(self) -> None:
        await self.read(lambda connection: first(connection, "SELECT 1 FROM rooms LIMIT 1"))

    async def sweep(self, now_ms: int) -> int:
        return await sweep.sweep(self.write, now_ms)

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        await self._writer.close()
        await asyncio.get_running_loop().run_in_executor(None, self._scanners.shutdown)
        for connection in (self._reader, *self._scan_connections):
            connection.close()

    def _require_open(self) -> None:
        if self._closed:
            raise AppError(ErrorCode.UNAVAILABLE, "closed")

    def _scan_connection(self) -> apsw.Connection:
        connection: apsw.Connection | None = getattr(self._scanning, "connection", None)
        if connection is None:
            connection = self._scanning.connection = connect(self._path)
            self._scan_connections.append(connection)
        return connection


def _refusal_or_bug(error: apsw.Error) -> Exception:
    return error if is_statement_fault(error) else refusal(error)


def _prepare(path: Path) -> tuple[apsw.Connection, apsw.Connection]:
    create_private_file(path)
    writing = connect(path)
    try:
        migrate(writing)
        return writing, connect(path)
    except BaseException:
        writing.close()
        raise
