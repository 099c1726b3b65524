"""Points and signatures, checked with what the reference client signs (SEAL1 §4.1, §4.3)."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.seal.device_list import DeviceStatus
from client.seal.encoding import t
from client.seal.keys import SigningKey
from client.seal.labels import Purpose
from protocol import bodies
from protocol.encoding import b64url, parse_b64url
from protocol.errors import AppError, ErrorCode
from protocol.ids import DeviceId, UserId
from services import signatures
from tests.house import Seal, certificate, opk, spk

NOW_MS = 1_790_000_000_000
USER = UserId(b64url(b"\xaa" * 16))
OTHER = UserId(b64url(b"\xbb" * 16))
GOLDEN = json.loads((Path(__file__).parents[1] / "vectors/seal1.json").read_text())
POINTS = next(value for name, value in GOLDEN.items() if name.startswith("keys"))


def seal() -> Seal:
    return Seal(USER, NOW_MS)


def refused(code: ErrorCode, call: Any, *args: Any) -> None:
    with pytest.raises(AppError) as caught:
        call(*args)
    assert caught.value.code is code


@pytest.mark.parametrize("name", POINTS)
def test_golden_points_are_points(name: str) -> None:
    signatures.require_point(bytes.fromhex(POINTS[name]))


def _bad_points() -> dict[str, bytes]:
    good = bytes.fromhex(POINTS["A.AIK"])
    return {
        "nothing": b"",
        "compressed": bytes([2 + (good[64] & 1)]) + good[1:33],
        "hybrid": bytes([6 + (good[64] & 1)]) + good[1:],
        "infinity": b"\0",
        "infinity, padded": bytes(65),
        "off the curve": good[:64] + bytes([good[64] ^ 1]),
        "zero": b"\x04" + bytes(64),
        "beyond the field": b"\x04" + b"\xff" * 64,
        "short": good[:64],
        "long": good + b"\0",
    }


@pytest.mark.parametrize("name", _bad_points())
def test_what_is_no_uncompressed_point_is_refused(name: str) -> None:
    refused(ErrorCode.BAD_KEY, signatures.require_point, _bad_points()[name])


def verify_certificate(owner: Seal, cert: bodies.Certificate, user: UserId = USER) -> None:
    signatures.verify_certificate(cert, owner.account_key.public, user)


def test_a_certificate_says_whose_device_it_is() -> None:
    owner = seal()
    device = owner.new_device()
    found = signatures.verify_certificate(certificate(device), owner.account_key.public, USER)
    assert found.device_id == b64url(device.device_id)
    assert found.signing_key == device.signing_key.public
    assert found.cert_hash == b64url(device.certificate.hash)
    assert found.created_ms == NOW_MS
    assert signatures.signing_key_of(certificate(device).cert) == found.signing_key


def test_a_certificate_for_another_user_device_or_account_key_is_refused() -> None:
    owner = seal()
    cert = certificate(owner.new_device())
    refused(ErrorCode.BAD_SIGNATURE, verify_certificate, owner, cert, OTHER)
    refused(ErrorCode.BAD_SIGNATURE, verify_certificate, seal(), cert)
    swapped = msgspec.structs.replace(cert, device_id=DeviceId(b64url(b"\xcc" * 16)))
    refused(ErrorCode.BAD_SIGNATURE, verify_certificate, owner, swapped)


@pytest.mark.parametrize("field", ["sig_a", "sig_p"])
def test_both_signatures_of_a_certificate_count(field: str) -> None:
    owner = seal()
    cert, other = certificate(owner.new_device()), certificate(owner.new_device())
    forged = msgspec.structs.replace(cert, **{field: getattr(other, field)})
    refused(ErrorCode.BAD_SIGNATURE, verify_certificate, owner, forged)


def signed_body(owner: Seal, *fields: bytes, label: str = "SEAL1/devcert") -> bodies.Certificate:
    body = t(label, *fields)
    return bodies.Certificate(
        device_id=DeviceId(b64url(b"\xa1" * 16)),
        cert=b64url(body),  # type: ignore[arg-type]
        sig_a=b64url(owner.account_key.sign(Purpose.DEVICE_CERTIFICATE, body)),
        sig_p=b64url(bytes(64)),
    )


def test_a_certificate_of_another_form_is_refused_even_when_it_is_signed() -> None:
    owner = seal()
    key = SigningKey.generate().public
    good = [b"\xaa" * 16, b"\xa1" * 16, key, key, NOW_MS.to_bytes(8, "big"), b"\x01"]
    for at in range(len(good)):
        cut = [*good[:at], good[at][:-1], *good[at + 1 :]]
        refused(ErrorCode.BAD_REQUEST, verify_certificate, owner, signed_body(owner, *cut))
    refused(ErrorCode.BAD_REQUEST, verify_certificate, owner, signed_body(owner, *good[:-1]))
    refused(ErrorCode.BAD_REQUEST, verify_certificate, owner, signed_body(owner, *good, b""))
    other = signed_body(owner, *good, label="SEAL1/devlist")
    refused(ErrorCode.BAD_REQUEST, verify_certificate, owner, other)
    no_suite = signed_body(owner, *good[:-1], b"\x02")
    refused(ErrorCode.UNSUPPORTED, verify_certificate, owner, no_suite)
    off_curve = signed_body(owner, *good[:3], b"\x04" + bytes(64), *good[4:])
    refused(ErrorCode.BAD_KEY, verify_certificate, owner, off_curve)
    off_curve = signed_body(owner, *good[:2], b"\x04" + bytes(64), *good[3:])
    refused(ErrorCode.BAD_KEY, verify_certificate, owner, off_curve)


def test_a_list_says_who_is_active_in_its_order() -> None:
    owner = seal()
    devices = [owner.new_device() for _ in range(3)]
    owner.revoke(devices[1])
    found = signatures.verify_list(owner.sign_list(), owner.account_key.public, USER)
    assert (found.version, found.previous_hash) == (1, signatures.NO_HASH)
    assert found.active == (b64url(devices[0].device_id), b64url(devices[2].device_id))
    assert owner.newest is not None
    assert found.list_hash == b64url(owner.newest.hash)
    second = signatures.verify_list(owner.sign_list(), owner.account_key.public, USER)
    assert (second.version, second.previous_hash) == (2, found.list_hash)


def test_a_list_of_another_user_version_or_key_is_refused() -> None:
    owner = seal()
    owner.new_device()
    signed, key = owner.sign_list(), owner.account_key.public
    refused(ErrorCode.BAD_SIGNATURE, signatures.verify_list, signed, key, OTHER)
    refused(
        ErrorCode.BAD_SIGNATURE, signatures.verify_list, signed, seal().account_key.public, USER
    )
    other = msgspec.structs.replace(signed, version=2)
    refused(ErrorCode.BAD_SIGNATURE, signatures.verify_list, other, key, USER)


def test_a_list_that_names_a_device_twice_is_refused() -> None:
    owner = seal()
    device = owner.new_device()
    owner.entries.append(owner.entry(device, DeviceStatus.REVOKED))
    body = b64url(
        t(
            "SEAL1/devlist",
            owner.user,
            (1).to_bytes(8, "big"),
            bytes(32),
            NOW_MS.to_bytes(8, "big"),
            *(entry.encode() for entry in owner.entries),
        )
    )
    refused(ErrorCode.BAD_REQUEST, signatures.read_list, body)


@pytest.mark.parametrize(
    "entry", [b"", bytes(56), bytes(58), bytes(57), bytes(48) + b"\x03" + bytes(8)]
)
def test_an_entry_of_another_form_is_refused(entry: bytes) -> None:
    head = (b"\xaa" * 16, bytes(8), bytes(32), bytes(8))
    refused(ErrorCode.BAD_REQUEST, signatures.read_list, b64url(t("SEAL1/devlist", *head, entry)))


@given(st.binary(max_size=400))
def test_garbage_is_never_more_than_a_bad_request(data: bytes) -> None:
    refused(ErrorCode.BAD_REQUEST, signatures.read_list, b64url(data))


def test_a_signature_of_one_purpose_is_none_of_another() -> None:
    """SEAL1 §6 row 8: the matrix over purposes."""
    key = SigningKey.generate()
    body = b"the same bytes"
    for purpose in Purpose:
        signature = b64url(key.sign(purpose, body))
        for checked in ("devcert", "devcert-pop", "devlist", "spk", "opk"):
            if checked == purpose.value.rpartition("/")[2]:
                signatures.require_signed(key.public, checked, body, signature)
            else:
                refused(
                    ErrorCode.BAD_SIGNATURE,
                    signatures.require_signed,
                    key.public,
                    checked,
                    body,
                    signature,
                )


@pytest.mark.parametrize("raw", [bytes(64), b"\xff" * 64, b"\0" * 63 + b"\1"])
def test_degenerate_signatures_are_refused(raw: bytes) -> None:
    key = SigningKey.generate().public
    refused(ErrorCode.BAD_SIGNATURE, signatures.require_signed, key, "spk", b"body", b64url(raw))


PREKEY_CHANGES = {
    "id": lambda key: key.id + 1,
    "pub": lambda _: b64url(SigningKey.generate().public),
    "sig": lambda _: b64url(bytes(63) + b"\1"),
}


@pytest.mark.parametrize("field", PREKEY_CHANGES)
def test_every_field_of_a_prekey_is_signed(field: str) -> None:
    owner = seal()
    device = owner.new_device()
    context = (device.signing_key.public, USER, DeviceId(b64url(device.device_id)))
    signed, one_time = spk(device, 7, NOW_MS), opk(device, 9)
    signatures.require_signed_prekey(signed, *context)
    signatures.require_one_time_prekeys([one_time], *context)
    change = PREKEY_CHANGES[field]
    forged = msgspec.structs.replace(signed, **{field: change(signed)})
    refused(ErrorCode.BAD_SIGNATURE, signatures.require_signed_prekey, forged, *context)
    forged_one = msgspec.structs.replace(one_time, **{field: change(one_time)})
    refused(ErrorCode.BAD_SIGNATURE, signatures.require_one_time_prekeys, [forged_one], *context)


def test_a_prekey_belongs_to_its_user_and_device() -> None:
    owner = seal()
    device = owner.new_device()
    key, device_id = device.signing_key.public, DeviceId(b64url(device.device_id))
    signed, one_time = spk(device, 7, NOW_MS), [opk(device, 9)]
    for user, where in ((OTHER, device_id), (USER, DeviceId(OTHER))):
        refused(ErrorCode.BAD_SIGNATURE, signatures.require_signed_prekey, signed, key, user, where)
        refused(
            ErrorCode.BAD_SIGNATURE,
            signatures.require_one_time_prekeys,
            one_time,
            key,
            user,
            where,
        )


@pytest.mark.parametrize("life_ms", [0, -1, 14 * 86_400_000 + 1])
def test_a_signed_prekey_lives_at_most_fourteen_days(life_ms: int) -> None:
    device = seal().new_device()
    signed = spk(device, 7, NOW_MS)
    longer = msgspec.structs.replace(signed, expires_ms=NOW_MS + life_ms)
    context = (device.signing_key.public, USER, DeviceId(b64url(device.device_id)))
    refused(ErrorCode.BAD_REQUEST, signatures.require_signed_prekey, longer, *context)


def test_a_prekey_that_comes_twice_is_refused() -> None:
    device = seal().new_device()
    context = (device.signing_key.public, USER, DeviceId(b64url(device.device_id)))
    twice = [opk(device, 9), opk(device, 9)]
    refused(ErrorCode.PREKEY_REUSED, signatures.require_one_time_prekeys, twice, *context)


def test_a_prekey_off_the_curve_is_refused() -> None:
    device = seal().new_device()
    context = (device.signing_key.public, USER, DeviceId(b64url(device.device_id)))
    off = msgspec.structs.replace(opk(device, 9), pub=b64url(b"\x04" + bytes(64)))
    refused(ErrorCode.BAD_KEY, signatures.require_one_time_prekeys, [off], *context)
    assert parse_b64url(off.pub, 65)
