"""Files go from page to page, through a server that cannot read them (S4)."""

from pathlib import Path

from playwright.async_api import FileChooser, FilePayload, Page, expect

from tests.e2e.person import Person


async def chooser_of(page: Page) -> FileChooser:
    async with page.expect_file_chooser() as chooser:
        await page.get_by_test_id("attach-file").click()
        await page.get_by_role("menuitem", name="Photos and files").click()
    return await chooser.value


async def attach(page: Page, *files: FilePayload) -> None:
    await (await chooser_of(page)).set_files(list(files))


async def test_what_one_attaches_the_other_saves_intact(
    pair: tuple[Person, Person], tmp_path: Path
) -> None:
    """S2-14, S2-15, S2-16, S1-124"""
    an, binh = pair
    content = bytes(range(256)) * 20_000  # more than one part
    plan = FilePayload(name="kế hoạch.pdf", mimeType="application/pdf", buffer=content)
    note = FilePayload(name="note.txt", mimeType="text/plain", buffer=b"")
    await attach(an.page, plan, note)
    await an.get("message-input").fill("Đây nhé")
    await an.get("message-send").click()
    await binh.reads("Đây nhé")
    file = binh.page.get_by_test_id("attachment").filter(has_text="kế hoạch.pdf")
    await expect(file).to_have_attribute("data-verdict", "here")
    for _ in range(2):  # from the server, then from this device
        async with binh.page.expect_download() as download:
            await file.get_by_test_id("attachment-download").click()
        saved = tmp_path / "saved"
        await (await download.value).save_as(saved)
        assert saved.read_bytes() == content
        await expect(file).to_have_attribute("data-verdict", "intact")
    own = an.page.get_by_test_id("attachment").filter(has_text="kế hoạch.pdf")
    await expect(own).to_have_attribute("data-verdict", "intact")
    await binh.page.reload()
    await expect(file).to_have_attribute("data-verdict", "intact")


async def test_a_picture_is_seen_at_once_by_both(pair: tuple[Person, Person]) -> None:
    """S2-13"""
    an, binh = pair
    picture = await an.page.screenshot(type="jpeg")
    await attach(an.page, FilePayload(name="màn hình.jpg", mimeType="image/jpeg", buffer=picture))
    await an.get("message-send").click()
    for person in (an, binh):
        seen = person.page.get_by_role("img", name="màn hình.jpg")
        await expect(seen).to_have_js_property("naturalWidth", 1280)
