"""KeyStore."""

import asyncio

import pytest

from models.keys import ClaimShare, Target
from protocol.errors import AppError, ErrorCode
from protocol.ids import ClaimId
from protocol.limits import DAY_MS, HOUR_MS, PREKEYS_STORED

PLENTY = ClaimShare(HOUR_MS, of_one_device=1_000, by_one_claimer=1_000)
NOW_MS = 10 * DAY_MS


@pytest.fixture
def enrolled(stores, make, person):
    """Enrol somebody's first device with one-time prekeys of these ids."""

    async def enrol_one(*key_ids, spk_id=1):
        device = make.device(await person())
        device_list = make.device_list(device.user_id, 1, device.device_id)
        opks = make.opks(*key_ids)
        await stores.devices.enrol(device, device_list, make.spk(spk_id), opks, None)
        return Target(device.user_id, device.device_id), device, opks

    return enrol_one


@pytest.fixture
def claim(stores, make):
    """Claim with a claimer and a claim id of its own unless they are named."""

    async def claim_once(
        *targets, claimer=None, claim_id=None, share=PLENTY, now_ms=NOW_MS, to=None
    ):
        return await (to or stores).keys.claim(
            claimer or Target(make.user(), make.device_id()),
            claim_id or ClaimId(make.text()),
            list(targets),
            share,
            now_ms,
        )

    return claim_once


async def test_upload_replaces_the_signed_prekey_and_adds_one_time_prekeys(stores, make, enrolled):
    target, _, _ = await enrolled(1, 2)
    spk = make.spk(2)
    await stores.keys.upload(target.user_id, target.device_id, spk, make.opks(5, 4))
    count = await stores.keys.count(target.user_id, target.device_id)
    assert (count.opk, count.spk) == (4, spk)


async def test_upload_without_a_signed_prekey_keeps_it(stores, make, enrolled):
    target, _, _ = await enrolled(1)
    before = await stores.keys.count(target.user_id, target.device_id)
    await stores.keys.upload(target.user_id, target.device_id, None, make.opks(2))
    after = await stores.keys.count(target.user_id, target.device_id)
    assert (after.spk, after.opk) == (before.spk, 2)


@pytest.mark.parametrize("key_ids", [(7,), (5,), (8, 7), (8, 8)])
async def test_a_one_time_prekey_id_must_be_higher_than_every_earlier_one(
    stores, make, enrolled, claim, key_ids
):
    target, _, _ = await enrolled(5, 7)
    # Used up ids count too.
    assert len(await claim(target)) == len(await claim(target)) == 1
    with pytest.raises(AppError) as refused:
        await stores.keys.upload(target.user_id, target.device_id, make.spk(2), make.opks(*key_ids))
    assert refused.value.code == ErrorCode.PREKEY_REUSED
    count = await stores.keys.count(target.user_id, target.device_id)
    assert (count.opk, count.spk.key_id) == (0, 1)


@pytest.mark.parametrize("spk_id", [3, 2])
async def test_a_signed_prekey_id_must_be_higher_than_every_earlier_one(
    stores, make, enrolled, spk_id
):
    target, _, _ = await enrolled(1, spk_id=3)
    with pytest.raises(AppError) as refused:
        await stores.keys.upload(target.user_id, target.device_id, make.spk(spk_id), make.opks(2))
    assert refused.value.code == ErrorCode.PREKEY_REUSED
    assert (await stores.keys.count(target.user_id, target.device_id)).opk == 1


async def test_the_two_kinds_of_prekey_count_their_ids_apart(stores, make, enrolled):
    target, _, _ = await enrolled(50, spk_id=1)
    await stores.keys.upload(target.user_id, target.device_id, make.spk(2), make.opks(51))


