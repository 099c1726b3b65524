"""Transfers to people and to addresses, through a real server (S3-15, S3-20 to S3-22, S3-27)."""

import asyncio
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from client import file_parts
from client.errors import RefusedError
from client.origins import Origin
from client.seal.encoding import b64url_decode, b64url_encode
from client.seal.errors import DecryptError, MalformedError, SealError, TrustError
from client.seal.keys import SigningKey
from client.seal.sealed_files import Sealer
from client.seal.sealed_manifest import PlainFile
from client.sent_transfers import Terms
from client.state import parse_state
from protocol import bodies
from protocol.frames import Sealed
from protocol.ids import FileId
from protocol.limits import FILE_PART_BYTES, HOUR_MS
from tests.client.crowd import Crowd, Device
from tests.client.people import bit_flips
from tests.client.test_client import following
from tests.client.test_room_files import exchange, flip, swap, truncate, written
from tests.process import ServerProcess

HARMS = [flip, swap, truncate, exchange]


async def received(device: Device) -> bodies.ReceivedTransfer:
    """The only transfer in an inbox."""
    (transfer,) = await device.engine.received_transfers.live()
    return transfer


async def saved(device: Device, folder: Path) -> list[bytes]:
    """The files of the only transfer in an inbox, verified and saved."""
    inbox = device.engine.received_transfers
    files = await inbox.open(await received(device))
    places = [folder / os.urandom(8).hex() for _ in files]
    for file, place in zip(files, places, strict=True):
        await inbox.save(file, place)
    return [place.read_bytes() for place in places]


async def sent(device: Device) -> bodies.SentTransfer:
    """The only transfer that a device has sent."""
    (transfer,) = await device.engine.sent_transfers.live()
    return transfer


def stored_parts(server: ServerProcess, file_id: FileId) -> list[Path]:
    """Where the server keeps a file, part by part."""
    name = b64url_decode(file_id).hex()
    folder = server.data_dir / "files" / name[:2] / name
    return sorted(folder.iterdir(), key=lambda part: int(part.name.partition("-")[0]))


@pytest.mark.on_cluster
async def test_s3_20_a_contact_gets_files_byte_for_byte(crowd: Crowd, tmp_path: Path) -> None:
    alice, bob = await crowd.contacts()
    sizes = (0, 1, FILE_PART_BYTES, 9_000_000)
    sources = [written(tmp_path, f"ảnh {size}.jpg", size) for size in sizes]
    await alice.engine.sent_transfers.send_to_person(bob.user_id, sources)
    assert kept(alice) == (set(), {})
    inbox, transfer = bob.engine.received_transfers, await received(bob)
    files = await inbox.open(transfer)
    assert [(each.manifest.name, each.origin) for each in files] == [
        (source.name, Origin.KNOWN) for source in sources
    ]
    assert await saved(bob, tmp_path) == [source.read_bytes() for source in sources]
    assert (await sent(alice)).downloaded_ms is None
    await inbox.note_downloaded(transfer.id)
    told = await sent(alice)
    assert (told.downloads, told.is_sealed) == (1, True)
    assert told.downloaded_ms is not None


async def test_ten_files_make_a_transfer_and_eleven_or_none_do_not(
    crowd: Crowd, tmp_path: Path
) -> None:
    alice, bob = await crowd.contacts()
    sources = [written(tmp_path, f"{n}.bin", 100 + n) for n in range(11)]
    for wrong in (sources, []):
        with pytest.raises(MalformedError):
            await alice.engine.sent_transfers.send_to_person(bob.user_id, wrong)
    await alice.engine.sent_transfers.send_to_person(bob.user_id, sources[:10])
    assert await saved(bob, tmp_path) == [source.read_bytes() for source in sources[:10]]


async def test_who_is_no_contact_or_has_another_identity_gets_nothing(
    crowd: Crowd, tmp_path: Path
) -> None:
    alice, bob = await crowd.contacts()
    stranger, source = await crowd.person("stranger"), written(tmp_path, "a", 10)
    with pytest.raises(RefusedError):
        await alice.engine.sent_transfers.send_to_person(stranger.user_id, [source])
    await alice.engine.directory.devices_of(bob.user_id)
    pretend_another_identity(alice, bob)
    with pytest.raises(TrustError, match="identity-changed"):
        await alice.engine.sent_transfers.send_to_person(bob.user_id, [source])
    assert await alice.engine.sent_transfers.live() == []


def pretend_another_identity(device: Device, peer: Device) -> None:
    """Let a device believe that it has met somebody else under this name."""
    pins = device.file.state.pins
    pins[peer.user_id] = replace(pins[peer.user_id], account_key=SigningKey.generate().public)
    device.engine.directory.forget([peer.user_id])


