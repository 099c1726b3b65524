"""Nothing in git names one particular machine, package index or secret."""

import re
from pathlib import Path

# Each pattern is written so that it does not match itself.
PATTERNS = {
    "a path of one machine": r"(?<![\w.$)}-])/(?:wor[k]|roo[t]|User[s]|home/(?!user\b)\w+)/",
    "a package index": r"registry\.npm[j]s|pypi\.or[g]/simple|pythonhoste[d]|index-ur[l]|/pyp[i]/",
    "a private key": r"-----BEGIN (?:[A-Z]+ )?PRIVATE KE[Y]-----",
    "work left for later": r"\b(?:FIXM[E]|XX[X]|HAC[K])\b",
}
BINARY = {".png", ".ico", ".woff2", ".wasm", ".webp", ".jpg"}


def findings(text: str) -> list[str]:
    """Name the rules that `text` breaks."""
    return [name for name, pattern in PATTERNS.items() if re.search(pattern, text)]


def test_no_tracked_file_names_a_machine_an_index_or_a_secret(tracked: list[Path]) -> None:
    found = {
        str(path): findings(path.read_text(errors="replace"))
        for path in tracked
        if path.suffix not in BINARY
    }
    assert {path: names for path, names in found.items() if names} == {}


def test_each_forbidden_word_is_found() -> None:
    assert findings("cd /wor" + "k/main") == ["a path of one machine"]
    assert findings('"resolved": "https://registry.npm' + 'js.org/x"') == ["a package index"]
    assert findings("-----BEGIN PRIVATE KE" + "Y-----") == ["a private key"]
    assert findings("# FIXM" + "E later") == ["work left for later"]
    assert findings("docs/network/layers.md /home/user/x ./work/y") == []
