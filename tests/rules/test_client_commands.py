"""docs/client.md lists the commands of the Python client, their options and exit statuses."""

import argparse
import re
from pathlib import Path

from client import file_commands
from client.__main__ import IN_USE, make_parser


def subcommands(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    found = [each for each in parser._actions if isinstance(each, argparse._SubParsersAction)]
    return dict(found[0].choices) if found else {}


def options(parser: argparse.ArgumentParser) -> set[str]:
    """The long options of a parser, without `--help`."""
    found = {name for each in parser._actions for name in each.option_strings}
    return {name for name in found if name.startswith("--")} - {"--help"}


def leaves() -> dict[str, argparse.ArgumentParser]:
    """Every command that can be typed, with its action where it has some."""
    return {
        f"{name} {action}".strip(): leaf
        for name, command in subcommands(make_parser()).items()
        for action, leaf in (subcommands(command) or {"": command}).items()
    }


def test_the_document_lists_exactly_the_commands(root: Path) -> None:
    text = (root / "docs/client.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([a-z ]+?)(?: [A-Z…* ]+)?` \|", text, re.MULTILINE)
    assert sorted(rows) == sorted(leaves())


def test_the_document_names_every_option_and_no_other(root: Path) -> None:
    text = (root / "docs/client.md").read_text(encoding="utf-8")
    known = set().union(options(make_parser()), *map(options, leaves().values()))
    assert set(re.findall(r"--[a-z]+", text)) == known


def test_the_document_names_every_exit_status(root: Path) -> None:
    text = (root / "docs/client.md").read_text(encoding="utf-8")
    statuses = {int(row) for row in re.findall(r"^\| (\d) \|", text, re.MULTILINE)}
    assert statuses == {
        0,
        file_commands.FAILED,
        file_commands.DAMAGED,
        file_commands.WRONG_SENDER,
        file_commands.NOT_FOR_US,
        file_commands.NOT_READABLE,
        IN_USE,
    }
