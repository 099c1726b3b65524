"""One master key, made once, readable by its owner only; every other key derived from it."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from config.secrets import derive, hkdf, is_private, open_master_key, open_secrets
from config.settings import SettingsError


def test_hkdf_is_the_one_of_rfc_5869() -> None:
    key = hashlib.sha256(b"k").digest()
    theirs = HKDF(hashes.SHA256(), 32, salt=None, info=b"Sealroom/server/jwt").derive(key)
    assert hkdf(key, "Sealroom/server/jwt") == theirs


def test_every_purpose_has_a_key_of_its_own() -> None:
    secrets = derive(bytes(32))
    keys = [getattr(secrets, name) for name in secrets.__slots__]
    assert len(set(keys)) == len(keys) == 8
    assert all(len(key) == 32 for key in keys)


def test_no_key_is_shown() -> None:
    assert repr(derive(bytes(32))) == "Secrets()"


def test_the_key_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    key = open_master_key(path, create=True)
    assert len(key) == 32
    assert path.stat().st_mode & 0o777 == 0o600
    assert open_master_key(path, create=True) == key
    assert [entry.name for entry in tmp_path.iterdir()] == ["master.key"]


def test_processes_that_start_at_once_read_the_same_key(tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    with ThreadPoolExecutor(16) as pool:
        keys = list(pool.map(lambda _: open_master_key(path, create=True), range(16)))
    assert len(set(keys)) == 1


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o610])
def test_a_key_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "master.key"
    open_master_key(path, create=True)
    path.chmod(mode)
    with pytest.raises(SettingsError, match="readable by its owner only"):
        open_master_key(path, create=True)


@pytest.mark.parametrize(
    ("mode", "owner", "user", "is_secret"),
    [
        (0o600, 10_001, 10_001, True),
        (0o400, 0, 0, True),
        (0o440, 0, 10_001, True),
        (0o440, 0, 0, False),
        (0o440, 10_001, 10_001, False),
        (0o460, 0, 10_001, False),
        (0o444, 0, 10_001, False),
    ],
)
def test_only_a_file_of_root_may_be_read_by_the_group_of_a_service(
    mode: int, owner: int, user: int, is_secret: bool
) -> None:
    assert is_private(mode, owner, user) is is_secret


@pytest.mark.parametrize("text", ["", "short", "=" * 43, "A" * 44, "é" * 43])
def test_what_is_not_a_key_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "master.key"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(SettingsError, match="master_key_file"):
        open_master_key(path, create=True)


def test_a_named_key_is_never_made(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        open_master_key(tmp_path / "elsewhere.key", create=False)


def test_a_named_file_counts_instead_of_the_one_in_the_data_folder(tmp_path: Path) -> None:
    data_dir, named = tmp_path / "data", tmp_path / "volume.key"
    own = open_secrets(data_dir, "")
    assert data_dir.stat().st_mode & 0o777 == 0o700
    assert open_secrets(data_dir, "") == own
    master = open_master_key(named, create=True)
    assert open_secrets(data_dir, str(named)) == derive(master) != own
