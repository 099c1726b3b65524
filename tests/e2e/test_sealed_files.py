"""Files without sending: a browser and the Python client open what the other has sealed.

The browser is off-line throughout: what it needs is on the device.
S3-1, S3-4, S3-7.
"""

import os
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, CDPSession, expect

from client.file_commands import open_sealed, seal_for_devices, seal_for_passphrase
from client.seal.encoding import b64url_decode
from client.seal.identity import DeviceIdentity, LocalDevice
from tests.client.crowd import Crowd, Device
from tests.client.file_pieces import MIB
from tests.client.test_sealed_files import rename
from tests.e2e.conftest import PHONE, NewPerson
from tests.e2e.person import Person
from tests.process import ServerProcess

pytestmark = pytest.mark.slow

PASSPHRASE = "six plain words of mine"
LARGE_BYTES = 256 * MIB
LARGE_PATIENCE_MS = 100_000


@dataclass
class Meeting:
    """An at a browser, Binh and Chi at terminals; Binh is a contact of An's."""

    an: Person
    binh: Device
    chi: Device
    folder: Path

    async def devices_of_an(self) -> tuple[DeviceIdentity, ...]:
        (contact,) = (await self.binh.people.contacts()).contacts
        return (await self.binh.engine.directory.devices_of(b64url_decode(contact.user.id))).active

    def file(self, name: str, content: bytes) -> Path:
        path = self.folder / name
        path.write_bytes(content)
        return path

    async def begin(self, path: Path) -> None:
        """An chooses a file."""
        if await self.an.get("file-again").count():
            await self.an.get("file-again").click()
        await self.an.get("file-input").set_input_files(path)

    async def sees(self, verdict: str) -> None:
        await expect(self.an.get("file-verdict")).to_have_text(verdict)

    async def save(self) -> Path:
        async with self.an.page.expect_download() as started:
            await self.an.get("file-save").click()
        download = await started.value
        target = self.folder / f"saved-{os.urandom(4).hex()}-{download.suggested_filename}"
        await download.save_as(target)
        return target

    async def is_refused(self, path: Path, verdict: str) -> None:
        await self.begin(path)
        await self.sees(verdict)
        await expect(self.an.get("file-save")).to_have_count(0)


@pytest_asyncio.fixture
async def meeting(
    new_person: NewPerson, crowd: Crowd, server: ServerProcess, tmp_path: Path
) -> Meeting:
    an = await new_person("An", viewport=PHONE)
    await an.sign_up()
    binh, chi = await crowd.person("binh"), await crowd.person("chi")
    await binh.people.add(await an.friend_code())
    await an.accept()
    meeting = Meeting(an, binh, chi, tmp_path)
    await meeting.devices_of_an()
    await an.page.goto(f"{server.origin}/#/files/seal")
    await an.context.set_offline(True)
    return meeting


def name_of(_: DeviceIdentity) -> str:
    return "An"


def device_of(terminal: Device) -> LocalDevice:
    return terminal.file.state.device


async def test_what_a_browser_seals_for_a_contact_the_terminal_opens(meeting: Meeting) -> None:
    content = os.urandom(5 * MIB + 17)
    await meeting.begin(meeting.file("Báo cáo.pdf", content))
    await meeting.an.get("file-seal").click()
    await meeting.sees("Sealed")
    sealed = await meeting.save()
    assert sealed.name.endswith("Báo cáo.pdf.seal")
    place, verdict = open_sealed(
        sealed, meeting.folder / "opened", meeting.binh.file.state, lambda: "", name_of
    )
    assert place.read_bytes() == content
    assert verdict.startswith("intact, from An")


async def test_what_the_terminal_seals_a_browser_opens_and_says_whom_it_is_from(
    meeting: Meeting,
) -> None:
    content = os.urandom(5 * MIB + 17)
    source, recipients = meeting.file("film.mp4", content), await meeting.devices_of_an()
    sealed = seal_for_devices(source, None, meeting.binh.file.state, recipients)
    await meeting.begin(sealed)
    await meeting.sees(f"Intact, from {meeting.binh.email.split('@')[0]}")
    await expect(meeting.an.get("file-outcome")).to_have_attribute("data-kind", "careful")
    saved = await meeting.save()
    assert saved.name.endswith("film.mp4")
    assert saved.read_bytes() == content

    unknown = seal_for_devices(
        source, meeting.folder / "chi.seal", meeting.chi.file.state, recipients
    )
    await meeting.begin(unknown)
    await meeting.sees("Intact, from somebody you do not know")


