"""A server whose disk is full says so in the page; nothing is lost, and everything else goes on.

R-35.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.e2e.person import Person
from tests.e2e.test_media import named, plan, saved, send
from tests.process import ServerProcess
from tests.small_disk import SmallDisk

pytestmark = pytest.mark.slow

MIB = 1024 * 1024


@pytest.fixture
def disk(tmp_path: Path) -> SmallDisk:
    return SmallDisk(tmp_path, 24 * MIB)


@pytest.fixture
def server(disk: SmallDisk) -> Iterator[ServerProcess]:
    process = disk.server()
    process.start()
    yield process
    assert process.stop() == 0


async def test_a_file_that_does_not_fit_waits_for_a_person_and_words_go_on(
    pair: tuple[Person, Person], disk: SmallDisk, tmp_path: Path
) -> None:
    an, binh = pair
    document = plan(tmp_path)
    disk.fill(left_bytes=6 * MIB)
    await send(an, document)
    failed = an.page.get_by_test_id("message").filter(has_text="plan.pdf")
    await expect(failed).to_contain_text("Not sent: the server is full. It is kept here.")
    await an.send("words still fit")
    await binh.reads("words still fit")
    await expect(named(binh.page, "plan.pdf")).to_have_count(0)
    assert 1 <= disk.whole_parts() < 3
    disk.clear()
    await failed.get_by_role("button", name="Retry").click()
    assert await saved(named(binh.page, "plan.pdf"), tmp_path) == document.read_bytes()
    await expect(named(an.page, "plan.pdf")).to_have_attribute("data-verdict", "intact")
