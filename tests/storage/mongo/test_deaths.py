"""Processes that die at any command: all or nothing, and whoever comes next goes on (R-22, R-43).

Each test lets a process die at its first command, another one at its second, and so on until one
lives to its end; afterwards everything is looked at by a process that lives.
"""

import asyncio
from dataclasses import replace

import pytest

from models.keys import ClaimShare, Target
from models.messages import Appended
from protocol.limits import HOUR_MS
from tests import mongo
from tests.storage.mongo.deaths import outcome_of

pytestmark = pytest.mark.mongo

SHARE = ClaimShare(HOUR_MS, of_one_device=10, by_one_claimer=10)
LIFE_MS = 1_000_000


@pytest.fixture
def enrolled(stores, make):
    """Somebody with one device, two one-time prekeys and a backup."""

    async def enrol_first():
        account = make.account()
        await stores.accounts.create(account)
        device = make.device(account.user_id)
        device_list = make.device_list(account.user_id, 1, device.device_id)
        backup = make.backup(account.user_id)
        await stores.devices.enrol(device, device_list, make.spk(), make.opks(1, 2), backup)
        return device, device_list, backup

    return enrol_first


async def pools_of(url, user_id):
    with mongo.connect() as client:
        return client[mongo.name_of(url)]["prekeys"].count_documents({"user_id": user_id})


async def test_an_enrolment_is_all_or_nothing(stores, deaths, url, make, enrolled):
    async for at in deaths.each():
        first, first_list, first_backup = await enrolled()
        user = first.user_id
        device, backup = make.device(user), make.backup(user, 2)
        device_list = make.device_list(user, 2, device.device_id)
        enrolment = (device, device_list, make.spk(), make.opks(5, 6, 7), backup)
        async with deaths.process(at) as dying:
            outcome = await outcome_of(dying.devices.enrol(*enrolment))
        counts = [await stores.keys.count(user, each.device_id) for each in (first, device)]
        found = (
            await stores.devices.lists_after(user, 0),
            await stores.devices.devices(user),
            await stores.backups.of_user(user),
            [count and count.opk for count in counts],
        )
        everything = ([first_list, device_list], [first, device], backup, [None, 3])
        nothing = ([first_list], [first], first_backup, [2, None])
        assert found == everything or (outcome == "unknown" and found == nothing)
        if found == nothing:
            await stores.devices.enrol(*enrolment)
        await stores.devices.put_list(make.device_list(user, 3, device.device_id))
        assert (await stores.keys.count(user, device.device_id)).opk == 3
        assert await pools_of(url, user) == 2, "what failed attempts left is cleared away"
    assert deaths.count >= 6


async def test_a_list_is_all_or_nothing(stores, deaths, make, enrolled):
    async for at in deaths.each():
        device, first_list, _ = await enrolled()
        user = device.user_id
        empty = make.device_list(user, 2)
        async with deaths.process(at) as dying:
            outcome = await outcome_of(dying.devices.put_list(empty))
        newest = await stores.devices.newest_list(user)
        is_there = newest == empty
        assert is_there or (outcome == "unknown" and newest == first_list)
        count = await stores.keys.count(user, device.device_id)
        assert (count is None) is is_there
        if is_there:
            await stores.devices.put_list(make.device_list(user, 3, device.device_id))
            assert await stores.keys.count(user, device.device_id) is None
            await stores.keys.upload(user, device.device_id, make.spk(2), make.opks(3))
            assert (await stores.keys.count(user, device.device_id)).opk == 1
    assert deaths.count >= 4


async def test_an_upload_is_all_or_nothing(stores, deaths, make, enrolled):
    async for at in deaths.each():
        device, _, _ = await enrolled()
        who, spk = (device.user_id, device.device_id), make.spk(2)
        async with deaths.process(at) as dying:
            outcome = await outcome_of(dying.keys.upload(*who, spk, make.opks(3, 4, 5)))
        count = await stores.keys.count(*who)
        found = (count.spk.key_id, count.opk)
        assert found == (2, 5) or (outcome == "unknown" and found == (1, 2))
    assert deaths.count >= 2


