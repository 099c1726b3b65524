"""When and what the tests of transfers happen with, and how they ask at the same time."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from models.files import Allowance, File
from models.stores import Stores
from models.transfers import Transfer, TransferStore
from protocol.frames import Sealed
from protocol.limits import DAY_MS
from tests.contracts.make import Make

NOW_MS = 2_000
END_MS = NOW_MS + 7 * DAY_MS  # of what `make.transfer` makes and is opened then
MOST = 3
EMAIL = "binh@example.org"
PLENTY = Allowance(stored_bytes=2**40, daily_bytes=2**40, pending_files=1_000)

Begin = Callable[..., Awaitable[Transfer]]
AddFile = Callable[[Transfer], Awaitable[File]]


async def add_whole_file(stores: Stores, make: Make, transfer: Transfer) -> File:
    """Begin a file of a draft and receive all of it."""
    file = await stores.files.begin(make.file(transfer), PLENTY, NOW_MS)
    await stores.files.add_part(file.file_id, 0, bytes(32), NOW_MS)
    whole = await stores.files.commit(file.file_id, NOW_MS)
    assert whole is not None
    return whole


async def open_with_one_file(stores: Stores, make: Make, transfer: Transfer) -> Transfer:
    """Open a draft with one file: for a person with its head, else with a link."""
    file = await add_whole_file(stores, make, transfer)
    contents: Any = (("a head",), None) if transfer.kind == "person" else ((), make.link())
    opened = await stores.transfers.open(transfer.transfer_id, (file.file_id,), *contents, NOW_MS)
    assert opened is not None
    return opened


def listed(transfer: Transfer) -> Transfer:
    """Return a transfer as lists have it."""
    link = transfer.link and replace(transfer.link, manifest=Sealed(""))
    return replace(transfer, link=link)


async def at_once(
    both: tuple[Stores, Stores], count: int, call: Callable[[TransferStore, int], Awaitable[Any]]
) -> list[Any]:
    """Let two processes make calls at the same time; returns what became of each."""
    calls = (call(both[n % 2].transfers, n) for n in range(count))
    return await asyncio.gather(*calls, return_exceptions=True)
