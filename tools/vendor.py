"""Copy the vendored browser libraries from node_modules and record their hashes: `make vendor`.

frontend/vendor/vendor.json says what to take: edit `package`, `path`, `version` and `file` there,
pin the same version in package.json, and run this. `npm ci` checks the package's integrity;
tests/rules/test_vendor.py checks the hash that is recorded here, and the import map enforces it in
the browser.
"""

import base64
import hashlib
import json
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENDOR = ROOT / "frontend" / "vendor"


def take(entry: dict[str, str]) -> None:
    """Copy one file and its licence, and write its hash into `entry`."""
    package = ROOT / "node_modules" / entry["package"]
    installed = json.loads((package / "package.json").read_text())["version"]
    if installed != entry["version"]:
        sys.exit(
            f"{entry['package']} {installed} is installed, vendor.json says {entry['version']}."
        )
    shutil.copyfile(package / entry["path"], VENDOR / entry["file"])
    shutil.copyfile(package / "LICENSE", VENDOR / entry["licence_file"])
    digest = hashlib.sha384((VENDOR / entry["file"]).read_bytes()).digest()
    entry["sha384"] = "sha384-" + base64.b64encode(digest).decode()


def main() -> None:
    """Bring every entry of vendor.json up to date."""
    record = VENDOR / "vendor.json"
    entries = json.loads(record.read_text())
    for entry in entries:
        take(entry)
        print(f"{entry['file']}  {entry['sha384']}")
    record.write_text(json.dumps(entries, indent=2) + "\n")


if __name__ == "__main__":
    main()
