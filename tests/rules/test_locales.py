"""A key of a text that is handed on as data, or made from a template, is in the catalogue too.

Keys that stand in a call, placeholders, plurals and texts left over are checked where the words are
tested, in tests/frontend/ui/i18n.test.js.
"""

import json
import re
from pathlib import Path

CATEGORIES = r"\.(zero|one|two|few|many|other)$"
LITERAL = r"""["']([a-z][a-z0-9_-]*(?:\.[a-z0-9_-]+)+)["']"""
TEMPLATE = r"\b(?:t|plural)\(\s*`([^`]+)`"


def missing_words(source: str, keys: set[str]) -> set[str]:
    """Name what is written like a key of a known subject, or makes keys, and leads to no text."""
    known = {re.sub(CATEGORIES, "", key) for key in keys}
    subjects = {key.split(".", 1)[0] for key in known}
    literals = {key for key in re.findall(LITERAL, source) if key.split(".", 1)[0] in subjects}
    templates = {
        template: re.sub(r"\\\$\\\{.*?\\\}", ".+", re.escape(template))
        for template in re.findall(TEMPLATE, source)
    }
    return (literals - known) | {
        template
        for template, pattern in templates.items()
        if not any(re.fullmatch(pattern, key) for key in known)
    }


def test_every_key_in_the_page_leads_to_a_text(root: Path) -> None:
    keys = set(json.loads((root / "frontend/locales/en.json").read_text()))
    files = [
        path for part in ("ui", "views") for path in (root / "frontend/js" / part).rglob("*.js")
    ]
    assert files
    found = {str(path): missing_words(path.read_text(), keys) for path in files}
    assert {path: words for path, words in found.items() if words} == {}


def test_a_key_that_leads_to_no_text_is_found() -> None:
    keys = {"nav.chats", "days.left.one", "days.left.other", "error.gone", "people.block_title"}
    source = """
        const items = [{ label: "nav.chats" }, { label: "nav.chat" }];
        plural("days.left", 2); t(`error.${code}`); t(`fault.${code}`); t(`people.${what}_title`);
        t(`people.${what}_text`); send("message.send");
    """
    assert missing_words(source, keys) == {"nav.chat", "fault.${code}", "people.${what}_text"}
