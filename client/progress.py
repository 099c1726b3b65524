"""How far a file is: one line on a terminal, drawn again where it stands, and wiped at the end.

    film.mp4: 12 MB of 64 MB

Where there is no terminal, nothing.
"""

import os
import time
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from itertools import accumulate
from typing import TextIO

from client.terminal import plain

INTERVAL_S = 0.2
"""Between two drawings: more of them nobody reads, and a slow connection to a machine carries."""
WIPE = "\r\x1b[K"
USUAL_COLUMNS = 80
_UNITS = ("byte", "kB", "MB", "GB", "TB")

Moved = Callable[[int], object]
"""Told how many bytes have moved since it was told last."""


Watch = Callable[[str, int], AbstractContextManager[Moved]]
"""Looks on while one file moves: its name, which may be anybody's words, and its size."""


def untold(_: int) -> None:
    """Hear of it and say nothing."""


def unwatched(_name: str, _total_bytes: int) -> AbstractContextManager[Moved]:
    """Move a file without telling anybody."""
    return nullcontext(untold)


def watch_on(stream: TextIO, now_s: Callable[[], float] = time.monotonic) -> Watch:
    """Show on a terminal how far one file after the other is."""
    if not stream.isatty():
        return unwatched

    @contextmanager
    def line(name: str, total_bytes: int) -> Iterator[Moved]:
        done_bytes, drawn_s = 0, now_s()

        def draw() -> None:
            amount = f": {readable(min(done_bytes, total_bytes))} of {readable(total_bytes)}"
            columns = _columns(stream) - len(amount) - 1  # in the last one, some terminals wrap
            stream.write(f"{WIPE}{_shortened(plain(name), columns)}{amount}")
            stream.flush()

        def moved(count: int) -> None:
            nonlocal done_bytes, drawn_s
            done_bytes += count
            if now_s() - drawn_s >= INTERVAL_S:
                drawn_s = now_s()
                draw()

        draw()
        try:
            yield moved
        finally:
            stream.write(WIPE)
            stream.flush()

    return line


def counted(pieces: Iterable[bytes], moved: Moved) -> Iterator[bytes]:
    """The pieces, each told of when it has been used."""
    for piece in pieces:
        yield piece
        moved(len(piece))


def readable(size_bytes: int) -> str:
    """Say `3.4 MB`, in thousands as the page does."""
    amount, unit = float(size_bytes), 0
    while amount >= 1_000 and unit < len(_UNITS) - 1:
        amount, unit = amount / 1_000, unit + 1
    number = f"{amount:.1f}".removesuffix(".0") if amount < 10 else f"{int(amount + 0.5):,}"
    return f"{number} {_UNITS[unit]}"


def _columns(stream: TextIO) -> int:
    try:
        return os.get_terminal_size(stream.fileno()).columns or USUAL_COLUMNS
    except OSError:
        return USUAL_COLUMNS


def _shortened(text: str, columns: int) -> str:
    """As much of the beginning as fits; some letters take two columns."""
    ends = list(accumulate(1 + (unicodedata.east_asian_width(each) in "WF") for each in text))
    if not ends or ends[-1] <= columns:
        return text
    return text[: sum(end < columns for end in ends)] + "…"
