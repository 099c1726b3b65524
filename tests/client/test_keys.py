"""Keys of the wrong form never reach the curve, and secrets never reach a log."""

import dataclasses
from collections.abc import Iterator

import pytest

from client.seal import backup, password, payload, ratchet, sessions, x3dh
from client.seal.errors import MalformedError
from client.seal.keys import AgreementKey, SigningKey, is_signed, load_public_key
from client.seal.labels import Purpose
from tests.client.people import agreement_key, golden_agreement, new_talkers, scalar, signing_key

ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def compressed(point: bytes) -> bytes:
    return bytes([2 + point[-1] % 2]) + point[1:33]


@pytest.mark.parametrize(
    "encoded",
    [
        b"",
        b"\x00",
        compressed(scalar("x").ljust(65, b"\1")),
        compressed(agreement_key("A.DIK").public),
        b"\x06" + agreement_key("A.DIK").public[1:],
        agreement_key("A.DIK").public + b"\0",
        agreement_key("A.DIK").public[:-1],
        agreement_key("A.DIK").public[:-1] + b"\xff",
        b"\x04" + b"\0" * 64,
        b"\x04" + b"\xff" * 64,
    ],
)
def test_only_uncompressed_points_on_the_curve_are_keys(encoded: bytes) -> None:
    with pytest.raises(MalformedError):
        load_public_key(encoded)
    with pytest.raises(MalformedError):
        agreement_key("A.DIK").exchange(encoded)


@pytest.mark.parametrize("value", [0, ORDER, ORDER + 1, 2**256 - 1])
def test_a_scalar_out_of_range_is_no_private_key(value: int) -> None:
    with pytest.raises(MalformedError):
        AgreementKey.from_scalar(value.to_bytes(32, "big"))
    with pytest.raises(MalformedError):
        AgreementKey.from_scalar(b"\x01" * 31)


@pytest.mark.parametrize("cls", [SigningKey, AgreementKey])
def test_a_private_key_survives_both_storage_forms(
    cls: type[SigningKey] | type[AgreementKey],
) -> None:
    key = cls.generate()
    assert cls.from_scalar(key.scalar()) == key == cls.from_pkcs8(key.pkcs8())
    assert hash(cls.from_scalar(key.scalar())) == hash(key)
    with pytest.raises(MalformedError):
        cls.from_pkcs8(b"not DER")


def test_a_key_of_another_algorithm_is_another_key() -> None:
    assert SigningKey.from_scalar(scalar("x")) != AgreementKey.from_scalar(scalar("x"))


@pytest.mark.parametrize("length_bytes", [0, 63, 65, 70])
def test_a_signature_of_another_length_is_none(length_bytes: int) -> None:
    key = signing_key("A.DSK")
    signature = key.sign(Purpose.ONE_TIME_PREKEY, b"body").ljust(70, b"\0")[:length_bytes]
    assert not is_signed(key.public, Purpose.ONE_TIME_PREKEY, b"body", signature)


def test_an_all_zero_signature_is_none() -> None:
    key = signing_key("A.DSK")
    assert not is_signed(key.public, Purpose.ONE_TIME_PREKEY, b"body", bytes(64))


def secret_bearers() -> Iterator[tuple[object, list[bytes]]]:
    state = new_talkers().states[0]
    agreement, header = golden_agreement()
    assert state.sending_chain_key is not None
    ratchet_secrets = [state.root_key, state.sending_chain_key, state.ratchet_key.scalar()]
    session = sessions.Session(b"s" * 16, sessions.SessionStatus.ACTIVE, b"", state, header)
    yield signing_key("A.AIK"), [scalar("A.AIK")]
    yield agreement_key("A.DIK"), [scalar("A.DIK")]
    yield agreement, [agreement.shared_secret]
    yield x3dh.PrekeyPair(1, agreement_key("B.SPK")), [scalar("B.SPK")]
    yield state, ratchet_secrets
    yield session, ratchet_secrets
    yield ratchet.SkippedKey(ratchet.MessageKey(b"k" * 32), 0), [b"k" * 32]
    yield payload.Capsule(payload.CapsuleKind.MESSAGE, b"", 0, content_key=b"k" * 32), [b"k" * 32]
    yield payload.SealedPayload(b"", b"", b"", b"k" * 32), [b"k" * 32]
    yield payload.OpenedPayload(b"hello", b"k" * 32), [b"hello", b"k" * 32]
    yield password.PasswordKeys(b"a" * 32, b"w" * 32), [b"a" * 32, b"w" * 32]
    yield backup.BackupKey(b"i" * 16, b"k" * 32), [b"k" * 32]


@pytest.mark.parametrize(("bearer", "secrets"), list(secret_bearers()))
def test_no_secret_shows_in_a_repr(bearer: object, secrets: list[bytes]) -> None:
    assert dataclasses.is_dataclass(bearer) or isinstance(bearer, SigningKey | AgreementKey)
    for secret in secrets:
        assert repr(bytes(secret))[2:-1] not in repr(bearer)
        assert secret.hex() not in repr(bearer)
