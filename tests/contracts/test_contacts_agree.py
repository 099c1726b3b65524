"""Whatever people do to each other, both adapters tell the same of it, step by step."""

import itertools
import random
from functools import partial

import pytest

from storage import open_stores
from tests import mongo

STEPS = 40
PEOPLE = ["an", "binh", "cuc"]

pytestmark = pytest.mark.mongo


@pytest.fixture
async def both(tmp_path):
    with mongo.fresh_database() as url:
        opened = [await open_stores(f"sqlite:///{tmp_path}/sealroom.db"), await open_stores(url)]
        yield [stores.contacts for stores in opened]
        for stores in opened:
            await stores.database.close()


def email_of(person):
    return f"{person}@example.org"


def acts(contacts, who, other, now_ms):
    """Return what somebody may do to somebody else, by name."""
    return {
        "ask": partial(contacts.request, who, other, now_ms),
        "ask by address": partial(contacts.request, who, other, now_ms, email_of(other)),
        "accept": partial(contacts.accept, who, other),
        "remove": partial(contacts.remove, who, other),
        "block": partial(contacts.block, who, other, now_ms),
        "unblock": partial(contacts.unblock, who, other),
        "withdraw": partial(contacts.withdraw_invite, who, email_of(other)),
        "invite": partial(contacts.invite, who, email_of("dung"), now_ms),
        "withdraw an invitation": partial(contacts.withdraw_invite, who, email_of("dung")),
    }


async def seen(contacts, people):
    """Return all that these people can see of each other."""
    return [
        [
            await contacts.of_user(who),
            await contacts.accepted(who),
            await contacts.invites(who),
            await contacts.blocked(who),
            *[await contacts.is_blocked(who, other) for other in people if other != who],
        ]
        for who in people
    ]


@pytest.mark.parametrize("seed", range(2))
async def test_whatever_people_do_both_tell_the_same(both, seed):
    chance, clock_ms = random.Random(seed), itertools.count(1_000, 10)
    for _ in range(STEPS):
        who, other = chance.sample(PEOPLE, 2)
        now_ms, name = next(clock_ms), chance.choice([*acts(both[0], who, other, 0)])
        results = [await acts(contacts, who, other, now_ms)[name]() for contacts in both]
        assert results[0] == results[1], (name, who, other)
        shown = [await seen(contacts, [who, other]) for contacts in both]
        assert shown[0] == shown[1], (name, who, other)
    told = [await contacts.fulfil_invites(email_of("dung"), "dung", 9_000) for contacts in both]
    assert told[0] == told[1]
    shown = [await seen(contacts, [*PEOPLE, "dung"]) for contacts in both]
    assert shown[0] == shown[1]
