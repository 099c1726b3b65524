"""`python -m client transfer` and `link` as people use them (S3-6, S3-15, S3-21, S3-22, S3-25)."""

import asyncio
import os
from pathlib import Path

import pytest
import pytest_asyncio

from client.__main__ import make_parser
from client.file_commands import DAMAGED, NOT_FOR_US, NOT_READABLE
from client.state import parse_state
from protocol.limits import FILE_PART_BYTES
from tests.client.tap import Tap
from tests.client.test_command_line import Terminal, meet, terminal
from tests.client.test_file_commands import PASSPHRASE, fail, type_passphrase
from tests.client.test_room_files import flip, written
from tests.process import ServerProcess


def only_id(listed: str) -> str:
    """The id in a list of one transfer."""
    return listed.splitlines()[0].split()[0]


@pytest_asyncio.fixture
async def alice(server_process: ServerProcess, tmp_path: Path) -> Terminal:
    person = terminal(server_process, tmp_path, "alice")
    await person.with_code("register", person.email, "Alice")
    return person


@pytest.mark.parametrize("action", ["withdraw", "accept", "decline", "get"])
@pytest.mark.parametrize("transfer_id", ["-" * 22, "-h" + "A" * 20, "--output" + "_" * 14])
def test_an_id_may_begin_with_a_hyphen(action: str, transfer_id: str) -> None:
    arguments = make_parser().parse_args(["transfer", action, transfer_id])
    assert arguments.id == transfer_id


def test_an_id_that_begins_with_a_hyphen_stands_beside_options() -> None:
    arguments = make_parser().parse_args(["transfer", "get", "--output", "x", "-" * 22, "--sealed"])
    assert (arguments.id, arguments.output, arguments.sealed) == ("-" * 22, Path("x"), True)


async def test_a_contact_gets_files_in_a_terminal(
    server_process: ServerProcess, tmp_path: Path
) -> None:
    alice, bob, _, bob_code = await meet(server_process, tmp_path)
    sources = [written(tmp_path, name, size) for name, size in (("thư.txt", 10), ("b", 5_000_000))]
    paths = map(str, sources)
    sent = await alice.run("transfer", "send", *paths, "--to", bob_code, "--limit", "3")
    inbox = await bob.run("transfer", "inbox")
    assert inbox.startswith(f"{sent}  sealed    Alice  2 files, 4.9 MiB  until ")
    out = tmp_path / "out"
    get = ("transfer", "get", sent, "--output", str(out))
    saved = await bob.run(*get)
    assert saved.splitlines() == [str(out / source.name) for source in sources]
    assert [(out / each.name).read_bytes() for each in sources] == [
        each.read_bytes() for each in sources
    ]
    listed, numbers = (await alice.run("transfer", "sent")).splitlines()
    assert listed.startswith(f"{sent}  Bob  2 files, 4.9 MiB  until ")
    assert listed.endswith(", downloads: 1 of 3, arrived")
    assert len(numbers.removeprefix("links are signed with ").split()) == 6
    await alice.run("transfer", "withdraw", sent)
    status, errors = await fail(bob, *get)
    assert (status, errors) == (1, "not_found: no such transfer, or it has ended")


async def test_row_20_what_is_damaged_is_said_and_keeps_no_other_file_back(
    server_process: ServerProcess, tmp_path: Path
) -> None:
    alice, bob, _, bob_code = await meet(server_process, tmp_path)
    sources = [written(tmp_path, name, 5_000_000) for name in ("one", "other")]
    before = folders(server_process)
    sent = await alice.run("transfer", "send", *map(str, sources), "--to", bob_code)
    flip(sorted((folders(server_process) - before).pop().iterdir()))
    out = tmp_path / "out"
    status, errors = await fail(bob, "transfer", "get", sent, "--output", str(out))
    (damaged,) = [each for each in sources if errors == f"{each.name}: damaged: not saved"]
    (intact,) = [each for each in sources if each != damaged]
    assert status == DAMAGED
    assert [each.name for each in out.iterdir()] == [intact.name]
    assert (out / intact.name).read_bytes() == intact.read_bytes()
    assert "arrived" not in await alice.run("transfer", "sent")
    later = Terminal(server_process, tmp_path / "later" / "state.msgpack", bob.email)
    await later.with_code("login", later.email)
    status, errors = await fail(later, "transfer", "get", sent, "--output", str(out))
    assert (status, errors) == (NOT_FOR_US, "not for this device, or another passphrase: not saved")


