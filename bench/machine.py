"""What must stand beside a figure: the machine, its load when the run began, the commit and the versions."""

import os
import platform
import subprocess
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

from bench import ROOT


def describe(packages: Iterable[str]) -> list[str]:
    """Lines of text: processor, cores, memory and load, commit, and the versions of ``packages``."""
    return [
        f"{_processor()}, {os.cpu_count()} cores, {_memory_gib():.0f} GiB, {platform.system()} {platform.release()}",
        f"load average before the run: {os.getloadavg()[0]:.2f}",
        f"commit {_commit()}",
        f"Python {platform.python_version()}, " + ", ".join(f"{name} {version(name)}" for name in packages),
    ]


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()  # ARM kernels name no model


def _memory_gib() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty"]
    outcome = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return outcome.stdout.strip() or "unknown (no git checkout)"
