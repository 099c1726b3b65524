"""The right to use a state, which one process has at a time.

The lock is on a file beside the state, since the state itself is another file after each save; that
file stays, empty. The system takes the lock from a process that ends, however it ends.
"""

import os
import sys
from pathlib import Path

from client.errors import StateInUseError

if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


class StateLock:
    """Held from the moment it is made until it is released.

    Raises: StateInUseError at once when it is held, by this process as by another; OSError
    """

    def __init__(self, state: Path) -> None:
        state.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        place = state.with_name(f"{state.name}.lock")
        self._descriptor: int | None = os.open(place, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            _lock(self._descriptor)
        except OSError as error:
            self.release()
            if isinstance(error, BlockingIOError | PermissionError):
                raise StateInUseError(state) from error
            raise

    @property
    def is_held(self) -> bool:
        """Whether it has not been released."""
        return self._descriptor is not None

    def release(self) -> None:
        """Let the next one have it; releasing twice is releasing once."""
        if self._descriptor is not None:
            os.close(self._descriptor)
        self._descriptor = None