async def test_what_a_contact_sends_can_stay_sealed(
    server_process: ServerProcess, tmp_path: Path
) -> None:
    alice, bob, _, bob_code = await meet(server_process, tmp_path)
    sources = [written(tmp_path, name, size) for name, size in (("thư.txt", 10), ("b", 5_000_000))]
    before = folders(server_process)
    sent = await alice.run("transfer", "send", *map(str, sources), "--to", bob_code)
    out = tmp_path / "out"
    get = ("transfer", "get", sent, "--output", str(out))
    kept = [Path(line) for line in (await bob.run(*get, "--sealed")).splitlines()]
    assert kept == [out / f"{source.name}.seal" for source in sources]
    assert "arrived" in await alice.run("transfer", "sent")
    for source, sealed in zip(sources, kept, strict=True):
        process = await bob.start("file", "open", str(sealed))
        place, verdict = await asyncio.wait_for(process.communicate(), 60)
        assert Path(place.decode().strip()) == out / source.name
        assert (out / source.name).read_bytes() == source.read_bytes()
        assert verdict.decode().startswith("intact, from Alice; compare the safety number")
    status, errors = await fail(alice, "file", "open", str(kept[0]), "--output", str(out / "x"))
    assert (status, errors) == (NOT_FOR_US, "not for this device, or another passphrase: not saved")
    (large,) = [each for each in folders(server_process) - before if len(list(each.iterdir())) > 1]
    flip(sorted(large.iterdir()))
    again = ("transfer", "get", sent, "--output", str(tmp_path / "again"), "--sealed")
    assert await fail(bob, *again) == (DAMAGED, "b.seal: damaged: not saved")
    assert [each.name for each in (tmp_path / "again").iterdir()] == ["thư.txt.seal"]


@pytest.mark.parametrize("options", [(), ("--sealed",)])
async def test_what_broke_off_is_repeated_and_then_has_arrived(
    server_process: ServerProcess, tmp_path: Path, options: tuple[str, ...]
) -> None:
    alice, bob, _, bob_code = await meet(server_process, tmp_path)
    sources = [written(tmp_path, name, size) for name, size in (("a", 10), ("b", 5_000_000))]
    sent = await alice.run("transfer", "send", *map(str, sources), "--to", bob_code)
    out = tmp_path / "out"
    out.mkdir()
    suffix = ".seal" if options else ""
    get = ("transfer", "get", sent, "--output", str(out), *options)
    (out / f"b{suffix}").mkdir()
    status, errors = await fail(bob, *get)
    assert (status, errors.count("is there already; it stays as it is")) == (1, 1)
    assert "arrived" not in await alice.run("transfer", "sent")

    (out / f"b{suffix}").rmdir()
    whole = [out / f"{source.name}{suffix}" for source in sources]
    assert (await bob.run(*get)).splitlines() == [str(place) for place in whole]
    assert "arrived" in await alice.run("transfer", "sent")

    content = whole[1].read_bytes()
    for other in (content[:-1], content[:-1] + bytes([content[-1] ^ 1]), content + b"x"):
        whole[1].write_bytes(other)
        status, errors = await fail(bob, *get)
        assert (status, errors.count("is there already; it stays as it is")) == (1, 1)
        assert whole[1].read_bytes() == other
    assert sorted(out.iterdir()) == whole, "nothing else is left"


def folders(server: ServerProcess) -> set[Path]:
    """Where the server keeps files, each in a folder of its own."""
    return set((server.data_dir / "files").glob("*/*"))


async def test_somebody_invited_accepts_and_gets_the_files(
    alice: Terminal, server_process: ServerProcess, tmp_path: Path
) -> None:
    source = written(tmp_path, "a.bin", 100_000)
    carol = terminal(server_process, tmp_path, "carol")
    url = await alice.run("transfer", "send", str(source), "--address", carol.email, "--days", "2")
    assert url.startswith(f"{server_process.origin}/t/")
    await carol.with_code("register", carol.email, "Carol")
    transfer_id = only_id(await carol.run("transfer", "inbox"))
    get = ("transfer", "get", transfer_id, "--output", str(tmp_path / "out"))
    assert await fail(carol, *get) == (1, "offered: accept it first")
    await carol.run("transfer", "accept", transfer_id)
    assert (await fail(carol, *get))[1].startswith("accepted: waits for a device of its sender")
    listed = await alice.run("transfer", "sent")
    assert f"{carol.email} (Carol)" in listed
    assert "sealed for them" in listed
    place = Path(await carol.run(*get))
    assert place.read_bytes() == source.read_bytes()
    await carol.run("transfer", "decline", transfer_id)
    assert await carol.run("transfer", "inbox") == ""
    by_link = await carol.run("link", "get", url, "--output", str(tmp_path / "by link"))
    assert Path(by_link).read_bytes() == source.read_bytes()


