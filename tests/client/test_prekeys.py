"""A server can hand out prekeys, but not make, swap or keep alive any."""

from dataclasses import replace

import pytest

from client.seal.errors import SealError, TrustError, TrustReason
from client.seal.identity import DeviceIdentity
from client.seal.keys import AgreementKey
from client.seal.prekeys import (
    SIGNED_PREKEY_GRACE_MS,
    SIGNED_PREKEY_LIFETIME_MS,
    Bundle,
    OneTimePrekey,
    SignedPrekey,
    first_prekey_id,
)
from tests.client.people import NOW_MS, bit_flips, golden_bundle, golden_device


@pytest.fixture
def bob() -> DeviceIdentity:
    return golden_device("B").identity()


@pytest.fixture
def signed() -> SignedPrekey:
    return golden_bundle().signed_prekey


@pytest.fixture
def one_time() -> OneTimePrekey:
    prekey = golden_bundle().one_time_prekey
    assert prekey is not None
    return prekey


def test_a_bundle_of_the_device_is_accepted_with_and_without_a_one_time_prekey(
    bob: DeviceIdentity, signed: SignedPrekey, one_time: OneTimePrekey
) -> None:
    Bundle(signed, one_time).verify(bob, NOW_MS)
    Bundle(signed, None).verify(bob, NOW_MS)


def test_a_signed_prekey_with_anything_changed_is_refused(
    bob: DeviceIdentity, signed: SignedPrekey
) -> None:
    forged = [
        replace(signed, id=signed.id + 1),
        replace(signed, public=AgreementKey.generate().public),
        replace(signed, created_at_ms=signed.created_at_ms + 1),
        replace(signed, expires_at_ms=signed.expires_at_ms + 1),
        *(replace(signed, public=public) for public in bit_flips(signed.public)),
        *(replace(signed, signature=signature) for signature in bit_flips(signed.signature)),
    ]
    for prekey in forged:
        with pytest.raises(SealError):
            prekey.verify(bob, NOW_MS)


def test_a_one_time_prekey_with_anything_changed_is_refused(
    bob: DeviceIdentity, one_time: OneTimePrekey
) -> None:
    forged = [
        replace(one_time, id=one_time.id + 1),
        replace(one_time, public=AgreementKey.generate().public),
        *(replace(one_time, public=public) for public in bit_flips(one_time.public)),
        *(replace(one_time, signature=signature) for signature in bit_flips(one_time.signature)),
    ]
    for prekey in forged:
        with pytest.raises(SealError):
            prekey.verify(bob)


def test_a_prekey_of_one_kind_is_none_of_the_other(
    bob: DeviceIdentity, signed: SignedPrekey
) -> None:
    with pytest.raises(TrustError):
        OneTimePrekey(signed.id, signed.public, signed.signature).verify(bob)


def test_a_prekey_of_another_device_is_refused(
    bob: DeviceIdentity, signed: SignedPrekey, one_time: OneTimePrekey
) -> None:
    other = replace(bob, device_id=b"\xb2" * 16)
    with pytest.raises(TrustError):
        signed.verify(other, NOW_MS)
    with pytest.raises(TrustError):
        one_time.verify(other)


def test_a_signed_prekey_is_good_for_31_days_past_its_expiry(
    bob: DeviceIdentity, signed: SignedPrekey
) -> None:
    end_ms = NOW_MS + SIGNED_PREKEY_LIFETIME_MS + SIGNED_PREKEY_GRACE_MS
    signed.verify(bob, end_ms - 1)
    with pytest.raises(TrustError) as caught:
        signed.verify(bob, end_ms)
    assert caught.value.reason is TrustReason.EXPIRED


def test_first_ids_leave_room_to_count() -> None:
    assert first_prekey_id(lambda size_bytes: b"\xff" * size_bytes) == 2**30 - 1
    assert first_prekey_id(lambda size_bytes: b"\0" * size_bytes) == 0
