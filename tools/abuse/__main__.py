"""Look at reports about links, and end links or everything that one person has sent.

python -m tools.abuse reports           list the reports, newest first
python -m tools.abuse end TRANSFER      end one transfer
python -m tools.abuse end-all USER      end every transfer of one person

It opens the database that the server's settings name, beside a running server or without one. A
server notices at once, and deletes the files within a minute, or after its next start.
"""

import argparse
import asyncio
import sys
from datetime import UTC, datetime
from pathlib import Path

from config.load import load
from config.settings import SettingsError
from models.reports import Report
from models.stores import Stores
from protocol.errors import AppError
from protocol.ids import TransferId, UserId
from protocol.limits import SECOND_MS
from services.system import SystemClock
from storage import open_stores
from storage.errors import StorageRefused

NOTHING = 1
WRONG = 2
_SQLITE = "sqlite:///"


async def _reports(stores: Stores, _: str) -> int:
    for report in await stores.reports.all():
        is_live = await stores.transfers.by_id(report.transfer_id, SystemClock().now_ms())
        print(_line(report, "live" if is_live else "ended"))
    return 0


def _line(report: Report, state: str) -> str:
    day = datetime.fromtimestamp(report.created_ms / SECOND_MS, UTC).strftime("%Y-%m-%d %H:%M")
    # Whoever reports chooses the text: nothing of it may command a terminal, or begin a line.
    text = "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in report.text)
    fields = (day, report.transfer_id, report.sender, f"{state:5}", report.reason, text)
    return "  ".join(fields).rstrip()


async def _end(stores: Stores, transfer_id: str) -> int:
    if not await stores.transfers.end(TransferId(transfer_id)):
        print("No live transfer has this id.", file=sys.stderr)
        return NOTHING
    print("It has ended.")
    return 0


async def _end_all(stores: Stores, user_id: str) -> int:
    live = await stores.transfers.of_sender(UserId(user_id))
    ended = [await stores.transfers.end(transfer_id) for transfer_id in live]
    print(f"{sum(ended)} ended.")
    return 0 if any(ended) else NOTHING


_COMMANDS = {"reports": _reports, "end": _end, "end-all": _end_all}


async def run(database_url: str, command: str, subject: str) -> int:
    """Do one command; returns the exit status.

    Raises: StorageRefused, AppError(unavailable)
    """
    _require_there(database_url)
    stores = await open_stores(database_url)
    try:
        return await _COMMANDS[command](stores, subject)
    finally:
        await stores.database.close()


def _require_there(database_url: str) -> None:
    """Let pass what need not be made: a new database would be empty, and somebody else's."""
    path = database_url.removeprefix(_SQLITE)
    if path != database_url and not Path(path).exists():
        raise StorageRefused(f"{path} is not there: name the server's settings with --config.")


def main() -> int:
    """Return the exit status: 1 when there was nothing to end, 2 when nothing could be done."""
    parser = argparse.ArgumentParser(prog="python -m tools.abuse", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--config", metavar="FILE", help="the server's settings")
    commands = parser.add_subparsers(dest="command", required=True)
    # Ids may begin with a hyphen, so nothing after the command is an option.
    for name, subject in (("reports", None), ("end", "TRANSFER"), ("end-all", "USER")):
        command = commands.add_parser(name, prefix_chars="\0", add_help=False)
        if subject:
            command.add_argument("subject", metavar=subject)
    arguments = parser.parse_args()
    try:
        url = load(arguments.config).database_url
        return asyncio.run(run(url, arguments.command, getattr(arguments, "subject", "")))
    except (SettingsError, StorageRefused, AppError, OSError) as error:
        print(error, file=sys.stderr)
        return WRONG


if __name__ == "__main__":
    sys.exit(main())
