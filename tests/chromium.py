"""How every test starts Chromium."""

import os
import shutil
from typing import TypedDict


class Launch(TypedDict):
    """Options of Playwright's `launch`."""

    executable_path: str | None
    args: list[str]


LAUNCH: Launch = {
    # An installed Chromium first; elsewhere the one that `playwright install` brought.
    "executable_path": os.environ.get("CHROMIUM") or shutil.which("chromium"),
    # No sandbox, because CI runs as root; no background traffic, which a closed network refuses.
    "args": [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
    ],
}
