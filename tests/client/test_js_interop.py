"""Both implementations of SEAL1, written independently, in one conversation."""

import json
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from client.seal import backup, password, ratchet, rooms, safety_number
from client.seal.device_list import (
    DeviceEntry,
    DeviceStatus,
    SignedDeviceList,
    first_device_list,
    next_device_list,
    verify_device,
    verify_device_lists,
)
from client.seal.encoding import b64url_decode, b64url_encode
from client.seal.errors import DecryptError
from client.seal.identity import DeviceIdentity, LocalDevice, SignedCertificate, enrol_device
from client.seal.keys import AgreementKey, SigningKey
from client.seal.payload import Capsule, PayloadContext, open_payload, seal_payload
from client.seal.prekeys import (
    Bundle,
    OneTimePrekey,
    SignedPrekey,
    sign_one_time_prekey,
    sign_signed_prekey,
)
from client.seal.x3dh import InitialHeader, PrekeyPair, agree_as_initiator, agree_as_responder
from tests.client.people import DEVICE_A, DEVICE_B, NOW_MS, USER_A, USER_B

DRIVER = Path(__file__).with_name("js_driver.js")
KDF = {"alg": "argon2id", "mKib": 65_536, "t": 3, "p": 1}


class Browser:
    """The JavaScript side, in a process of its own."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            ["node", str(DRIVER), str(NOW_MS)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __call__(self, command: str, **request: Any) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({"command": command, **plain(request)}) + "\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        return answer

    def close(self) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(timeout=10)


def plain(value: Any) -> Any:
    """Bytes as base64url, through any nesting."""
    if isinstance(value, bytes):
        return b64url_encode(value)
    if isinstance(value, dict):
        return {name: plain(each) for name, each in value.items()}
    if isinstance(value, list):
        return [plain(each) for each in value]
    return value


class Python:
    """The Python side: an account with a device that has prekeys."""

    def __init__(self) -> None:
        self.account = SigningKey.generate()
        self.device: LocalDevice = enrol_device(self.account, USER_A, DEVICE_A, NOW_MS)
        entry = DeviceEntry(DEVICE_A, self.device.certificate.hash, DeviceStatus.ACTIVE, NOW_MS)
        gone = DeviceEntry(b"\xa2" * 16, b"\x01" * 32, DeviceStatus.REVOKED, NOW_MS)
        first = first_device_list(self.account, USER_A, [entry], NOW_MS)
        self.lists = [first, next_device_list(self.account, first, [entry, gone], NOW_MS + 1)]
        self.signed_prekey = PrekeyPair(7, AgreementKey.generate())
        self.one_time_prekey = PrekeyPair(9, AgreementKey.generate())

    def records(self) -> dict[str, Any]:
        certificate = self.device.certificate
        return {
            "aik": self.account.public,
            "user": USER_A,
            "certificate": {
                "body": certificate.body,
                "sigA": certificate.account_signature,
                "sigP": certificate.possession_signature,
            },
            "lists": [{"body": each.body, "signature": each.signature} for each in self.lists],
        }

    def prekeys(self, now_ms: int, with_one_time: bool) -> dict[str, Any]:
        signed = sign_signed_prekey(self.device, 7, self.signed_prekey.key, now_ms)
        one_time = sign_one_time_prekey(self.device, 9, self.one_time_prekey.key)
        return {
            "spk": {
                "id": 7,
                "pub": signed.public,
                "createdAtMs": signed.created_at_ms,
                "expiresAtMs": signed.expires_at_ms,
                "signature": signed.signature,
            },
            "opk": {"id": 9, "pub": one_time.public, "signature": one_time.signature}
            if with_one_time
            else None,
        }


@pytest.fixture
def browser() -> Iterator[Browser]:
    browser = Browser()
    yield browser
    browser.close()


@pytest.fixture
def python() -> Python:
    return Python()


def meet(browser: Browser) -> DeviceIdentity:
    """Verify what the browser published and return its device."""
    records = browser("records")
    account_key = b64url_decode(records["aik"])
    lists = [
        SignedDeviceList(b64url_decode(each["body"]), b64url_decode(each["signature"]))
        for each in records["lists"]
    ]
    pin = verify_device_lists(USER_B, account_key, lists, None)
    certificate = SignedCertificate(
        *(b64url_decode(records["certificate"][name]) for name in ("body", "sigA", "sigP"))
    )
    return verify_device(pin.devices, certificate, account_key)


def browser_bundle(browser: Browser, with_one_time: bool) -> Bundle:
    records = browser("records")
    spk, opk = records["spk"], records["opk"]
    signed = SignedPrekey(
        spk["id"],
        b64url_decode(spk["pub"]),
        spk["createdAtMs"],
        spk["expiresAtMs"],
        b64url_decode(spk["signature"]),
    )
    one_time = OneTimePrekey(opk["id"], b64url_decode(opk["pub"]), b64url_decode(opk["signature"]))
    return Bundle(signed, one_time if with_one_time else None)


def python_begins(
    python: Python, browser: Browser, with_one_time: bool
) -> tuple[ratchet.RatchetState, bytes]:
    bundle = browser_bundle(browser, with_one_time)
    agreement, pre = agree_as_initiator(
        python.device, meet(browser), bundle, bundle.signed_prekey.created_at_ms
    )
    answer = browser(
        "answer",
        pre={
            "suite": pre.suite,
            "ek": pre.ephemeral_key,
            "signedPreKeyId": pre.signed_prekey_id,
            "oneTimePreKeyId": pre.one_time_prekey_id,
            "certHash": pre.certificate_hash,
        },
    )
    state = ratchet.start_as_initiator(
        agreement.shared_secret, agreement.transcript_hash, bundle.signed_prekey.public
    )
    assert answer == {"sid": b64url_encode(agreement.session_id)}
    return state, agreement.session_id


def browser_begins(
    python: Python, browser: Browser, with_one_time: bool
) -> tuple[ratchet.RatchetState, bytes]:
    begun = browser("begin", **python.prekeys(NOW_MS, with_one_time))
    assert "error" not in begun, begun
    pre = begun["pre"]
    header = InitialHeader(
        pre["suite"],
        b64url_decode(pre["ek"]),
        pre["signedPreKeyId"],
        pre["oneTimePreKeyId"],
        b64url_decode(pre["certHash"]),
    )
    agreement = agree_as_responder(
        python.device,
        meet(browser),
        header,
        python.signed_prekey,
        python.one_time_prekey if with_one_time else None,
    )
    assert begun["sid"] == b64url_encode(agreement.session_id)
    state = ratchet.start_as_responder(
        agreement.shared_secret, agreement.transcript_hash, python.signed_prekey.key
    )
    return state, agreement.session_id


def test_each_side_verifies_the_certificate_and_the_lists_of_the_other(
    python: Python, browser: Browser
) -> None:
    seen = browser("meet", **python.records())
    assert seen == {
        "version": 2,
        "listHash": b64url_encode(python.lists[-1].hash),
        "certHash": b64url_encode(python.device.certificate.hash),
    }
    assert meet(browser).device_id == DEVICE_B


@pytest.mark.parametrize("broken", ["certificate", "lists"])
def test_each_side_refuses_a_changed_record_of_the_other(
    python: Python, browser: Browser, broken: str
) -> None:
    records = python.records()
    target = records["certificate"] if broken == "certificate" else records["lists"][0]
    target["body"] = target["body"][:-1] + bytes([target["body"][-1] ^ 1])
    assert browser("meet", **records) == {"error": "bad_signature"}


@pytest.mark.parametrize("with_one_time", [True, False])
@pytest.mark.parametrize("begin", [python_begins, browser_begins])
def test_a_long_conversation_with_reordering_loss_and_replay(
    python: Python, browser: Browser, begin: Any, with_one_time: bool
) -> None:
    browser("meet", **python.records())
    state, _ = begin(python, browser, with_one_time)
    chance = random.Random(7)
    pending: list[tuple[bool, bytes, dict[str, str]]] = []
    delivered: list[tuple[bool, dict[str, str]]] = []

    def post(by_python: bool, plaintext: bytes) -> None:
        nonlocal state
        if by_python:
            state, message = ratchet.encrypt(state, plaintext)
            wire = plain({"header": message.header, "ciphertext": message.ciphertext})
        else:
            wire = browser("encrypt", plaintext=plaintext)
        pending.append((not by_python, plaintext, wire))

    def open_at(python_opens: bool, wire: dict[str, str]) -> bytes | None:
        nonlocal state
        if not python_opens:
            answer = browser("decrypt", **wire)
            return b64url_decode(answer["plaintext"]) if "plaintext" in answer else None
        message = ratchet.Message(*(b64url_decode(wire[n]) for n in ("header", "ciphertext")))
        try:
            state, plaintext = ratchet.decrypt(state, message, NOW_MS)
        except DecryptError:
            return None
        return plaintext

    post(begin is python_begins, b"begin")
    to_python, plaintext, wire = pending.pop()
    assert open_at(to_python, wire) == plaintext
    for number in range(500):
        action = chance.choices(["post", "deliver", "lose", "replay", "spoil"], [50, 44, 2, 2, 2])
        if action == ["post"] or not pending:
            post(chance.random() < 0.5, number.to_bytes(4, "big"))
        elif action == ["replay"] and delivered:
            assert open_at(*chance.choice(delivered)) is None
        elif action == ["spoil"]:
            to_python, _, wire = chance.choice(pending)
            part = chance.choice(["header", "ciphertext"])
            spoilt = bytearray(b64url_decode(wire[part]))
            spoilt[chance.randrange(len(spoilt))] ^= 1 << chance.randrange(8)
            assert open_at(to_python, {**wire, part: b64url_encode(bytes(spoilt))}) is None
        else:
            to_python, plaintext, wire = pending.pop(chance.randrange(len(pending)))
            if action != ["lose"]:
                assert open_at(to_python, wire) == plaintext
                delivered.append((to_python, wire))
    assert len(delivered) > 150


ROOM = rooms.direct_room_id(USER_A, USER_B, b"\x77" * 16)
CONTENT = {"t": "text", "body": "Chào bạn 👋 " + "x" * 500}


def context_of(user: bytes, device: bytes) -> tuple[PayloadContext, dict[str, Any]]:
    context = PayloadContext(ROOM, 0, ROOM, b"\x66" * 16, user, device)
    return context, {
        "roomId": ROOM,
        "epoch": 0,
        "rosterHash": ROOM,
        "msgId": b"\x66" * 16,
        "senderUser": user,
        "senderDevice": device,
    }


def test_a_payload_and_capsule_of_python_open_in_the_browser(browser: Browser) -> None:
    context, wire_context = context_of(USER_A, DEVICE_A)
    sealed = seal_payload(context, json.dumps(CONTENT).encode())
    request = {
        "context": wire_context,
        "capsule": sealed.capsule(b"\x66" * 16, NOW_MS).encode(),
        "payload": sealed.ciphertext,
        "commitment": sealed.commitment,
    }
    assert json.loads(browser("open", **request)["json"]) == CONTENT
    moved = {**request, "context": {**wire_context, "senderUser": USER_B}}
    assert browser("open", **moved) == {"error": "auth-failed"}


def test_a_payload_and_capsule_of_the_browser_open_in_python(browser: Browser) -> None:
    context, wire_context = context_of(USER_B, DEVICE_B)
    sealed = browser("seal", context=wire_context, content=CONTENT, sentAtMs=NOW_MS)
    capsule = Capsule.parse(b64url_decode(sealed["capsule"]))
    assert capsule.sent_at_ms == NOW_MS
    commitment, payload = b64url_decode(sealed["commitment"]), b64url_decode(sealed["payload"])
    opened = open_payload(context, capsule, commitment, payload)
    assert json.loads(opened.json_utf8) == CONTENT
    with pytest.raises(DecryptError):
        open_payload(context_of(USER_A, DEVICE_B)[0], capsule, commitment, payload)


def test_both_show_the_same_safety_number_and_the_same_room(
    python: Python, browser: Browser
) -> None:
    theirs = b64url_decode(browser("records")["aik"])
    shown = browser(
        "safetyNumber",
        one={"user": USER_B, "aik": theirs},
        other={"user": USER_A, "aik": python.account.public},
    )
    number = safety_number.safety_number((USER_A, python.account.public), (USER_B, theirs))
    assert shown == {"number": number}
    assert browser("directRoom", one=USER_B, other=USER_A, nonce=b"\x77" * 16) == {
        "room": b64url_encode(ROOM)
    }


SECRET = bytes(range(16))
PARAMETERS = password.PasswordParameters()
KEK = b"\x05" * 32


def test_a_backup_of_the_browser_opens_in_python(browser: Browser) -> None:
    made = browser(
        "makeBackup",
        user=USER_A,
        code=backup.dump_recovery_code(SECRET),
        wrappingKey=KEK,
        params=KDF,
        json='{"aik":"…"}',
    )
    blobs = {name: b64url_decode(value) for name, value in made.items()}
    by_password = backup.unwrap_backup_key(
        blobs["passwordWrap"],
        blobs["id"],
        KEK,
        USER_A,
        backup.WrapMethod.PASSWORD,
        PARAMETERS.encode(),
    )
    by_code = backup.unwrap_backup_key(
        blobs["recoveryWrap"],
        blobs["id"],
        backup.recovery_key(USER_A, SECRET),
        USER_A,
        backup.WrapMethod.RECOVERY_CODE,
    )
    assert by_password.key == by_code.key == blobs["key"]
    identity = backup.open_identity(by_password, USER_A, blobs["identity"])
    assert identity.decode() == '{"aik":"…"}'


def test_a_backup_of_python_opens_in_the_browser(browser: Browser) -> None:
    made = backup.BackupKey.generate()
    code_key = backup.recovery_key(USER_A, SECRET)
    opened = browser(
        "openBackup",
        user=USER_A,
        id=made.id,
        passwordWrap=backup.wrap_backup_key(
            made, KEK, USER_A, backup.WrapMethod.PASSWORD, PARAMETERS.encode()
        ),
        recoveryWrap=backup.wrap_backup_key(
            made, code_key, USER_A, backup.WrapMethod.RECOVERY_CODE
        ),
        identity=backup.seal_identity(made, USER_A, '{"aik":"…"}'.encode()),
        wrappingKey=KEK,
        params=KDF,
        secret=SECRET,
    )
    assert opened == {
        "keys": [b64url_encode(made.key)] * 2,
        "json": '{"aik":"…"}',
        "code": backup.dump_recovery_code(SECRET),
    }


def test_an_account_key_moves_between_the_two(python: Python, browser: Browser) -> None:
    there = browser("importAccount", pkcs8=python.account.pkcs8())
    assert there == {"aik": b64url_encode(python.account.public)}
    here = SigningKey.from_pkcs8(b64url_decode(browser("exportAccount")["pkcs8"]))
    assert b64url_encode(here.public) == browser("records")["aik"]


def test_both_split_a_password_in_the_same_way(browser: Browser) -> None:
    salt, master_key = b"\x22" * 16, b"\x07" * 32
    keys = password.split_master_key(master_key)
    there = browser(
        "password", email=" Alice@Example.com", salt=salt, masterKey=master_key, params=KDF
    )
    assert there == plain(
        {
            "salt": password.password_salt("alice@example.com", salt),
            "params": PARAMETERS.encode(),
            "authKey": keys.auth_key,
            "wrappingKey": keys.wrapping_key,
        }
    )
