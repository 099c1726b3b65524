"""eslint.config.js holds: each planted breach of the browser's layers or sinks is refused."""

import subprocess
from pathlib import Path

import pytest


def lint(root: Path, name: str, source: str) -> str:
    done = subprocess.run(
        ["node_modules/.bin/eslint", "--stdin", "--stdin-filename", f"frontend/js/{name}"],
        cwd=root,
        input=source,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode in {0, 1}, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("name", "source", "rule"),
    [
        ("lib/planted.js", 'import "../crypto/kdf.js";', "no-restricted-imports"),
        ("crypto/planted.js", 'import "../session/inbox.js";', "no-restricted-imports"),
        ("ui/deep/planted.js", 'import "../../state/store.js";', "no-restricted-imports"),
        ("state/planted.js", 'import "../net/api.js";', "no-restricted-imports"),
        ("views/planted.js", 'import "../crypto/kdf.js";', "no-restricted-imports"),
        ("session/planted.js", 'import "../views/chat.js";', "no-restricted-imports"),
        ("views/planted.js", 'import "../main.js";', "no-restricted-imports"),
        ("net/planted.js", 'import "lodash";', "no-restricted-imports"),
        ("crypto/planted.js", "fetch(new URL(location.href));", "no-restricted-globals"),
        ("crypto/planted.js", "Math.random();", "no-restricted-properties"),
        ("views/planted.js", 'document.body.innerHTML = "";', "no-restricted-properties"),
        (
            "views/planted.js",
            'document.body.insertAdjacentHTML("a", "");',
            "no-restricted-properties",
        ),
        ("views/planted.js", 'document.write("");', "no-restricted-properties"),
        ("views/planted.js", 'eval("1");', "no-eval"),
        ("views/planted.js", 'new Function("1");', "no-new-func"),
        ("views/planted.js", "export default 1;", "no-restricted-syntax"),
        ("views/planted.js", "window.leak = 1;", "no-restricted-syntax"),
    ],
)
def test_a_planted_breach_is_refused(root: Path, name: str, source: str, rule: str) -> None:
    assert f" {rule}\n" in lint(root, name, f"{source}\n")


def test_what_the_table_allows_passes(root: Path) -> None:
    source = 'import "../lib/bytes.js";\nimport "../crypto/kdf.js";\nimport "./inbox.js";\n'
    assert lint(root, "session/planted.js", source) == ""
