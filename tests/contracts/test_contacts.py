"""ContactStore."""

import asyncio

import pytest

from models.contacts import Contact, Invite


@pytest.fixture
def people(make):
    return make.user(), make.user(), make.user()


async def test_a_request_is_outgoing_for_one_and_incoming_for_the_other(stores, people):
    an, binh, _ = people
    assert await stores.contacts.request(an, binh, 1_000) == "outgoing"
    assert await stores.contacts.state(an, binh) == "outgoing"
    assert await stores.contacts.state(binh, an) == "incoming"
    assert await stores.contacts.of_user(an) == [Contact(binh, "outgoing", 1_000)]
    assert await stores.contacts.of_user(binh) == [Contact(an, "incoming", 1_000)]


async def test_asking_back_accepts(stores, people):
    an, binh, _ = people
    await stores.contacts.request(an, binh, 1_000)
    assert await stores.contacts.request(binh, an, 2_000) == "accepted"
    assert await stores.contacts.state(an, binh) == "accepted"
    assert await stores.contacts.state(binh, an) == "accepted"


async def test_asking_twice_changes_nothing(stores, people):
    an, binh, _ = people
    await stores.contacts.request(an, binh, 1_000)
    assert await stores.contacts.request(an, binh, 2_000, "binh@example.org") == "outgoing"
    assert await stores.contacts.of_user(an) == [Contact(binh, "outgoing", 1_000)]
    await stores.contacts.accept(binh, an)
    assert await stores.contacts.request(an, binh, 3_000) == "accepted"
    assert await stores.contacts.request(binh, an, 3_000) == "accepted"


async def test_the_address_of_a_request_is_the_requesters_until_accepted(stores, people):
    an, binh, _ = people
    await stores.contacts.request(an, binh, 1_000, "binh@example.org")
    assert await stores.contacts.of_user(an) == [
        Contact(binh, "outgoing", 1_000, "binh@example.org")
    ]
    assert await stores.contacts.of_user(binh) == [Contact(an, "incoming", 1_000)]
    await stores.contacts.accept(binh, an)
    assert await stores.contacts.of_user(an) == [Contact(binh, "accepted", 1_000)]


async def test_a_request_to_someone_who_blocked_is_seen_by_the_requester_only(stores, people):
    an, binh, _ = people
    await stores.contacts.block(binh, an, 500)
    assert await stores.contacts.request(an, binh, 1_000) == "outgoing"
    assert await stores.contacts.of_user(an) == [Contact(binh, "outgoing", 1_000)]
    assert await stores.contacts.of_user(binh) == []
    assert await stores.contacts.state(binh, an) is None
    assert await stores.contacts.accept(binh, an) is False
    assert await stores.contacts.remove(binh, an) is False
    assert await stores.contacts.state(an, binh) == "outgoing"


async def test_a_request_kept_from_a_blocker_is_accepted_when_they_ask_themselves(stores, people):
    an, binh, _ = people
    await stores.contacts.block(binh, an, 500)
    await stores.contacts.request(an, binh, 1_000)
    await stores.contacts.unblock(binh, an)
    assert await stores.contacts.request(binh, an, 2_000) == "accepted"
    assert await stores.contacts.state(an, binh) == "accepted"


async def test_two_people_asking_each_other_at_once_end_as_contacts(stores, open_more, make):
    other_process = await open_more()
    pairs = [(make.user(), make.user()) for _ in range(20)]
    await asyncio.gather(
        *(stores.contacts.request(first, second, 1_000) for first, second in pairs),
        *(other_process.contacts.request(second, first, 1_000) for first, second in pairs),
    )
    for first, second in pairs:
        assert await stores.contacts.state(first, second) == "accepted"
        assert await stores.contacts.state(second, first) == "accepted"


async def test_accept_takes_an_incoming_request_once(stores, people):
    an, binh, _ = people
    await stores.contacts.request(an, binh, 1_000)
    assert await stores.contacts.accept(an, binh) is False
    assert await stores.contacts.accept(binh, an) is True
    assert await stores.contacts.accept(binh, an) is False
    assert await stores.contacts.state(an, binh) == "accepted"


async def test_accept_needs_a_request(stores, people):
    an, binh, _ = people
    assert await stores.contacts.accept(an, binh) is False


@pytest.mark.parametrize("remover", [0, 1])
@pytest.mark.parametrize("accepted", [False, True])
async def test_remove_ends_the_relation_for_both(stores, people, remover, accepted):
    an, binh, cuc = people
    await stores.contacts.request(an, binh, 1_000)
    await stores.contacts.request(an, cuc, 1_000)
    if accepted:
        await stores.contacts.accept(binh, an)
    pair = (an, binh) if remover == 0 else (binh, an)
    assert await stores.contacts.remove(*pair) is True
    assert await stores.contacts.state(an, binh) is None
    assert await stores.contacts.state(binh, an) is None
    assert await stores.contacts.remove(*pair) is False
    assert await stores.contacts.state(an, cuc) == "outgoing"


async def test_relations_come_oldest_first(stores, make):
    an, others = make.user(), [make.user() for _ in range(4)]
    for other, at_ms in zip(others, (3_000, 1_000, 2_000, 2_000), strict=True):
        await stores.contacts.request(an, other, at_ms)
    found = [contact.other for contact in await stores.contacts.of_user(an)]
    assert found == [others[1], others[2], others[3], others[0]]


async def test_accepted_are_only_the_accepted(stores, make):
    an, binh, cuc, dung = (make.user() for _ in range(4))
    for other in (binh, cuc):
        await stores.contacts.request(an, other, 1_000)
    await stores.contacts.request(dung, an, 1_000)
    await stores.contacts.accept(cuc, an)
    assert await stores.contacts.accepted(an) == frozenset({cuc})
    assert await stores.contacts.accepted(dung) == frozenset()


