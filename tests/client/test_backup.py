"""A backup opens with its secret and for its owner only (§6 rows 5, 11, 19, 21)."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.seal.backup import (
    BackupKey,
    WrapMethod,
    dump_recovery_code,
    open_identity,
    parse_recovery_code,
    recovery_key,
    seal_identity,
    unwrap_backup_key,
    wrap_backup_key,
)
from client.seal.errors import DecryptError, MalformedError, TrustError
from client.seal.password import PasswordParameters, derive_password_keys, normalise_email
from client.seal.primitives import aead_seal
from tests.client.people import USER_A, USER_B, bit_flips

KEK = b"\x01" * 32
PARAMETERS = PasswordParameters().encode()
PASSWORD = WrapMethod.PASSWORD


@pytest.fixture
def backup() -> BackupKey:
    return BackupKey.generate()


@pytest.fixture
def wrap(backup: BackupKey) -> bytes:
    return wrap_backup_key(backup, KEK, USER_A, PASSWORD, PARAMETERS)


def test_a_wrap_opens_with_its_key(backup: BackupKey, wrap: bytes) -> None:
    assert len(wrap) == 60
    assert unwrap_backup_key(wrap, backup.id, KEK, USER_A, PASSWORD, PARAMETERS) == backup


def test_every_changed_byte_of_a_wrap_is_noticed(backup: BackupKey, wrap: bytes) -> None:
    for changed in [*bit_flips(wrap), wrap[:-1], wrap + b"\0", b""]:
        with pytest.raises(DecryptError):
            unwrap_backup_key(changed, backup.id, KEK, USER_A, PASSWORD, PARAMETERS)


def test_a_wrap_is_bound_to_user_method_parameters_and_id(backup: BackupKey, wrap: bytes) -> None:
    weaker = PasswordParameters(time_cost=1).encode()
    for arguments in [
        (backup.id, KEK, USER_B, PASSWORD, PARAMETERS),
        (backup.id, KEK, USER_A, WrapMethod.RECOVERY_CODE, PARAMETERS),
        (backup.id, KEK, USER_A, PASSWORD, weaker),
        (backup.id, KEK, USER_A, PASSWORD, b""),
        (b"\x02" * 16, KEK, USER_A, PASSWORD, PARAMETERS),
        (backup.id, b"\x02" * 32, USER_A, PASSWORD, PARAMETERS),
    ]:
        with pytest.raises(DecryptError):
            unwrap_backup_key(wrap, *arguments)


def test_the_identity_opens_and_every_changed_byte_is_noticed(backup: BackupKey) -> None:
    sealed = seal_identity(backup, USER_A, b'{"aik":"..."}')
    assert open_identity(backup, USER_A, sealed) == b'{"aik":"..."}'
    for changed in bit_flips(sealed):
        with pytest.raises(DecryptError):
            open_identity(backup, USER_A, changed)
    for owner, key in [
        (USER_B, backup),
        (USER_A, BackupKey(b"\x02" * 16, backup.key)),
        (USER_A, BackupKey.generate()),
    ]:
        with pytest.raises(DecryptError):
            open_identity(key, owner, sealed)


def test_a_server_cannot_make_a_backup_of_what_it_knows(backup: BackupKey) -> None:
    """It knows every id and public key; all of them together are no key."""
    for guess in (bytes(32), backup.id * 2, USER_A * 2):
        with pytest.raises(DecryptError):
            open_identity(backup, USER_A, aead_seal(guess, b'{"aik":"server"}', b""))


@given(st.binary(min_size=16, max_size=16))
def test_a_recovery_code_reads_back_however_it_is_typed(secret: bytes) -> None:
    code = dump_recovery_code(secret)
    assert parse_recovery_code(code) == secret
    assert parse_recovery_code(code.lower().replace("-", " ")) == secret
    assert parse_recovery_code(code.replace("0", "o").replace("1", "l")) == secret


@given(st.binary(min_size=16, max_size=16), st.integers(0, 27), st.integers(1, 31))
def test_one_mistyped_character_is_noticed(secret: bytes, place: int, shift: int) -> None:
    alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
    typed = list(dump_recovery_code(secret).replace("-", ""))
    typed[place] = alphabet[(alphabet.index(typed[place]) + shift) % 32]
    try:
        accepted = parse_recovery_code("".join(typed))
    except MalformedError:
        return
    assert accepted != secret, "one in 4096 wrong codes passes the check and opens nothing"


@pytest.mark.parametrize(
    "typed", ["", "000G", "U" * 28, "0" * 29, "000G-40R4-0M30-E209-185G-R38E-1YN"]
)
def test_what_is_no_recovery_code_is_refused(typed: str) -> None:
    with pytest.raises(MalformedError):
        parse_recovery_code(typed)


def test_the_recovery_code_opens_the_backup_of_its_owner_only(backup: BackupKey) -> None:
    secret = bytes(range(16))
    method = WrapMethod.RECOVERY_CODE
    wrap = wrap_backup_key(backup, recovery_key(USER_A, secret), USER_A, method)
    typed = parse_recovery_code(dump_recovery_code(secret))
    assert unwrap_backup_key(wrap, backup.id, recovery_key(USER_A, typed), USER_A, method) == backup
    with pytest.raises(DecryptError):
        unwrap_backup_key(wrap, backup.id, recovery_key(USER_B, typed), USER_A, method)


@pytest.mark.parametrize(
    "offered",
    [
        PasswordParameters(memory_kib=65_535),
        PasswordParameters(time_cost=2),
        PasswordParameters(lanes=0),
        PasswordParameters(algorithm="pbkdf2"),
        PasswordParameters(algorithm="argon2i"),
        PasswordParameters(memory_kib=2**31),
        PasswordParameters(time_cost=10_000),
        PasswordParameters(lanes=255),
    ],
)
def test_parameters_that_a_server_weakened_or_inflated_are_refused(
    offered: PasswordParameters,
) -> None:
    with pytest.raises(TrustError, match="weak-parameters"):
        derive_password_keys("correct horse", "a@example.com", b"\x01" * 16, offered)


def test_the_two_halves_of_a_password_say_nothing_about_each_other() -> None:
    salt = b"\x01" * 16
    keys = derive_password_keys("correct horse", "a@example.com", salt)
    other_salt = derive_password_keys("correct horse", "a@example.com", b"\x02" * 16)
    other_address = derive_password_keys("correct horse", "b@example.com", salt)
    values = {
        half
        for derived in (keys, other_salt, other_address)
        for half in (derived.auth_key, derived.wrapping_key)
    }
    assert len(values) == 6


def test_one_password_typed_in_two_unicode_forms_is_one_password() -> None:
    salt = b"\x01" * 16
    composed = "mật khẩu dài"
    decomposed = unicodedata.normalize("NFD", composed)
    assert composed != decomposed
    one = derive_password_keys(composed, "a@example.com", salt)
    assert one == derive_password_keys(decomposed, "a@example.com", salt)


def test_addresses_are_compared_without_case_and_space() -> None:
    assert normalise_email("  Alice@Example.COM ") == "alice@example.com"
