"""The report of a run: the machine, the targets, and one table of every load."""

import datetime

from benchmarks.serving.results import Results
from benchmarks.serving.targets import list_targets
from benchmarks.tables import format_table

HEADER = ("server", "encoding", "load", "requests/s", "p50 ms", "p99 ms", "errors", "CPU µs a request", "each round")


def write_report(results: Results, setting: list[str]) -> str:
    """The report in Markdown; ``setting`` is what must stand beside the figures."""
    lines = [f"# Serving, {datetime.datetime.now(datetime.UTC):%Y-%m-%d %H:%M} UTC", ""]
    lines += [f"- {line}" for line in setting]
    lines += [
        f"- {name}: ready after {', '.join(f'{s:.1f}' for s in starts)} s" for name, starts in results.ready_s.items()
    ]
    if results.model_us:
        lines += [f"- the model alone, batches of 32: {results.model_us:.0f} CPU µs a window"]
    if results.stopped:
        lines += [f"- **ended early**: {results.stopped}"]
    targets = [target.get_cells() for target in list_targets(results)]
    lines += ["", format_table(("target", "bound", "measured", "verdict"), targets), ""]
    return "\n".join([*lines, format_table(HEADER, list_rows(results)), ""])


def list_rows(results: Results) -> list[tuple[str, ...]]:
    """One row a load: medians over the rounds, and requests/s of each, which tells how far the machine drifted."""
    rows: list[tuple[str, ...]] = []
    for key, rounds in results.samples.items():
        if sample := results.get_median(key):
            one = sample.result
            each = " ".join(f"{past.result.requests_per_s:.0f}" for past in rounds)
            figures = (f"{one.requests_per_s:.0f}", f"{one.p50_ms:.1f}", f"{one.p99_ms:.1f}", str(one.errors))
            rows.append((*key, *figures, f"{sample.cpu_us:.0f}", each))
    return rows
