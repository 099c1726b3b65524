"""Names under which files of others are saved."""

import pytest

from client.local_files import different, sealed_name, visible
from client.seal.file_names import is_file_name


@pytest.mark.parametrize("name", [".bashrc", ".profile", "..hidden", ".ssh", "..."])
def test_no_file_of_somebody_else_is_one_that_a_program_reads_of_itself(name: str) -> None:
    """A folder to save in may be a home."""
    assert is_file_name(name), "what the sender may call it"
    assert visible(name) == f"_{name[1:]}"
    assert is_file_name(visible(name))


def test_names_that_are_alike_when_they_are_saved_are_told_apart() -> None:
    assert different([".a", "_a", "b.tar.gz"]) == ["_a", "(2) _a", "b.tar.gz"]


@pytest.mark.parametrize("name", ["Báo cáo.pdf", "a" * 255, "ư" * 127])
def test_a_file_of_the_longest_name_can_stay_sealed(name: str) -> None:
    assert sealed_name(name).endswith(".seal")
    assert sealed_name(name)[:100] == f"{name}.seal"[:100]
    assert is_file_name(sealed_name(name))
