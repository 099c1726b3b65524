"""Transfers from page to page, and by link to a terminal without an account.

S3-15, S3-20 to S3-22, S3-25, S3-27.
"""

import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import Locator, expect

from client.api import Api
from client.errors import RefusedError
from client.link_visits import LinkAddress, LinkVisit
from client.seal.safety_number import shown_fingerprint
from tests.client.file_pieces import MIB
from tests.e2e.conftest import DESKTOP, PHONE, NewPerson
from tests.e2e.person import Person
from tests.e2e.test_files import written

pytestmark = pytest.mark.slow

PASSPHRASE = "six plain words of mine"


# ---- what a person does under Files


async def go(person: Person, part: str) -> None:
    """Open Received (""), Sent ("/sent") or New transfer ("/new")."""
    await person.page.evaluate("(part) => { location.hash = `#/files${part}` }", part)


async def choose(person: Person, *paths: Path) -> None:
    await go(person, "/new")
    async with person.page.expect_file_chooser() as chooser:
        await person.get("transfer-choose").click()
    await (await chooser.value).set_files(list(paths))


async def send(person: Person) -> Locator:
    """Send what was chosen; returns its transfer in the list."""
    await person.get("transfer-send").click()
    first = person.get("transfer-sent").first
    await expect(first.get_by_role("heading")).to_be_focused()
    return first


async def becomes(transfer: Locator, words: str | re.Pattern[str]) -> None:
    await expect(transfer.get_by_test_id("transfer-state")).to_have_text(words)


async def save(person: Person, path: Path, folder: Path) -> None:
    """Save the received file of this name: it is what was sent, byte for byte."""
    row = person.page.locator(".transfer-file").filter(has_text=path.name)
    async with person.page.expect_download() as started:
        await row.get_by_test_id("transfer-save").click()
    download = await started.value
    assert download.suggested_filename == path.name
    saved = folder / f"{os.urandom(4).hex()}-{path.name}"
    await download.save_as(saved)
    assert saved.read_bytes() == path.read_bytes()


def badge(person: Person) -> Locator:
    return person.page.locator(".nav a").filter(has_text="Files").locator(".badge")


@asynccontextmanager
async def visiting(transfer: Locator) -> AsyncIterator[LinkVisit]:
    """Take the link out of the page to a place without an account."""
    link = await transfer.get_by_test_id("transfer-link").text_content()
    address = LinkAddress.parse(link or "")
    api = Api(address.origin)
    yield LinkVisit(api, address)
    api.close()


# ----


async def test_files_for_a_contact_arrive_and_both_see_what_became_of_them(
    pair: tuple[Person, Person], tmp_path: Path
) -> None:
    an, binh = pair
    report, film = written(tmp_path, "Báo cáo.pdf", 70_001), written(tmp_path, "x.bin", 9 * MIB)
    await choose(an, report, film)
    await an.get("transfer-contact").select_option(label="Binh")
    sent = await send(an)
    await becomes(sent, "Not fetched yet")

    await expect(binh.get("toast")).to_contain_text("An has sent you files")
    await go(binh, "")
    await expect(badge(binh)).to_have_text("1")
    await save(binh, report, tmp_path)
    await save(binh, film, tmp_path)
    received = binh.get("transfer-received")
    await expect(received.get_by_text("Intact, from An")).to_have_count(2)
    await expect(received).to_contain_text("You have not compared the safety number with An yet.")
    await becomes(sent, re.compile("^Fetched on "))
    await expect(badge(binh)).to_be_hidden()

    await binh.page.reload()
    await expect(received.get_by_text("Intact, from An")).to_have_count(2)

    await sent.get_by_test_id("transfer-withdraw").click()
    await an.get("transfer-withdraw-confirm").click()
    await becomes(sent, re.compile("^Ended"))
    await expect(received).to_have_count(0)


async def test_files_for_an_address_are_offered_accepted_and_sealed_anew(
    new_person: NewPerson, tmp_path: Path
) -> None:
    an, binh = await new_person("An"), await new_person("Binh", viewport=PHONE)
    await an.sign_up()
    code = await an.friend_code()
    await binh.sign_up()
    path = written(tmp_path, "contract.pdf", 100_000)
    await choose(an, path)
    await an.page.get_by_role("radio", name="E-mail").check()
    await an.get("transfer-email").fill(binh.email)
    sent = await send(an)
    await becomes(sent, "Waiting until they accept")
    await expect(sent.get_by_test_id("transfer-copy")).to_be_visible()

    await go(binh, "")
    offer = binh.get("transfer-received")
    await expect(offer.get_by_test_id("transfer-offer")).to_contain_text(
        f"An (code {code}) wants to send you 1 file"
    )
    await expect(offer).not_to_contain_text("contract.pdf")
    await offer.get_by_test_id("transfer-accept").click()
    await expect(offer).to_contain_text("contract.pdf")
    await becomes(sent, "Accepted, not fetched yet")
    await save(binh, path, tmp_path)
    await expect(offer.get_by_text("Intact, from An")).to_be_visible()
    await becomes(sent, re.compile("^Fetched on "))


