"""Which JavaScript modules a page needs, read from their import statements.

import { a } from "./a.js";     needed at once
export { b } from "../b.js";    needed at once
await import("./c.js")          needed some time
"""

import posixpath
import re
from collections.abc import Mapping

_COMMENT = re.compile(rb"/\*.*?\*/|^\s*//[^\n]*", re.DOTALL | re.MULTILINE)
_STATIC = re.compile(
    rb"""^\s*(?:import|export)\b(?:[^;"'()]*?\bfrom)?\s*["']([^"']+)["']""", re.MULTILINE
)
_DYNAMIC = re.compile(rb"""\bimport\(\s*["']([^"']+)["']\s*\)""")


def imports(source: bytes) -> tuple[list[str], list[str]]:
    """Return what a module imports statically and what dynamically, as written."""
    code = _COMMENT.sub(b"", source)
    return (
        [match.decode() for match in _STATIC.findall(code)],
        [match.decode() for match in _DYNAMIC.findall(code)],
    )


def reachable(sources: Mapping[str, bytes], entry: str) -> tuple[list[str], list[str], set[str]]:
    """Follow the imports from `entry`.

    Args:
        sources: content by path, `/`-separated.

    Returns: all modules that can be loaded, those of them that are needed at once, and what is
    imported but not there.
    """
    at_once = _closure(sources, entry, dynamic=False)
    all_modules = _closure(sources, entry, dynamic=True)
    return (
        sorted(all_modules & sources.keys()),
        sorted(at_once & sources.keys()),
        all_modules - sources.keys(),
    )


def _closure(sources: Mapping[str, bytes], entry: str, *, dynamic: bool) -> set[str]:
    found = {entry}
    waiting = [entry]
    while waiting:
        name = waiting.pop()
        static, later = imports(sources.get(name, b""))
        for specifier in static + (later if dynamic else []):
            target = posixpath.normpath(posixpath.join(posixpath.dirname(name), specifier))
            if target not in found:
                found.add(target)
                waiting.append(target)
    return found
