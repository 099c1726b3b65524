"""Imports point downward, and each layer uses only the third parties of its row.

The contracts stand in pyproject.toml; the row of third parties is here, because a contract can name
what is forbidden but not what is allowed.
"""

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGES = (
    "handlers",
    "services",
    "models",
    "storage",
    "realtime",
    "protocol",
    "config",
    "mail",
    "client",
    "lb",
)
# Frames, bodies and events are structs of msgspec: parsing, checking and writing is one pass.
THIRD_PARTIES = {
    "protocol": {"msgspec"},
    "models": {"msgspec"},
    "services": {"bcrypt", "cryptography", "jwt", "msgspec"},
    "storage": {"aioboto3", "aiohttp", "apsw", "botocore", "bson", "msgspec", "pymongo"},
    "realtime": {"msgspec", "nats"},
    "mail": {"aiosmtplib"},
    "handlers": {"msgspec", "tornado"},
    "config": set(),
    "client": {"cryptography", "msgspec", "tornado"},
    "lb": {"tornado", "uvloop"},
}


def imported_names(source: str) -> set[str]:
    """Name the top-level packages that a module imports, wherever in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names.update(alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.split(".")[0])
    return names


def third_parties(source: str) -> set[str]:
    return imported_names(source) - set(sys.stdlib_module_names) - set(PACKAGES)


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_uses_only_the_third_parties_of_its_row(root: Path, package: str) -> None:
    modules = sorted((root / package).rglob("*.py"))
    assert modules
    found = {str(path): third_parties(path.read_text()) for path in modules}
    strange = {path: names - THIRD_PARTIES[package] for path, names in found.items()}
    assert {path: names for path, names in strange.items() if names} == {}


def test_a_third_party_is_found_wherever_it_is_imported() -> None:
    source = "import asyncio\nfrom protocol import ids\ndef f():\n    import tornado.web"
    assert third_parties(source) == {"tornado"}


def test_imports_keep_every_contract(root: Path) -> None:
    done = lint(root)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("module", "line", "contract"),
    [
        ("models/planted", "import services", "Layers point downward"),
        ("realtime/planted", "import storage", "Layers point downward"),
        ("services/planted", "import storage", "Services never name an adapter"),
        ("handlers/planted", "import storage", "Handlers reach stores and mail only"),
        ("services/planted", "import tornado.ioloop", "Tornado stays at the edge"),
        ("handlers/planted", "import apsw", "Database drivers stay in storage"),
        ("services/planted", "import nats", "The bus driver stays in realtime"),
        ("handlers/planted", "import config", "Only composition roots read settings"),
        ("services/planted", "import client", "Nobody imports the client"),
        ("client/planted", "import models", "The client shares nothing but the wire"),
        ("lb/planted", "import protocol", "The balancer is another program"),
        ("lb/planted", "import config", "Only composition roots read settings"),
        ("handlers/planted", "import lb", "Nobody imports the balancer"),
    ],
)
def test_a_planted_import_breaks_its_contract(
    root: Path, tmp_path: Path, module: str, line: str, contract: str
) -> None:
    shutil.copy(root / "pyproject.toml", tmp_path)
    for package in PACKAGES:
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").touch()
    (tmp_path / "lb/__main__.py").touch()  # a contract names it
    assert lint(tmp_path).returncode == 0
    (tmp_path / f"{module}.py").write_text(f"{line}\n")
    done = lint(tmp_path)
    assert done.returncode == 1
    broken = [row for row in done.stdout.splitlines() if row.endswith("BROKEN")]
    assert any(row.startswith(contract) for row in broken), done.stdout
