"""How a connection to the file is set up, and what its failures mean to a caller."""

import os
import time
from pathlib import Path

import apsw

from protocol.errors import AppError, ErrorCode
from storage.errors import StorageRefused

MINIMUM_SQLITE = 3_051_003  # older ones can corrupt a WAL database with two writers (F1)
BUSY_TIMEOUT_MS = 5_000  # how long a write waits for another process before it gives up
AGAIN_S = 0.01
CHECKPOINT_PAGES = 4_000  # 16 MiB of WAL: fewer, larger checkpoints than SQLite's own 1,000 pages
WAL_KEPT_BYTES = 64 * 1024 * 1024  # a longer WAL, left by a long read, is cut back

# What must hold for every connection: R-01 for the first four, secure_delete because what expires
# is to be gone from the file too, temp_store so that a full disk cannot break a savepoint.
_PRAGMAS = {
    "journal_mode": "wal",
    "synchronous": 2,
    "foreign_keys": 1,
    "busy_timeout": BUSY_TIMEOUT_MS,
    "wal_autocheckpoint": CHECKPOINT_PAGES,
    "journal_size_limit": WAL_KEPT_BYTES,
    "secure_delete": 1,
    "temp_store": 2,
    "mmap_size": 0,
}


def require_sqlite_version(version: int) -> None:
    """Refuse the versions that can corrupt a file which two processes write (F1)."""
    if version < MINIMUM_SQLITE:
        raise StorageRefused("SQLite 3.51.3 or later is needed; install the pinned apsw.")


def create_private_file(path: Path) -> None:
    """Make sure the file exists and only its owner can read it; a new directory likewise."""
    if not path.parent.exists():
        path.parent.mkdir(mode=0o700, parents=True)
    os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
    path.chmod(0o600)


def connect(path: Path) -> apsw.Connection:
    """Open an existing file with the settings every promise of the stores rests on.

    Raises: StorageRefused when a setting does not take effect.
    """
    connection = apsw.Connection(
        str(path), flags=apsw.SQLITE_OPEN_READWRITE, statementcachesize=256
    )
    try:
        connection.set_busy_timeout(BUSY_TIMEOUT_MS)
        _set_pragmas(connection)
        for name, value in _PRAGMAS.items():
            row = connection.execute(f"PRAGMA {name}").fetchone()
            # SQLite answers nothing where it was built without the feature: then it is off.
            if (row[0] if row else 0) != value:
                raise StorageRefused(f"The database does not accept {name} = {value}.")
    except BaseException:
        connection.close()
        raise
    return connection


def _set_pragmas(connection: apsw.Connection) -> None:
    """Set them all; the switch to WAL does not wait by itself for a process that makes it too."""
    deadline_s = time.monotonic() + BUSY_TIMEOUT_MS / 1_000
    while True:
        try:
            for name, value in _PRAGMAS.items():
                connection.execute(f"PRAGMA {name} = {value}").fetchall()
        except apsw.BusyError:
            if time.monotonic() > deadline_s:
                raise
            time.sleep(AGAIN_S)
        else:
            return


_STATEMENT_FAULTS = (
    apsw.ConstraintError,
    apsw.MismatchError,
    apsw.TooBigError,
    apsw.SQLError,
    apsw.RangeError,
    apsw.BindingsError,
)


def is_statement_fault(error: apsw.Error) -> bool:
    """Whether only this statement failed, so that the rest of its transaction can stand."""
    return isinstance(error, _STATEMENT_FAULTS)


def refusal(error: apsw.Error | StorageRefused) -> AppError:
    """Return what the caller is told about a failure of the file or its surroundings."""
    # The shared-memory file is grown by writing to it, so a full disk shows there too.
    full_elsewhere = getattr(error, "extendedresult", 0) == apsw.SQLITE_IOERR_SHMSIZE
    if isinstance(error, apsw.FullError) or full_elsewhere:
        return AppError(ErrorCode.STORAGE_FULL, type(error).__name__)
    return AppError(ErrorCode.UNAVAILABLE, f"{type(error).__name__}: {error}")
