"""The ratchet against somebody else's: PyPI DoubleRatchet, set to the parameters of SEAL1 §4.5."""

import random
import warnings

import pytest
from doubleratchet import (
    AEAD,
    AuthenticationFailedException,
    DiffieHellmanRatchet,
    DoSProtectionException,
    DoubleRatchet,
    DuplicateMessageException,
    EncryptedMessage,
    Header,
)
from doubleratchet.recommended import HashFunction, kdf_hkdf, kdf_separate_hmacs

from client.seal import ratchet
from client.seal.errors import DecryptError
from client.seal.keys import AgreementKey
from client.seal.primitives import aead_open, aead_seal
from tests.client.people import NOW_MS, agreement_key, golden_agreement


class RootKdf(kdf_hkdf.KDF):
    @staticmethod
    def _get_hash_function() -> HashFunction:
        return HashFunction.SHA_256

    @staticmethod
    def _get_info() -> bytes:
        return b"SEAL1/root"


class ChainKdf(kdf_separate_hmacs.KDF):
    """The chain constant 02 01 makes the next key HMAC(CK, 02) and the output HMAC(CK, 01)."""

    @staticmethod
    def _get_hash_function() -> HashFunction:
        return HashFunction.SHA_256


class P256(DiffieHellmanRatchet):
    @staticmethod
    def _generate_priv() -> bytes:
        return AgreementKey.generate().scalar()

    @staticmethod
    def _derive_pub(priv: bytes) -> bytes:
        return AgreementKey.from_scalar(priv).public

    @staticmethod
    def _perform_diffie_hellman(own_priv: bytes, other_pub: bytes) -> bytes:
        return AgreementKey.from_scalar(own_priv).exchange(other_pub)


class Aead(AEAD):
    @staticmethod
    async def encrypt(plaintext: bytes, key: bytes, associated_data: bytes) -> bytes:
        return aead_seal(
            ratchet.encryption_key(ratchet.MessageKey(key)), plaintext, associated_data
        )

    @staticmethod
    async def decrypt(ciphertext: bytes, key: bytes, associated_data: bytes) -> bytes:
        try:
            return aead_open(
                ratchet.encryption_key(ratchet.MessageKey(key)), ciphertext, associated_data
            )
        except DecryptError as error:
            raise AuthenticationFailedException from error


class Peer(DoubleRatchet):
    @staticmethod
    def _build_associated_data(associated_data: bytes, header: Header) -> bytes:
        return len(associated_data).to_bytes(4, "big") + associated_data + wire_header(header)


SETTINGS = {
    "diffie_hellman_ratchet_class": P256,
    "root_chain_kdf": RootKdf,
    "message_chain_kdf": ChainKdf,
    "message_chain_constant": b"\x02\x01",
    "dos_protection_threshold": ratchet.MAX_SKIP,
    "max_num_skipped_message_keys": ratchet.MAX_STORE,
    "aead": Aead,
}
REFUSALS = (
    AuthenticationFailedException,
    DoSProtectionException,
    DuplicateMessageException,
    DecryptError,
    ValueError,
)


def wire_header(header: Header) -> bytes:
    return (
        b"\x01\x01"
        + header.ratchet_pub
        + header.previous_sending_chain_length.to_bytes(4, "big")
        + header.sending_chain_length.to_bytes(4, "big")
    )


def to_wire(message: EncryptedMessage) -> ratchet.Message:
    return ratchet.Message(wire_header(message.header), message.ciphertext)


def from_wire(message: ratchet.Message) -> EncryptedMessage:
    header = ratchet.Header.parse(message.header)
    return EncryptedMessage(
        Header(header.ratchet_key, header.previous_count, header.number), message.ciphertext
    )


class Pair:
    """Our state on one side, theirs on the other."""

    def __init__(self, ours: ratchet.RatchetState, theirs: Peer, transcript: bytes) -> None:
        self.ours, self.theirs, self.transcript = ours, theirs, transcript

    async def send(self, by_us: bool, plaintext: bytes) -> ratchet.Message:
        if by_us:
            self.ours, message = ratchet.encrypt(self.ours, plaintext)
            return message
        return to_wire(await self.theirs.encrypt_message(plaintext, self.transcript))

    async def receive(self, by_us: bool, message: ratchet.Message) -> bytes:
        if by_us:
            self.ours, plaintext = ratchet.decrypt(self.ours, message, NOW_MS)
            return plaintext
        return await self.theirs.decrypt_message(from_wire(message), self.transcript)


async def begin(we_begin: bool) -> Pair:
    agreement, _ = golden_agreement()
    secret, transcript, prekey = (
        agreement.shared_secret,
        agreement.transcript_hash,
        agreement_key("B.SPK"),
    )
    if we_begin:
        ours = ratchet.start_as_initiator(secret, transcript, prekey.public)
        ours, message = ratchet.encrypt(ours, b"begin")
        theirs, plaintext = await Peer.decrypt_initial_message(
            **SETTINGS,
            shared_secret=secret,
            own_ratchet_priv=prekey.scalar(),
            message=from_wire(message),
            associated_data=transcript,
        )
    else:
        theirs, first = await Peer.encrypt_initial_message(
            **SETTINGS,
            shared_secret=secret,
            recipient_ratchet_pub=prekey.public,
            message=b"begin",
            associated_data=transcript,
        )
        ours = ratchet.start_as_responder(secret, transcript, prekey)
        ours, plaintext = ratchet.decrypt(ours, to_wire(first), NOW_MS)
    assert plaintext == b"begin"
    return Pair(ours, theirs, transcript)


@pytest.mark.parametrize("we_begin", [True, False])
@pytest.mark.parametrize("seed", range(4))
async def test_two_thousand_random_operations_agree(we_begin: bool, seed: int) -> None:
    chance = random.Random(seed)
    pair = await begin(we_begin)
    pending: list[tuple[bool, bytes, ratchet.Message]] = []
    delivered: list[tuple[bool, ratchet.Message]] = []
    for number in range(2_000):
        action = chance.choices(["send", "deliver", "lose", "replay", "spoil"], [50, 40, 2, 4, 4])[
            0
        ]
        if action == "send" or not pending:
            by_us = chance.random() < 0.5
            plaintext = number.to_bytes(4, "big")
            pending.append((not by_us, plaintext, await pair.send(by_us, plaintext)))
        elif action == "replay" and delivered:
            with pytest.raises(REFUSALS):
                await pair.receive(*chance.choice(delivered))
        elif action == "spoil":
            to_us, _, message = chance.choice(pending)
            wire = bytearray(message.ciphertext)
            wire[chance.randrange(len(wire))] ^= 1 << chance.randrange(8)
            with pytest.raises(REFUSALS):
                await pair.receive(to_us, ratchet.Message(message.header, bytes(wire)))
        else:
            to_us, plaintext, message = pending.pop(chance.randrange(len(pending)))
            if action == "deliver":
                assert await pair.receive(to_us, message) == plaintext
                delivered.append((to_us, message))
    assert len(delivered) > 200


async def test_both_give_up_an_old_chain_with_too_large_a_gap() -> None:
    pair = await begin(we_begin=True)
    for by_us in (True, False):
        for _ in range(ratchet.MAX_SKIP + 2):
            await pair.send(by_us, b"lost")
    for by_us in (True, False, True, False):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            message = await pair.send(by_us, b"too far")
            with pytest.raises((DoSProtectionException, DecryptError)):
                await pair.receive(not by_us, message)
