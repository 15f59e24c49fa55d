"""The table of a run: rounds become medians, medians become rows of Markdown. Measures nothing itself."""

from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from typing import Final

from bench.wrk import Load

Rounds = Mapping[tuple[str, int], Sequence[Load]]

HEADER: Final = ("server", "connections", "requests/s", "p50 ms", "p99 ms", "errors")


def median_of(rounds: Sequence[Load]) -> Load:
    """The median of each figure over the rounds; errors are added up, since one round's failure must show."""
    return Load(
        requests_per_s=median(load.requests_per_s for load in rounds),
        p50_ms=median(load.p50_ms for load in rounds),
        p99_ms=median(load.p99_ms for load in rounds),
        errors=sum(load.errors for load in rounds),
    )


def serving_table(rounds: Rounds, baselines: Sequence[str]) -> str:
    """One row a server and number of connections, in the order of ``rounds``; the last columns are requests/s over
    each of the ``baselines``' at as many connections, or – where that wasn't measured."""
    medians = {key: median_of(loads) for key, loads in rounds.items()}
    rows = []
    for (name, connections), load in medians.items():
        bases = [medians.get((baseline, connections)) for baseline in baselines]
        rows.append(
            (
                name,
                str(connections),
                f"{load.requests_per_s:.0f}",
                f"{load.p50_ms:.1f}",
                f"{load.p99_ms:.1f}",
                str(load.errors),
                *(
                    f"{load.requests_per_s / base.requests_per_s:.2f}×" if base and base.requests_per_s else "–"
                    for base in bases
                ),
            )
        )
    return markdown((*HEADER, *(f"against {baseline}" for baseline in baselines)), rows)


def rounds_table(rounds: Rounds) -> str:
    """Requests/s of every round beside each other: how far the machine drifted."""
    count = max((len(loads) for loads in rounds.values()), default=0)
    rows = [
        (name, str(connections), *(f"{load.requests_per_s:.0f}" for load in loads))
        for (name, connections), loads in rounds.items()
    ]
    return markdown(("server", "connections", *(f"round {index}" for index in range(1, count + 1))), rows)


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
