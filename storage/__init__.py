"""Where everything durable lives: adapters for the store ports of `models/`."""

import asyncio
import logging
from pathlib import Path

from models.stores import Stores
from storage.errors import StorageUnreachable

RETRY_S = 1.0  # between two attempts to open a database that does not answer

_log = logging.getLogger(__name__)


async def open_stores(url: str, wait_s: float = 0) -> Stores:
    """Open the database that `url` names, bring its schema up to date, and return its stores.

    `sqlite:///data/sealroom.db` is a path relative to the working directory, with four slashes an
    absolute one; `mongodb://` and `mongodb+srv://` are what MongoDB's drivers take, with the
    database `sealroom` when the URL names none. The stores belong to the event loop that runs now.

    Args:
        wait_s: how long a database that does not answer is tried again, in seconds.

    Raises: ValueError for a scheme no adapter knows; StorageRefused, with one sentence for the
    operator, when the database cannot be used (made by a newer program, not a database, damaged);
    StorageUnreachable, which is one, when it has not answered in time; OSError when its directory
    or file cannot be made.
    """
    loop = asyncio.get_running_loop()
    deadline_s = loop.time() + wait_s
    while True:
        try:
            return await _open(url)
        except StorageUnreachable:
            if loop.time() >= deadline_s:
                raise
            _log.warning("the database does not answer yet")
        await asyncio.sleep(RETRY_S)


async def _open(url: str) -> Stores:
    scheme, separator, rest = url.partition("://")
    if scheme == "sqlite" and separator and len(rest) > 1 and rest.startswith("/"):
        from storage.sqlite import open_sqlite

        return await open_sqlite(Path(rest[1:]))
    if scheme in ("mongodb", "mongodb+srv") and separator:
        from storage.mongo import open_mongo

        return await open_mongo(url)
    raise ValueError(
        f"The database URL must look like sqlite:///path or mongodb://host, not {scheme}:…"
    )