async def test_a_declined_offer_is_gone_and_its_sender_is_not_told(
    new_person: NewPerson, tmp_path: Path
) -> None:
    an, binh = await new_person("An"), await new_person("Binh", viewport=PHONE)
    await an.sign_up()
    await binh.sign_up()
    await choose(an, written(tmp_path, "spam.bin", 1_000))
    await an.page.get_by_role("radio", name="E-mail").check()
    await an.get("transfer-email").fill(binh.email)
    sent = await send(an)
    await becomes(sent, "Waiting until they accept")
    await go(binh, "")
    await binh.get("transfer-decline").click()
    await binh.get("transfer-decline-confirm").click()
    await expect(binh.get("transfer-received")).to_have_count(0)
    await binh.page.reload()
    await expect(binh.page.get_by_role("heading", name="Nothing came yet")).to_be_visible()
    await becomes(sent, "Waiting until they accept")
    async with visiting(sent) as link:
        assert len((await link.open()).manifest.files) == 1


async def test_a_link_opens_with_its_passphrase_until_it_is_withdrawn(
    new_person: NewPerson, tmp_path: Path
) -> None:
    an = await new_person("An", viewport=PHONE)
    await an.sign_up()
    path = written(tmp_path, "film.mp4", 5 * MIB + 3)
    await choose(an, path)
    await an.page.get_by_role("radio", name="Link").check()
    await an.get("transfer-limit").select_option(label="5 times")
    await an.get("transfer-passphrase").fill(PASSPHRASE)
    sent = await send(an)
    await becomes(sent, "Downloaded 0 of 5 times")

    async with visiting(sent) as link:
        with pytest.raises(RefusedError, match="bad_link"):
            await link.open()
        await link.unlock(PASSPHRASE)
        contents = await link.open()
        (file,) = contents.manifest.files
        await link.save(file, tmp_path / "saved.mp4")
    assert (tmp_path / "saved.mp4").read_bytes() == path.read_bytes()
    sender = contents.manifest.sender
    assert sender is not None
    assert (file.name, sender.name, contents.downloads_left) == ("film.mp4", "An", 5)
    await sent.get_by_text("Numbers to compare").click()
    numbers = shown_fingerprint(sender.device.user_id, sender.device.account_key)
    await expect(sent.get_by_text(numbers)).to_be_visible()
    await becomes(sent, "Downloaded 1 of 5 times")

    await an.page.reload()
    await expect(sent.get_by_test_id("transfer-copy")).to_be_visible()
    async with visiting(sent) as link:
        await sent.get_by_test_id("transfer-withdraw").click()
        await an.get("transfer-withdraw-confirm").click()
        await becomes(sent, re.compile("^Ended"))
        await expect(sent.get_by_test_id("transfer-link")).to_have_text("")
        with pytest.raises(RefusedError, match="not_found"):
            await link.open()
    await sent.get_by_test_id("transfer-forget").click()
    await an.get("transfer-forget-confirm").click()
    await expect(sent).to_have_count(0)


async def test_what_is_sent_without_a_network_goes_when_it_is_back(
    new_person: NewPerson, tmp_path: Path
) -> None:
    an = await new_person("An", viewport=DESKTOP)
    await an.sign_up()
    await choose(an, written(tmp_path, "notes.txt", 50_000))
    await an.page.get_by_role("radio", name="Link").check()
    await an.page.get_by_role("switch", name="Say who it is from").uncheck()
    await an.context.set_offline(True)
    await expect(an.page.get_by_text("You are offline.").first).to_be_visible()
    sent = await send(an)
    await becomes(sent, "Waiting for the network")
    await an.context.set_offline(False)
    await becomes(sent, "Not downloaded yet")
    async with visiting(sent) as link:
        assert (await link.open()).manifest.sender is None


async def test_another_device_sees_what_was_sent_but_not_its_link(
    new_person: NewPerson, tmp_path: Path
) -> None:
    an = await new_person("An")
    await an.sign_up()
    await choose(an, written(tmp_path, "notes.txt", 50_000))
    await an.page.get_by_role("radio", name="Link").check()
    await becomes(await send(an), "Not downloaded yet")
    tablet = await new_person("An", email=an.email)
    await tablet.log_in()
    await tablet.enter_code()
    await tablet.get("settings-open").wait_for()
    await go(tablet, "/sent")
    sent = tablet.get("transfer-sent")
    await expect(sent).to_contain_text("only on the device that made it")
    await expect(sent).to_contain_text("File 1")
    await sent.get_by_test_id("transfer-withdraw").click()
    await tablet.get("transfer-withdraw-confirm").click()
    await expect(sent).to_have_count(0)
    await an.page.reload()
    await becomes(an.get("transfer-sent"), re.compile("^Ended"))
