"""The table of figures on strangers, its report and its plot, and its entries for a model's card.

``training.evaluation.stranger_figures`` computes them.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from landmarks.files.atomic import replace_file
from landmarks.models.card import Evaluation
from training.evaluation.results import ACCEPT_FROM, TEMPERATURE
from training.evaluation.stranger_figures import StrangerRow

REPORT: Final = "report.md"
PICTURE: Final = "report.png"
FIGURES: Final = "evaluation.json"
TRAINED: Final = " (trained on)"
# A column is one metric, or several with a slash between.
COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "right": ("right",),
    "AUROC": ("AUROC",),
    "known at 5 % unknown": ("known at 5 % unknown",),
    "unknown at 90 % known": ("unknown at 90 % known",),
    "named: right / wrong / unknown": ("named right", "named wrong", "named unknown"),
    "accepted: right / wrong / unknown": ("accepted right", "accepted wrong", "accepted unknown"),
    "German words named": ("German words named",),
}
EXPLANATION: Final = (
    "Known are the labels that were taught (half of them, drawn by fixed seeds) or trained, unknown the others; rows"
    " are means over people or sessions and draws. Right: the nearest gesture is the true one; of bundled words, the"
    " likeliest label. Named: a label is likelier than none. Accepted: one has the probability"
    f" {ACCEPT_FROM} at the temperature {TEMPERATURE:.2f}, as the edge's trigger asks for."
    " Known at 5 % unknown, unknown at 90 % known: accepted rightly and accepted at the limit that does so. German"
    " words named: of dgs_unknown, on which nothing is trained. The constants of landmarks/models/prototypes.py were"
    " chosen with these people and sessions in view, so what is named and accepted is optimistic. Nothing else was."
)


def format_table(rows: Sequence[StrangerRow]) -> list[str]:
    """The table as Markdown, in %."""
    lines = [f"| what | recordings | {' | '.join(COLUMNS)} | target |", "|---" * (len(COLUMNS) + 3) + "|"]
    for row in rows:
        cells = [_format(row, names) for names in COLUMNS.values()]
        data = row.data + (TRAINED if row.trained else "")
        lines.append(f"| {row.what} | {data} | {' | '.join(cells)} | {row.target or '–'} |")
    return lines


def make_evaluations(rows: Sequence[StrangerRow], command: str) -> list[Evaluation]:
    """The figures as a model's card has them."""
    return [
        Evaluation(
            data=row.data + (TRAINED if row.trained else ""),
            protocol=row.what,
            metric=metric,
            value=round(value, 4),
            command=command,
        )
        for row in rows
        for metric, value in row.figures.items()
    ]


def write_report(folder: Path, rows: Sequence[StrangerRow], evaluations: Sequence[Evaluation], command: str) -> None:
    """Write ``report.md``, ``report.png`` and ``evaluation.json``."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = ["# People and signs that the model hasn't seen", "", f"`{command}` printed this table, in %.", ""]
    lines += [*format_table(rows), "", EXPLANATION, "", f"![known and unknown signs accepted]({PICTURE})", ""]
    draw(folder / PICTURE, rows)
    with replace_file(folder / FIGURES) as file:
        file.write(msgspec.json.format(msgspec.json.encode({"gesture": evaluations}), indent=1))
    with replace_file(folder / REPORT) as file:
        file.write("\n".join(lines).encode())


def draw(path: Path, rows: Sequence[StrangerRow]) -> None:
    """Known accepted rightly over unknown accepted, for each way of teaching; a point is the vocabulary's own limit."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 7), layout="constrained")
    axes = figure.subplots()
    share = np.linspace(0, 0.3, 61)
    for row in rows:
        if "known at 5 % unknown" not in row.figures or ":" in row.what:
            continue
        limits = [np.quantile(each.score[~each.known], 1 - share) for each in row.outcomes]
        known = [
            [(each.correct & (each.score > limit))[each.known].mean() for limit in its]
            for each, its in zip(row.outcomes, limits, strict=True)
        ]
        (line,) = axes.plot(100 * share, 100 * np.mean(known, axis=0), label=f"{row.what} ({row.data.split(',')[0]})")
        own = 100 * row.figures["named unknown"], 100 * row.figures["named right"]
        axes.plot(*own, "o", color=line.get_color())
    axes.set(xlabel="unknown accepted, %", ylabel="known accepted rightly, %", xlim=(0, 30), ylim=(0, 100))
    axes.grid(color="0.9")
    axes.legend(loc="lower right", fontsize=8)
    figure.savefig(path, dpi=80)


def _format(row: StrangerRow, names: Sequence[str]) -> str:
    there = [name for name in names if name in row.figures]
    return " / ".join(f"{100 * row.figures[name]:.1f}" if name in there else "–" for name in names) if there else "–"