async def test_no_more_than_the_limit_of_one_time_prekeys_is_held(stores, make, enrolled):
    target, _, _ = await enrolled(*range(PREKEYS_STORED - 1))
    with pytest.raises(AppError) as refused:
        await stores.keys.upload(
            target.user_id, target.device_id, None, make.opks(PREKEYS_STORED, PREKEYS_STORED + 1)
        )
    assert refused.value.code == ErrorCode.CONFLICT
    count = await stores.keys.count(target.user_id, target.device_id)
    assert count.opk == PREKEYS_STORED - 1
    await stores.keys.upload(target.user_id, target.device_id, None, make.opks(PREKEYS_STORED))
    count = await stores.keys.count(target.user_id, target.device_id)
    assert count.opk == PREKEYS_STORED


async def test_prekeys_of_a_device_that_is_not_enrolled_are_not_found(stores, make, enrolled):
    target, _, _ = await enrolled(1)
    for user_id, device_id in (
        (target.user_id, make.device_id()),
        (make.user(), target.device_id),
    ):
        with pytest.raises(AppError) as refused:
            await stores.keys.upload(user_id, device_id, make.spk(9), make.opks(9))
        assert refused.value.code == ErrorCode.NOT_FOUND
        assert await stores.keys.count(user_id, device_id) is None


async def test_of_concurrent_uploads_of_one_id_one_succeeds(stores, open_more, make, enrolled):
    target, _, _ = await enrolled(1)
    other_process = await open_more()
    outcomes = await asyncio.gather(
        *(
            (stores, other_process)[n % 2].keys.upload(
                target.user_id, target.device_id, None, make.opks(2)
            )
            for n in range(20)
        ),
        return_exceptions=True,
    )
    assert outcomes.count(None) == 1
    assert {o.code for o in outcomes if o} == {ErrorCode.PREKEY_REUSED}


async def test_a_claim_takes_the_lowest_one_time_prekey_of_each_target(enrolled, claim):
    (an, an_device, an_opks), (binh, _, binh_opks) = await enrolled(4, 2, 3), await enrolled(9)
    first, second = await claim(an, binh)
    assert (first.target, first.cert_hash) == (an, an_device.cert_hash)
    assert first.opk == an_opks[1]
    assert (second.target, second.opk) == (binh, binh_opks[0])
    assert [(await claim(an))[0].opk.key_id for _ in range(2)] == [3, 4]


async def test_a_target_named_twice_gives_one_prekey(stores, enrolled, claim):
    target, _, _ = await enrolled(1, 2)
    assert len(await claim(target, target)) == 1
    assert (await stores.keys.count(target.user_id, target.device_id)).opk == 1


async def test_a_device_that_has_run_out_gives_its_signed_prekey_alone(stores, enrolled, claim):
    target, _, _ = await enrolled(1)
    await claim(target)
    (bundle,) = await claim(target)
    assert bundle.opk is None
    assert bundle.spk == (await stores.keys.count(target.user_id, target.device_id)).spk


async def test_targets_that_are_not_active_devices_are_left_out(stores, make, enrolled, claim):
    gone, _, _ = await enrolled(1)
    await stores.devices.put_list(make.device_list(gone.user_id, 2))
    there, _, _ = await enrolled(1)
    foreign = Target(make.user(), there.device_id)
    unknown = Target(there.user_id, make.device_id())
    bundles = await claim(gone, foreign, unknown, there)
    assert [bundle.target for bundle in bundles] == [there]


async def test_fifty_concurrent_claims_get_fifty_different_prekeys(
    stores, open_more, enrolled, claim
):
    target, _, _ = await enrolled(*range(1, 51))
    other_process = await open_more()
    claimed = await asyncio.gather(
        *(claim(target, to=(stores, other_process)[n % 2]) for n in range(50))
    )
    assert {bundles[0].opk.key_id for bundles in claimed} == set(range(1, 51))
    assert (await stores.keys.count(target.user_id, target.device_id)).opk == 0


async def test_the_same_claim_again_gives_the_same_and_takes_nothing(stores, make, enrolled, claim):
    target, _, _ = await enrolled(1, 2, 3)
    same = {"claimer": Target(make.user(), make.device_id()), "claim_id": make.text()}
    first = await claim(target, **same)
    repeated = await asyncio.gather(*(claim(target, **same) for _ in range(10)))
    assert repeated == [first] * 10
    assert (await stores.keys.count(target.user_id, target.device_id)).opk == 2


