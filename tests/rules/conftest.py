"""What the rules look at: the tree as git has it, and what a JavaScript module exports."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def tracked() -> list[Path]:
    """Every file in git that is also in the working tree."""
    listing = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    paths = [ROOT / name for name in listing.stdout.split("\0") if name]
    assert len(paths) > 50, "git does not know this tree, so these rules would check nothing"
    return [path for path in paths if path.is_file()]


@pytest.fixture(scope="session")
def exports() -> Callable[[str], dict[str, Any]]:
    """Read the exported constants of an ES module, by running it."""

    def read(name: str) -> dict[str, Any]:
        module = json.dumps((ROOT / name).as_uri())
        script = f"import * as exports from {module}; console.log(JSON.stringify(exports));"
        done = subprocess.run(
            ["node", "--input-type=module", "--eval", script],
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
        assert done.returncode == 0, done.stderr
        constants: dict[str, Any] = json.loads(done.stdout)
        return constants

    return read
