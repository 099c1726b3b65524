"""Two devices whose every key is known, and what tests do with them again and again."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from client.seal import ratchet
from client.seal.identity import LocalDevice, enrol_device
from client.seal.keys import AgreementKey, SigningKey
from client.seal.prekeys import Bundle, sign_one_time_prekey, sign_signed_prekey
from client.seal.primitives import sha256
from client.seal.ratchet import RatchetState
from client.seal.x3dh import Agreement, InitialHeader, PrekeyPair, agree_as_initiator

GOLDEN = json.loads(
    (Path(__file__).parents[1] / "vectors" / "seal1.json").read_text(encoding="utf-8")
)
NOW_MS = 1_790_000_000_000
USER_A, DEVICE_A = b"\xaa" * 16, b"\xa1" * 16
USER_B, DEVICE_B = b"\xbb" * 16, b"\xb1" * 16


def scalar(name: str) -> bytes:
    """The private scalar that the golden vectors derive from a name (SEAL1 §4.18)."""
    digest = sha256(b"SEAL1 test key " + name.encode())
    return (int.from_bytes(digest, "big") % 2**255 + 1).to_bytes(32, "big")


def signing_key(name: str) -> SigningKey:
    return SigningKey.from_scalar(scalar(name))


def agreement_key(name: str) -> AgreementKey:
    return AgreementKey.from_scalar(scalar(name))


def golden_device(letter: str) -> LocalDevice:
    user_id, device_id = (USER_A, DEVICE_A) if letter == "A" else (USER_B, DEVICE_B)
    return enrol_device(
        signing_key(f"{letter}.AIK"),
        user_id,
        device_id,
        NOW_MS,
        signing_key=signing_key(f"{letter}.DSK"),
        identity_key=agreement_key(f"{letter}.DIK"),
    )


def golden_bundle(with_one_time: bool = True) -> Bundle:
    bob = golden_device("B")
    one_time = sign_one_time_prekey(bob, 9, agreement_key("B.OPK")) if with_one_time else None
    return Bundle(sign_signed_prekey(bob, 7, agreement_key("B.SPK"), NOW_MS), one_time)


def golden_agreement(with_one_time: bool = True) -> tuple[Agreement, InitialHeader]:
    return agree_as_initiator(
        golden_device("A"),
        golden_device("B").identity(),
        golden_bundle(with_one_time),
        NOW_MS,
        agreement_key("A.EK"),
    )


def signed_prekey_pair() -> PrekeyPair:
    return PrekeyPair(7, agreement_key("B.SPK"))


def one_time_prekey_pair() -> PrekeyPair:
    return PrekeyPair(9, agreement_key("B.OPK"))


@dataclass
class Talkers:
    """Both ends of one session; index 0 began it."""

    states: list[RatchetState]

    def send(self, sender: int, plaintext: bytes) -> ratchet.Message:
        self.states[sender], message = ratchet.encrypt(self.states[sender], plaintext)
        return message

    def receive(self, receiver: int, message: ratchet.Message, now_ms: int = NOW_MS) -> bytes:
        self.states[receiver], plaintext = ratchet.decrypt(self.states[receiver], message, now_ms)
        return plaintext


def new_talkers() -> Talkers:
    agreement, _ = golden_agreement()
    secret, transcript = agreement.shared_secret, agreement.transcript_hash
    prekey = agreement_key("B.SPK")
    return Talkers(
        [
            ratchet.start_as_initiator(secret, transcript, prekey.public),
            ratchet.start_as_responder(secret, transcript, prekey),
        ]
    )


def bit_flips(data: bytes, every: int = 1) -> list[bytes]:
    """The data once for each `every`-th byte, with one bit of that byte turned over."""
    return [
        data[:place] + bytes([data[place] ^ (1 << place % 8)]) + data[place + 1 :]
        for place in range(0, len(data), every)
    ]


def counting_entropy() -> Callable[[int], bytes]:
    """Returns 00 01 02 …, from the start at each call, as the golden vectors' IV does."""
    return lambda size_bytes: bytes(range(size_bytes))
