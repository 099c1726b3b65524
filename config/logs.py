"""Logging: one line a record, UTC, and only what is known to be harmless (S-63).

A line holds the time, the level, the logger, the message, and those extra fields that are on the
list below. Messages of our own code are constant words with harmless values; those of libraries may
quote a request, so of them only the pattern is kept. Of an exception its type and the places it
passed are kept, and its text only where that comes from the operating system.
"""

import json
import logging
import sys
import traceback
from datetime import UTC, datetime
from types import TracebackType

FIELDS = ("request_id", "method", "route", "status", "duration_ms", "address_prefix", "code")
_OURS = (
    "sealroom",
    "handlers",
    "services",
    "models",
    "storage",
    "realtime",
    "mail",
    "config",
    "lb",
)


def message(record: logging.LogRecord) -> str:
    """Return the words of a record, without the values when a library wrote it."""
    return record.getMessage() if record.name.split(".")[0] in _OURS else str(record.msg)


def trace(error: BaseException, at: TracebackType | None) -> str:
    """Return type and places of an exception, causes included."""
    parts = []
    if error.__cause__ is not None and error.__cause__ is not error:
        parts.append(trace(error.__cause__, error.__cause__.__traceback__))
    words = f": {error.strerror}" if isinstance(error, OSError) else ""
    places = "".join(traceback.format_tb(at))
    parts.append(f"{places}{type(error).__module__}.{type(error).__qualname__}{words}")
    return "\n".join(parts)


def fields(record: logging.LogRecord) -> dict[str, object]:
    """Return what a line says about a record."""
    row: dict[str, object] = {
        "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
        "level": record.levelname.lower(),
        "logger": record.name,
        "message": message(record),
    }
    row |= {name: getattr(record, name) for name in FIELDS if hasattr(record, name)}
    if record.exc_info and record.exc_info[1] is not None:
        row["trace"] = trace(record.exc_info[1], record.exc_info[2])
    return row


class JsonFormatter(logging.Formatter):
    """A JSON object a line; control characters are escaped, so no value can begin a new line."""

    def format(self, record: logging.LogRecord) -> str:
        return json.dumps(fields(record), ensure_ascii=False, default=str)


class TextFormatter(logging.Formatter):
    """The same for people: time, level, message, then `name=value`."""

    def format(self, record: logging.LogRecord) -> str:
        row = fields(record)
        head = f"{row.pop('time')} {row.pop('level'):<7} {row.pop('logger')}: {row.pop('message')}"
        places = row.pop("trace", None)
        line = " ".join((head, *(f"{name}={value}" for name, value in row.items())))
        printable = "".join(c if c.isprintable() else repr(c)[1:-1] for c in line)
        return f"{printable}\n{places}" if places else printable


def set_up(level: str, style: str) -> None:
    """Send every record of the process to standard error, in this form."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if style == "json" else TextFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    # Tornado warns of every 4xx of a client under this name; the access log says it already.
    logging.getLogger("tornado.general").setLevel(logging.ERROR)
    # What MongoDB's driver says at lower levels is every command with what is in it.
    logging.getLogger("pymongo").setLevel(logging.WARNING)
