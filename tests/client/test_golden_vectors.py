"""Every value of the golden vectors, out of the Python implementation."""

from pathlib import Path

import pytest

from client.seal import backup, keys, password, payload, ratchet, rooms, safety_number
from client.seal.encoding import lp, t
from client.seal.primitives import sha256
from client.seal.x3dh import agree_as_responder
from tests.client.people import (
    DEVICE_A,
    GOLDEN,
    NOW_MS,
    USER_A,
    USER_B,
    agreement_key,
    counting_entropy,
    golden_agreement,
    golden_device,
    one_time_prekey_pair,
    scalar,
    signed_prekey_pair,
    signing_key,
)

KEYS = GOLDEN['keys (priv = (SHA-256("SEAL1 test key "+name) mod 2^255)+1)']
PASSWORD = GOLDEN[
    'password ("correct horse battery staple", email alice@example.com, salt16=22*16)'
]
DIRECT_ROOM = bytes.fromhex(GOLDEN["dm_roomId (nonce=77*16)"])


@pytest.mark.parametrize("name", sorted(KEYS))
def test_public_keys_follow_from_their_names(name: str) -> None:
    assert keys.AgreementKey.from_scalar(scalar(name)).public.hex() == KEYS[name]


def test_tuples_are_laid_out_as_agreed() -> None:
    assert t("SEAL1/demo", b"\x01", b"ab").hex() == GOLDEN['T("SEAL1/demo",01,"ab")']


@pytest.mark.parametrize("letter", ["A", "B"])
def test_identities_hash_as_agreed(letter: str) -> None:
    encoded = golden_device(letter).identity().encode()
    assert sha256(encoded).hex() == GOLDEN["x3dh"][f"H_id{letter}"]


def test_both_sides_agree_on_the_golden_secret() -> None:
    agreement, header = golden_agreement()
    responder = agree_as_responder(
        golden_device("B"),
        golden_device("A").identity(),
        header,
        signed_prekey_pair(),
        one_time_prekey_pair(),
    )
    assert responder == agreement
    assert {
        "TH": agreement.transcript_hash.hex(),
        "SK": agreement.shared_secret.hex(),
        "sid": agreement.session_id.hex(),
    } == {name: GOLDEN["x3dh"][name] for name in ("TH", "SK", "sid")}


def golden_initiator() -> ratchet.RatchetState:
    agreement, _ = golden_agreement()
    return ratchet.start_as_initiator(
        agreement.shared_secret,
        agreement.transcript_hash,
        agreement_key("B.SPK").public,
        agreement_key("A.R0"),
    )


def test_the_first_root_step_gives_the_golden_chain() -> None:
    state = golden_initiator()
    assert state.sending_chain_key is not None
    assert state.root_key.hex() == GOLDEN["kdf_rk"]["RK"]
    assert state.sending_chain_key.hex() == GOLDEN["kdf_rk"]["CK"]


def test_the_first_chain_step_gives_the_golden_message_key() -> None:
    chain_key, message_key = ratchet.advance_chain(
        ratchet.ChainKey(bytes.fromhex(GOLDEN["kdf_rk"]["CK"]))
    )
    assert {
        "CK1": chain_key.hex(),
        "MK0": message_key.hex(),
        "msgKey0": ratchet.encryption_key(message_key).hex(),
    } == GOLDEN["kdf_ck"]


def test_the_first_message_is_the_golden_one_and_opens() -> None:
    state = golden_initiator()
    _, message = ratchet.encrypt(state, b"hello", counting_entropy())
    associated_data = lp(state.transcript_hash) + message.header
    assert sha256(associated_data).hex() == GOLDEN["ad0_sha256"]
    assert message.ciphertext[:12] == bytes(range(12))
    assert message.ciphertext[12:].hex() == GOLDEN['ct0 (iv=00..0b, pt="hello")']
    agreement, _ = golden_agreement()
    bob = ratchet.start_as_responder(
        agreement.shared_secret, agreement.transcript_hash, agreement_key("B.SPK")
    )
    answered, plaintext = ratchet.decrypt(bob, message, NOW_MS, agreement_key("B.R1"))
    assert plaintext == b"hello"
    assert answered.ratchet_key.public.hex() == KEYS["B.R1"]


def test_the_direct_room_has_the_golden_id() -> None:
    assert rooms.direct_room_id(USER_B, USER_A, b"\x77" * 16) == DIRECT_ROOM


def test_the_payload_key_is_the_golden_one() -> None:
    assert payload.payload_key(b"\x11" * 32).hex() == GOLDEN["payloadKey"]


def test_the_franking_commitment_is_the_golden_one() -> None:
    context = payload.PayloadContext(DIRECT_ROOM, 0, DIRECT_ROOM, b"\x66" * 16, USER_A, DEVICE_A)
    assert context.commitment(b"\x55" * 32, b'{"t":"hi"}').hex() == GOLDEN["frank_C2"]


def test_the_safety_number_is_the_golden_one_from_both_sides() -> None:
    alice, bob = (USER_A, signing_key("A.AIK").public), (USER_B, signing_key("B.AIK").public)
    assert safety_number.safety_number(alice, bob) == GOLDEN["safety_number"]
    assert safety_number.safety_number(bob, alice) == GOLDEN["safety_number"]


def test_the_recovery_code_is_the_golden_one() -> None:
    secret = bytes(range(16))
    assert backup.dump_recovery_code(secret) == GOLDEN["recovery_code(00..0f)"]
    assert backup.recovery_key(USER_A, secret).hex() == GOLDEN["KEK_rc"]


def test_the_password_stretches_to_the_golden_keys() -> None:
    email, salt = "alice@example.com", b"\x22" * 16
    master_key = password.stretch_password("correct horse battery staple", email, salt)
    derived = password.split_master_key(master_key)
    assert {
        "salt": password.password_salt(email, salt).hex(),
        "MK": master_key.hex(),
        "authKey": derived.auth_key.hex(),
        "KEK_pw": derived.wrapping_key.hex(),
    } == PASSWORD


def test_an_address_in_capitals_with_spaces_is_the_same_account() -> None:
    salt = b"\x22" * 16
    assert password.password_salt(" Alice@Example.COM ", salt).hex() == PASSWORD["salt"]


def test_no_golden_value_is_left_out() -> None:
    """Files and links are not spoken by this client; a new value needs a test here."""
    elsewhere = {'file_root(fileId=33*16, ct=b"abc", part=4MiB)', "link"}
    source = Path(__file__).read_text(encoding="utf-8")
    unused = {name for name in GOLDEN if name.split("(")[0].strip() not in source}
    assert unused - elsewhere == set()
