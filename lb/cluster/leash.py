"""Become a command that ends when its parent does.

python -m lb.cluster.leash PARENT COMMAND…      PARENT is the process id of whoever starts this

However the parent ends, kill -9 included, the
kernel then sends the command SIGTERM, so that it drains as if it had been told to stop. The wish
outlives exec (prctl(2), PR_SET_PDEATHSIG). Only Linux knows it: elsewhere a launcher that is
killed leaves its children behind.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main() -> int:
    """Return only when the parent has gone already."""
    parent, command = int(sys.argv[1]), sys.argv[2:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    # After the wish, so that a parent that died before it is noticed too.
    if os.getppid() != parent:
        return 1
    os.execv(command[0], command)  # noqa: S606 - no shell is meant


if __name__ == "__main__":
    sys.exit(main())
