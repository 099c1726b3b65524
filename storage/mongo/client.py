"""The driver's client: how it is set up, and what its failures mean to a caller.

Everything is read from and written to the primary. What is acknowledged was written to the journals
of a majority (R-01), and only such writes are read, so that no answer can be taken back by an
election. The driver itself repeats once a write that met an election, where the server takes
sessions; any other write whose answer is lost has an outcome nobody knows. The caller gets
`unavailable` then and may ask again, because every operation of the ports is idempotent or
compare-and-set.
"""

import functools
import inspect
import re
from collections.abc import Awaitable, Callable
from typing import Any, ParamSpec, TypeVar

from bson.codec_options import TypeDecoder, TypeRegistry
from bson.int64 import Int64
from pymongo import AsyncMongoClient
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import (
    BulkWriteError,
    ConfigurationError,
    ConnectionFailure,
    CursorNotFound,
    InvalidOperation,
    OperationFailure,
    PyMongoError,
    WriteConcernError,
)

from protocol.errors import AppError, ErrorCode
from storage.errors import StorageRefused, StorageUnreachable

DEFAULT_DATABASE = "sealroom"  # when the URL names none
# How long a call may take, the wait for a primary and the driver's retries included: as long as
# SQLite waits for a lock. Who waits longer would rather be told, and ask again.
OPERATION_TIMEOUT_MS = 5_000
CONNECT_TIMEOUT_MS = 5_000  # for the driver's own look at the servers

OUT_OF_DISK_SPACE = 14031
# What says nothing against what was asked: an error within the database, an operation that took too
# long there, and one that met another one's write.
_PASSING = (1, 50, 112)
# No connection, or none any more; a majority that did not confirm; a cursor whose server is gone;
# and an operation after `close`.
_AWAY = (ConnectionFailure, WriteConcernError, CursorNotFound, InvalidOperation)
_NOT_ALLOWED = (13, 18, 8000)  # unauthorized, authentication failed, the same from a hosted one

Document = dict[str, Any]
Documents = AsyncDatabase[Document]
Collection = AsyncCollection[Document]

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")
Store = TypeVar("Store")


class _PlainInt(TypeDecoder):
    """Reads 64 bits as an `int`, which everybody takes, and not as a subclass of it."""

    bson_type = Int64

    def transform_bson(self, value: Int64) -> int:
        return int(value)


def connect(url: str) -> AsyncMongoClient[Document]:
    """Make the client for a URL; it connects with the first operation.

    Options of the URL cannot weaken what the stores promise: those given here go first.
    Raises: StorageRefused when it is not a URL the driver takes.
    """
    try:
        return AsyncMongoClient(
            url,
            w="majority",
            journal=True,
            readConcernLevel="majority",
            readPreference="primary",
            retryWrites=True,
            timeoutMS=OPERATION_TIMEOUT_MS,
            connectTimeoutMS=CONNECT_TIMEOUT_MS,
            datetime_conversion="DATETIME_MS",
            type_registry=TypeRegistry([_PlainInt()]),
            appname="sealroom",
        )
    except (PyMongoError, ValueError) as error:
        # Its words may quote the URL, and with it a password.
        raise StorageRefused(
            "The database URL is none that MongoDB's driver takes: special characters in user name"
            " and password must be percent-encoded."
        ) from error


def hosts(url: str) -> str:
    """Return the part of a URL that may be shown: neither log-in nor options."""
    return re.split("[/?]", url.partition("://")[2].rpartition("@")[2])[0]


def refusal(error: PyMongoError) -> Exception:
    """Return what a caller is told about a failure of the driver; a bug of ours stays one."""
    if OUT_OF_DISK_SPACE in _codes(error):
        return AppError(ErrorCode.STORAGE_FULL, type(error).__name__)
    is_away = isinstance(error, _AWAY) or error.timeout
    if passes(error) or is_away or error.has_error_label("RetryableWriteError"):
        return AppError(ErrorCode.UNAVAILABLE, type(error).__name__)
    return error


def passes(error: PyMongoError) -> bool:
    """Tell whether the database gave something up that it may do when it is asked again."""
    codes = _codes(error)
    return bool(codes) and codes.issubset(_PASSING)


def _codes(error: PyMongoError) -> set[int | None]:
    """Return what the database said: about each write of several, or about the one operation."""
    if isinstance(error, BulkWriteError) and error.details["writeErrors"]:
        return {write["code"] for write in error.details["writeErrors"]}
    return {error.code} if isinstance(error, OperationFailure) else set()


def opening_refusal(error: PyMongoError, url: str) -> StorageRefused:
    """Return why a database is not opened; ConfigurationError is a host name without an address."""
    if isinstance(error, OperationFailure) and error.code in _NOT_ALLOWED:
        return StorageRefused(f"The database at {hosts(url)} refuses user name or password.")
    if isinstance(error, ConfigurationError) or isinstance(refusal(error), AppError):
        return StorageUnreachable(f"The database at {hosts(url)} does not answer.")
    return StorageRefused(f"The database at {hosts(url)} cannot be used: {type(error).__name__}.")


def _translating(
    method: Callable[Parameters, Awaitable[Result]],
) -> Callable[Parameters, Awaitable[Result]]:
    @functools.wraps(method)
    async def call(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        try:
            return await method(*args, **kwargs)
        except PyMongoError as error:
            told = refusal(error)
            if told is error:
                raise
            raise told from error

    return call


def translates_errors(store: type[Store]) -> type[Store]:
    """Let the public coroutines of a class raise AppError instead of what the driver raises."""
    for name, method in vars(store).copy().items():
        if inspect.iscoroutinefunction(method) and not name.startswith("_"):
            setattr(store, name, _translating(method))
    return store
