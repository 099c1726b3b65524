"""DeviceStore."""

import asyncio

import pytest

from models.devices import ActiveDevices
from protocol.errors import AppError, ErrorCode


@pytest.fixture
def enrol(make):
    """Enrol one more device beside those that are active."""

    async def enrol_one(to, user, version=1, others=(), spk=None, opks=(), backup=None):
        device = make.device(user)
        device_list = make.device_list(user, version, *others, device.device_id)
        await to.devices.enrol(device, device_list, spk or make.spk(), list(opks), backup)
        return device, device_list

    return enrol_one


async def test_enrolment_stores_device_list_prekeys_and_backup(stores, make, enrol, person):
    user = await person()
    spk, backup = make.spk(3), make.backup(user)
    device, device_list = await enrol(stores, user, spk=spk, opks=make.opks(1, 2, 3), backup=backup)
    assert await stores.devices.devices(user) == [device]
    assert await stores.devices.newest_list(user) == device_list
    assert await stores.backups.of_user(user) == backup
    count = await stores.keys.count(user, device.device_id)
    assert (count.opk, count.spk) == (3, spk)


async def test_someone_without_devices_has_nothing(stores, person):
    user = await person()
    assert await stores.devices.newest_list(user) is None
    assert await stores.devices.lists_after(user, 0) == []
    assert await stores.devices.devices(user) == []


async def test_all_lists_are_kept_and_come_oldest_first(stores, make, enrol, person):
    user = await person()
    device, first = await enrol(stores, user)
    lists = [first, *(make.device_list(user, n, device.device_id) for n in (2, 3, 4))]
    for device_list in lists[1:]:
        await stores.devices.put_list(device_list)
    assert await stores.devices.lists_after(user, 0) == lists
    assert await stores.devices.lists_after(user, 2) == lists[2:]
    assert await stores.devices.lists_after(user, 4) == []
    assert await stores.devices.newest_list(user) == lists[3]


async def test_the_order_of_active_devices_is_kept(stores, make, person):
    user = await person()
    ids = [make.device_id() for _ in range(8)]
    await stores.devices.put_list(make.device_list(user, 1, *ids))
    assert (await stores.devices.newest_list(user)).active == tuple(ids)


async def test_devices_that_left_the_list_are_still_returned_oldest_first(
    stores, make, enrol, person
):
    user = await person()
    first, _ = await enrol(stores, user)
    second, _ = await enrol(stores, user, 2, [first.device_id])
    await enrol(stores, await person())
    await stores.devices.put_list(make.device_list(user, 3, second.device_id))
    assert await stores.devices.devices(user) == [first, second]


async def test_active_are_the_devices_of_the_newest_list(stores, make, enrol, person):
    an, binh, nobody = await person(), await person(), await person()
    first, _ = await enrol(stores, an)
    second, _ = await enrol(stores, an, 2, [first.device_id])
    await stores.devices.put_list(make.device_list(an, 3, second.device_id))
    only, _ = await enrol(stores, binh)
    assert await stores.devices.active(frozenset({an, binh, nobody})) == {
        an: ActiveDevices(3, frozenset({second.device_id})),
        binh: ActiveDevices(1, frozenset({only.device_id})),
    }
    assert await stores.devices.active(frozenset()) == {}


async def test_active_answers_for_a_large_group_too(stores, enrol, person):
    users = [await person() for _ in range(40)]
    for user in users:
        await enrol(stores, user)
    assert set(await stores.devices.active(frozenset(users))) == set(users)


async def test_a_device_that_is_no_longer_active_loses_its_prekeys(stores, make, enrol, person):
    user = await person()
    first, _ = await enrol(stores, user, opks=make.opks(1, 2))
    second, _ = await enrol(stores, user, 2, [first.device_id], opks=make.opks(1, 2))
    await stores.devices.put_list(make.device_list(user, 3, second.device_id))
    assert await stores.keys.count(user, first.device_id) is None
    assert (await stores.keys.count(user, second.device_id)).opk == 2
    # By an enrolment that leaves the other one out, as after a reset, likewise.
    third, _ = await enrol(stores, user, 4)
    assert await stores.keys.count(user, second.device_id) is None
    assert await stores.keys.count(user, third.device_id) is not None


