"""What an experiment came to: its metrics over seeds and folds, in words and as entries of a model card.

Only sums up; ``training.evaluation.cross_validation`` made the predictions, ``training.evaluation.report`` draws them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from landmarks.models.card import Evaluation
from training.command_line import format_table
from training.evaluation.cross_validation import RECORDED
from training.evaluation.experiments import Experiment
from training.evaluation.metrics import OpenSetMetrics, Predictions, pool
from training.evaluation.temperature import fit_temperature
from training.networks.architectures import find_none_label

# From here on a prediction counts as accepted: where the edge's trigger begins,
ACCEPT_FROM: Final = 0.95
# at this temperature, as label smoothing keeps even a sure prediction below 0.95.
TEMPERATURE: Final = 1 / 1.4


@dataclass(frozen=True)
class FoldResult:
    """One fold: its name, the labels it trained, and what the held-out windows got, by the name of the view."""

    name: str
    class_labels: tuple[str, ...]
    predictions: Mapping[str, Predictions]
    inner: Predictions | None = None  # what the people of its training got, each left out in turn

    @property
    def open_set(self) -> OpenSetMetrics:
        """Known and unknown signs, with probabilities as sharp as the edge makes them."""
        return OpenSetMetrics.from_predictions(
            self.predictions[RECORDED].raise_to_power(1 / TEMPERATURE), find_none_label(self.class_labels)
        )


@dataclass(frozen=True)
class ExperimentResult:
    """The folds of an experiment, ``runs[seed][fold]``."""

    experiment: Experiment
    runs: Sequence[Sequence[FoldResult]]

    def over_seeds(self, view: str = RECORDED) -> list[Predictions]:
        """Each seed's held-out windows of all folds as one set; needs folds with the same labels."""
        return [pool([fold.predictions[view] for fold in run]) for run in self.runs]

    @property
    def open_sets(self) -> list[OpenSetMetrics]:
        """Each seed's known and unknown signs of all folds as one set."""
        return [OpenSetMetrics.pool([fold.open_set for fold in run]) for run in self.runs]

    @property
    def temperatures(self) -> dict[str, float]:
        """What each fold's training people make of the temperature, where the row asks them."""
        return {fold.name: fit_temperature(fold.inner) for fold in self.runs[0] if fold.inner is not None}

    @property
    def calibrated(self) -> Predictions | None:
        """The first seed's held-out windows, each fold at its own temperature, or None where none was fitted."""
        fitted = self.temperatures
        if not fitted:
            return None
        return pool([fold.predictions[RECORDED].raise_to_power(1 / fitted[fold.name]) for fold in self.runs[0]])

    @property
    def by_fold(self) -> dict[str, float]:
        """Mean accuracy over seeds of each fold."""
        names = [fold.name for fold in self.runs[0]]
        return {
            name: float(np.mean([run[index].predictions[RECORDED].accuracy for run in self.runs]))
            for index, name in enumerate(names)
        }

    @property
    def metrics(self) -> dict[str, list[float]]:
        """The row's figures, each seed's."""
        if self.experiment.unknown:
            return _open_set_figures(self.open_sets)
        alls = self.over_seeds()
        worst = [min(fold.predictions[RECORDED].accuracy for fold in run) for run in self.runs]
        figures = {
            "pooled accuracy": [each.accuracy for each in alls],
            "worst fold": worst,
            "macro F1": [each.macro_f1 for each in alls],
            "ECE": [each.calibration_error for each in alls],
        }
        if self.calibrated is not None:
            figures["ECE at fitted temperatures"] = [self.calibrated.calibration_error]
        return figures

    @property
    def summary(self) -> str:
        """The row's figures in one line."""
        return "   ".join(_format_figure(name, values) for name, values in self.metrics.items())

    @property
    def details(self) -> list[str]:
        """Lines on folds, on fewer frames seen, and on what is recognised at the threshold."""
        lines = [f"{self.experiment.data}, {self.experiment.protocol}, {self.experiment.config.architecture}:"]
        if not self.experiment.unknown:
            lines += ["  " + ", ".join(f"{name} {100 * value:.1f}" for name, value in self.by_fold.items())]
            lines += [
                f"  {view:24s}" + _format_figure("accuracy", [each.accuracy for each in self.over_seeds(view)])
                for view in self.experiment.views[1:]
            ]
            fitted = [f"{name} {value:.2f}" for name, value in self.temperatures.items()]
            lines += [f"  temperature fitted on the people trained with, seed 0: {', '.join(fitted)}"] if fitted else []
            return [*lines, ""]
        for index, fold in enumerate(self.runs[0]):
            figures = _open_set_figures([run[index].open_set for run in self.runs])
            lines.append(f"  {fold.name:32s}" + "   ".join(_format_figure(*figure) for figure in figures.items()))
        return [*lines, ""]

    def card_entries(self, command: str) -> list[Evaluation]:
        """The figures for a model card."""
        entries = [("", name, values) for name, values in self.metrics.items() if name != "worst fold"]
        entries += [
            (f", {view}", "pooled accuracy", [each.accuracy for each in self.over_seeds(view)])
            for view in self.experiment.views[1:]
        ]
        return [
            Evaluation(
                data=self.experiment.data,
                protocol=f"{self.experiment.protocol}, {_describe_seeds(len(values))}{view}",
                metric=name,
                value=round(float(np.mean(values)), 4),
                command=command,
            )
            for view, name, values in entries
        ]


def format_results(results: Mapping[str, ExperimentResult]) -> list[str]:
    """The table as Markdown."""
    rows = []
    for name, result in results.items():
        experiment = result.experiment
        what = f"{experiment.data}, {experiment.protocol}"
        here = "; ".join(_format_figure(metric, values) for metric, values in result.metrics.items())
        rows.append([name, what, experiment.config.architecture, experiment.baseline, experiment.target, here])
    columns = ["experiment", "data, protocol", "network", "baseline", "target", "here, mean (each seed), %"]
    return format_table(columns, rows)


def _open_set_figures(parts: Sequence[OpenSetMetrics]) -> dict[str, list[float]]:
    return {
        "AUROC": [part.auroc for part in parts],
        f"unknown accepted at {ACCEPT_FROM}": [part.unknown_accepted(ACCEPT_FROM) for part in parts],
        f"known accepted at {ACCEPT_FROM}": [part.known_accepted(ACCEPT_FROM) for part in parts],
    }


def _describe_seeds(count: int) -> str:
    return "one seed" if count == 1 else f"mean of {count} seeds"


def _format_figure(name: str, values: Sequence[float]) -> str:
    each = " ".join(f"{100 * value:.1f}" for value in values)
    return f"{name} {100 * float(np.mean(values)):.1f} ({each})"
