"""`python -m client` as a person uses it: two state files, two people, one server."""

import asyncio
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import pytest

from client.terminal import plain
from tests.client.crowd import PASSWORD
from tests.process import ROOT, ServerProcess


@dataclass
class Terminal:
    """One person's state file and the commands typed there."""

    server: ServerProcess
    state: Path
    email: str

    async def start(
        self, *arguments: str, errors: TextIO | int = asyncio.subprocess.PIPE
    ) -> asyncio.subprocess.Process:
        command = ("--server", self.server.origin, "--state", str(self.state), *arguments)
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "client",
            *command,
            cwd=ROOT,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
        )

    async def run(self, *arguments: str) -> str:
        process = await self.start(*arguments)
        output, errors = await asyncio.wait_for(process.communicate(), 60)
        assert process.returncode == 0, errors.decode()
        return output.decode().strip()

    async def with_code(self, *arguments: str) -> str:
        """A command that asks for the password, then for the code from the mail."""
        process = await self.start(*arguments)
        assert process.stdin is not None
        process.stdin.write(f"{PASSWORD}\n".encode())
        await process.stdin.drain()
        code = await self.server.code_for(self.email)
        output, errors = await asyncio.wait_for(process.communicate(f"{code}\n".encode()), 60)
        assert process.returncode == 0, errors.decode()
        return output.decode().strip()


def terminal(server: ServerProcess, folder: Path, name: str) -> Terminal:
    email = f"{name}-{os.urandom(4).hex()}@example.org"
    return Terminal(server, folder / name / "state.msgpack", email)


async def meet(server: ServerProcess, folder: Path) -> tuple[Terminal, Terminal, str, str]:
    """Two new people who are contacts of each other, and the friend code of each."""
    alice, bob = terminal(server, folder, "alice"), terminal(server, folder, "bob")
    shown = await alice.with_code("register", alice.email, "Alice")
    assert len(shown.splitlines()[-1].replace("-", "")) == 28
    await bob.with_code("register", bob.email, "Bob")
    alice_code, bob_code = [
        (await person.run("whoami")).rpartition(" ")[2] for person in (alice, bob)
    ]
    await alice.run("add", bob_code)
    assert f"{alice_code}  incoming   Alice" in await bob.run("contacts")
    await bob.run("accept", alice_code)
    return alice, bob, alice_code, bob_code


async def test_two_people_meet_and_talk_in_their_terminals(
    server_process: ServerProcess, tmp_path: Path
) -> None:
    alice, bob, alice_code, bob_code = await meet(server_process, tmp_path)
    assert await alice.run("safety", bob_code) == await bob.run("safety", alice_code)
    await alice.run("send", bob_code, "hello from a terminal")
    tail = await bob.start("tail", "--count", "2")
    await alice.run("--tcp", server_process.messenger, "send", bob_code, "and once more")
    output, errors = await asyncio.wait_for(tail.communicate(), 60)
    said = [line.split(" ", 1)[1] for line in output.decode().splitlines()]
    assert said == ["Alice: hello from a terminal", "Alice: and once more"], errors.decode()
    await bob.run("send", alice_code, "and back")
    heard = await alice.run("--tcp", server_process.messenger, "tail", "--count", "1")
    assert heard.split(" ", 1)[1] == "Bob: and back"


async def test_words_of_others_neither_command_the_terminal_nor_begin_a_line(
    server_process: ServerProcess, tmp_path: Path
) -> None:
    alice, bob, _, bob_code = await meet(server_process, tmp_path)
    await alice.run("send", bob_code, "\x1b[2Jgone\n12:00:00 Bob: pay \u202eeh")
    (shown,) = (await bob.run("tail", "--count", "1")).splitlines()
    assert shown.endswith(r"Alice: \x1b[2Jgone\n12:00:00 Bob: pay \u202eeh")


@pytest.mark.parametrize(
    "text", ["Nguyễn Thị Ánh", "👩\u200d🚀 an 'ordinary' \\ text", "می\u200cخواهم"]
)
def test_ordinary_words_stay_as_they_are(text: str) -> None:
    assert plain(text) == text


async def test_files_are_sent_and_saved_in_terminals(
    server_process: ServerProcess, tmp_path: Path
) -> None:
    alice, bob, _, bob_code = await meet(server_process, tmp_path)
    sources = [tmp_path / "thư.txt", tmp_path / "film.bin"]
    for source, size_bytes in zip(sources, (10, 5_000_000), strict=True):
        source.write_bytes(os.urandom(size_bytes))
    await alice.run("attach", bob_code, *map(str, sources), "--text", "look")
    shown = await bob.run("tail", "--count", "1", "--save", str(tmp_path / "saved"))
    assert shown.splitlines()[0].endswith("Alice: look [file 'thư.txt'] [file 'film.bin']")
    for source in sources:
        assert (tmp_path / "saved" / source.name).read_bytes() == source.read_bytes()


async def test_the_documented_shell_talks_to_the_messenger(
    server_process: ServerProcess, tmp_path: Path
) -> None:
    alice, bob, _, bob_code = await meet(server_process, tmp_path)
    await alice.run("send", bob_code, "what the shell cannot read")
    text = (ROOT / "docs/messenger.md").read_text(encoding="utf-8")
    script = text.partition("```bash\n")[2].partition("```")[0]
    for documented, here in (
        ("--server http://localhost:8888", f"--server {server_process.origin} --state {bob.state}"),
        ("python -m", f"{sys.executable} -m"),
        ("/dev/tcp/localhost/9999", f"/dev/tcp/{server_process.messenger.replace(':', '/')}"),
    ):
        assert documented in script
        script = script.replace(documented, here)
    bash = await asyncio.create_subprocess_exec(
        "bash", "-euc", script, cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await asyncio.wait_for(bash.communicate(), 60)
    greeting, page, pong = [json.loads(line) for line in output.splitlines()]
    assert greeting["type"] == "authenticated"
    assert [message["seq"] for message in page["messages"]] == [1]
    assert b"what the shell cannot read" not in output
    assert (pong["type"], pong["id"]) == ("pong", 2)
    assert bash.returncode == 0


async def test_another_terminal_logs_in_with_the_password(
    server_process: ServerProcess, tmp_path: Path
) -> None:
    desk = terminal(server_process, tmp_path, "desk")
    await desk.with_code("register", desk.email, "Carol")
    sofa = Terminal(server_process, tmp_path / "sofa" / "state.msgpack", desk.email)
    await sofa.with_code("login", sofa.email)
    assert await sofa.run("whoami") == await desk.run("whoami")


async def test_a_failure_is_one_sentence_and_an_exit_status(
    server_process: ServerProcess, tmp_path: Path
) -> None:
    nobody = terminal(server_process, tmp_path, "nobody")
    for command in (["whoami"], ["send", "0" * 12, "hello"], ["contacts"]):
        process = await nobody.start(*command)
        output, errors = await process.communicate()
        assert (process.returncode, output) == (1, b"")
        assert errors.decode().count("\n") == 1, errors.decode()
        assert "Traceback" not in errors.decode()
    server = ServerProcess(tmp_path, origin="http://127.0.0.1:9")
    away = Terminal(server, tmp_path / "x", "x@example.org")
    process = await away.start("whoami")
    _, errors = await process.communicate()
    assert process.returncode == 1
    assert "Traceback" not in errors.decode()
