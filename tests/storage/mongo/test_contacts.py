"""What is between people is whole at any death of a process (R-22)."""

import pytest

from models.contacts import Contact, Invite
from tests.storage.mongo.deaths import outcome_of

pytestmark = pytest.mark.mongo

EMAIL = "new@example.org"


async def test_both_sides_of_a_relation_change_together(stores, deaths, make):
    async for at in deaths.each():
        an, binh = make.user(), make.user()
        async with deaths.process(at) as dying:
            await outcome_of(dying.contacts.request(an, binh, 1_000))
        sides = (await stores.contacts.state(an, binh), await stores.contacts.state(binh, an))
        assert sides in {("outgoing", "incoming"), (None, None)}
        async with deaths.process(at) as dying:
            await outcome_of(dying.contacts.request(binh, an, 1_000))
        sides = (await stores.contacts.state(an, binh), await stores.contacts.state(binh, an))
        assert sides in {
            ("accepted", "accepted"),
            ("outgoing", "incoming"),
            ("incoming", "outgoing"),
            (None, None),
        }
    assert sides == ("accepted", "accepted")
    assert deaths.count >= 3


async def test_a_refused_request_by_address_is_never_lost(stores, deaths, make):
    async for at in deaths.each():
        an, binh = make.user(), make.user()
        await stores.contacts.request(an, binh, 1_000, EMAIL)
        async with deaths.process(at) as dying:
            await outcome_of(dying.contacts.block(binh, an, 2_000))
        shown = (await stores.contacts.of_user(an), await stores.contacts.invites(an))
        is_blocked = await stores.contacts.is_blocked(an, binh)
        assert shown == (
            ([], [Invite(EMAIL, 1_000)])
            if is_blocked
            else ([Contact(binh, "outgoing", 1_000, EMAIL)], [])
        )
    assert is_blocked
    assert deaths.count >= 3


async def test_an_address_that_gets_an_account_has_all_its_requests_or_none(stores, deaths, make):
    async for at in deaths.each():
        askers, new = [make.user() for _ in range(2)], make.user()
        email = f"{at}@example.org"
        for asker in askers:
            await stores.contacts.invite(asker, email, 1_000)
        async with deaths.process(at) as dying:
            await outcome_of(dying.contacts.fulfil_invites(email, new, 9_000))
        requests = [contact.other for contact in await stores.contacts.of_user(new)]
        assert requests in ([], askers)
        for asker in askers:
            shown = (await stores.contacts.of_user(asker), await stores.contacts.invites(asker))
            as_request = ([Contact(new, "outgoing", 1_000, email)], [])
            assert shown == (as_request if requests else ([], [Invite(email, 1_000)]))
        await stores.contacts.withdraw_invite(askers[0], email)
        assert await stores.contacts.invites(askers[0]) == []
        assert await stores.contacts.state(new, askers[0]) is None
        told = await stores.contacts.fulfil_invites(email, new, 9_500)
        assert told == ([] if requests else askers[1:])
    assert requests == askers
    assert deaths.count >= 6
