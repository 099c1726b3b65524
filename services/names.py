"""What people are called and reached by, in the one spelling that is kept."""

import re
import unicodedata

from models.accounts import normalise_email
from protocol import limits
from protocol.errors import AppError, ErrorCode

# What HTML calls a valid e-mail address, without stray dots (RFC 5322 dot-atom): ASCII, so that
# lower case has one meaning everywhere.
_ATOM = r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_EMAIL = re.compile(rf"{_ATOM}(?:\.{_ATOM})*@{_LABEL}(?:\.{_LABEL})*")
_BIDI_CONTROLS = frozenset("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def parse_email(text: str) -> str:
    """Return an address in the one spelling under which it is known.

    Raises: AppError(bad_request) for what no mail server of today would deliver to
    """
    email = normalise_email(text)
    if len(email) > limits.EMAIL_CHARS or not _EMAIL.fullmatch(email):
        raise AppError(ErrorCode.BAD_REQUEST, "e-mail address")
    return email


def parse_display_name(text: str) -> str:
    """Return a name in NFC and without outer spaces.

    Raises: AppError(bad_request) for an empty one, and for characters that would break a line or
    turn the text around them
    """
    name = unicodedata.normalize("NFC", text).strip()
    is_broken = any(
        unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") or character in _BIDI_CONTROLS
        for character in name
    )
    if not name or is_broken or len(name) > limits.DISPLAY_NAME_CHARS:
        raise AppError(ErrorCode.BAD_REQUEST, "display name")
    return name
