"""Every dependency is pinned to a version and to hashes, has a reason, and names no index."""

import json
import re
from pathlib import Path
from typing import Any

PIN = r"^([A-Za-z0-9._-]+)==([^\s;\\]+)"


def pins(text: str) -> dict[str, str]:
    """Map each pinned package, its name normalised (PEP 503), to its version."""
    found = re.findall(PIN, text, re.MULTILINE)
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in found}


def without_reason(text: str) -> list[str]:
    lines = [line for line in text.splitlines() if line and not line.startswith(("#", "-"))]
    return [line for line in lines if not re.match(PIN + r"\s+# \S", line)]


def without_hash(text: str) -> list[str]:
    entries = re.split(r"\n(?=\S)", "\n".join(re.findall(r"^(?!\s*#).*$", text, re.MULTILINE)))
    return [entry for entry in entries if re.match(PIN, entry) and "--hash=sha256:" not in entry]


def foreign_sources(lock: dict[str, Any]) -> list[str]:
    """Name the packages of package-lock.json that name a registry, or have no integrity."""
    packages = {name: entry for name, entry in lock["packages"].items() if name}
    return [
        name for name, entry in packages.items() if "resolved" in entry or "integrity" not in entry
    ]


def test_every_direct_dependency_has_a_reason_and_is_in_the_lock(root: Path) -> None:
    for name in ("requirements", "requirements-dev"):
        source, lock = (root / f"{name}.in").read_text(), (root / f"{name}.txt").read_text()
        assert pins(source)
        assert without_reason(source) == []
        assert pins(source).items() <= pins(lock).items()
        assert without_hash(lock) == []


def test_the_development_pins_contain_the_runtime_pins(root: Path) -> None:
    runtime = pins((root / "requirements.txt").read_text())
    assert runtime.items() <= pins((root / "requirements-dev.txt").read_text()).items()


def test_node_packages_are_exact_hashed_and_from_nowhere_in_particular(root: Path) -> None:
    wanted = json.loads((root / "package.json").read_text())["devDependencies"]
    assert [name for name, version in wanted.items() if not version[0].isdigit()] == []
    lock = json.loads((root / "package-lock.json").read_text())
    assert lock["packages"][""]["devDependencies"] == wanted
    assert foreign_sources(lock) == []


def test_a_missing_reason_hash_or_integrity_is_found() -> None:
    assert without_reason("a==1  # why\nb==2\nc  # why") == ["b==2", "c  # why"]
    assert without_hash("a==1 \\\n    --hash=sha256:00\nb==2\n    # via a") == ["b==2"]
    entry = {"version": "1", "integrity": "sha512-x"}
    assert foreign_sources({"packages": {"": {}, "a": entry}}) == []
    assert foreign_sources({"packages": {"a": entry | {"resolved": "https://x/"}}}) == ["a"]
    assert foreign_sources({"packages": {"a": {"version": "1"}}}) == ["a"]
