"""Programs that the crypto tests talk to."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


class Driver:
    """One device of the browser's code in a node process; see `ratchet_driver.js`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def do(self, op: str, **fields: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"op": op, **fields}).encode() + b"\n")
        line = await self._process.stdout.readline()
        assert line, "the driver ended; its traceback is on stderr"
        answer: dict[str, Any] = json.loads(line)
        return answer


@pytest.fixture
async def driver() -> AsyncIterator[Driver]:
    process = await asyncio.create_subprocess_exec(
        "node",
        str(ROOT / "tests/crypto/ratchet_driver.js"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=1 << 20,
    )
    yield Driver(process)
    assert process.stdin is not None
    process.stdin.close()
    await asyncio.wait_for(process.wait(), 10)
