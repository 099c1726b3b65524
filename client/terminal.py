"""Words of others in a terminal: they may neither command it nor look like lines of our own."""

_JOINERS = "\u200c\u200d"  # between the letters of some scripts, and within pictograms


def plain(text: str) -> str:
    r"""The text in one line, with what cannot be printed as \x1b, \n or \u202e."""
    return "".join(
        each if each.isprintable() or each in _JOINERS else ascii(each)[1:-1] for each in text
    )
