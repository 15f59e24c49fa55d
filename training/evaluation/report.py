"""The one-page report of an evaluation: ``report.md``, ``report.png`` and ``evaluation.json`` in a folder.

Says what the figures are and how they were come by; computes none of its own.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np

from landmarks.files.atomic import replace_file
from landmarks.models.card import Evaluation
from training.evaluation.cross_validation import RECORDED
from training.evaluation.metrics import BINS, Predictions, pool
from training.evaluation.results import ACCEPT_FROM, TEMPERATURE, ExperimentResult, format_results

if TYPE_CHECKING:
    from matplotlib.axes import Axes

REPORT: Final = "report.md"
PICTURE: Final = "report.png"
FIGURES: Final = "evaluation.json"

# Windows that a bin of confidence needs for its accuracy to be drawn: with fewer, a point is chance.
MIN_WINDOWS: Final = 10


def write_report(folder: Path, results: Mapping[str, ExperimentResult], details: Sequence[str], command: str) -> None:
    """Write the three files; ``details`` are lines to end with, ``command`` is what printed the figures."""
    folder.mkdir(parents=True, exist_ok=True)
    entries: dict[str, list[Evaluation]] = {}
    for result in results.values():
        entries.setdefault(result.experiment.config.architecture, []).extend(result.card_entries(command))
    lines = ["# Held-out figures", "", f"`{command}` printed them.", "", *format_results(results), ""]
    lines += [
        "The command selects nothing on what is held out: epochs are fixed, and it is looked at once, at the end.",
        f"Accepted means that a sign is likeliest, from probability {ACCEPT_FROM} at the temperature "
        f"{TEMPERATURE:.2f}, as the edge applies it before its trigger. Known ones count where they are right.",
        "",
    ]
    known = next((name for name, result in results.items() if not result.experiment.unknown), None)
    unknown = next((name for name, result in results.items() if result.experiment.unknown), None)
    if known is not None:
        lines += [f"![calibration, early recognition, rejection, confusion]({PICTURE})", ""]
        signs = f", signs accepted for the experiment {unknown}" if unknown else ""
        lines += [f"Drawn for the experiment {known}{signs}.", ""]
        lines += [f"F1 by label, in %: {_format_f1(results[known])}", ""]
        draw(folder / PICTURE, results[known], results[unknown] if unknown else None)
    lines += ["By fold, and by what was seen, in %, mean (each seed):", "", "```", *details, "```", ""]
    text = "\n".join(lines).rstrip() + "\n"
    figures = msgspec.json.format(msgspec.json.encode(entries), indent=1)
    with replace_file(folder / FIGURES) as figures_file, replace_file(folder / REPORT) as report_file:
        figures_file.write(figures)
        report_file.write(text.encode())


def draw(path: Path, result: ExperimentResult, unknown: ExperimentResult | None) -> None:
    """Draw reliability, early recognition, rejection (where an experiment is on it) and confusion as a PNG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 9), layout="constrained")
    (first, second), (third, fourth) = figure.subplots(2, 2)
    _draw_reliability(first, result)
    _draw_early(second, result)
    if unknown is None:
        third.set_axis_off()
    else:
        _draw_rejection(third, unknown)
    _draw_confusion(fourth, result)
    figure.savefig(path, dpi=80)


def _draw_reliability(axes: "Axes", result: ExperimentResult) -> None:
    seeds = result.over_seeds()
    pooled = pool(seeds)
    error = 100 * float(np.mean([each.calibration_error for each in seeds]))
    _, _, count = pooled.reliability
    axes.bar((np.arange(BINS) + 0.5) / BINS, count / count.sum(), width=0.8 / BINS, color="0.85", zorder=0)
    axes.plot([0, 1], [0, 1], color="0.7")
    _draw_bins(axes, pooled, f"temperature 1, ECE {error:.1f} %")
    if result.calibrated is not None:
        error = 100 * result.calibrated.calibration_error
        _draw_bins(axes, result.calibrated, f"fitted on training people, ECE {error:.1f} %")
    axes.legend(loc="upper left")
    axes.set(title="Calibration", xlabel="confidence", ylabel="accuracy (bars: share of windows)")


def _draw_bins(axes: "Axes", predictions: Predictions, label: str) -> None:
    confidence, accuracy, count = predictions.reliability
    enough = count >= MIN_WINDOWS
    axes.plot(confidence[enough], accuracy[enough], marker="o", label=label)


def _draw_early(axes: "Axes", result: ExperimentResult) -> None:
    seen = {int(view.split()[1]): view for view in result.experiment.views if view.startswith("first ")}
    accuracy = [100 * float(np.mean([each.accuracy for each in result.over_seeds(view)])) for view in seen.values()]
    whole = 100 * float(np.mean([each.accuracy for each in result.over_seeds()]))
    axes.plot(list(seen), accuracy, marker="o")
    axes.axhline(whole, color="0.7")
    axes.set(title=f"Early recognition (line: all frames, {whole:.1f} %)", xlabel="frames seen", ylabel="accuracy, %")
    axes.set_ylim(top=100)


def _draw_rejection(axes: "Axes", unknown: ExperimentResult) -> None:
    thresholds = np.linspace(0.3, 0.99, 70)
    for name, share in (("known, rightly", "known_accepted"), ("unknown", "unknown_accepted")):
        curve = [np.mean([getattr(part, share)(float(at)) for part in unknown.open_sets]) for at in thresholds]
        axes.plot(thresholds, 100 * np.asarray(curve), label=name)
    axes.axvline(ACCEPT_FROM, color="0.7")
    axes.legend()
    area = 100 * float(np.mean([part.auroc for part in unknown.open_sets]))
    axes.set(title=f"Signs accepted: AUROC {area:.1f} %", ylabel="accepted, %", ylim=(0, 100))
    axes.set_xlabel(f"from probability, at the temperature {TEMPERATURE:.2f}")


def _draw_confusion(axes: "Axes", result: ExperimentResult) -> None:
    labels = result.runs[0][0].class_labels
    matrix: Any = np.sum([each.confusion for each in result.over_seeds()], axis=0)
    shares = matrix / np.maximum(1, matrix.sum(axis=1, keepdims=True))
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set(title="Confusion: true label down, found label across")
    axes.set_xticks(range(len(labels)), labels, rotation=90)
    axes.set_yticks(range(len(labels)), labels)
    if len(labels) <= 15:
        for row, column in zip(*np.nonzero(shares >= 0.01), strict=True):
            colour = "white" if shares[row, column] > 0.5 else "black"
            text = f"{100 * shares[row, column]:.0f}"
            axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=8)


def _format_f1(result: ExperimentResult) -> str:
    labels = result.runs[0][0].class_labels
    scores = np.mean([each.f1 for each in result.over_seeds(RECORDED)], axis=0)
    return ", ".join(f"{label} {100 * score:.0f}" for label, score in zip(labels, scores, strict=True))
