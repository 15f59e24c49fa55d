"""The report of a run: the machine, the targets, one table of every load, and a chart of requests/s."""

import datetime
import os
import platform
import subprocess
from collections import defaultdict
from importlib.metadata import version
from pathlib import Path
from typing import Final

from benchmarks import ROOT
from benchmarks.serving.results import Results
from benchmarks.serving.servers import HELEN
from benchmarks.serving.targets import list_targets
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
        f"load average before the run: {os.getloadavg()[0]:.2f}",
        f"commit {commit or 'unknown (no git checkout)'}",
        f"Python {platform.python_version()}, " + ", ".join(f"{name} {version(name)}" for name in PACKAGES),
    ]


def write_report(results: Results, setting: list[str]) -> str:
    """The report in Markdown; ``setting`` is what must stand beside the figures."""
    facts = [*setting]
    facts += [
        f"{name}: ready after {', '.join(f'{s:.1f}' for s in starts)} s" for name, starts in results.ready_s.items()
    ]
    facts += [f"**ended early**: {results.stopped}"] if results.stopped else []
    targets = [target.get_cells() for target in list_targets(results)]
    rows = []
    for key, rounds in results.samples.items():
        result, cpu_us = results.get_median(key) or rounds[0]
        figures = f"{result.requests_per_s:.0f}", f"{result.p50_ms:.1f}", f"{result.p99_ms:.1f}", str(result.errors)
        # Requests/s of each round tell how far the machine drifted.
        rows.append((*key, *figures, f"{cpu_us:.0f}", " ".join(f"{past.result.requests_per_s:.0f}" for past in rounds)))
    return "\n\n".join(
        [
            f"# Serving, {datetime.datetime.now(datetime.UTC):%Y-%m-%d %H:%M} UTC",
            "\n".join(f"- {fact}" for fact in facts),
            format_table(("target", "bound", "measured", "verdict"), targets),
            format_table(HEADER, rows) if rows else "Nothing was measured.",
        ]
    )


def draw_chart(results: Results, path: Path) -> None:
    """Write a PNG of requests/s by connections; nothing where no closed loop was measured."""
    from matplotlib.figure import Figure  # half a second that a run without a chart need not wait

    lines: defaultdict[tuple[str, str], list[tuple[int, float]]] = defaultdict(list)
    for key in results.samples:
        count, _, unit = key.load.partition(" ")
        if unit == "connections" and (sample := results.get_median(key)):
            lines[key.server, key.encoding].append((int(count), sample.result.requests_per_s))
    if not lines:
        return
    figure = Figure(figsize=(7.0, 5.2), layout="constrained")
    axes = figure.subplots()
    for (server, encoding), points in lines.items():
        width = 2.4 if server == HELEN else 1.2
        axes.plot(*zip(*sorted(points), strict=True), marker="o", label=f"{server}, {encoding}", linewidth=width)
    axes.set_xscale("log", base=2)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("connections, or live sessions, at once")
    axes.set_ylabel("windows answered a second")
    axes.legend(frameon=False, fontsize=9)
    figure.savefig(path, dpi=130)
