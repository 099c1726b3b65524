"""Prekeys: uploaded, claimed, running low (SEAL1 §4.3, §6 row 14)."""

import asyncio
from typing import Any

import msgspec
import pytest

from models.events import Told
from models.keys import Target
from protocol.encoding import b64url
from protocol.errors import ErrorCode
from protocol.frames import PrekeysLow
from protocol.ids import ClaimId, DeviceId
from protocol.limits import DAY_MS, HOUR_MS
from services.logins import Opened, Principal
from tests.harness import MovableClock
from tests.house import BROWSER, House, Seal, opk, refused, spk
from tests.people import random_text


class Person:
    """Somebody on one enrolled device."""

    def __init__(self, opened: Opened, seal: Seal, principal: Principal) -> None:
        self.opened = opened
        self.seal = seal
        self.principal = principal
        self.user_id = principal.user_id
        self.target = Target(principal.user_id, principal.require_device())

    @property
    def device(self) -> Any:
        return self.seal.devices[0]


async def person(house: House, name: str) -> Person:
    opened = await house.sign_up(f"{name}@example.org")
    seal = Seal(opened.account.user_id, house.clock.now_ms())
    principal = await house.enrol(opened, seal)
    house.sink.take()
    return Person(opened, seal, principal)


@pytest.fixture
async def an(house: House) -> Person:
    return await person(house, "an")


@pytest.fixture
async def binh(house: House, an: Person) -> Person:
    """A contact of An."""
    friend = await person(house, "binh")
    await house.befriend(an.user_id, friend.user_id)
    return friend


def claim_id() -> ClaimId:
    return ClaimId(random_text(16))


async def upload(house: House, who: Person, first: int, count: int) -> None:
    opks = [opk(who.device, number) for number in range(first, first + count)]
    await house.keys.upload(who.principal, None, opks)


async def test_an_upload_is_counted_and_replaces_the_signed_prekey(
    house: House, an: Person
) -> None:
    newer = spk(an.device, 2, an.seal.now_ms)
    count = await house.keys.upload(an.principal, newer, [opk(an.device, 6), opk(an.device, 7)])
    assert (count.opk, count.spk.key_id, count.spk.pub) == (7, 2, newer.pub)
    assert await house.keys.count(an.principal) == count


async def test_a_prekey_id_is_never_used_twice(house: House, an: Person, binh: Person) -> None:
    await house.keys.claim(an.principal, claim_id(), [binh.target])
    for used in (1, 5):
        await refused(ErrorCode.PREKEY_REUSED, upload(house, binh, used, 1))
    await refused(
        ErrorCode.PREKEY_REUSED,
        house.keys.upload(binh.principal, spk(binh.device, 1, binh.seal.now_ms), []),
    )
    assert (await house.keys.count(binh.principal)).opk == 4


async def test_more_than_two_hundred_prekeys_are_refused(house: House, an: Person) -> None:
    await upload(house, an, 6, 100)
    await refused(ErrorCode.CONFLICT, upload(house, an, 106, 96))
    await upload(house, an, 106, 95)


async def test_a_forged_prekey_is_refused_with_the_whole_upload(house: House, an: Person) -> None:
    other = Seal(an.user_id, an.seal.now_ms).new_device()
    good = opk(an.device, 6)
    await refused(
        ErrorCode.BAD_SIGNATURE, house.keys.upload(an.principal, None, [good, opk(other, 7)])
    )
    await refused(
        ErrorCode.BAD_SIGNATURE,
        house.keys.upload(an.principal, spk(other, 2, an.seal.now_ms), [good]),
    )
    off = msgspec.structs.replace(opk(an.device, 7), pub=b64url(b"\x04" + bytes(64)))
    await refused(ErrorCode.BAD_KEY, house.keys.upload(an.principal, None, [good, off]))
    assert (await house.keys.count(an.principal)).opk == 5


async def test_who_has_no_device_has_no_prekeys(house: House) -> None:
    opened = await house.sign_up("an@example.org")
    principal = await house.principal(opened)
    keys = house.keys
    await refused(ErrorCode.NOT_ENROLLED, keys.upload(principal, None, []))
    await refused(ErrorCode.NOT_ENROLLED, keys.count(principal))
    await refused(ErrorCode.NOT_ENROLLED, keys.claim(principal, claim_id(), []))
    await refused(ErrorCode.NOT_ENROLLED, keys.cursor(principal))


async def test_a_removed_device_does_nothing_more(house: House, an: Person, binh: Person) -> None:
    other = await house.enrol(await house.logins.open(an.opened.account, BROWSER), an.seal)
    an.seal.revoke(an.device)
    await house.devices.put_list(other, an.seal.sign_list())
    await refused(ErrorCode.NOT_ENROLLED, house.keys.claim(an.principal, claim_id(), [binh.target]))
    await refused(ErrorCode.NOT_ENROLLED, upload(house, an, 6, 1))
    await refused(ErrorCode.NOT_ENROLLED, house.keys.count(an.principal))


async def test_a_contact_claims_a_bundle_that_verifies(
    house: House, an: Person, binh: Person
) -> None:
    (bundle,) = await house.keys.claim(an.principal, claim_id(), [binh.target])
    assert bundle.target == binh.target
    assert bundle.cert_hash == b64url(binh.device.certificate.hash)
    assert bundle.spk.key_id == 1
    assert bundle.opk is not None
    assert bundle.opk.key_id == 1


