"""`python -m client file` as a person uses it (S3-1, S3-4), and what it refuses to save."""

import asyncio
import os
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from client.file_commands import (
    DAMAGED,
    NOT_FOR_US,
    NOT_READABLE,
    WRONG_SENDER,
    Refused,
    open_sealed,
    seal_for_devices,
    seal_for_passphrase,
)
from client.seal.device_list import DeviceEntry, DeviceList, DeviceStatus, Pin
from client.seal.encoding import ZERO_32
from client.seal.errors import MalformedError
from client.seal.identity import DeviceIdentity, LocalDevice
from client.seal.keys import SigningKey
from client.state import Me, State
from tests.client.file_pieces import MIB, pattern
from tests.client.people import NOW_MS, USER_A, golden_device
from tests.client.test_command_line import Terminal, terminal
from tests.client.test_sealed_files import new_device
from tests.process import ServerProcess

PASSPHRASE = "six plain words of mine"
ALICE, BOB = golden_device("A"), golden_device("B")


def state_of(device: LocalDevice) -> State:
    return State(me=Me("person@example.org", device))


def pin_of(device: LocalDevice, status: DeviceStatus = DeviceStatus.ACTIVE) -> Pin:
    entry = DeviceEntry(device.device_id, device.certificate.hash, status, NOW_MS)
    devices = DeviceList(device.user_id, 1, ZERO_32, NOW_MS, (entry,))
    return Pin(device.account_key, devices.encode())


def no_passphrase() -> str:
    raise AssertionError("a passphrase was asked for")


def name_of(_: DeviceIdentity) -> str:
    return "Alice"


def open_as(state: State, source: Path, target: Path | None = None) -> tuple[Path, str]:
    return open_sealed(source, target, state, no_passphrase, name_of)


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "Báo cáo.pdf"
    path.write_bytes(pattern(100_000))
    return path


@pytest.fixture
def sealed(secret: Path) -> Path:
    """Alice's file for Bob; the original is gone."""
    place = seal_for_devices(secret, None, state_of(ALICE), (BOB.identity(),))
    secret.unlink()
    return place


def test_a_file_comes_back_under_its_own_name_and_says_whom_it_is_from(
    secret: Path, sealed: Path
) -> None:
    bob = state_of(BOB)
    bob.pins[USER_A] = pin_of(ALICE)
    place, verdict = open_as(bob, sealed)
    assert place == secret
    assert place.read_bytes() == pattern(100_000)
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    assert verdict.startswith("intact, from Alice; compare the safety number")


def test_a_sender_nobody_has_met_is_told_as_such(sealed: Path) -> None:
    assert open_as(state_of(BOB), sealed)[1] == "intact, from an identity that is not known here"


def test_a_device_that_was_removed_since_is_told_as_such(sealed: Path) -> None:
    bob = state_of(BOB)
    bob.pins[USER_A] = pin_of(ALICE, DeviceStatus.REVOKED)
    assert "Alice has removed since" in open_as(bob, sealed)[1]


def test_ones_own_file_is_told_as_such(secret: Path) -> None:
    me = state_of(ALICE)
    sealed = seal_for_devices(secret, None, me, (ALICE.identity(),))
    _, verdict = open_as(me, sealed, secret.with_name("again"))
    assert verdict == "intact, from a device of this account"


def test_whoever_claims_to_be_somebody_else_is_refused(sealed: Path, tmp_path: Path) -> None:
    bob = state_of(BOB)
    met = replace(ALICE, account_key=SigningKey.generate().public)
    bob.pins[USER_A] = pin_of(met)
    assert_refused(bob, sealed, WRONG_SENDER, tmp_path)
    other = replace(ALICE, certificate=replace(ALICE.certificate, body=b"another certificate"))
    bob.pins[USER_A] = pin_of(other)
    assert_refused(bob, sealed, WRONG_SENDER, tmp_path)


def assert_refused(state: State, source: Path, status: int, folder: Path) -> None:
    before = sorted(folder.iterdir())
    with pytest.raises(Refused) as refused:
        open_as(state, source)
    assert refused.value.status == status
    assert sorted(folder.iterdir()) == before, "nothing may be saved"


def test_nobody_else_opens_it(sealed: Path, tmp_path: Path) -> None:
    assert_refused(state_of(new_device()), sealed, NOT_FOR_US, tmp_path)
    assert_refused(State(), sealed, NOT_FOR_US, tmp_path)


def flip_last(data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 1])


def flip_first_chunk(data: bytes) -> bytes:
    place = len(data) - 90_000
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


