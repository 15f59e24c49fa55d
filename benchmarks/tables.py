"""Markdown tables, and the verdicts that end a run."""

from collections.abc import Iterable, Mapping, Sequence


def format_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table whose columns line up as text too: the first column to the left, the others to the right."""
    lines = [header, *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    rule = ["-" * width if column == 0 else "-" * (width - 1) + ":" for column, width in enumerate(widths)]
    padded = [
        [cell.rjust(width) if column else cell.ljust(width) for column, (cell, width) in enumerate(zip(line, widths))]  # noqa: B905
        for line in lines
    ]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (padded[0], rule, *padded[1:]))


def report_pass_fail(criteria: Mapping[str, bool]) -> int:
    """Print each criterion with its verdict; the exit status: 0 when all were met, else 1."""
    for criterion, met in criteria.items():
        print(f"{'met   ' if met else 'MISSED'} {criterion}")
    return 0 if all(criteria.values()) else 1
