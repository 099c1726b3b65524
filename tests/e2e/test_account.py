"""Accounts in the page: what people forget, lose and change (S0-2, S1-31, S1-72)."""

import re

from playwright.async_api import expect

from tests.e2e.conftest import PHONE, NewPerson
from tests.e2e.person import Person


async def test_a_wrong_password_and_a_wrong_code_say_so_and_keep_what_was_typed(
    new_person: NewPerson,
) -> None:
    an = await new_person("An", viewport=PHONE)
    await an.sign_up()
    other = await new_person("An", email=an.email)
    await other.log_in("not the right words")
    await expect(other.page.get_by_role("alert").first).to_be_visible()
    await expect(other.get("login-email")).to_have_value(an.email)
    await other.log_in()
    await other.get("otp-code").fill("000000")
    await expect(other.page.get_by_role("alert").first).to_be_visible()
    await other.enter_code()
    await expect(other.get("my-friend-code")).to_have_text(await an.friend_code())


async def test_a_forgotten_password_is_replaced_and_the_recovery_code_opens_the_identity(
    pair: tuple[Person, Person], new_person: NewPerson
) -> None:
    an, binh = pair
    new = "another horse battery staple"
    forgetful = await new_person("An", email=an.email)
    await forgetful.page.goto(f"{an.server.origin}/#/forgot-password")
    await forgetful.get("forgot-email").fill(an.email)
    await forgetful.get("forgot-submit").click()
    await forgetful.get("otp-code").fill(await an.server.code_for(an.email))
    await forgetful.get("reset-password").fill(new)
    await forgetful.get("reset-password").press("Enter")
    await forgetful.get("unlock-code").fill(an.recovery_code)
    await forgetful.get("unlock-submit").click()
    await forgetful.get("room-item").first.wait_for()
    await forgetful.open_room()
    await forgetful.send("mình đây")
    await binh.reads("mình đây")
    await expect(binh.get("identity-change")).to_be_hidden()
    # Every other log-in has ended.
    await expect(an.get("login-email").or_(an.page.get_by_text("Sealroom")).first).to_be_visible()


async def test_a_new_identity_stops_sending_until_the_contact_has_chosen(
    pair: tuple[Person, Person], new_person: NewPerson
) -> None:
    an, binh = pair
    await an.send("trước")
    await binh.reads("trước")
    lost = await new_person("An", email=an.email)
    await lost.page.goto(f"{an.server.origin}/#/forgot-password")
    await lost.get("forgot-email").fill(an.email)
    await lost.get("forgot-submit").click()
    await lost.get("otp-code").fill(await an.server.code_for(an.email))
    await lost.get("reset-password").fill("yet another horse battery")
    await lost.get("reset-password").press("Enter")
    await lost.get("unlock-anew").click()
    await lost.get("unlock-anew-confirm").click()
    await lost.confirm_recovery()
    await expect(binh.get("identity-change")).to_be_visible()
    await expect(binh.get("message-input")).to_be_hidden()
    await binh.get("identity-continue").click()
    await expect(binh.get("identity-change")).to_be_hidden()
    await binh.send("bạn là ai")
    await lost.get("room-item").first.wait_for()
    await lost.open_room()
    await lost.reads("bạn là ai")


async def test_both_see_the_same_safety_number_and_verification_shows(
    pair: tuple[Person, Person],
) -> None:
    numbers = []
    for person in pair:
        await person.get("verify-open").click()
        numbers.append(await person.get("safety-number").text_content())
        await person.get("verify-mark").click()
        await expect(person.page.get_by_role("img", name="Verified").first).to_be_visible()
    assert numbers[0] == numbers[1]
    assert re.fullmatch(r"(\d{5} ){11}\d{5}", numbers[0] or "")


async def test_a_removed_device_is_out_at_once(
    pair: tuple[Person, Person], new_person: NewPerson
) -> None:
    an, binh = pair
    phone = await new_person("An", email=an.email, viewport=PHONE)
    await phone.log_in()
    await phone.enter_code()
    await phone.get("room-item").first.wait_for()
    await an.page.goto(f"{an.server.origin}/#/settings/devices")
    await an.page.get_by_role("button", name=re.compile("^Remove")).first.click()
    await an.get("confirm-password").fill(an.password)
    await an.get("confirm-password-submit").click()
    await expect(phone.get("room-item")).to_have_count(0)
    await an.page.goto(f"{an.server.origin}/#/chats")
    await an.open_room()
    await an.send("chỉ còn một máy")
    await binh.reads("chỉ còn một máy")


async def test_logging_out_leaves_nothing_in_the_browser(pair: tuple[Person, Person]) -> None:
    an, _ = pair
    await an.send("bí mật")
    await an.sees_state("bí mật", "read")
    await an.page.goto(f"{an.server.origin}/#/settings")
    await an.get("logout").click()
    await expect(an.page).to_have_url(re.compile("#/(welcome|log-in)"))
    left = await an.page.evaluate("indexedDB.databases().then((all) => all.map((one) => one.name))")
    assert left == []


async def test_the_language_and_the_theme_change_at_once(new_person: NewPerson) -> None:
    an = await new_person("An", locale="vi-VN")
    await an.sign_up()
    root = an.page.locator("html")
    await expect(root).to_have_attribute("lang", "vi")
    await an.page.goto(f"{an.server.origin}/#/settings/appearance")
    await an.page.get_by_label("English").check()
    await expect(root).to_have_attribute("lang", "en")
    await an.page.get_by_label("Dark").check()
    await expect(root).to_have_attribute("data-theme", "dark")