async def test_a_passphrase_goes_both_ways(meeting: Meeting) -> None:
    content = os.urandom(100_000)
    source = meeting.file("notes.txt", content)
    await meeting.begin(source)
    await meeting.an.page.get_by_role("radio", name="Passphrase").check()
    await meeting.an.get("file-passphrase-new").fill(PASSPHRASE)
    await meeting.an.get("file-seal").click()
    await meeting.sees("Sealed")
    target = meeting.folder / "opened"
    state = meeting.chi.file.state
    place, _ = open_sealed(await meeting.save(), target, state, lambda: PASSPHRASE, name_of)
    assert place.read_bytes() == content

    await meeting.begin(seal_for_passphrase(source, None, PASSPHRASE))
    await meeting.an.get("file-passphrase").fill("another passphrase")
    await meeting.an.get("file-open").click()
    await expect(meeting.an.page.get_by_text("This passphrase does not open it.")).to_be_visible()
    await meeting.an.get("file-passphrase").fill(PASSPHRASE)
    await meeting.an.get("file-open").click()
    await meeting.sees("Intact")
    assert (await meeting.save()).read_bytes() == content


async def test_row_20_whatever_was_done_to_a_file_gets_its_verdict_and_nothing_is_saved(
    meeting: Meeting,
) -> None:
    source, recipients = meeting.file("x.bin", os.urandom(MIB)), await meeting.devices_of_an()
    binh, chi = meeting.binh.file.state, meeting.chi.file.state
    whole = seal_for_devices(source, None, binh, recipients).read_bytes()
    flipped = whole[:-500_000] + bytes([whole[-500_000] ^ 1]) + whole[-499_999:]
    await meeting.is_refused(meeting.file("1.seal", flipped), "Damaged: not saved")
    await meeting.is_refused(meeting.file("2.seal", whole[:-16_400]), "Damaged: not saved")
    await meeting.is_refused(meeting.file("3.seal", whole + b"\0"), "Damaged: not saved")
    newer = whole[:6] + b"\2" + whole[7:]
    await meeting.is_refused(meeting.file("4.seal", newer), "Sealed by a newer version")
    await meeting.is_refused(meeting.file("5.seal", source.read_bytes()), "Not a sealed file")

    for_chi = seal_for_devices(
        source, meeting.folder / "6.seal", binh, (device_of(meeting.chi).identity(),)
    )
    await meeting.is_refused(for_chi, "Not for this device: not saved")

    # Binh may read what Chi has sealed for both, and rename it, but not in the name of Chi.
    both = (*recipients, device_of(meeting.binh).identity())
    from_chi = seal_for_devices(source, meeting.folder / "7.seal", chi, both).read_bytes()
    forger = replace(device_of(meeting.chi), signing_key=device_of(meeting.binh).signing_key)
    renamed = meeting.file("8.seal", rename(from_chi, device_of(meeting.binh), forger))
    await meeting.is_refused(renamed, "Not from whom it says: not saved")


async def test_a_second_tab_seals_through_the_first(meeting: Meeting) -> None:
    await meeting.an.context.set_offline(False)
    second = await meeting.an.context.new_page()
    meeting.an.watch(second)
    await second.goto(meeting.an.page.url)
    content = os.urandom(MIB)
    first, meeting.an.page = meeting.an.page, second
    await meeting.begin(meeting.file("shared.bin", content))
    await meeting.an.get("file-seal").click()
    await meeting.sees("Sealed")
    sealed = await meeting.save()
    await first.close()
    place, _ = open_sealed(
        sealed, meeting.folder / "opened", meeting.binh.file.state, lambda: "", name_of
    )
    assert place.read_bytes() == content


async def test_a_file_larger_than_the_memory_of_the_tab(meeting: Meeting, browser: Browser) -> None:
    source = meeting.folder / "large.bin"
    with source.open("wb") as file:
        file.truncate(LARGE_BYTES)
    processes = await browser.new_browser_cdp_session()
    before_kib = await peak_kib(processes)
    await meeting.begin(source)
    await meeting.an.page.get_by_role("radio", name="Only me").check()
    await meeting.an.get("file-seal").click()
    await expect(meeting.an.get("file-verdict")).to_have_text("Sealed", timeout=LARGE_PATIENCE_MS)
    sealed = await meeting.save()
    assert sealed.stat().st_size > LARGE_BYTES
    await meeting.begin(sealed)
    verdict = meeting.an.get("file-verdict")
    await expect(verdict).to_have_text("Intact, sealed by you", timeout=LARGE_PATIENCE_MS)
    assert (await meeting.save()).stat().st_size == LARGE_BYTES
    grown_kib = await peak_kib(processes) - before_kib
    assert grown_kib * 1_024 < LARGE_BYTES / 2, f"{grown_kib} KiB more than before"


async def peak_kib(processes: CDPSession) -> int:
    """The most memory that any page has ever had."""
    found = await processes.send("SystemInfo.getProcessInfo")
    pages = [each["id"] for each in found["processInfo"] if each["type"] == "renderer"]
    return max(_high_water_kib(process_id) for process_id in pages)


def _high_water_kib(process_id: int) -> int:
    status = Path(f"/proc/{process_id}/status").read_text(encoding="ascii")
    (line,) = [line for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1])
