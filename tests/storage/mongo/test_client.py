"""What the driver's failures mean to a caller; most of them cannot be caused here."""

import pytest
from pymongo.errors import (
    AutoReconnect,
    BulkWriteError,
    ConfigurationError,
    CursorNotFound,
    DuplicateKeyError,
    ExecutionTimeout,
    InvalidOperation,
    NetworkTimeout,
    NotPrimaryError,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
    WriteConcernError,
    WTimeoutError,
)

from protocol.errors import AppError, ErrorCode
from storage.errors import StorageRefused, StorageUnreachable
from storage.mongo.client import hosts, opening_refusal, refusal, translates_errors

URL = "mongodb://an:hunter2@a.example:27017,b.example/chat?tlsCertificateKeyFilePassword=hunter2"


def of_writes(*codes: int) -> BulkWriteError:
    return BulkWriteError({"writeErrors": [{"code": code} for code in codes]})


def labelled(label: str) -> PyMongoError:
    return OperationFailure("x", 189, {"errorLabels": [label]})


@pytest.mark.parametrize(
    "error",
    [
        AutoReconnect(),
        NetworkTimeout(),
        NotPrimaryError(),
        ServerSelectionTimeoutError(),
        ExecutionTimeout("x", 50),
        WTimeoutError("x", 64),
        WriteConcernError("x", 91),
        CursorNotFound("x", 43),
        InvalidOperation("Cannot use AsyncMongoClient after close"),
        labelled("RetryableWriteError"),
        OperationFailure("x", 1),
        of_writes(112, 50, 1),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_database_that_is_away_is_unavailable(error: PyMongoError) -> None:
    told = refusal(error)
    assert isinstance(told, AppError)
    assert told.code == ErrorCode.UNAVAILABLE


@pytest.mark.parametrize("error", [OperationFailure("x", 14031), of_writes(1, 14031)])
def test_a_full_disk_is_told_as_such(error: PyMongoError) -> None:
    told = refusal(error)
    assert isinstance(told, AppError)
    assert told.code == ErrorCode.STORAGE_FULL


@pytest.mark.parametrize(
    "error",
    [
        DuplicateKeyError("x", 11000),
        OperationFailure("x", 2),
        BulkWriteError({"writeErrors": []}),
        of_writes(112, 2),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_only_a_bug_can_cause_stays_what_it_is(error: PyMongoError) -> None:
    assert refusal(error) is error


async def test_every_public_coroutine_of_a_store_is_translated() -> None:
    @translates_errors
    class Store:
        async def read(self) -> None:
            raise AutoReconnect

        async def bug(self) -> None:
            raise OperationFailure("x", 2)

        async def _inner(self) -> None:
            raise AutoReconnect

        async def outer(self) -> str:
            try:
                await self._inner()
            except AutoReconnect:
                return "seen"
            return ""

    with pytest.raises(AppError):
        await Store().read()
    with pytest.raises(OperationFailure) as raised:
        await Store().bug()
    assert raised.value.__cause__ is None
    assert await Store().outer() == "seen"


@pytest.mark.parametrize(
    ("error", "is_away", "sentence"),
    [
        (ServerSelectionTimeoutError("hunter2"), True, "does not answer"),
        (ConfigurationError("The DNS name hunter2 does not exist"), True, "does not answer"),
        (OperationFailure("hunter2", 18), False, "refuses user name or password"),
        (OperationFailure("hunter2", 13), False, "refuses user name or password"),
        (OperationFailure("hunter2", 2), False, "cannot be used: OperationFailure"),
    ],
)
def test_why_a_database_is_not_opened_is_one_sentence(
    error: PyMongoError, is_away: bool, sentence: str
) -> None:
    told = opening_refusal(error, URL)
    assert isinstance(told, StorageUnreachable if is_away else StorageRefused)
    assert isinstance(told, StorageUnreachable) is is_away
    assert str(told) == f"The database at a.example:27017,b.example {sentence}."


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("mongodb://host/", "host"),
        ("mongodb+srv://an:pass@word/x@host?x=y", "host"),
        ("mongodb://host:1?x=a", "host:1"),
    ],
)
def test_of_a_url_only_the_hosts_are_told(url: str, shown: str) -> None:
    assert hosts(url) == shown
