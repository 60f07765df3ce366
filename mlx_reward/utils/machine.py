"""What this process may use of the machine; in a container that is less than the machine has."""

import os
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")


def cores(cgroup: Path = CGROUP) -> int:
    """Return how many cores this process may use: its affinity, and the CPU quota rounded up."""
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    quota, _, period = _read(cgroup / "cpu.max").partition(" ")
    if quota.isdigit() and period.isdigit():
        return max(1, min(available or 1, -(-int(quota) // int(period))))
    return available or 1


def memory_bytes(cgroup: Path = CGROUP) -> int:
    """Return how much memory this process may use: the machine's, or the container's limit."""
    installed = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = _read(cgroup / "memory.max")
    return min(installed, int(limit)) if limit.isdigit() else installed


def _read(path: Path) -> str:
    """Return the text of a file of cgroups, version 2; empty where there is none."""
    try:
        return path.read_text().strip()
    except OSError:
        return ""
