"""What must stand beside a figure: the machine, its load when the run began, the commit and the versions."""

import os
import platform
import subprocess
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

from benchmarks import ROOT


def describe_machine(packages: Iterable[str]) -> list[str]:
    """Lines of text: processor, cores and memory, load, commit, and the versions of ``packages``."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    processor = names[0] if names else platform.machine()  # ARM kernels name no model
    memory_gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    command = ["git", "describe", "--always", "--dirty"]
    commit = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()
    return [
        f"{processor}, {os.cpu_count()} cores, {memory_gib:.0f} GiB, {platform.system()} {platform.release()}",
        f"load average before the run: {os.getloadavg()[0]:.2f}",
        f"commit {commit or 'unknown (no git checkout)'}",
        f"Python {platform.python_version()}, " + ", ".join(f"{name} {version(name)}" for name in packages),
    ]