async def test_an_invitation_is_remembered_once(stores, people):
    an, binh, _ = people
    await stores.contacts.invite(an, "new@example.org", 1_000)
    await stores.contacts.invite(an, "new@example.org", 2_000)
    await stores.contacts.invite(an, "later@example.org", 3_000)
    assert await stores.contacts.invites(an) == [
        Invite("new@example.org", 1_000),
        Invite("later@example.org", 3_000),
    ]
    assert await stores.contacts.invites(binh) == []


async def test_a_request_by_address_is_withdrawn_with_or_without_an_account(stores, people):
    an, binh, cuc = people
    await stores.contacts.invite(an, "new@example.org", 1_000)
    await stores.contacts.invite(binh, "new@example.org", 1_000)
    await stores.contacts.request(an, cuc, 1_000, "cuc@example.org")
    await stores.contacts.withdraw_invite(an, "new@example.org")
    await stores.contacts.withdraw_invite(an, "cuc@example.org")
    assert await stores.contacts.invites(an) == []
    assert await stores.contacts.of_user(an) == []
    assert await stores.contacts.of_user(cuc) == []
    assert len(await stores.contacts.invites(binh)) == 1


async def test_withdrawing_does_not_end_what_was_accepted_or_asked_otherwise(stores, people):
    an, binh, cuc = people
    await stores.contacts.request(an, binh, 1_000, "binh@example.org")
    await stores.contacts.accept(binh, an)
    await stores.contacts.request(an, cuc, 1_000)
    await stores.contacts.withdraw_invite(an, "binh@example.org")
    await stores.contacts.withdraw_invite(an, "cuc@example.org")
    assert await stores.contacts.state(an, binh) == "accepted"
    assert await stores.contacts.state(an, cuc) == "outgoing"


async def test_invitations_become_requests_to_the_new_account(stores, people):
    an, binh, cuc = people
    await stores.contacts.invite(an, "cuc@example.org", 1_000)
    await stores.contacts.invite(binh, "cuc@example.org", 2_000)
    await stores.contacts.invite(an, "other@example.org", 2_000)
    assert await stores.contacts.fulfil_invites("cuc@example.org", cuc, 9_000) == [an, binh]
    assert await stores.contacts.state(an, cuc) == "outgoing"
    assert await stores.contacts.of_user(cuc) == [
        Contact(an, "incoming", 9_000),
        Contact(binh, "incoming", 9_000),
    ]
    assert await stores.contacts.invites(an) == [Invite("other@example.org", 2_000)]
    assert await stores.contacts.fulfil_invites("cuc@example.org", cuc, 9_500) == []


async def test_the_inviter_sees_no_difference_when_the_address_gets_an_account(stores, people):
    an, _, cuc = people
    await stores.contacts.invite(an, "cuc@example.org", 1_000)
    await stores.contacts.fulfil_invites("cuc@example.org", cuc, 9_000)
    assert await stores.contacts.of_user(an) == [Contact(cuc, "outgoing", 1_000, "cuc@example.org")]


async def test_concurrent_fulfilments_hand_out_each_inviter_once(stores, open_more, make):
    other_process, new = await open_more(), make.user()
    askers = [make.user() for _ in range(10)]
    for asker in askers:
        await stores.contacts.invite(asker, "new@example.org", 1_000)
    results = await asyncio.gather(
        *(
            (stores, other_process)[n % 2].contacts.fulfil_invites("new@example.org", new, 2_000)
            for n in range(6)
        )
    )
    assert sorted(len(result) for result in results) == [0, 0, 0, 0, 0, 10]


@pytest.mark.parametrize("blocks", [False, True])
async def test_a_request_by_address_goes_on_as_an_invitation_when_it_is_refused(
    stores, people, blocks
):
    an, binh, _ = people
    await stores.contacts.request(an, binh, 1_000, "binh@example.org")
    if blocks:
        await stores.contacts.block(binh, an, 2_000)
    else:
        assert await stores.contacts.remove(binh, an) is True
    assert await stores.contacts.of_user(an) == []
    assert await stores.contacts.of_user(binh) == []
    assert await stores.contacts.invites(an) == [Invite("binh@example.org", 1_000)]


async def test_blocking_ends_the_relation_and_is_once(stores, people):
    an, binh, _ = people
    await stores.contacts.request(an, binh, 1_000)
    await stores.contacts.accept(binh, an)
    await stores.contacts.block(an, binh, 2_000)
    await stores.contacts.block(an, binh, 3_000)
    assert await stores.contacts.state(an, binh) is None
    assert await stores.contacts.state(binh, an) is None
    assert await stores.contacts.blocked(an) == [binh]
    assert await stores.contacts.blocked(binh) == []


async def test_blocked_are_listed_oldest_first(stores, make):
    an, others = make.user(), [make.user() for _ in range(3)]
    for other, at_ms in zip(others, (3_000, 1_000, 2_000), strict=True):
        await stores.contacts.block(an, other, at_ms)
    assert await stores.contacts.blocked(an) == [others[1], others[2], others[0]]


async def test_a_block_counts_in_both_directions_until_it_is_lifted(stores, people):
    an, binh, cuc = people
    await stores.contacts.block(an, binh, 1_000)
    assert await stores.contacts.is_blocked(an, binh) is True
    assert await stores.contacts.is_blocked(binh, an) is True
    assert await stores.contacts.is_blocked(an, cuc) is False
    assert await stores.contacts.unblock(binh, an) is False
    assert await stores.contacts.unblock(an, binh) is True
    assert await stores.contacts.unblock(an, binh) is False
    assert await stores.contacts.is_blocked(binh, an) is False
