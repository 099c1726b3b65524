"""How what the ports speak of becomes a document and back.

Ids and sealed text are text, times are integer milliseconds under the names of the ports. What a
TTL index is to delete also has a `Date`, which nothing else reads.
"""

from typing import Any, TypeVar

import msgspec
from bson.datetime_ms import DatetimeMS

from storage.mongo.client import Document

Value = TypeVar("Value")


def dump(value: Any, key: str) -> Document:
    """Return the document of a dataclass; its field `key` becomes the `_id`."""
    document: Document = msgspec.to_builtins(value)
    return {"_id": document.pop(key), **document}


def load(document: Document, kind: type[Value], key: str) -> Value:
    """Return the dataclass of a document; fields of the document's own are left out."""
    return msgspec.convert({**document, key: document["_id"]}, kind)


def date(at_ms: int) -> DatetimeMS:
    """Return the time as a `Date`, for a TTL index."""
    return DatetimeMS(at_ms)
