"""The memory of a page that sends and fetches a file far larger than it."""

from pathlib import Path

import pytest
import pytest_asyncio

from tests.client.crowd import Crowd
from tests.client.file_pieces import MIB
from tests.e2e.bare_page import room_with
from tests.process import ServerProcess

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

LARGE_BYTES = 1024 * MIB
BOUND_BYTES = 128 * MIB  # 50 have been seen; a busy browser collects later
SETTINGS = {"SEALROOM_FILE_MIB": "1100"}

FETCH = """async (key) => {
  const { engine, room } = globalThis.tested;
  return (await engine.call("fetchAttachment", { room, key, index: 0 })).file.size;
}"""


class Memory:
    """The most memory that each process of a browser has had since this was made."""

    def __init__(self, process_ids: list[int]) -> None:
        for process_id in process_ids:
            Path(f"/proc/{process_id}/clear_refs").write_text("5")  # the peak begins anew, proc(5)
        self._before = {each: _peak_bytes(each) for each in process_ids}

    def grown_bytes(self) -> int:
        return max(_peak_bytes(each) - before for each, before in self._before.items())


def _peak_bytes(process_id: int) -> int:
    status = Path(f"/proc/{process_id}/status").read_text(encoding="ascii")
    return int(status.split("VmHWM:")[1].split()[0]) * 1_024


@pytest_asyncio.fixture
async def crowd(server: ServerProcess, crowd: Crowd) -> Crowd:
    server.stop()
    server.settings = SETTINGS
    server.start()
    return crowd


async def test_neither_end_holds_the_whole_of_a_large_file(crowd: Crowd, tmp_path: Path) -> None:
    source = tmp_path / "large.bin"
    with source.open("wb") as file:
        file.truncate(LARGE_BYTES)
    carol = await crowd.person("carol")
    async with room_with(carol, tmp_path / "profile") as (page, engine, room):
        memory = Memory(await page.process_ids())
        await engine.send(source, text="up")
        await engine.received("up")
        assert memory.grown_bytes() < BOUND_BYTES

        await carol.read(room)
        await carol.engine.send_files(room, [source], "down")
        key = await engine.received("down")
        memory = Memory(await page.process_ids())
        assert await page.evaluate(FETCH, key) == LARGE_BYTES
        assert memory.grown_bytes() < BOUND_BYTES
