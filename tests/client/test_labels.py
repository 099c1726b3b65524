"""No key is derived and nothing is signed under a label that the registry does not name."""

import ast
from pathlib import Path

from client.seal.labels import Label, Purpose

SEAL = Path(__file__).parents[2] / "client" / "seal"
DOCUMENT = (Path(__file__).parents[2] / "docs" / "crypto.md").read_text(encoding="utf-8")


def documented(block: str) -> set[str]:
    """The words of a fenced block of docs/crypto.md."""
    return set(DOCUMENT.split(f"```{block}\n")[1].split("```")[0].split())


def string_constants(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    return {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        if id(node) not in docstrings
    }


def test_every_label_stands_in_the_closed_list() -> None:
    assert {label.value for label in Label} <= documented("labels")
    assert {purpose.value for purpose in Purpose} <= documented("purposes")


def test_labels_are_spelled_in_one_place_only() -> None:
    modules = [path for path in SEAL.glob("*.py") if path.name != "labels.py"]
    assert len(modules) > 10
    for path in modules:
        assert not {text for text in string_constants(path) if text.startswith("SEAL")}, path


def test_no_label_is_the_beginning_of_a_signature_label() -> None:
    assert not {purpose.label for purpose in Purpose} & {label.value for label in Label}
