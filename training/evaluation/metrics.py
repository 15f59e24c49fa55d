"""Metrics of a classifier's predictions on held-out windows: accuracy, F1, calibration, rejection.

``training.evaluation.cross_validation`` makes the predictions, ``training.evaluation.report`` shows the metrics.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torchmetrics.functional import classification

from landmarks.pose import Floats

Flags = npt.NDArray[np.bool_]

BINS: Final = 15


@dataclass(frozen=True)
class Predictions:
    """Probabilities ``(N, C)`` for windows of people the network never saw, with the truth ``(N,)``.

    The truth is -1 for a label that the network was never trained on.
    """

    probabilities: Floats
    target: npt.NDArray[np.int64]

    @property
    def predicted(self) -> npt.NDArray[np.int64]:
        """The likeliest class ``(N,)``."""
        return np.asarray(self.probabilities.argmax(axis=1))

    @property
    def confidence(self) -> Floats:
        """Its probability ``(N,)``."""
        return np.asarray(self.probabilities.max(axis=1))

    def raise_to_power(self, power: float) -> "Predictions":
        """Each probability to a power, normalised anew: the softmax at the temperature ``1 / power``."""
        logs = np.log(np.maximum(self.probabilities, np.finfo(np.float32).tiny))
        return Predictions(torch.from_numpy(power * logs).softmax(dim=1).numpy(), self.target)

    @property
    def accuracy(self) -> float:
        return float((self.predicted == self.target).mean())

    @property
    def f1(self) -> Floats:
        """2 TP / (2 TP + FP + FN) of each class ``(C,)``, 0 for one that is neither there nor predicted."""
        return self._compute(classification.multiclass_f1_score, average="none").astype(np.float64)

    @property
    def macro_f1(self) -> float:
        """Mean over the classes of their F1."""
        return float(self.f1.mean())

    @property
    def confusion(self) -> npt.NDArray[np.int64]:
        """Windows by true class (rows) and predicted class (columns): ``(C, C)``."""
        return self._compute(classification.multiclass_confusion_matrix)

    def _compute(self, metric: Callable[..., Tensor], **options: str) -> npt.NDArray[Any]:
        predicted, target = torch.from_numpy(self.predicted), torch.from_numpy(self.target)
        return np.asarray(metric(predicted, target, self.probabilities.shape[1], **options))

    @property
    def reliability(self) -> tuple[Floats, Floats, npt.NDArray[np.int64]]:
        """Mean confidence, accuracy and number of windows in each of 15 bins of confidence of equal width."""
        bins = np.minimum((self.confidence * BINS).astype(int), BINS - 1)
        count = np.bincount(bins, minlength=BINS)
        filled = np.maximum(count, 1)
        confidence = np.bincount(bins, weights=self.confidence, minlength=BINS) / filled
        accuracy = np.bincount(bins, weights=self.predicted == self.target, minlength=BINS) / filled
        return confidence, accuracy, count

    @property
    def calibration_error(self) -> float:
        """Expected calibration error over those bins: mean distance of confidence from accuracy.

        torchmetrics counts a confidence of exactly 1 in a bin of its own, beside the 15 that the report draws.
        """
        confidence, accuracy, count = self.reliability
        return float((np.abs(confidence - accuracy) * count).sum() / max(1, count.sum()))


def pool(folds: Sequence[Predictions]) -> Predictions:
    """All held-out windows as one set."""
    return Predictions(np.concatenate([f.probabilities for f in folds]), np.concatenate([f.target for f in folds]))


@dataclass(frozen=True)
class OpenSetMetrics:
    """How windows of known and unknown signs fared; ``none`` itself is neither and is left out.

    ``score`` ``(N,)`` is the probability of the likeliest sign, ``accepted`` the same where that sign wins over
    ``none`` and 0 elsewhere, ``correct`` whether it is the true one, ``unknown`` whether it was never trained.
    """

    score: Floats
    accepted: Floats
    correct: Flags
    unknown: Flags

    @classmethod
    def from_predictions(cls, predictions: Predictions, none: int | None) -> "OpenSetMetrics":
        """The windows of ``predictions`` but those of the class ``none``."""
        signs = predictions.probabilities.copy()
        if none is not None:
            signs[:, none] = 0.0
        is_sign = np.full(len(predictions.target), True) if none is None else predictions.target != none
        score = signs.max(axis=1)
        accepted = score * (predictions.predicted == signs.argmax(axis=1))
        correct = predictions.predicted == predictions.target
        return cls(score[is_sign], accepted[is_sign], correct[is_sign], (predictions.target < 0)[is_sign])

    @classmethod
    def pool(cls, parts: Sequence["OpenSetMetrics"]) -> "OpenSetMetrics":
        columns = ("score", "accepted", "correct", "unknown")
        return cls(*(np.concatenate([getattr(part, column) for part in parts]) for column in columns))

    @property
    def auroc(self) -> float:
        """Probability that a known sign's score is above an unknown one's; ties count half."""
        return compute_auroc(self.score[~self.unknown], self.score[self.unknown])

    def unknown_accepted(self, threshold: float) -> float:
        """Share of unknown signs that are taken for some sign at a probability of ``threshold`` or more."""
        return float((self.accepted[self.unknown] >= threshold).mean())

    def known_accepted(self, threshold: float) -> float:
        """Share of known signs that are recognised rightly at a probability of ``threshold`` or more."""
        return float((self.correct & (self.accepted >= threshold))[~self.unknown].mean())


def compute_auroc(positive: Floats, negative: Floats) -> float:
    """Area under the ROC curve, ties counted half."""
    target = np.arange(len(positive) + len(negative)) < len(positive)
    scores = torch.from_numpy(np.concatenate([positive, negative]))
    return float(classification.binary_auroc(scores, torch.from_numpy(target).int()))
