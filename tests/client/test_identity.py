"""Only the account adds devices, and what it said stays said (§6 rows 1, 8, 12, 13, 19)."""

from dataclasses import replace

import pytest

from client.seal.device_list import (
    DeviceEntry,
    DeviceList,
    DeviceStatus,
    Pin,
    SignedDeviceList,
    active_devices,
    first_device_list,
    next_device_list,
    sign_device_list,
    verify_device,
    verify_device_lists,
)
from client.seal.encoding import ZERO_32, t
from client.seal.errors import MalformedError, SealError, TrustError, TrustReason
from client.seal.identity import LocalDevice, SignedCertificate, enrol_device
from client.seal.keys import AgreementKey, SigningKey, is_signed
from client.seal.labels import Purpose
from tests.client.people import (
    NOW_MS,
    USER_A,
    USER_B,
    bit_flips,
    golden_device,
    signing_key,
)

ACCOUNT = signing_key("A.AIK")


def entry_of(device: LocalDevice, status: DeviceStatus = DeviceStatus.ACTIVE) -> DeviceEntry:
    return DeviceEntry(device.device_id, device.certificate.hash, status, NOW_MS)


@pytest.fixture
def laptop() -> LocalDevice:
    return golden_device("A")


@pytest.fixture
def phone() -> LocalDevice:
    return enrol_device(ACCOUNT, USER_A, b"\xa2" * 16, NOW_MS)


@pytest.fixture
def first(laptop: LocalDevice) -> SignedDeviceList:
    return first_device_list(ACCOUNT, USER_A, [entry_of(laptop)], NOW_MS)


@pytest.fixture
def second(first: SignedDeviceList, laptop: LocalDevice, phone: LocalDevice) -> SignedDeviceList:
    return next_device_list(ACCOUNT, first, [entry_of(laptop), entry_of(phone)], NOW_MS + 1)


def refused(reason: TrustReason) -> pytest.RaisesExc[TrustError]:
    return pytest.RaisesExc(TrustError, match=f"^{reason}$")


def test_a_certificate_names_the_device_it_was_made_for(laptop: LocalDevice) -> None:
    identity = laptop.certificate.verify(ACCOUNT.public)
    assert (identity.user_id, identity.device_id) == (USER_A, laptop.device_id)
    assert identity.signing_key == laptop.signing_key.public
    assert identity.identity_key == laptop.identity_key.public


def test_a_certificate_with_any_bit_changed_is_refused(laptop: LocalDevice) -> None:
    good = laptop.certificate
    forged = [
        *(replace(good, body=body) for body in bit_flips(good.body)),
        *(replace(good, account_signature=s) for s in bit_flips(good.account_signature)),
        *(replace(good, possession_signature=s) for s in bit_flips(good.possession_signature)),
    ]
    for certificate in forged:
        with pytest.raises(SealError):
            certificate.verify(ACCOUNT.public)


def test_an_account_cannot_claim_a_device_key_it_does_not_hold(laptop: LocalDevice) -> None:
    mallory = SigningKey.generate()
    stolen = SignedCertificate(
        laptop.certificate.body,
        mallory.sign(Purpose.DEVICE_CERTIFICATE, laptop.certificate.body),
        laptop.certificate.possession_signature,
    )
    with refused(TrustReason.BAD_SIGNATURE):
        stolen.verify(mallory.public)


def test_a_signed_certificate_with_a_key_off_the_curve_is_refused(laptop: LocalDevice) -> None:
    fields = laptop.certificate.body.replace(laptop.identity_key.public, b"\x04" + b"\x01" * 64)
    signed = SignedCertificate(
        fields,
        ACCOUNT.sign(Purpose.DEVICE_CERTIFICATE, fields),
        laptop.signing_key.sign(
            Purpose.DEVICE_CERTIFICATE_POSSESSION,
            t("", SignedCertificate(fields, b"", b"").hash, ACCOUNT.public),
        ),
    )
    with pytest.raises(MalformedError):
        signed.verify(ACCOUNT.public)


def test_a_signature_of_one_purpose_fails_for_every_other() -> None:
    body = b"the same bytes"
    for signed_for in Purpose:
        signature = ACCOUNT.sign(signed_for, body)
        for purpose in Purpose:
            is_valid = is_signed(ACCOUNT.public, purpose, body, signature)
            assert is_valid == (purpose is signed_for)


def test_a_list_reads_back_as_it_was_written(second: SignedDeviceList) -> None:
    assert DeviceList.parse(second.body).encode() == second.body


def test_a_list_with_any_bit_changed_is_refused(second: SignedDeviceList) -> None:
    for body in bit_flips(second.body):
        with pytest.raises(TrustError):
            SignedDeviceList(body, second.signature).verify(ACCOUNT.public, USER_A)


def test_a_list_of_another_account_is_refused(first: SignedDeviceList) -> None:
    with refused(TrustReason.BAD_SIGNATURE):
        first.verify(ACCOUNT.public, USER_B)
    with refused(TrustReason.BAD_SIGNATURE):
        first.verify(signing_key("B.AIK").public, USER_A)


def test_a_device_may_stand_in_a_list_only_once(laptop: LocalDevice) -> None:
    twice = first_device_list(ACCOUNT, USER_A, [entry_of(laptop)] * 2, NOW_MS)
    with pytest.raises(MalformedError):
        twice.verify(ACCOUNT.public, USER_A)


def test_an_entry_with_an_unknown_status_is_refused(laptop: LocalDevice) -> None:
    encoded = bytearray(entry_of(laptop).encode())
    encoded[48] = 3
    with pytest.raises(MalformedError):
        DeviceEntry.parse(bytes(encoded))


