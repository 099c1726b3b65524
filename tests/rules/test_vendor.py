"""What the browser runs of others is what frontend/vendor/vendor.json says, byte for byte."""

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

FIELDS = {
    "file",
    "package",
    "path",
    "version",
    "origin",
    "licence",
    "licence_file",
    "sha384",
    "why",
    "instead",
}


def sha384(content: bytes) -> str:
    """Return the digest as the browser's integrity attribute writes it."""
    return "sha384-" + base64.b64encode(hashlib.sha384(content).digest()).decode()


def problems(folder: Path) -> list[str]:
    """Compare the folder with its vendor.json, both ways."""
    entries: list[dict[str, Any]] = json.loads((folder / "vendor.json").read_text())
    found = [f"{entry.get('file')}: fields" for entry in entries if set(entry) != FIELDS]
    named = {"vendor.json"}
    for entry in entries:
        name = entry["file"]
        named |= {name, entry["licence_file"], name.removesuffix(".js") + ".d.ts"}
        if entry["version"] not in name:
            found.append(f"{name}: version is not in the name")
        if sha384((folder / name).read_bytes()) != entry["sha384"]:
            found.append(f"{name}: hash")
        if not (folder / entry["licence_file"]).is_file():
            found.append(f"{name}: licence is missing")
    found += [
        f"{path.name}: not in vendor.json" for path in folder.iterdir() if path.name not in named
    ]
    return found


def test_every_vendored_file_is_the_recorded_one(root: Path) -> None:
    assert problems(root / "frontend/vendor") == []


def test_a_vendored_file_equals_the_package_it_came_from(root: Path) -> None:
    folder = root / "frontend/vendor"
    for entry in json.loads((folder / "vendor.json").read_text()):
        package = root / "node_modules" / entry["package"]
        assert json.loads((package / "package.json").read_text())["version"] == entry["version"]
        assert (folder / entry["file"]).read_bytes() == (package / entry["path"]).read_bytes()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    entry = dict.fromkeys(FIELDS, "x") | {
        "file": "x-1.js",
        "version": "1",
        "licence_file": "x-1.LICENSE",
        "sha384": sha384(b"export {};"),
    }
    (tmp_path / "x-1.js").write_bytes(b"export {};")
    (tmp_path / "x-1.LICENSE").touch()
    (tmp_path / "vendor.json").write_text(json.dumps([entry]))
    return tmp_path


def test_a_changed_file_is_found(folder: Path) -> None:
    assert problems(folder) == []
    (folder / "x-1.js").write_bytes(b"export { };")
    assert problems(folder) == ["x-1.js: hash"]


def test_a_file_that_nobody_recorded_is_found(folder: Path) -> None:
    (folder / "y-2.js").touch()
    assert problems(folder) == ["y-2.js: not in vendor.json"]


def test_a_missing_licence_is_found(folder: Path) -> None:
    (folder / "x-1.LICENSE").unlink()
    assert problems(folder) == ["x-1.js: licence is missing"]
