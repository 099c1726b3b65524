"""After people have talked, nothing on the server says what about (S-63, SEAL1 §7)."""

import base64
from pathlib import Path

from tests.e2e.person import Person
from tests.process import ServerProcess

# How a P-256 private key begins in PKCS#8 (RFC 5208, RFC 5915): nobody has a reason to send one.
PRIVATE_KEY = bytes.fromhex("308187020100301306072a8648ce3d020106082a8648ce3d030107")
CANARIES = [f"chim hoàng yến số {number}" for number in range(5)] + ["canary in plain words"]


def forms_of(secret: bytes) -> list[bytes]:
    """A secret as it is, in hex, and at each of the three places it can begin in base64."""
    encoded = []
    for offset in range(3):
        text = base64.urlsafe_b64encode(b"\0" * offset + secret)
        # The first and last characters depend on what stands around the secret.
        encoded.append(text[4 if offset else 0 : -4])
    standard = [text.replace(b"-", b"+").replace(b"_", b"/") for text in encoded]
    return [secret, secret.hex().encode(), *encoded, *standard]


def kept_by(server: ServerProcess) -> dict[Path, bytes]:
    """Everything the server wrote, but the mails, which are meant to hold a code."""
    files = [path for path in server.data_dir.rglob("*") if path.is_file()]
    return {path: path.read_bytes() for path in files if "outbox" not in path.parts}


async def test_no_file_of_the_server_holds_a_word_a_password_or_a_private_key(
    pair: tuple[Person, Person], server: ServerProcess
) -> None:
    an, binh = pair
    for number, canary in enumerate(CANARIES):
        one, other = (an, binh) if number % 2 else (binh, an)
        await one.send(canary)
        await other.reads(canary)
    await an.get("message-input").fill("a draft nobody sends 4711")
    await an.page.wait_for_timeout(1000)
    server.stop()
    files = kept_by(server)
    assert any(path.name == "sealroom.db" for path in files)
    assert any(b"example.org" in data for data in files.values()), "the scan reads the database"
    recovery = [person.recovery_code for person in pair]
    words = [*CANARIES, "a draft nobody sends", an.password, *recovery]
    words += [code.replace("-", "") for code in recovery]
    secrets = [word.encode() for word in words] + [PRIVATE_KEY]
    for path, data in files.items():
        for secret in secrets:
            for form in forms_of(secret):
                assert form not in data, (path.name, secret)


async def test_the_log_names_nobody(pair: tuple[Person, Person], server: ServerProcess) -> None:
    an, binh = pair
    await an.send("xin chào")
    await binh.reads("xin chào")
    room = await an.get("room-item").first.get_attribute("data-room")
    log = server.log.read_text(encoding="utf-8")
    assert '"route"' in log
    assert room is not None
    for secret in (an.email, binh.email, an.name + " ", room, "127.0.0.1", "Bearer", "eyJhbGci"):
        assert secret not in log, secret
