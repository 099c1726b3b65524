"""What an operator does about reports, beside a server that runs."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from models.stores import Stores
from models.transfers import Transfer
from protocol.ids import TransferId
from storage.errors import StorageRefused
from tests.contracts.make import Make
from tools.abuse.__main__ import NOTHING, WRONG, run

ROOT = Path(__file__).parents[2]
NOW_MS = 2_000
FOR_EVER_MS = 2**50


@pytest.fixture
def make() -> Make:
    return Make()


def abuse(path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the program as an operator does."""
    return subprocess.run(
        [sys.executable, "-m", "tools.abuse", *arguments],
        cwd=ROOT,
        env={**os.environ, "SEALROOM_DATABASE": f"sqlite:///{path}"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


async def begin(stores: Stores, make: Make, **fields: object) -> Transfer:
    transfer = make.transfer(expires_ms=FOR_EVER_MS, created_ms=FOR_EVER_MS - 1, **fields)
    return await stores.transfers.begin(transfer, 100, NOW_MS)


@pytest.mark.every_database
async def test_one_transfer_or_all_of_one_person_end_for_whoever_has_the_database_open(
    stores: Stores, make: Make, database_url: str
) -> None:
    user = make.user()
    one, two, three = [await begin(stores, make, sender=user) for _ in range(3)]
    other = await begin(stores, make)
    assert await run(database_url, "end", one.transfer_id) == 0
    assert await stores.transfers.by_id(one.transfer_id, NOW_MS) is None
    assert await run(database_url, "end", one.transfer_id) == NOTHING
    assert await run(database_url, "end-all", user) == 0
    for transfer in (two, three):
        assert await stores.transfers.by_id(transfer.transfer_id, NOW_MS) is None
    assert await run(database_url, "end-all", user) == NOTHING
    assert await stores.transfers.by_id(other.transfer_id, NOW_MS) is not None


async def test_reports_are_listed_newest_first_and_cannot_command_a_terminal(
    stores: Stores, make: Make, tmp_path: Path
) -> None:
    live = await begin(stores, make)
    report = make.report(transfer_id=live.transfer_id, sender=live.sender)
    hostile = "\x1b[2J\r\nkhông \u202eổn\x9b"
    await stores.reports.add(replace(report, text="", created_ms=1_000))
    await stores.reports.add(make.report(text=hostile, created_ms=61_000))
    listed = abuse(tmp_path / "sealroom.db", "reports")
    assert (listed.returncode, listed.stderr) == (0, "")
    newer, older = listed.stdout.splitlines()
    assert newer.startswith("1970-01-01 00:01  ")
    assert newer.endswith("  ended  malware  \\u001b[2J\\u000d\\u000akhông \\u202eổn\\u009b")
    assert older == f"1970-01-01 00:00  {live.transfer_id}  {live.sender}  live   malware"


async def test_an_id_that_begins_with_a_hyphen_is_an_id(
    stores: Stores, make: Make, tmp_path: Path
) -> None:
    transfer = await begin(stores, make, transfer_id=TransferId("--config-AAAAAAAAAAAAA"))
    ended = abuse(tmp_path / "sealroom.db", "end", transfer.transfer_id)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "It has ended.\n", "")
    assert await stores.transfers.by_id(transfer.transfer_id, NOW_MS) is None


async def test_a_database_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    path = tmp_path / "nowhere.db"
    with pytest.raises(StorageRefused, match="is not there"):
        await run(f"sqlite:///{path}", "reports", "")
    refused = abuse(path, "reports")
    assert (refused.returncode, refused.stdout) == (WRONG, "")
    assert "--config" in refused.stderr
    assert not path.exists()


def test_a_wrong_setting_is_named(tmp_path: Path) -> None:
    refused = abuse(tmp_path, "--config", str(tmp_path / "none.toml"), "reports")
    assert refused.returncode == WRONG
    assert "none.toml" in refused.stderr
