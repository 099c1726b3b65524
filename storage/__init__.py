"""Where everything durable lives: adapters for the store ports of `models/`."""

from pathlib import Path

from models.stores import Stores


async def open_stores(url: str) -> Stores:
    """Open the database that `url` names, bring its schema up to date, and return its stores.

    `sqlite:///data/sealroom.db` is a path relative to the working directory, with four slashes an
    absolute one. The stores belong to the event loop that runs now.

    Raises: ValueError for a scheme no adapter knows; StorageRefused, with one sentence for the
    operator, when the database cannot be used (made by a newer program, not a database, damaged);
    OSError when its directory or file cannot be made.
    """
    scheme, separator, rest = url.partition("://")
    if scheme == "sqlite" and separator and len(rest) > 1 and rest.startswith("/"):
        from storage.sqlite import open_sqlite

        return await open_sqlite(Path(rest[1:]))
    raise ValueError(f"The database URL must look like sqlite:///path, not {scheme}:…")
