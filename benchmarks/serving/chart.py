"""The chart of a run: requests/s by connections, a line for each server and encoding."""

from collections import defaultdict
from pathlib import Path
from typing import Final

from benchmarks.serving.results import Results
from benchmarks.serving.servers import HELEN

OURS: Final = {"json": "o", "fp16": "s", "stream": "D"}
COLOURS: Final = ("#8c8c8c", "#bdbdbd", "#4e79a7", "#59a14f", "#b07aa1", "#9c755f")
OWN_COLOUR: Final = "#d1495b"


def draw_chart(results: Results, path: Path) -> None:
    """Write a PNG; nothing where no closed loop was measured."""
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
    others = [server for server, _ in lines if server != HELEN]
    for (server, encoding), points in lines.items():
        ours = server == HELEN
        axes.plot(
            *zip(*sorted(points), strict=True),
            label=f"{server}, {encoding}",
            color=OWN_COLOUR if ours else COLOURS[others.index(server) % len(COLOURS)],
            marker=OURS.get(encoding, "o") if ours else ".",
            linewidth=2.2 if ours else 1.4,
        )
    axes.set_xscale("log", base=2)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("connections, or live sessions, at once")
    axes.set_ylabel("windows answered a second")
    axes.legend(frameon=False, fontsize=9)
    figure.savefig(path, dpi=130)
