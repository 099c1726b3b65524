"""What a process costs: CPU time and memory, as the kernel counts them."""

import time
from pathlib import Path

_CPU_CLOCK = 2  # CPUCLOCK_SCHED: user and system time of all threads, nanoseconds


def cpu_s(pid: int) -> float:
    """Return the CPU time that a process has used since it began (clock_getcpuclockid(3))."""
    return time.clock_gettime((~pid << 3) | _CPU_CLOCK)


def resident_kib(pid: int) -> int:
    """Return the resident memory of a process, KiB (proc(5))."""
    return _status(pid, "VmRSS:")


def peak_kib(pid: int) -> int:
    """Return the most that it ever was, KiB."""
    return _status(pid, "VmHWM:")


def _status(pid: int, name: str) -> int:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(status.split(name)[1].split()[0])