async def test_own_devices_claim_from_each_other(house: House, an: Person) -> None:
    second = await house.enrol(await house.logins.open(an.opened.account, BROWSER), an.seal)
    (bundle,) = await house.keys.claim(second, claim_id(), [an.target])
    assert bundle.target == an.target


async def test_each_device_signs_with_its_own_key(house: House, an: Person) -> None:
    second = await house.enrol(await house.logins.open(an.opened.account, BROWSER), an.seal)
    await house.keys.upload(second, None, [opk(an.seal.devices[1], 6)])
    await refused(
        ErrorCode.BAD_SIGNATURE, house.keys.upload(second, None, [opk(an.seal.devices[0], 7)])
    )


async def test_the_asking_device_itself_is_left_out(house: House, an: Person) -> None:
    assert await house.keys.claim(an.principal, claim_id(), [an.target]) == []


async def test_strangers_and_open_requests_claim_nothing(house: House, an: Person) -> None:
    other = await person(house, "chi")
    assert await house.keys.claim(other.principal, claim_id(), [an.target]) == []
    await house.stores.contacts.request(other.user_id, an.user_id, house.clock.now_ms())
    assert await house.keys.claim(other.principal, claim_id(), [an.target]) == []
    assert (await house.keys.count(an.principal)).opk == 5


async def test_a_block_ends_claims_even_in_a_shared_room(
    house: House, an: Person, binh: Person, people: Any
) -> None:
    await people.room(an, binh)
    await house.contacts.block(binh.user_id, an.user_id)
    for asker, other in ((an, binh), (binh, an)):
        assert await house.keys.claim(asker.principal, claim_id(), [other.target]) == []


async def test_roommates_who_are_no_contacts_any_more_still_claim(
    house: House, an: Person, binh: Person, people: Any
) -> None:
    await people.room(an, binh)
    await house.contacts.remove(binh.user_id, an.user_id)
    assert len(await house.keys.claim(an.principal, claim_id(), [binh.target])) == 1


async def test_unknown_targets_are_left_out(house: House, an: Person, binh: Person) -> None:
    unknown = Target(binh.user_id, DeviceId("A" * 22))
    bundles = await house.keys.claim(an.principal, claim_id(), [unknown, binh.target])
    assert [bundle.target for bundle in bundles] == [binh.target]


async def test_the_same_claim_again_gets_the_same_bundles(
    house: House, an: Person, binh: Person
) -> None:
    claim = claim_id()
    first = await house.keys.claim(an.principal, claim, [binh.target])
    assert await house.keys.claim(an.principal, claim, [binh.target]) == first
    assert (await house.keys.count(binh.principal)).opk == 4


async def test_simultaneous_claims_never_share_a_prekey(
    house: House, an: Person, binh: Person
) -> None:
    bundles = await asyncio.gather(
        *(house.keys.claim(an.principal, claim_id(), [binh.target]) for _ in range(5))
    )
    taken = [bundle[0].opk.key_id for bundle in bundles if bundle[0].opk is not None]
    assert sorted(taken) == [1, 2, 3, 4, 5]


async def test_a_greedy_claimer_gets_five_prekeys_an_hour(
    house: House, an: Person, binh: Person, clock: MovableClock
) -> None:
    await upload(house, binh, 6, 50)
    before = (await house.keys.count(binh.principal)).opk
    for _ in range(100):
        (bundle,) = await house.keys.claim(an.principal, claim_id(), [binh.target])
        assert bundle.spk.key_id == 1
    assert before - (await house.keys.count(binh.principal)).opk == 5
    clock.advance(HOUR_MS)
    (bundle,) = await house.keys.claim(an.principal, claim_id(), [binh.target])
    assert bundle.opk is not None


async def test_claims_are_limited(house: House, an: Person, binh: Person) -> None:
    for _ in range(120):
        await house.keys.claim(an.principal, claim_id(), [binh.target])
    await refused(ErrorCode.RATE_LIMITED, house.keys.claim(an.principal, claim_id(), [binh.target]))


async def test_only_the_device_whose_prekeys_run_low_is_told(
    house: House, an: Person, binh: Person
) -> None:
    await upload(house, binh, 6, 20)
    house.sink.take()
    (bundle,) = await house.keys.claim(an.principal, claim_id(), [binh.target])
    assert bundle.opk is not None
    assert house.sink.take() == [
        Told((binh.user_id,), PrekeysLow(opk=24), only=binh.target.device_id)
    ]


async def test_a_full_pool_warns_nobody(house: House, an: Person, binh: Person) -> None:
    await upload(house, binh, 6, 21)
    house.sink.take()
    await house.keys.claim(an.principal, claim_id(), [binh.target])
    assert house.sink.take() == []


async def test_a_device_that_ran_out_is_claimed_without_a_one_time_prekey(
    house: House, an: Person, binh: Person, clock: MovableClock
) -> None:
    for _ in range(5):
        await house.keys.claim(an.principal, claim_id(), [binh.target])
    clock.advance(DAY_MS)
    (bundle,) = await house.keys.claim(an.principal, claim_id(), [binh.target])
    assert bundle.opk is None


async def test_a_device_that_never_sent_has_no_cursor(house: House, an: Person) -> None:
    assert await house.keys.cursor(an.principal) is None
