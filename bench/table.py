"""The tables of a run, in Markdown. Measures nothing itself."""

from collections.abc import Iterable, Sequence
from typing import Final

from bench.cpu import HAPROXY, RAY, ROLES, SERVER
from bench.figures import Figure
from bench.pis import PREDICTIONS_PER_S, Probe
from bench.results import Cpu, Key, OpenLoop, Results, Rounds, median_of

CPU_ROLES: Final = (HAPROXY, *ROLES.values(), RAY, SERVER)


def serving_table(rounds: Rounds, baselines: Sequence[str]) -> str:
    """One row a closed loop, in the order of ``rounds``; the last columns are requests/s over each of the
    ``baselines``' at as many connections, or – where that wasn't measured."""
    medians = {key: median_of(loads) for key, loads in rounds.items() if loads}
    bases = {(key.server, key.connections): load for key, load in medians.items() if key.server in baselines}
    rows = []
    for key, load in medians.items():
        ratios = []
        for baseline in baselines:
            base = bases.get((baseline, key.connections))
            measured = base is not None and base.requests_per_s
            ratios.append(f"{load.requests_per_s / measured:.2f}×" if measured else "–")
        rows.append(
            (
                *_named(key),
                f"{load.requests_per_s:.0f}",
                f"{load.p50_ms:.1f}",
                f"{load.p99_ms:.1f}",
                str(load.errors),
                *ratios,
            )
        )
    header = ("server", "way", "connections", "requests/s", "p50 ms", "p99 ms", "errors")
    return markdown((*header, *(f"against {baseline}" for baseline in baselines)), rows)


def rounds_table(rounds: Rounds) -> str:
    """Requests/s of every round beside each other: how far the machine drifted."""
    count = max((len(loads) for loads in rounds.values()), default=0)
    rows = []
    for key, loads in rounds.items():
        cells = [f"{load.requests_per_s:.0f}" for load in loads]
        rows.append((*_named(key), *cells, *["–"] * (count - len(cells))))
    return markdown(("server", "way", "connections", *(f"round {index}" for index in range(1, count + 1))), rows)


def cpu_table(results: Results) -> str:
    """CPU seconds of the last round by role, CPU µs a window, and the model's share, one row a closed loop."""
    rows = []
    for key, rounds in results.cpu.items():
        last: Cpu = rounds[-1]
        seconds = [f"{last.seconds[role]:.1f}" if role in last.seconds else "–" for role in CPU_ROLES]
        others = sum(value for role, value in last.seconds.items() if role not in CPU_ROLES)
        cost = f"{last.total_s / last.windows * 1e6:.0f}" if last.windows else "–"
        share = results.model_share(key)
        shown = "–" if share is None else f"{share:.0%}"
        rows.append((*_named(key), *seconds, f"{others:.1f}", f"{last.windows:.0f}", cost, shown))
    header = (
        "server",
        "way",
        "connections",
        *CPU_ROLES,
        "other replicas",
        "windows",
        "CPU µs a window",
        "model's share",
    )
    return markdown(header, rows)


def open_loop_table(rows: Sequence[OpenLoop]) -> str:
    """Latency from the intended send time at fixed rates."""
    return markdown(
        ("server", "way", "of closed loop", "arrivals/s", "answers/s", "p50 ms", "p99 ms", "errors"),
        [
            (
                row.server,
                row.way,
                f"{row.percent} %",
                f"{row.rate:.0f}",
                f"{row.load.requests_per_s:.0f}",
                f"{row.load.p50_ms:.1f}",
                f"{row.load.p99_ms:.1f}",
                str(row.load.errors),
            )
            for row in rows
        ],
    )


def pis_table(pis: dict[str, list[Probe]]) -> str:
    """Every number of Pis that was tried, in the order of the tries."""
    return markdown(
        ("way", "Pis", "predictions/s", "of", "p50 ms", "p99 ms", "errors", "holds"),
        [
            (
                way,
                str(probe.pis),
                f"{probe.load.requests_per_s:.0f}",
                f"{probe.pis * PREDICTIONS_PER_S}",
                f"{probe.load.p50_ms:.1f}",
                f"{probe.load.p99_ms:.1f}",
                str(probe.load.errors),
                "yes" if probe.holds else "no",
            )
            for way, tries in pis.items()
            for probe in tries
        ],
    )


def figures_table(rows: Sequence[Figure]) -> str:
    """The figures to reach."""
    return markdown(("figure", "to reach", "found", "verdict"), [row.cells() for row in rows])


def _named(key: Key) -> tuple[str, str, str]:
    return key.server, key.way, str(key.connections)


def markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table whose columns line up as text too: the first column to the left, numbers to the right."""
    lines = [list(header), *(list(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    text = [
        " | ".join(_pad(cell, width, column) for column, (cell, width) in enumerate(zip(line, widths, strict=True)))
        for line in lines
    ]
    rule = " | ".join("-" * width if column == 0 else "-" * (width - 1) + ":" for column, width in enumerate(widths))
    return "\n".join(f"| {line} |" for line in (text[0], rule, *text[1:]))


def _pad(cell: str, width: int, column: int) -> str:
    return cell.ljust(width) if column == 0 else cell.rjust(width)
