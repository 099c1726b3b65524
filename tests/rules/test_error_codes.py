"""Every code a caller can meet is met by a test that asks a server over a socket."""

import re
from pathlib import Path

from protocol.errors import ErrorCode


def test_every_code_is_tried_over_a_real_socket(root: Path) -> None:
    files = sorted((root / "tests/handlers").glob("test_*.py"))
    text = "\n".join(path.read_text(encoding="utf-8") for path in files)
    tried = set(re.findall(r'"([a-z_]+)"', text))
    assert {str(code) for code in ErrorCode} - tried == set()