async def test_a_device_that_comes_back_does_not_get_its_old_prekeys_back(
    stores, make, enrol, person
):
    user = await person()
    device, _ = await enrol(stores, user, opks=make.opks(1, 2))
    await stores.devices.put_list(make.device_list(user, 2))
    await stores.devices.put_list(make.device_list(user, 3, device.device_id))
    assert await stores.keys.count(user, device.device_id) is None
    await stores.keys.upload(user, device.device_id, make.spk(2), make.opks(3))
    assert (await stores.keys.count(user, device.device_id)).opk == 1


@pytest.mark.parametrize("version", [0, 1, 3])
async def test_enrolment_refuses_a_version_that_does_not_follow(
    stores, make, enrol, version, person
):
    user = await person()
    device, device_list = await enrol(stores, user)
    with pytest.raises(AppError) as refused:
        await enrol(stores, user, version, [device.device_id], backup=make.backup(user))
    assert refused.value.code == ErrorCode.CONFLICT
    assert await stores.devices.devices(user) == [device]
    assert await stores.devices.newest_list(user) == device_list
    assert await stores.backups.of_user(user) is None


async def test_the_first_list_is_version_one(stores, enrol, person):
    user = await person()
    with pytest.raises(AppError) as refused:
        await enrol(stores, user, version=2)
    assert refused.value.code == ErrorCode.CONFLICT
    assert await stores.devices.devices(user) == []


@pytest.mark.parametrize("by_same_user", [True, False])
async def test_enrolment_refuses_a_device_id_that_is_taken(
    stores, make, enrol, by_same_user, person
):
    owner = await person()
    there, _ = await enrol(stores, owner)
    user, version = (owner, 2) if by_same_user else (await person(), 1)
    again = make.device(user, there.device_id)
    with pytest.raises(AppError) as refused:
        await stores.devices.enrol(
            again, make.device_list(user, version, there.device_id), make.spk(), [], None
        )
    assert refused.value.code == ErrorCode.CONFLICT
    assert (await stores.devices.newest_list(owner)).version == 1
    assert await stores.devices.devices(owner) == [there]


async def test_enrolment_is_all_or_nothing_when_the_backup_does_not_follow(
    stores, make, enrol, person
):
    user = await person()
    with pytest.raises(AppError) as refused:
        await enrol(stores, user, opks=make.opks(1), backup=make.backup(user, 7))
    assert refused.value.code == ErrorCode.CONFLICT
    assert await stores.devices.devices(user) == []
    assert await stores.devices.newest_list(user) is None


@pytest.mark.parametrize("version", [0, 1, 3])
async def test_put_list_refuses_a_version_that_does_not_follow(
    stores, make, enrol, version, person
):
    user = await person()
    device, device_list = await enrol(stores, user)
    with pytest.raises(AppError) as refused:
        await stores.devices.put_list(make.device_list(user, version))
    assert refused.value.code == ErrorCode.CONFLICT
    assert await stores.devices.newest_list(user) == device_list
    assert await stores.keys.count(user, device.device_id) is not None


async def test_of_concurrent_lists_of_one_version_one_wins(stores, open_more, make, enrol, person):
    user, other_process = await person(), await open_more()
    device, _ = await enrol(stores, user)
    outcomes = await asyncio.gather(
        *(
            (stores, other_process)[n % 2].devices.put_list(
                make.device_list(user, 2, device.device_id)
            )
            for n in range(20)
        ),
        return_exceptions=True,
    )
    assert outcomes.count(None) == 1
    assert (await stores.devices.newest_list(user)).version == 2


async def test_of_concurrent_first_enrolments_one_wins(stores, open_more, enrol, person):
    user, other_process = await person(), await open_more()
    outcomes = await asyncio.gather(
        *(enrol((stores, other_process)[n % 2], user) for n in range(20)), return_exceptions=True
    )
    assert sum(not isinstance(outcome, AppError) for outcome in outcomes) == 1
    assert len(await stores.devices.devices(user)) == 1


async def test_signed_bytes_are_kept_exactly_as_they_came(stores, make, person):
    user = await person()
    device = make.device(user)
    # Not canonical base64url, which the server has no business to notice here.
    odd = make.device_list(user, 1, device.device_id)
    object.__setattr__(odd, "devlist", "AAAB_-_-x")
    await stores.devices.enrol(device, odd, make.spk(), [], None)
    assert (await stores.devices.newest_list(user)).devlist == "AAAB_-_-x"