async def test_a_claim_whose_process_died_takes_once_when_it_is_repeated(
    stores, deaths, make, enrolled
):
    async for at in deaths.each():
        claimer = Target(make.user(), make.device_id())
        targets = [Target(d.user_id, d.device_id) for d, *_ in (await enrolled(), await enrolled())]
        claim = (claimer, make.text(), targets, SHARE, LIFE_MS)
        async with deaths.process(at) as dying:
            await outcome_of(dying.keys.claim(*claim))
        bundles = await stores.keys.claim(*claim)
        assert [(b.target, b.opk.key_id) for b in bundles] == [(t, 1) for t in targets]
        assert await stores.keys.claim(*claim) == bundles
        for target in targets:
            assert (await stores.keys.count(target.user_id, target.device_id)).opk == 1
        rest = [(targets[0], 2), (targets[0], None)]
        for target, key_id in rest:
            (bundle,) = await stores.keys.claim(claimer, make.text(), [target], SHARE, LIFE_MS)
            assert (bundle.opk and bundle.opk.key_id) == key_id
    assert deaths.count >= 8


@pytest.fixture
def append_all():
    async def append_to(stores, messages):
        told = [asyncio.get_running_loop().create_future() for _ in messages]
        for message, outcome in zip(messages, told, strict=True):
            stores.messages.append(message, 1_500, outcome.set_result)
        return [await outcome for outcome in told]

    return append_to


async def log_of(stores, room):
    reader = (room.members[0].user_id, "none")
    page, _ = await stores.messages.page(room.room_id, reader, now_ms=1_500, limit=100)
    return [(message.seq, message.msg_id) for message in page]


async def test_what_is_appended_is_dense_and_kept_once(stores, deaths, make, append_all):
    async for at in deaths.each():
        rooms = [make.room(), make.room()]
        for room in rooms:
            await stores.rooms.open_dm(room, 1_000)
        messages = [make.message(rooms[n % 2]) for n in range(6)]
        async with deaths.process(at) as dying:
            outcomes = await append_all(dying, messages)
        acknowledged = {
            (outcome.seq, message.msg_id)
            for outcome, message in zip(outcomes, messages, strict=True)
            if isinstance(outcome, Appended)
        }
        for room in rooms:
            log = await log_of(stores, room)
            assert [seq for seq, _ in log] == list(range(1, len(log) + 1))
            acknowledged -= set(log)
        assert acknowledged == set()
        other = make.message(rooms[0])
        await append_all(stores, [other, *messages])
        logs = [await log_of(stores, room) for room in rooms]
        assert [[seq for seq, _ in log] for log in logs] == [[1, 2, 3, 4], [1, 2, 3]]
        sent = {message.msg_id for message in (other, *messages)}
        assert {msg_id for log in logs for _, msg_id in log} == sent
    assert deaths.count >= 3


def left_of(url):
    with mongo.connect() as client:
        return client[mongo.name_of(url)]["messages"].count_documents({})


@pytest.mark.parametrize("how", ["removed", "expired"])
async def test_a_room_ends_whole(stores, deaths, url, make, append_all, how):
    async for at in deaths.each():
        room = make.room(expires_ms=2_000)
        await stores.rooms.open_dm(room, 1_000)
        await append_all(stores, [make.message(room) for _ in range(3)])
        async with deaths.process(at) as dying:
            ending = dying.rooms.remove(room.room_id) if how == "removed" else None
            outcome = await outcome_of(ending or dying.database.sweep(2_000))
        log = await log_of(stores, room)
        is_whole = [seq for seq, _ in log] == [1, 2, 3]
        assert log == [] or (outcome == "unknown" and is_whole)
        await stores.database.sweep(2_000)
        assert left_of(url) == 0
    assert deaths.count >= 3


async def test_a_pair_opens_anew_after_a_process_died_in_between(
    stores, deaths, url, make, append_all
):
    async for at in deaths.each():
        old = make.room(expires_ms=2_000)
        await stores.rooms.open_dm(old, 1_000)
        await append_all(stores, [make.message(old)])
        room = replace(old, expires_ms=LIFE_MS)
        async with deaths.process(at) as dying:
            await outcome_of(dying.rooms.open_dm(room, 2_000))
        found, _ = await stores.rooms.open_dm(room, 2_000)
        assert found == room
        assert await log_of(stores, room) == []
        await stores.database.sweep(2_000)
        assert left_of(url) == 0
    assert deaths.count >= 4
