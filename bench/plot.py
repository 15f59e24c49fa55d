"""The picture of a run: requests/s by connections, a line a server and way; and the latency at fixed rates."""

from pathlib import Path
from typing import Any, Final

from bench.peer import HELEN
from bench.results import OpenLoop, Results, Rounds, median_of

# One hue for the service, told apart by the marker; greys and muted hues for the others.
OURS: Final = {"json": "o", "fp16": "s", "stream": "D"}
COLOURS: Final = ("#8c8c8c", "#bdbdbd", "#4e79a7", "#59a14f", "#b07aa1", "#9c755f")
OWN_COLOUR: Final = "#d1495b"


def draw(results: Results, path: Path) -> None:
    """Write a PNG; a run without closed loops has no left half, one without fixed rates no right half."""
    from matplotlib.figure import Figure  # half a second that a run without a picture need not wait

    halves = [half for half, has in ((_throughput, results.loads), (_latency, results.open_loop)) if has]
    if not halves:
        return
    figure = Figure(figsize=(7.0 * len(halves), 5.2), layout="constrained")
    for axes, half in zip(figure.subplots(1, len(halves), squeeze=False)[0], halves, strict=True):
        half(axes, results)
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(color="#e5e5e5", linewidth=0.8)
        axes.set_axisbelow(True)
    figure.savefig(path, dpi=130)


def _throughput(axes: Any, results: Results) -> None:
    rounds: Rounds = {key: loads for key, loads in results.loads.items() if loads}
    servers = list(dict.fromkeys(key.server for key in rounds if key.server != HELEN))
    lines = list(dict.fromkeys((key.server, key.way) for key in rounds))
    connections = sorted({key.connections for key in rounds})
    for server, way in lines:
        points = [
            (key.connections, median_of(loads).requests_per_s)
            for key, loads in rounds.items()
            if (key.server, key.way) == (server, way)
        ]
        ours = server == HELEN
        axes.plot(
            *zip(*points, strict=True),
            label=f"{server}, {way}",
            color=OWN_COLOUR if ours else COLOURS[servers.index(server) % len(COLOURS)],
            marker=OURS.get(way, "o") if ours else ".",
            linewidth=2.2 if ours else 1.4,
            linestyle="-",
        )
    axes.set_xscale("log", base=2)
    axes.set_xticks(connections, [str(number) for number in connections])
    axes.set_ylim(bottom=0)
    axes.set_xlabel("connections, or live sessions, at once")
    axes.set_ylabel("windows answered a second")
    axes.set_title("Closed loop", loc="left")
    axes.legend(frameon=False, fontsize=9)


def _latency(axes: Any, results: Results) -> None:
    rows: list[OpenLoop] = results.open_loop
    names = [f"{row.server}, {row.way}\n{row.percent} % = {row.rate:.0f}/s" for row in rows]
    places = range(len(rows))
    colours = [OWN_COLOUR if row.server == HELEN else COLOURS[2] for row in rows]
    for place, row, colour in zip(places, rows, colours, strict=True):
        axes.plot([row.load.p50_ms, row.load.p99_ms], [place, place], color=colour, linewidth=2, alpha=0.5)
        axes.plot(row.load.p50_ms, place, marker="o", color=colour)
        axes.plot(row.load.p99_ms, place, marker="|", markersize=14, markeredgewidth=3, color=colour)
    axes.set_yticks(places, names, fontsize=8)
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set_xlabel("ms from the intended send time: p50 (dot) to p99 (bar)")
    axes.set_title("Fixed rate of arrivals", loc="left")
