"""Names and types of files as other people write them.

A name is one path component of at most 255 bytes of UTF-8 without separators, control characters
and marks that turn the direction of writing, with which "exe.gpj" reads "jpg.exe".
"""

import re
import unicodedata

NAME_BYTES = 255
"""Of UTF-8: what common file systems take."""
MEDIA_TYPE_CHARACTERS = 127
_TURNING_MARKS = frozenset("\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e")
_ISOLATING_MARKS = frozenset("\u2066\u2067\u2068\u2069")
_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]*/[a-z0-9][a-z0-9!#$&^_.+-]*")


def is_file_name(name: str) -> bool:
    """Whether this is one path component that neither a disk nor a reader can misunderstand."""
    if name in (".", "..") or any(map(_unsafe, name)):
        return False
    return 0 < len(name.encode()) <= NAME_BYTES


def is_one_line(text: str) -> bool:
    """Whether this can be shown among other words without breaking or turning them."""
    return not any(map(_confusing, text))


def to_file_name(name: str, most_bytes: int = NAME_BYTES) -> str:
    """The nearest name that `is_file_name` accepts, of no more than so many bytes."""
    text = name.encode("utf-8", "replace").decode()
    safe = "".join("_" if _unsafe(character) else character for character in text)
    while len(safe.encode()) > most_bytes:
        safe = safe[:-1]
    return safe if is_file_name(safe) else "file"


def is_media_type(mime: str) -> bool:
    """Whether this is `type/subtype` in lower case without parameters, or nothing."""
    return mime == "" or (
        len(mime) <= MEDIA_TYPE_CHARACTERS and _MEDIA_TYPE.fullmatch(mime) is not None
    )


def _unsafe(character: str) -> bool:
    return character in "/\\" or _confusing(character)


def _confusing(character: str) -> bool:
    return (
        unicodedata.category(character) in ("Cc", "Cs")
        or character in _TURNING_MARKS
        or character in _ISOLATING_MARKS
    )