async def test_devices_that_were_not_there_open_nothing(crowd: Crowd, tmp_path: Path) -> None:
    alice, bob = await crowd.contacts()
    source = written(tmp_path, "a", 10)
    await alice.engine.sent_transfers.send_to_person(bob.user_id, [source])
    later = crowd.device(bob.email)
    await later.log_in()
    with pytest.raises(DecryptError, match="no-session"):
        await saved(later, tmp_path)
    assert await saved(bob, tmp_path) == [source.read_bytes()]


async def test_a_limit_counts_devices_and_what_is_withdrawn_or_declined_is_gone(
    crowd: Crowd, tmp_path: Path
) -> None:
    alice, bob = await crowd.contacts()
    phone = crowd.device(bob.email)
    await phone.log_in()
    source = written(tmp_path, "a", 10)
    outbox = alice.engine.sent_transfers
    await outbox.send_to_person(bob.user_id, [source], Terms(HOUR_MS, max_downloads=1))
    for _ in range(2):
        assert await saved(bob, tmp_path) == [source.read_bytes()], "one device is one download"
    before = sorted(tmp_path.iterdir())
    with pytest.raises(RefusedError, match="used_up"):
        await saved(phone, tmp_path)
    assert sorted(tmp_path.iterdir()) == before, "nothing may be saved"
    files = await bob.engine.received_transfers.open(await received(bob))
    transfer = await sent(alice)
    assert HOUR_MS <= transfer.expires_ms - transfer.created_ms < 2 * HOUR_MS, "from when it went"
    await outbox.withdraw(transfer.id)
    assert await bob.engine.received_transfers.live() == []
    with pytest.raises(RefusedError, match="not_found"):
        await bob.engine.received_transfers.save(files[0], tmp_path / "late")
    await outbox.send_to_person(bob.user_id, [source])
    await bob.engine.received_transfers.decline((await received(bob)).id)
    assert await outbox.live() == []
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("harm", HARMS)
async def test_row_20_a_content_that_the_server_changed_is_not_saved(
    crowd: Crowd,
    server_process: ServerProcess,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    harm: Callable[[list[Path]], None],
) -> None:
    monkeypatch.setattr(file_parts, "RETRY_S", ())
    alice, bob = await crowd.contacts()
    source = written(tmp_path, "film.mp4", 9_000_000)
    await alice.engine.sent_transfers.send_to_person(bob.user_id, [source])
    harm(stored_parts(server_process, (await received(bob)).files[0].id))
    before = sorted(tmp_path.iterdir())
    with pytest.raises((DecryptError, RefusedError, OSError)):
        await saved(bob, tmp_path)
    assert sorted(tmp_path.iterdir()) == before, "nothing may be saved"