@pytest.mark.parametrize(
    ("change", "status"),
    [
        (flip_last, DAMAGED),
        (flip_first_chunk, DAMAGED),
        (lambda data: data[:-1], DAMAGED),
        (lambda data: data[:-16_400], DAMAGED),
        (lambda data: data + b"\0", DAMAGED),
        (lambda data: data[:6] + b"\2" + data[7:], NOT_READABLE),
        (lambda data: b"%PDF" + data[4:], NOT_READABLE),
        (lambda data: b"", NOT_READABLE),
    ],
)
def test_row_20_a_changed_file_gets_its_verdict_and_nothing_is_saved(
    change: Callable[[bytes], bytes], status: int, sealed: Path, tmp_path: Path
) -> None:
    sealed.write_bytes(change(sealed.read_bytes()))
    assert_refused(state_of(BOB), sealed, status, tmp_path)


def test_what_is_there_already_is_never_overwritten(secret: Path, sealed: Path) -> None:
    secret.write_bytes(b"precious")
    with pytest.raises(FileExistsError):
        open_as(state_of(BOB), sealed)
    with pytest.raises(FileExistsError):
        seal_for_passphrase(secret, sealed, PASSPHRASE)
    assert secret.read_bytes() == b"precious"
    assert open_as(state_of(BOB), sealed, secret.with_name("other"))[0].stat().st_size == 100_000


def test_a_passphrase_that_is_too_short_seals_nothing(secret: Path, tmp_path: Path) -> None:
    with pytest.raises(MalformedError):
        seal_for_passphrase(secret, None, "short")
    assert list(tmp_path.iterdir()) == [secret]


def test_a_file_for_a_passphrase_needs_no_account(secret: Path, tmp_path: Path) -> None:
    sealed = seal_for_passphrase(secret, None, PASSPHRASE)
    target = tmp_path / "again"
    place, verdict = open_sealed(sealed, target, State(), lambda: PASSPHRASE, name_of)
    assert place.read_bytes() == secret.read_bytes()
    assert verdict == "intact, from somebody who knows the passphrase"
    with pytest.raises(Refused) as refused:
        open_sealed(sealed, tmp_path / "wrong", State(), lambda: "another passphrase", name_of)
    assert refused.value.status == NOT_FOR_US
    assert not (tmp_path / "wrong").exists()


async def test_two_people_exchange_a_file_in_their_terminals(
    server_process: ServerProcess, tmp_path: Path
) -> None:
    alice = terminal(server_process, tmp_path, "alice")
    bob = terminal(server_process, tmp_path, "bob")
    for person, name in ((alice, "Alice"), (bob, "Bob")):
        await person.with_code("register", person.email, name)
    alice_code, bob_code = [
        (await person.run("whoami")).rpartition(" ")[2] for person in (alice, bob)
    ]
    await alice.run("add", bob_code)
    await bob.run("accept", alice_code)
    await bob.run("safety", alice_code)
    source = tmp_path / "film.mp4"
    source.write_bytes(os.urandom(3 * MIB))
    sealed = Path(await alice.run("file", "seal", str(source), "--to", bob_code))
    out = tmp_path / "opened.mp4"
    opening = ("file", "open", str(sealed), "--output", str(out))
    assert await bob.run(*opening) == str(out)
    assert out.read_bytes() == source.read_bytes()
    status, errors = await fail(alice, "file", "open", str(sealed), "--output", f"{out}.2")
    assert (status, errors) == (NOT_FOR_US, "not for this device, or another passphrase: not saved")
    status, errors = await fail(bob, *opening)
    assert status == 1
    assert "is there already" in errors


async def fail(person: Terminal, *arguments: str) -> tuple[int | None, str]:
    process = await person.start(*arguments)
    _, errors = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode, errors.decode().strip()


async def test_a_passphrase_seals_and_opens_without_a_server(tmp_path: Path) -> None:
    nobody = terminal(ServerProcess(tmp_path / "never-started"), tmp_path, "nobody")
    source, out = tmp_path / "notes.txt", tmp_path / "again.txt"
    source.write_bytes(b"words")
    sealed = await type_passphrase(nobody, "file", "seal", str(source), "--passphrase")
    opened = await type_passphrase(nobody, "file", "open", sealed, "--output", str(out))
    assert (opened, out.read_bytes()) == (str(out), b"words")


async def type_passphrase(person: Terminal, *arguments: str) -> str:
    process = await person.start(*arguments)
    output, errors = await asyncio.wait_for(process.communicate(f"{PASSPHRASE}\n".encode()), 60)
    assert process.returncode == 0, errors.decode()
    return output.decode().strip()
