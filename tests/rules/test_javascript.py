"""eslint.config.js holds: each planted breach of the browser's layers or sinks is refused."""

import json
import subprocess
from pathlib import Path

# module, source, the rule that must refuse it
BREACHES = [
    ("lib/planted.js", 'import "../crypto/kdf.js";', "no-restricted-imports"),
    ("crypto/planted.js", 'import "../session/inbox.js";', "no-restricted-imports"),
    ("ui/deep/planted.js", 'import "../../state/store.js";', "no-restricted-imports"),
    ("state/planted.js", 'import "../net/api.js";', "no-restricted-imports"),
    ("views/planted.js", 'import "../crypto/kdf.js";', "no-restricted-imports"),
    ("session/planted.js", 'import "../views/chat.js";', "no-restricted-imports"),
    ("views/planted.js", 'import "../main.js";', "no-restricted-imports"),
    ("views/planted.js", 'import "../link.js";', "no-restricted-imports"),
    ("net/planted.js", 'import "lodash";', "no-restricted-imports"),
    ("crypto/planted.js", 'import "../../vendor/x-1.js";', "no-restricted-imports"),
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
]
LAWFUL = (
    "session/planted.js",
    'import "../lib/bytes.js";\nimport "../crypto/kdf.js";\nimport "./inbox.js";\n',
)
# One process for all of them: starting ESLint takes longer than linting.
SCRIPT = """
import { ESLint } from "eslint";
const eslint = new ESLint();
const broken = async ([name, source]) => {
  const [report] = await eslint.lintText(source, { filePath: `frontend/js/${name}` });
  return report.messages.map((message) => message.ruleId);
};
console.log(JSON.stringify(await Promise.all(JSON.parse(process.argv[1]).map(broken))));
"""


def broken_rules(root: Path, modules: list[tuple[str, str]]) -> list[list[str | None]]:
    """Name the rules that each module breaks, in the order of `modules`."""
    done = subprocess.run(
        ["node", "--input-type=module", "--eval", SCRIPT, json.dumps(modules)],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    rules: list[list[str | None]] = json.loads(done.stdout)
    return rules


def test_every_planted_breach_is_refused_by_its_rule(root: Path) -> None:
    found = broken_rules(root, [(name, source) for name, source, _ in BREACHES])
    missed = [
        breach for breach, rules in zip(BREACHES, found, strict=True) if breach[2] not in rules
    ]
    assert missed == []


def test_what_the_table_allows_passes(root: Path) -> None:
    assert broken_rules(root, [LAWFUL]) == [[]]