async def test_of_concurrent_first_uses_of_a_claim_one_takes(
    stores, open_more, make, enrolled, claim
):
    target, _, _ = await enrolled(1, 2, 3)
    other_process = await open_more()
    same = {"claimer": Target(make.user(), make.device_id()), "claim_id": make.text()}
    answers = await asyncio.gather(
        *(claim(target, **same, to=(stores, other_process)[n % 2]) for n in range(20))
    )
    assert answers == [answers[0]] * 20
    assert (await stores.keys.count(target.user_id, target.device_id)).opk == 2


async def test_a_claim_id_belongs_to_its_claimer(make, enrolled, claim):
    target, _, _ = await enrolled(1, 2, 3)
    user, claim_id = make.user(), make.text()
    claimers = [Target(user, make.device_id()), Target(user, make.device_id())]
    keys = [(await claim(target, claimer=c, claim_id=claim_id))[0].opk.key_id for c in claimers]
    assert keys == [1, 2]


async def test_a_claim_is_remembered_for_a_day(make, enrolled, claim):
    target, _, _ = await enrolled(1, 2, 3)
    same = {"claimer": Target(make.user(), make.device_id()), "claim_id": make.text()}
    await claim(target, **same)
    (within,) = await claim(target, **same, now_ms=NOW_MS + DAY_MS - 1)
    assert within.opk.key_id == 1
    (after,) = await claim(target, **same, now_ms=NOW_MS + DAY_MS)
    assert after.opk.key_id == 2


async def test_a_claimer_gets_no_more_than_its_share_of_one_device(stores, make, enrolled, claim):
    (target, _, _), (other, _, _) = await enrolled(*range(100)), await enrolled(1)
    claimer = Target(make.user(), make.device_id())
    share = ClaimShare(HOUR_MS, of_one_device=5, by_one_claimer=200)
    for _ in range(40):
        (bundle,) = await claim(target, claimer=claimer, share=share)
        assert bundle.target == target
    assert (await stores.keys.count(target.user_id, target.device_id)).opk == 95
    (elsewhere,) = await claim(other, claimer=claimer, share=share)
    assert elsewhere.opk is not None


async def test_more_devices_do_not_give_a_person_a_larger_share(stores, make, enrolled, claim):
    target, _, _ = await enrolled(*range(100))
    share, user = ClaimShare(HOUR_MS, of_one_device=5, by_one_claimer=200), make.user()
    for _ in range(20):
        await claim(target, claimer=Target(user, make.device_id()), share=share)
    assert (await stores.keys.count(target.user_id, target.device_id)).opk == 95


async def test_a_claimer_gets_no_more_than_its_share_of_all_devices(make, enrolled, claim):
    targets = [(await enrolled(1, 2))[0] for _ in range(6)]
    claimer = Target(make.user(), make.device_id())
    share = ClaimShare(HOUR_MS, of_one_device=5, by_one_claimer=4)
    bundles = await claim(*targets, claimer=claimer, share=share)
    assert [bundle.opk is not None for bundle in bundles] == [True] * 4 + [False] * 2
    (others,) = await claim(targets[0], share=share)
    assert others.opk is not None


async def test_a_share_is_whole_again_after_the_window(make, enrolled, claim):
    target, _, _ = await enrolled(1, 2, 3)
    claimer = Target(make.user(), make.device_id())
    share = ClaimShare(HOUR_MS, of_one_device=1, by_one_claimer=10)
    for now_ms, key_id in ((NOW_MS, 1), (NOW_MS + HOUR_MS - 1, None), (NOW_MS + HOUR_MS, 2)):
        (bundle,) = await claim(target, claimer=claimer, share=share, now_ms=now_ms)
        assert (bundle.opk and bundle.opk.key_id) == key_id