def follow(lists: list[SignedDeviceList], pin: Pin | None) -> Pin:
    return verify_device_lists(USER_A, ACCOUNT.public, lists, pin)


def test_the_first_list_ever_seen_is_pinned(first: SignedDeviceList) -> None:
    pin = follow([first], None)
    assert (pin.devices.version, pin.list_hash) == (1, first.hash)


def test_a_list_that_follows_the_pin_replaces_it(
    first: SignedDeviceList, second: SignedDeviceList
) -> None:
    pin = follow([second], follow([first], None))
    assert pin.list_hash == second.hash
    assert follow([second], pin) == pin


def test_an_older_list_is_a_rollback(first: SignedDeviceList, second: SignedDeviceList) -> None:
    with refused(TrustReason.ROLLBACK):
        follow([first], follow([first, second], None))


def test_two_lists_of_one_version_are_equivocation(
    first: SignedDeviceList, second: SignedDeviceList, laptop: LocalDevice
) -> None:
    other = next_device_list(ACCOUNT, first, [entry_of(laptop)], NOW_MS + 2)
    with refused(TrustReason.EQUIVOCATION):
        follow([other], follow([first, second], None))


def test_a_list_that_names_another_predecessor_breaks_the_chain(
    first: SignedDeviceList, laptop: LocalDevice
) -> None:
    branch = sign_device_list(
        ACCOUNT, DeviceList(USER_A, 2, b"\x07" * 32, NOW_MS, (entry_of(laptop),))
    )
    for lists, pin in [([branch], follow([first], None)), ([first, branch], None)]:
        with refused(TrustReason.BROKEN_CHAIN):
            follow(lists, pin)


def test_a_missing_version_has_to_be_fetched(
    first: SignedDeviceList, second: SignedDeviceList, laptop: LocalDevice, phone: LocalDevice
) -> None:
    third = next_device_list(ACCOUNT, second, [entry_of(laptop), entry_of(phone)], NOW_MS + 3)
    pin = follow([first], None)
    with refused(TrustReason.GAP):
        follow([third], pin)
    assert follow([second, third], pin).devices.version == 3


def test_a_device_neither_vanishes_nor_comes_back_nor_changes_its_keys(
    second: SignedDeviceList, laptop: LocalDevice, phone: LocalDevice
) -> None:
    revoked = entry_of(phone, DeviceStatus.REVOKED)
    third = next_device_list(ACCOUNT, second, [entry_of(laptop), revoked], NOW_MS + 3)
    pin = follow([second, third], None)
    renewed = replace(entry_of(laptop), certificate_hash=b"\x01" * 32)
    for entries in (
        [entry_of(laptop)],
        [entry_of(laptop), entry_of(phone)],
        [renewed, revoked],
    ):
        with refused(TrustReason.REVIVED):
            follow([next_device_list(ACCOUNT, third, entries, NOW_MS + 4)], pin)


@pytest.mark.parametrize(("version", "previous"), [(0, ZERO_32), (1, b"\x01" * 32)])
def test_a_first_list_follows_nothing(version: int, previous: bytes, laptop: LocalDevice) -> None:
    odd = sign_device_list(
        ACCOUNT, DeviceList(USER_A, version, previous, NOW_MS, (entry_of(laptop),))
    )
    with refused(TrustReason.BROKEN_CHAIN):
        follow([odd], None)


def test_another_account_key_is_a_changed_identity(first: SignedDeviceList) -> None:
    with refused(TrustReason.IDENTITY_CHANGED):
        verify_device_lists(USER_A, SigningKey.generate().public, [first], follow([first], None))


def test_a_server_that_sends_no_list_is_refused() -> None:
    with pytest.raises(MalformedError):
        follow([], None)


def test_a_ghost_device_of_the_server_is_never_a_recipient(
    first: SignedDeviceList, laptop: LocalDevice
) -> None:
    devices = follow([first], None).devices
    ghost = enrol_device(SigningKey.generate(), USER_A, b"\xee" * 16, NOW_MS)
    certificates = [laptop.certificate, ghost.certificate]
    assert active_devices(devices, certificates, ACCOUNT.public) == (laptop.identity(),)
    with refused(TrustReason.BAD_SIGNATURE):
        verify_device(devices, ghost.certificate, ACCOUNT.public)


def test_a_certificate_that_the_list_does_not_name_is_refused(
    first: SignedDeviceList, phone: LocalDevice, laptop: LocalDevice
) -> None:
    devices = follow([first], None).devices
    renewed = enrol_device(
        ACCOUNT, USER_A, laptop.device_id, NOW_MS, identity_key=AgreementKey.generate()
    )
    for unlisted in (phone, renewed):
        with refused(TrustReason.UNKNOWN_DEVICE):
            verify_device(devices, unlisted.certificate, ACCOUNT.public)


def test_hiding_the_certificate_of_an_active_device_is_noticed(
    second: SignedDeviceList, laptop: LocalDevice
) -> None:
    devices = second.verify(ACCOUNT.public, USER_A)
    with refused(TrustReason.UNKNOWN_DEVICE):
        active_devices(devices, [laptop.certificate], ACCOUNT.public)


def test_a_revoked_device_is_no_recipient(
    first: SignedDeviceList, laptop: LocalDevice, phone: LocalDevice
) -> None:
    revoked = entry_of(phone, DeviceStatus.REVOKED)
    listed = next_device_list(ACCOUNT, first, [entry_of(laptop), revoked], NOW_MS)
    devices = listed.verify(ACCOUNT.public, USER_A)
    assert active_devices(devices, [laptop.certificate, phone.certificate], ACCOUNT.public) == (
        laptop.identity(),
    )
    with refused(TrustReason.REVOKED):
        verify_device(devices, phone.certificate, ACCOUNT.public)
