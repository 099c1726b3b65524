"""What no person would send: every call of the OpenAPI document, fuzzed over real sockets."""

import asyncio
import os
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from handlers.openapi import CALLS
from tests.client.crowd import Crowd
from tests.process import ServerProcess

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "unsupported_method",
    "allow_header_conformance",
    "ignored_auth",
)


EXAMPLES = 3
ROOT = Path(__file__).parents[2]
HOOKS = {"SCHEMATHESIS_HOOKS": "tests.handlers.fuzz_hooks", "PYTHONPATH": str(ROOT)}
OPEN_CALLS = "^/(api/auth/|api/links/|health)"


@pytest.fixture
def process(tmp_path: Path) -> Iterator[ServerProcess]:
    """A server whose log must not hold an error at the end."""
    server = ServerProcess(tmp_path)
    server.start()
    yield server
    assert server.stop() == 0
    log = server.log.read_text(encoding="utf-8")
    assert '"level": "error"' not in log, log[-4_000:]


async def fuzz(server: ServerProcess, calls: int, *arguments: str) -> None:
    """Let schemathesis loose on that many calls, the same way each time."""
    command = shutil.which("schemathesis", path=str(Path(sys.executable).parent))
    process = await asyncio.create_subprocess_exec(
        str(command),
        "run",
        f"{server.origin}/api/openapi.json",
        f"--checks={','.join(CHECKS)}",
        "--phases=examples,coverage,fuzzing",
        f"--max-examples={EXAMPLES}",
        "--generation-deterministic",
        "--warnings=off",
        "--no-color",
        *arguments,
        cwd=server.data_dir,
        env={**os.environ, **HOOKS},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output = (await process.communicate())[0].decode()
    assert process.returncode == 0, output[-8_000:]
    tested = re.search(r"Tested: (\d+)", output)
    assert tested is not None, output
    assert int(tested[1]) == calls


async def test_nothing_a_stranger_sends_breaks_the_server_or_its_document(
    process: ServerProcess,
) -> None:
    open_calls = [path for _, path in CALLS if re.search(OPEN_CALLS, path)]
    await fuzz(process, len(open_calls), f"--include-path-regex={OPEN_CALLS}")


async def test_nothing_a_person_sends_breaks_the_server_or_its_document(
    process: ServerProcess, tmp_path: Path
) -> None:
    alice = await Crowd(process, tmp_path / "people").person("alice")
    token = f"Authorization: Bearer {alice.api.access_token}"
    await fuzz(process, len(CALLS) - 2, "--header", token, "--exclude-path-regex=/auth/logout")
    alice.close()
