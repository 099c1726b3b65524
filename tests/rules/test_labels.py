"""Every label of a key, a signature or associated data stands in the closed registry.

A label outside the list is a new protocol, and one used for two purposes an attack.
Spec: SEAL1 §4.0.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from client.seal.labels import Label, Purpose

PURPOSES = (
    "devcert",
    "devcert-pop",
    "devlist",
    "spk",
    "opk",
    "pqspk",
    "room-ev",
    "file",
    "file-grant",
    "sealed-file",
    "link",
    "aik-rotate",
    "devauth",
)
LABELS = (
    "SEAL1/id",
    "SEAL1/x3dh",
    "SEAL1/x3dh/sk",
    "SEAL1/sid",
    "SEAL1/root",
    "SEAL1/msg",
    "SEAL1/payload",
    "SEAL1/payload/ad",
    "SEAL1/frank",
    "SEAL1/frank/srv",
    "SEAL1/dm",
    "SEAL1/room/ev",
    "SEAL1/devcert",
    "SEAL1/devlist",
    "SEAL1/fp",
    "SEAL1/qr",
    "SEAL1/sas/commit",
    "SEAL1/sas",
    "SEAL1/sas/mac",
    "SEAL1/pw-salt",
    "SEAL1/auth",
    "SEAL1/backup/wrap",
    "SEAL1/backup/kek-pw",
    "SEAL1/backup/kek-rc",
    "SEAL1/backup/kek-prf",
    "SEAL1/backup/identity",
    "SEAL1/backup/hist-wrap",
    "SEAL1/backup/segment",
    "SEAL1/backup/seg",
    "SEAL1/rc",
    "SEAL1/file",
    "SEAL1/file/root",
    "SEAL1/link/auth",
    "SEAL1/link/manifest",
    "SEAL1/link/pw",
    "SEAL1/link",
    "SEAL1/sealed-file",
    "SEAL1/sealed-file/slot",
    "SEAL1/sealed-file/pw-salt",
    "SEAL1/sealed-file/pw",
    "SEAL1/sealed-file/key",
    "SEAL1/sealed-file/manifest",
    "SEAL1/store/session",
    "SEAL1/store/key",
    "SEAL1/applock",
    "SEAL1/call/sframe",
)
SIGNATURE_PREFIX = "SEAL1/sig/"
REGISTRY = {*LABELS, *(SIGNATURE_PREFIX + purpose for purpose in PURPOSES), SIGNATURE_PREFIX}
PROGRAM_FOLDERS = (
    "client",
    "frontend/js",
    "handlers",
    "models",
    "protocol",
    "realtime",
    "services",
)


def strange_labels(text: str) -> set[str]:
    """Name what begins like a label and is not in the registry; comments count too."""
    return set(re.findall(r"SEAL1/[a-z0-9/_-]*", text)) - REGISTRY


def program_files(root: Path) -> Iterator[Path]:
    for folder in PROGRAM_FOLDERS:
        for suffix in ("py", "js"):
            yield from (root / folder).rglob(f"*.{suffix}")


def test_every_label_in_the_programs_is_registered(root: Path) -> None:
    found = {str(path): strange_labels(path.read_text()) for path in program_files(root)}
    assert {path: labels for path, labels in found.items() if labels} == {}


def test_a_label_outside_the_registry_is_found() -> None:
    assert strange_labels('hkdf(key, "SEAL1/backup/kek-admin")') == {"SEAL1/backup/kek-admin"}
    assert strange_labels('sign(key, "SEAL1/sig/login")') == {"SEAL1/sig/login"}
    assert strange_labels('"SEAL1/sig/" + purpose; "SEAL1/msg"') == set()


def test_the_browser_has_the_whole_registry_once(
    exports: Callable[[str], dict[str, Any]],
) -> None:
    constants = exports("frontend/js/crypto/constants.js")
    assert sorted(constants["LABEL"].values()) == sorted(LABELS)
    assert constants["PURPOSES"] == list(PURPOSES)
    assert constants["SIGNATURE_PREFIX"] == SIGNATURE_PREFIX


def test_the_python_client_uses_registered_labels_and_purposes_only() -> None:
    assert set(Label) <= set(LABELS)
    assert {purpose.label for purpose in Purpose} <= REGISTRY


def test_no_label_is_registered_twice() -> None:
    assert len(set(LABELS)) == len(LABELS)
    assert len(set(PURPOSES)) == len(PURPOSES)
