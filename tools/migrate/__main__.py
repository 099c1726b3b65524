"""Copy the embedded database into an empty MongoDB database.

python -m tools.migrate sqlite:///data/sealroom.db mongodb://host/sealroom

Stop the server first. Every id, number, watermark, list version, log-in and prekey stays as it is;
the embedded database is not changed. What was interrupted can be repeated.
"""

import argparse
import asyncio
import sys
from pathlib import Path

from pymongo.errors import PyMongoError

from storage.errors import StorageRefused
from storage.mongo.client import DEFAULT_DATABASE, connect, opening_refusal
from tools.migrate.copying import copy
from tools.migrate.source import Source

_SQLITE = "sqlite:///"


async def migrate(path: Path, url: str) -> None:
    """Copy the file at `path` into the database of `url`.

    Raises: StorageRefused
    """
    client = connect(url)
    try:
        with Source(path) as source:
            await copy(source, client.get_default_database(DEFAULT_DATABASE), print)
    except PyMongoError as error:
        raise opening_refusal(error, url) from error
    finally:
        await client.close()


def main() -> int:
    """Return the exit status: 2 when nothing could be copied, or not all of it."""
    parser = argparse.ArgumentParser(prog="python -m tools.migrate", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("source", help="the embedded database, sqlite:///path")
    parser.add_argument("target", help="an empty database, mongodb://host/name")
    arguments = parser.parse_args()
    if not arguments.source.startswith(_SQLITE):
        parser.error("the source must begin with sqlite:///")
    if not arguments.target.startswith(("mongodb://", "mongodb+srv://")):
        parser.error("the target must begin with mongodb:// or mongodb+srv://")
    try:
        asyncio.run(migrate(Path(arguments.source.removeprefix(_SQLITE)), arguments.target))
    except StorageRefused as error:
        print(error, file=sys.stderr)
        return 2
    print("Done. Start the server with SEALROOM_DATABASE set to the new URL.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
