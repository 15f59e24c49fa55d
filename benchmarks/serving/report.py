"""The report of a run: the machine, and one table of every load."""

import datetime
import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Final

from benchmarks import ROOT
from benchmarks.serving.results import Results
from benchmarks.tables import format_table

HEADER: Final = (
    *("server", "encoding", "load", "requests/s", "p50 ms", "p99 ms", "errors", "CPU µs a request", "each round"),
)
PACKAGES: Final = ("ray", "onnxruntime", "torch", "flask", "gunicorn", "litserve", "starlette", "uvicorn")


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
    facts += [
        f"{name}: ready after {', '.join(f'{s:.1f}' for s in starts)} s" for name, starts in results.ready_s.items()
    ]
    facts += [f"Pis at 15 predictions/s, p99 < 50 ms, {encoding}: {pis}" for encoding, pis in results.pis.items()]
    facts += [f"**ended early**: {results.stopped}"] if results.stopped else []
    rows = []
    for key, rounds in results.samples.items():
        result, cpu_us = results.get_median(key) or rounds[0]
        figures = f"{result.requests_per_s:.0f}", f"{result.p50_ms:.1f}", f"{result.p99_ms:.1f}", str(result.errors)
        # Requests/s of each round tell how far the machine drifted.
        rows.append((*key, *figures, f"{cpu_us:.0f}", " ".join(f"{past.result.requests_per_s:.0f}" for past in rounds)))
    title = f"# Serving, {datetime.datetime.now(datetime.UTC):%Y-%m-%d %H:%M} UTC"
    return "\n\n".join([title, "\n".join(f"- {fact}" for fact in facts), format_table(HEADER, rows)])