async def test_a_link_opens_where_there_is_no_account(
    alice: Terminal, tmp_path: Path, server_process: ServerProcess
) -> None:
    source = written(tmp_path, "a.bin", 100_000)
    send = ("transfer", "send", str(source), "--link", "--passphrase", "--anonymous")
    url = await type_passphrase(alice, *send, "--hours", "1")
    nobody = terminal(server_process, tmp_path, "nobody")
    nobody.state.parent.mkdir()
    nobody.state.write_bytes(b"whatever stands here is not looked at")
    get = ("link", "get", url, "--output", str(tmp_path / "out"))
    place = Path(await type_passphrase(nobody, *get))
    assert place.read_bytes() == source.read_bytes()
    assert nobody.state.read_bytes() == b"whatever stands here is not looked at"
    status, errors = await answer(nobody, b"another passphrase\n", *get)
    assert (status, errors) == (NOT_FOR_US, "another secret or passphrase: nothing saved")
    status, errors = await fail(nobody, "link", "get", url.partition("#")[0])
    assert (status, errors) == (
        NOT_READABLE,
        "not understood: the part of the link behind # is missing",
    )
    report = ("link", "report", "--reason", "other", "--text", "a test")
    assert await answer(nobody, f"{url}\n{PASSPHRASE}\n".encode(), *report) == (0, "")
    assert url not in await alice.run("transfer", "sent")


async def answer(person: Terminal, typed: bytes, *arguments: str) -> tuple[int | None, str]:
    process = await person.start(*arguments)
    _, errors = await asyncio.wait_for(process.communicate(typed), 60)
    return process.returncode, errors.decode().strip()


@pytest.mark.parametrize(
    "wrong",
    [
        ("--link", "--days", "8"),
        ("--link", "--hours", "0"),
        ("--link", "--limit", "0"),
        ("--link", "--limit", "1001"),
        ("--to", "0" * 12, "--anonymous"),
        ("--to", "0" * 12),
    ],
)
async def test_what_cannot_be_sent_is_one_sentence(
    alice: Terminal, tmp_path: Path, wrong: tuple[str, ...]
) -> None:
    status, errors = await fail(alice, "transfer", "send", str(written(tmp_path, "a", 10)), *wrong)
    assert (status, errors.count("\n")) == (1, 0)
    assert "Traceback" not in errors


async def test_a_short_passphrase_sends_nothing(alice: Terminal, tmp_path: Path) -> None:
    send = ("transfer", "send", str(written(tmp_path, "a", 10)), "--link", "--passphrase")
    status, errors = await answer(alice, b"short\n", *send)
    assert (status, errors) == (1, "Not understood: a passphrase has at least 10 characters.")
    assert len((await alice.run("transfer", "sent")).splitlines()) == 1


async def test_a_client_that_was_killed_while_sending_leaves_nothing_behind(
    alice: Terminal, server_process: ServerProcess, tmp_path: Path
) -> None:
    """It had put a part or two when it died; its next command ends what it had begun."""
    source = tmp_path / "film.mp4"
    source.write_bytes(os.urandom(6 * FILE_PART_BYTES))
    async with Tap(server_process.origin, most_bytes=3 * FILE_PART_BYTES) as tap:
        away = Terminal(ServerProcess(tmp_path, origin=tap.origin), alice.state, alice.email)
        process = await away.start("transfer", "send", str(source), "--link")
        await asyncio.wait_for(tap.is_full.wait(), 60)
        process.kill()
        assert (await process.communicate())[0] == b"", "no link was given out"
    (draft,) = parse_state(alice.state.read_bytes()).drafts
    (signed_with,) = (await alice.run("transfer", "sent")).splitlines()
    assert signed_with.startswith("links are signed with")
    assert parse_state(alice.state.read_bytes()).drafts == set()
    assert draft
