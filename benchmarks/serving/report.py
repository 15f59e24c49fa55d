"""What a run has measured, filled by ``run.py``, and its report: the machine, and one table of every load."""

import datetime
import os
import platform
import subprocess
from collections import defaultdict
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks import ROOT
from benchmarks.load.results import LoadResult
from benchmarks.tables import format_table

HEADER: Final = (
    *("server", "encoding", "load", "requests/s", "p50 ms", "p99 ms", "errors", "CPU µs a request", "each round"),
)
PACKAGES: Final = ("ray", "onnxruntime", "torch", "flask", "gunicorn", "litserve", "starlette", "uvicorn")

LoadKey = tuple[str, str, str]  # server, encoding, and how much: ``64 connections``, ``80 % of …``, ``48 Pis``


@dataclass
class Results:
    """Each round of each load; ``pis`` is the most that hold, by encoding, ``stopped`` why a run ended early."""

    loads: defaultdict[LoadKey, list[LoadResult]] = field(default_factory=lambda: defaultdict(list))
    ready_s: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    pis: dict[str, int] = field(default_factory=dict)
    stopped: str = ""

    def get_median(self, key: LoadKey) -> LoadResult | None:
        """The median of each figure over the rounds so far, None before the first.

        Errors are added up, since one round's failure must show.
        """
        if not (rounds := self.loads.get(key)):
            return None
        medians = [median(figures) for figures in zip(*rounds, strict=True)]
        return LoadResult(*medians)._replace(errors=sum(result.errors for result in rounds))


def describe_machine() -> list[str]:
    """What must stand beside a figure: processor, cores, load, commit, and versions."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    processor = names[0] if names else platform.machine()  # ARM kernels name no model
    command = ["git", "describe", "--always", "--dirty"]
    commit = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()
    return [
        f"{processor}, {os.cpu_count()} cores, {platform.system()} {platform.release()}",
        f"load average before the run: {os.getloadavg()[0]:.2f} (above 0.5 something else uses the machine)",
        f"commit {commit or 'unknown (no git checkout)'}",
        f"Python {platform.python_version()}, " + ", ".join(f"{name} {version(name)}" for name in PACKAGES),
    ]


def write_report(results: Results, setting: list[str]) -> str:
    """The report in Markdown; ``setting`` is what must stand beside the figures."""
    facts = [*setting]
    for name, starts in results.ready_s.items():
        facts.append(f"{name}: ready after {', '.join(f'{s:.1f}' for s in starts)} s")
    facts += [f"Pis at 15 predictions/s, p99 < 50 ms, {encoding}: {pis}" for encoding, pis in results.pis.items()]
    facts += [f"**ended early**: {results.stopped}"] if results.stopped else []
    rows = []
    for key, rounds in results.loads.items():
        result = results.get_median(key) or rounds[0]
        figures = f"{result.requests_per_s:.0f}", f"{result.p50_ms:.1f}", f"{result.p99_ms:.1f}", str(result.errors)
        # Requests/s of each round tell how far the machine drifted.
        rows.append((*key, *figures, f"{result.cpu_us:.0f}", " ".join(f"{one.requests_per_s:.0f}" for one in rounds)))
    title = f"# Serving, {datetime.datetime.now(datetime.UTC):%Y-%m-%d %H:%M} UTC"
    return "\n\n".join([title, "\n".join(f"- {fact}" for fact in facts), format_table(HEADER, rows)])
