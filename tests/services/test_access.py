"""The door from an id to a thing: not yours and not there are the same."""

from typing import Any

import pytest

from models.accounts import Account
from protocol.errors import ErrorCode
from protocol.ids import RoomId, UserId
from protocol.limits import DAY_MS
from tests.harness import MovableClock
from tests.house import House, refused


@pytest.fixture
async def an(house: House) -> Account:
    return (await house.sign_up("an@example.org")).account


@pytest.fixture
async def binh(house: House) -> Account:
    return (await house.sign_up("binh@example.org")).account


@pytest.fixture
async def chi(house: House) -> Account:
    return (await house.sign_up("chi@example.org")).account


async def test_a_room_is_there_for_its_members_only(
    house: House, an: Account, binh: Account, chi: Account, people: Any
) -> None:
    await house.befriend(an.user_id, binh.user_id)
    room = await people.room(an, binh)
    assert await house.access.room(an.user_id, room.room_id) == room
    assert await house.access.room(binh.user_id, room.room_id) == room
    await refused(ErrorCode.NOT_FOUND, house.access.room(chi.user_id, room.room_id))
    unknown = RoomId("A" * 43)
    await refused(ErrorCode.NOT_FOUND, house.access.room(an.user_id, unknown))


async def test_a_room_that_has_expired_is_not_there(
    house: House, an: Account, binh: Account, people: Any, clock: MovableClock
) -> None:
    await house.befriend(an.user_id, binh.user_id)
    room = await people.room(an, binh)
    clock.advance(7 * DAY_MS)
    await refused(ErrorCode.NOT_FOUND, house.access.room(an.user_id, room.room_id))


async def test_contacts_pass_and_everybody_else_does_not(
    house: House, an: Account, binh: Account
) -> None:
    require = house.access.require_contact
    await refused(ErrorCode.NOT_CONTACT, require(an.user_id, binh.user_id))
    await house.stores.contacts.request(an.user_id, binh.user_id, 1)
    await refused(ErrorCode.NOT_CONTACT, require(an.user_id, binh.user_id))
    await refused(ErrorCode.NOT_CONTACT, require(binh.user_id, an.user_id))
    await house.stores.contacts.accept(binh.user_id, an.user_id)
    await require(an.user_id, binh.user_id)
    await require(binh.user_id, an.user_id)
    await house.stores.contacts.block(an.user_id, binh.user_id, 2)
    await refused(ErrorCode.NOT_CONTACT, require(binh.user_id, an.user_id))
    await refused(ErrorCode.NOT_CONTACT, require(an.user_id, an.user_id))


async def test_a_block_counts_whatever_the_relation_says(
    house: House, an: Account, binh: Account
) -> None:
    await house.stores.contacts.block(an.user_id, binh.user_id, 1)
    await house.befriend(an.user_id, binh.user_id)
    assert await house.stores.contacts.state(an.user_id, binh.user_id) == "accepted"
    for one, other in ((an, binh), (binh, an)):
        await refused(
            ErrorCode.NOT_CONTACT, house.access.require_contact(one.user_id, other.user_id)
        )


async def test_oneself_requests_contacts_and_roommates_are_visible(
    house: House, an: Account, binh: Account, chi: Account, people: Any
) -> None:
    person = house.access.person
    assert await person(an.user_id, an.user_id) == an
    await refused(ErrorCode.NOT_FOUND, person(an.user_id, binh.user_id))
    await house.stores.contacts.request(an.user_id, binh.user_id, 1)
    assert await person(an.user_id, binh.user_id) == binh
    assert await person(binh.user_id, an.user_id) == an
    await house.stores.contacts.accept(binh.user_id, an.user_id)
    await people.room(an, binh)
    await house.stores.contacts.remove(an.user_id, binh.user_id)
    assert await person(binh.user_id, an.user_id) == an
    await refused(ErrorCode.NOT_FOUND, person(chi.user_id, an.user_id))
    await refused(ErrorCode.NOT_FOUND, person(an.user_id, UserId("A" * 22)))


async def test_a_request_by_address_shows_nobody(house: House, an: Account, binh: Account) -> None:
    await house.stores.contacts.request(an.user_id, binh.user_id, 1, binh.email)
    await refused(ErrorCode.NOT_FOUND, house.access.person(an.user_id, binh.user_id))
    assert await house.access.person(binh.user_id, an.user_id) == an


async def test_devices_matter_to_oneself_contacts_and_roommates(
    house: House, an: Account, binh: Account, chi: Account, people: Any
) -> None:
    await house.befriend(an.user_id, binh.user_id)
    await house.stores.contacts.request(chi.user_id, an.user_id, 1)
    assert await house.access.audience(an.user_id) == (an.user_id, binh.user_id)
    await people.room(an, binh)
    await house.stores.contacts.remove(an.user_id, binh.user_id)
    assert await house.access.audience(an.user_id) == (an.user_id, binh.user_id)
    assert await house.access.audience(chi.user_id) == (chi.user_id,)
