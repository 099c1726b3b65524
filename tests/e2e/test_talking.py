"""Two people sign up, find each other and talk (S1-2, S1-7, S1-8, S1-9, S2-4)."""

import asyncio

import pytest
from playwright.async_api import expect

from tests.e2e.conftest import NewPerson
from tests.e2e.person import Person
from tests.process import ServerProcess


@pytest.mark.on_cluster
async def test_two_people_talk_both_ways_and_see_it_was_read(pair: tuple[Person, Person]) -> None:
    an, binh = pair
    await an.send("xin chào Bình")
    await binh.reads("xin chào Bình")
    await an.sees_state("xin chào Bình", "read")
    await binh.send("chào An, nghe rõ")
    await an.reads("chào An, nghe rõ")
    await expect(an.message("chào An, nghe rõ")).to_have_attribute("data-mine", "false")
    for number in range(10):
        await an.send(f"an {number}")
        await binh.send(f"binh {number}")
    for number in range(10):
        await an.reads(f"binh {number}")
        await binh.reads(f"an {number}")
    assert await an.texts() == await binh.texts()


@pytest.mark.on_cluster
async def test_typing_and_presence_are_seen(pair: tuple[Person, Person]) -> None:
    an, binh = pair
    await expect(an.get("presence")).to_have_attribute("data-status", "online")
    await binh.get("message-input").press_sequentially("một hai ba")
    await expect(an.get("typing-indicator")).to_be_visible()
    await binh.send("xong")
    await expect(an.get("typing-indicator")).to_be_hidden()
    await binh.page.close()
    await expect(an.get("presence")).to_have_attribute("data-status", "offline")


@pytest.mark.on_cluster
async def test_messages_typed_offline_arrive_once_and_in_order(pair: tuple[Person, Person]) -> None:
    an, binh = pair
    await an.send("trước")
    await binh.reads("trước")
    await an.context.set_offline(True)
    typed = [f"offline {number}" for number in range(5)]
    for text in typed:
        await an.send(text)
        await an.sees_state(text, "pending")
    await an.context.set_offline(False)
    for text in typed:
        await binh.reads(text)
        await an.reads(text)
    assert (await binh.texts())[-5:] == typed


async def test_a_reload_in_the_middle_loses_and_repeats_nothing(
    pair: tuple[Person, Person],
) -> None:
    an, binh = pair
    for number in range(6):
        await an.send(f"câu {number}")
        if number in (2, 4):
            await an.page.reload()
            await an.get("message-input").wait_for()
    for number in range(6):
        await binh.reads(f"câu {number}")
        await an.reads(f"câu {number}")


async def test_two_tabs_of_one_person_share_one_conversation(pair: tuple[Person, Person]) -> None:
    an, binh = pair
    second = Person(an.server, an.context, await an.context.new_page(), an.name, an.email)
    second.watch(second.page)
    await second.page.goto(an.page.url)
    await second.get("message-input").wait_for()
    await asyncio.gather(
        *(an.send(f"tab one {number}") for number in range(1)),
        *(second.send(f"tab two {number}") for number in range(1)),
    )
    for number in range(5):
        await an.send(f"one {number}")
        await second.send(f"two {number}")
    for text in [f"{tab} {number}" for tab in ("one", "two") for number in range(5)]:
        for person in (an, second, binh):
            await person.reads(text)
    # The tab that leads goes away; the other goes on by itself.
    await an.page.close()
    await second.send("vẫn còn đây")
    await binh.reads("vẫn còn đây")
    await binh.send("nhận được")
    await second.reads("nhận được")
    assert not second.complaints


@pytest.mark.on_cluster
async def test_a_second_device_logs_in_and_both_go_on(
    pair: tuple[Person, Person], new_person: NewPerson
) -> None:
    an, binh = pair
    await an.send("trước khi có máy mới")
    await binh.reads("trước khi có máy mới")
    laptop = await new_person("An", email=an.email)
    await laptop.log_in()
    await laptop.enter_code()
    await laptop.get("room-item").first.wait_for()
    await laptop.open_room()
    await laptop.send("từ máy mới")
    await binh.reads("từ máy mới")
    await an.reads("từ máy mới")
    await expect(an.message("từ máy mới")).to_have_attribute("data-mine", "true")
    await binh.send("thấy cả hai")
    await an.reads("thấy cả hai")
    await laptop.reads("thấy cả hai")
    # Nobody's identity has changed by that (SEAL1 §4.9).
    await expect(binh.get("identity-change")).to_be_hidden()


@pytest.mark.on_cluster
async def test_a_room_ends_after_seven_days_unless_both_keep_it(
    pair: tuple[Person, Person], server: ServerProcess
) -> None:
    day_ms = 24 * 60 * 60_000
    an, binh = pair
    await an.send("sẽ mất")
    await binh.reads("sẽ mất")
    await an.get("room-expiry-keep").click()
    await expect(binh.page.get_by_text("An would like to keep it.")).to_be_visible()
    await binh.get("room-expiry-keep").click()
    await expect(an.get("room-expiry").first).to_contain_text("13 days")
    server.advance(14 * day_ms + 60_000)
    for person in (an, binh):
        await person.page.reload()
    # A log-in lasts seven days, so both are asked to log in again; the room is gone for good.
    for person in (an, binh):
        await person.log_in()
        await person.get("my-friend-code").wait_for()
        await expect(person.get("room-item")).to_have_count(0)
        await expect(person.page.get_by_text("sẽ mất")).to_have_count(0)


async def test_text_that_looks_like_markup_is_text(pair: tuple[Person, Person]) -> None:
    an, binh = pair
    hostile = "<img src=x onerror=alert(1)><b>đậm</b> javascript:alert(1)"
    await an.send(hostile)
    await binh.reads(hostile)
    assert await binh.page.locator("[data-testid=message-text] img").count() == 0
    await an.send("xem https://example.org/trang.")
    link = binh.page.get_by_role("link", name="https://example.org/trang")
    await expect(link).to_have_attribute("rel", "noopener noreferrer")