async def test_rows_6_and_20_heads_that_the_server_exchanged_are_refused(
    crowd: Crowd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Swapped, replayed, cut, extended, renamed, passed off as somebody else's."""
    alice, bob = await crowd.contacts()
    eve = await crowd.person("eve")
    await eve.people.add((await bob.people.me()).friend_code)
    await bob.people.accept((await eve.people.me()).id)
    sources = [written(tmp_path, name, 1_000) for name in ("a", "b")]
    for device in (alice, alice, eve):
        await device.engine.sent_transfers.send_to_person(bob.user_id, sources)
    by_eve, other, one = await bob.engine.received_transfers.live()
    inbox, heads = bob.engine.received_transfers, {}
    for each in (by_eve, other, one):
        path = f"/api/transfers/{each.id}/heads"
        heads[each.id] = (await bob.api.call("GET", path, bodies.TransferHeads)).heads
    first, second = heads[one.id]
    longer = [msgspec.structs.replace(one.files[0], size_bytes=one.files[0].size_bytes + 1)]
    lies = [
        (one, [second, first], "auth-failed"),
        (one, heads[other.id], "auth-failed"),
        (one, [first], "auth-failed"),
        (one, [first, extended(second)], "auth-failed"),
        (one, [first, under_a_passphrase()], "auth-failed"),
        (msgspec.structs.replace(one, files=[*longer, one.files[1]]), [first, second], "auth-"),
        (msgspec.structs.replace(one, sender=by_eve.sender), [first, second], "bad-signature"),
        (msgspec.structs.replace(by_eve, sender=one.sender), heads[by_eve.id], "bad-signature"),
    ]
    for transfer, said, reason in lies:
        answer_with(monkeypatch, bob, said)
        with pytest.raises(SealError, match=reason):
            await inbox.open(transfer)
    for flipped in bit_flips(b64url_decode(first), every=40):
        answer_with(monkeypatch, bob, [Sealed(b64url_encode(flipped)), second])
        with pytest.raises(SealError):
            await inbox.open(one)
    answer_with(monkeypatch, bob, [first, second])
    assert len(await inbox.open(one)) == 2


def extended(head: Sealed) -> Sealed:
    return Sealed(b64url_encode(b64url_decode(head) + b"\0"))


def under_a_passphrase() -> Sealed:
    sealer = Sealer.for_passphrase("six plain words")
    list(sealer.content([], 0))
    return Sealed(b64url_encode(sealer.head(PlainFile("a", "", 0, 0))))


def answer_with(monkeypatch: pytest.MonkeyPatch, device: Device, heads: list[Sealed]) -> None:
    """Let the server lie to a device about heads."""
    truthful = type(device.api).call

    async def call(method: str, path: str, answer: Any, *rest: Any) -> Any:
        if path.endswith("/heads"):
            return bodies.TransferHeads(heads=heads)
        return await truthful(device.api, method, path, answer, *rest)

    monkeypatch.setattr(device.api, "call", call)


@pytest.mark.on_cluster
async def test_s3_25_somebody_who_joins_later_gets_what_was_sent_to_their_address(
    crowd: Crowd, tmp_path: Path
) -> None:
    alice = await crowd.person("alice")
    carol = crowd.device(f"carol-{os.urandom(4).hex()}@example.org")
    source = written(tmp_path, "Thư.txt", 5_000_000)
    link = await alice.engine.sent_transfers.send_by_link([source], email=carol.email)
    assert set(kept(alice)[1]) == {link.transfer_id}
    await carol.sign_up()
    assert (await received(carol)).state == "offered"
    alice.close()
    alice.start()  # the keys have to outlive the process
    await alice.account.resume()
    async with await alice.connect() as socket:
        _, task = await following(alice, socket)
        accepted = await carol.engine.received_transfers.accept((await received(carol)).id)
        assert accepted.state == "accepted"
        async with asyncio.timeout(20):
            while (await received(carol)).state != "sealed":
                await asyncio.sleep(0.05)
    await task
    assert await saved(carol, tmp_path) == [source.read_bytes()]
    contacts = (await alice.people.contacts()).contacts
    assert [(each.user.id, each.state) for each in contacts] == [
        (b64url_encode(carol.user_id), "accepted")
    ]
    assert kept(alice) == (set(), {}), "keys are kept only as long as they are needed"


async def test_what_was_accepted_while_its_sender_was_away_is_sealed_when_they_connect(
    crowd: Crowd, tmp_path: Path
) -> None:
    alice, carol = await crowd.person("alice"), await crowd.person("carol")
    source = written(tmp_path, "a", 10)
    await alice.engine.sent_transfers.send_by_link([source], email=carol.email)
    await carol.engine.received_transfers.accept((await received(carol)).id)
    with pytest.raises(RefusedError):
        await saved(carol, tmp_path)
    async with await alice.connect() as socket:
        _, task = await following(alice, socket)
        async with asyncio.timeout(20):
            while (await received(carol)).state != "sealed":
                await asyncio.sleep(0.05)
    await task
    assert await saved(carol, tmp_path) == [source.read_bytes()]


async def test_row_3_nothing_is_sealed_for_whoever_has_another_identity_than_before(
    crowd: Crowd, tmp_path: Path
) -> None:
    alice, carol = await crowd.contacts()
    source = written(tmp_path, "a", 10)
    outbox = alice.engine.sent_transfers
    link = await outbox.send_by_link([source], email=carol.email)
    await carol.engine.received_transfers.accept((await received(carol)).id)
    pin = (await alice.engine.directory.devices_of(carol.user_id)).pin
    pretend_another_identity(alice, carol)
    (error,) = (await outbox.settle()).values()
    assert str(error) == "identity-changed"
    assert (await received(carol)).state == "accepted"
    assert set(alice.file.state.unsealed) == {link.transfer_id}
    alice.file.state.pins[carol.user_id] = pin
    assert await outbox.settle() == {}
    assert (await received(carol)).state == "sealed"


async def test_keys_of_a_transfer_that_has_ended_are_forgotten(
    crowd: Crowd, tmp_path: Path
) -> None:
    alice = await crowd.person("alice")
    outbox = alice.engine.sent_transfers
    source = written(tmp_path, "a", 10)
    await outbox.send_by_link([source], email="nobody@example.org")
    assert await outbox.settle() == {}
    assert len(alice.file.state.unsealed) == 1
    await outbox.withdraw((await sent(alice)).id)
    assert await outbox.settle() == {}
    assert kept(alice) == (set(), {})


async def test_keys_of_what_is_sent_while_others_are_settled_stay(
    crowd: Crowd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = await crowd.person("alice")
    outbox, source = alice.engine.sent_transfers, written(tmp_path, "a", 10)
    first = await outbox.send_by_link([source], email="one@example.org")
    truthful, sent_meanwhile = outbox.live, []

    async def live() -> list[bodies.SentTransfer]:
        listed = await truthful()
        sent_meanwhile.append(await outbox.send_by_link([source], email="other@example.org"))
        return listed

    monkeypatch.setattr(outbox, "live", live)
    assert await outbox.settle() == {}
    (second,) = sent_meanwhile
    assert kept(alice)[1].keys() == {first.transfer_id, second.transfer_id}


def kept(device: Device) -> tuple[set[bytes], dict[bytes, Any]]:
    """What is on the disk of transfers that a device is sending."""
    state = parse_state(device.path.read_bytes())
    return state.drafts, state.unsealed


class Killed(BaseException):
    """What a test ends a client with: no handler of the client may take it for an error."""


@pytest.mark.parametrize("moment", ["POST /files", "commit", "before send", "after send"])
async def test_a_transfer_that_a_crash_interrupted_ends(
    crowd: Crowd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """Whoever was not told that it is sent finds it ended, wherever the client died."""
    alice, carol = await crowd.contacts()
    die_at(monkeypatch, alice, moment)
    with pytest.raises(Killed):
        await alice.engine.sent_transfers.send_by_link(
            [written(tmp_path, "a", 10)], email=carol.email
        )
    alice.close()
    alice.start()
    await alice.account.resume()
    assert len(await alice.engine.sent_transfers.live()) == 1
    assert await alice.engine.sent_transfers.settle() == {}
    assert await alice.engine.sent_transfers.live() == []
    assert await carol.engine.received_transfers.live() == []
    assert kept(alice) == (set(), {})


def die_at(monkeypatch: pytest.MonkeyPatch, device: Device, moment: str) -> None:
    truthful = type(device.api).call

    async def call(method: str, path: str, answer: Any, *rest: Any) -> Any:
        if (method, path, moment) == ("POST", "/api/files", "POST /files"):
            raise Killed
        if path.endswith("/send") and moment == "before send":
            raise Killed
        found = await truthful(device.api, method, path, answer, *rest)
        if path.endswith(moment.replace("after ", "/")):
            raise Killed
        return found

    monkeypatch.setattr(device.api, "call", call)


async def test_a_transfer_that_fails_is_ended_at_once_or_as_soon_as_it_can_be(
    crowd: Crowd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, bob = await crowd.contacts()
    outbox, paths = alice.engine.sent_transfers, [written(tmp_path, "a", 10), tmp_path]
    with pytest.raises(IsADirectoryError):
        await outbox.send_to_person(bob.user_id, paths)
    assert await outbox.live() == []
    assert kept(alice) == (set(), {})
    truthful = alice.api.call

    async def call(method: str, *rest: Any) -> Any:
        if method == "DELETE":
            raise ConnectionError
        return await truthful(method, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(alice.api, "call", call)
        with pytest.raises(IsADirectoryError):
            await outbox.send_to_person(bob.user_id, paths)
    assert len(await outbox.live()) == 1
    assert len(kept(alice)[0]) == 1
    assert await outbox.settle() == {}
    assert await outbox.live() == []
    assert kept(alice) == (set(), {})


async def test_s_63_neither_names_nor_contents_nor_secrets_are_on_the_server(
    crowd: Crowd, server_process: ServerProcess, tmp_path: Path
) -> None:
    """Data folder, logs and mails."""
    alice, bob = await crowd.contacts()
    source = tmp_path / "canary-name-4c1d.txt"
    source.write_bytes(b"canary-content-e07b " * 1_000)
    outbox = alice.engine.sent_transfers
    await outbox.send_to_person(bob.user_id, [source])
    assert await saved(bob, tmp_path) == [source.read_bytes()]
    links = [
        await outbox.send_by_link(
            [source], email=email, passphrase="canary-passphrase-8a52", signed_as="canary-name"
        )
        for email in (None, "canary@example.org")
    ]
    canaries = [b"canary-name", b"canary-content", b"canary-passphrase"]
    for link in links:
        canaries += [link.secret, b64url_encode(link.secret).encode(), link.secret.hex().encode()]
    for path in server_process.data_dir.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert [each for each in canaries if each in data] == [], path
