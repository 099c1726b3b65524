"""Every language has every word, every word that is shown exists, and none is left over.

A catalogue is a flat map. A plural has one key for each category of its language
(`left.days.one`, `left.days.other`); code names it without the category. A template such as
`error.${code}` uses every key that begins with `error.`.
"""

import json
import re
from pathlib import Path

Catalogue = dict[str, str]

CATEGORIES = r"\.(zero|one|two|few|many|other)$"
LITERAL = r"""["'`]([a-z][a-z0-9_-]*(?:\.[a-z0-9_-]+)+)["'`]"""
TEMPLATE = r"`([a-z][a-z0-9_.-]*\.)\$\{"


def base(key: str) -> str:
    return re.sub(CATEGORIES, "", key)


def placeholders(catalogue: Catalogue) -> dict[str, set[str]]:
    """Map each key, plurals counted once, to the names that its texts fill in."""
    names: dict[str, set[str]] = {}
    for key, text in catalogue.items():
        names.setdefault(base(key), set()).update(re.findall(r"\{(\w+)\}", text))
    return names


def incomplete_plurals(catalogue: Catalogue) -> list[str]:
    """Name the plurals without `other`, the one category that every language has."""
    plurals = {base(key) for key in catalogue if base(key) != key}
    return sorted(key for key in plurals if f"{key}.other" not in catalogue)


def missing_words(source: str, catalogue: Catalogue) -> set[str]:
    """Name what looks like a key of a known subject, or begins one, and is in no catalogue."""
    known = {base(key) for key in catalogue} | set(catalogue)
    subjects = {key.split(".", 1)[0] for key in catalogue}
    literals = {key for key in re.findall(LITERAL, source) if key.split(".", 1)[0] in subjects}
    called = set(re.findall(r"""\b(?:t|plural)\(\s*["']([^"']+)["']""", source))
    prefixes = set(re.findall(r"\b(?:t|plural)\(\s*" + TEMPLATE, source))
    return {key for key in literals | called if key not in known} | {
        prefix for prefix in prefixes if not any(key.startswith(prefix) for key in known)
    }


def unused_words(source: str, catalogue: Catalogue) -> set[str]:
    literals = set(re.findall(LITERAL, source))
    prefixes = tuple(re.findall(TEMPLATE, source))
    return {
        key for key in map(base, catalogue) if key not in literals and not key.startswith(prefixes)
    }


def read(root: Path, locale: str) -> Catalogue:
    catalogue: Catalogue = json.loads((root / f"frontend/locales/{locale}.json").read_text())
    return catalogue


def sources(root: Path, *folders: str) -> str:
    files = [path for folder in folders for path in (root / "frontend/js" / folder).rglob("*.js")]
    assert files
    return "\n".join(path.read_text() for path in sorted(files))


def test_both_languages_have_the_same_words_and_placeholders(root: Path) -> None:
    assert placeholders(read(root, "vi")) == placeholders(read(root, "en"))


def test_no_text_is_empty_and_no_plural_lacks_its_general_form(root: Path) -> None:
    for locale in ("en", "vi"):
        catalogue = read(root, locale)
        assert [key for key, text in catalogue.items() if not text.strip()] == []
        assert incomplete_plurals(catalogue) == []


def test_the_texts_are_translated(root: Path) -> None:
    english, vietnamese = read(root, "en"), read(root, "vi")
    same = [key for key, text in english.items() if vietnamese.get(key) == text and len(text) > 20]
    assert same == []


def test_every_word_that_is_shown_exists(root: Path) -> None:
    assert missing_words(sources(root, "ui", "views"), read(root, "en")) == set()


def test_no_word_is_left_over(root: Path) -> None:
    assert unused_words(sources(root, "."), read(root, "en")) == set()


def test_words_that_are_missing_or_left_over_are_found() -> None:
    catalogue = {"a.one": "1", "a.other": "{count}", "b.c": "x", "error.gone": "y"}
    source = 't("b.c"); plural("a.days", 1); t(`error.${code}`); t("b.d"); t(`fault.${code}`)'
    assert missing_words(source, catalogue) == {"a.days", "b.d", "fault."}
    assert unused_words(source, catalogue) == {"a"}
    assert placeholders(catalogue) != placeholders({**catalogue, "b.c": "{name}"})
    assert incomplete_plurals({"a.one": "1"}) == ["a"]
