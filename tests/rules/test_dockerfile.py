"""The image's recipe holds to what makes it safe to run (S1-127, R-20)."""

import io
import json
import re
from pathlib import Path

import pytest
from dockerfile_parse import DockerfileParser

Instruction = tuple[str, str]


def instructions(text: str) -> list[Instruction]:
    structure = DockerfileParser(fileobj=io.BytesIO(text.encode())).structure
    return [(step["instruction"], step["value"]) for step in structure]


def is_exec_form(value: str) -> bool:
    try:
        words = json.loads(value)
    except ValueError:
        return False
    return isinstance(words, list) and all(isinstance(word, str) for word in words)


def sources(steps: list[Instruction]) -> set[str]:
    """Name what is copied from the tree, and not from another stage."""
    copied = [value.split() for name, value in steps if name == "COPY" and "--from=" not in value]
    return {source for words in copied for source in words[:-1]}


def findings(text: str, ignored: str, tree: Path) -> list[str]:
    """Name the rules that a Dockerfile and its .dockerignore break."""
    steps = instructions(text)
    last = dict(steps)
    admitted = {line[1:] for line in ignored.splitlines() if line.startswith("!")}
    commands = [value for name, value in steps if name in ("RUN", "CMD", "ENTRYPOINT")]
    checked = last.get("HEALTHCHECK", "").partition("CMD ")[2]
    installed = [value for value in commands if '"pip", "install"' in value]
    rules = {
        "a base has no version": any(
            not re.match(r"\S+:\d", value) for name, value in steps if name == "FROM"
        ),
        "it runs as root": not re.fullmatch(r"[1-9]\d*:[1-9]\d*", last.get("USER", "")),
        "a shell stands in between": not all(map(is_exec_form, commands)),
        "nothing checks its health": not is_exec_form(checked),
        "another signal stops it": last.get("STOPSIGNAL") != "SIGTERM",
        "a source is missing": not all((tree / source).exists() for source in sources(steps)),
        "more or less is sent than copied": admitted != sources(steps) or "*" not in ignored,
        "packages come without hashes": not all("--require-hashes" in value for value in installed),
        "something is fetched": any(name == "ADD" for name, _ in steps),
    }
    return [rule for rule, is_broken in rules.items() if is_broken]


@pytest.fixture
def recipe(root: Path) -> tuple[str, str]:
    return (root / "Dockerfile").read_text(), (root / ".dockerignore").read_text()


def test_the_image_keeps_every_rule(root: Path, recipe: tuple[str, str]) -> None:
    assert findings(*recipe, root) == []


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        ("python:3.11-slim-bookworm\nLABEL", "python:latest\nLABEL", "a base has no version"),
        ("python:3.11-slim-bookworm\nLABEL", "python\nLABEL", "a base has no version"),
        ("USER 10001:10001\n", "", "it runs as root"),
        ("USER 10001:10001\n", "USER 0:0\n", "it runs as root"),
        ("USER 10001:10001\n", "USER sealroom\n", "it runs as root"),
        ('CMD ["python", "server.py"]', "CMD python server.py", "a shell stands in between"),
        ("HEALTHCHECK", "ENV NO=", "nothing checks its health"),
        ("STOPSIGNAL SIGTERM", "STOPSIGNAL SIGKILL", "another signal stops it"),
        ("COPY mail/ ./mail/", "COPY nowhere/ ./mail/", "a source is missing"),
        ("COPY mail/ ./mail/\n", "", "more or less is sent than copied"),
        (' "--require-hashes",', "", "packages come without hashes"),
        ("COPY LICENSE ./", "ADD LICENSE ./", "something is fetched"),
    ],
)
def test_a_broken_recipe_is_found(
    root: Path, recipe: tuple[str, str], old: str, new: str, rule: str
) -> None:
    text, ignored = recipe
    assert old in text
    assert rule in findings(text.replace(old, new), ignored, root)


def test_a_context_that_sends_everything_is_found(root: Path, recipe: tuple[str, str]) -> None:
    text, ignored = recipe
    assert findings(text, ignored.replace("*", ""), root) == ["more or less is sent than copied"]
