"""What a process holds in memory, as Linux counts it."""

import os
from pathlib import Path


def memory_of(pid: int) -> float:
    """A process's resident memory in MiB; 0 when it has gone."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
    except OSError:
        return 0.0
