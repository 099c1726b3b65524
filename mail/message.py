"""How a mail looks: plain text, one recipient, an id that stays the same at every attempt."""

import secrets
import string
from email.errors import HeaderParseError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate, parseaddr

_ID_LETTERS = 32


def compose(
    *, sender: str, to: str, subject: str, body: str, now_ms: int, cte: str
) -> EmailMessage:
    """Build a mail; the subject comes first, so that whoever looks for a code finds it there.

    Args:
        cte: content transfer encoding, "8bit" for files, "quoted-printable" for the network

    Raises: ValueError for an address that is none, or a line break where a header would end (S-66)
    """
    message = EmailMessage(policy=SMTP)
    message["Subject"] = subject
    message["From"] = sender
    message["To"] = _address(to)
    message["Date"] = formatdate(now_ms / 1_000)
    # No digits: nothing but the code may look like a code.
    name = "".join(secrets.choice(string.ascii_lowercase) for _ in range(_ID_LETTERS))
    message["Message-ID"] = f"<{name}@{parseaddr(sender)[1].rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(body, cte=cte)
    return message


def _address(text: str) -> Address:
    try:
        return Address(addr_spec=text)
    except (HeaderParseError, IndexError) as error:
        raise ValueError("not an e-mail address") from error
