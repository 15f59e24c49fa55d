"""Figures of a classifier's answers on held-out windows: accuracy, F1, calibration, rejection. Only arithmetic.

``training.evaluation.cross_validation`` makes the answers, ``training.evaluation.report`` shows the figures.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
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
    def found(self) -> npt.NDArray[np.int64]:
        """The likeliest class ``(N,)``."""
        likeliest: npt.NDArray[np.int64] = self.probabilities.argmax(axis=1)
        return likeliest

    @property
    def confidence(self) -> Floats:
        """Its probability ``(N,)``."""
        highest: Floats = self.probabilities.max(axis=1)
        return highest

    def raised(self, power: float) -> "Predictions":
        """Each probability to a power, normalised anew: the softmax at the temperature ``1 / power``."""
        logs = power * np.log(np.maximum(self.probabilities, np.finfo(np.float32).tiny))
        powers = np.exp(logs - logs.max(axis=1, keepdims=True))
        return Predictions(powers / powers.sum(axis=1, keepdims=True), self.target)

    @property
    def accuracy(self) -> float:
        return float((self.found == self.target).mean())

    @property
    def f1(self) -> Floats:
        """2 TP / (2 TP + FP + FN) of each class ``(C,)``."""
        table = self.confusion
        scores: Floats = 2 * table.diagonal() / np.maximum(1, table.sum(axis=0) + table.sum(axis=1))
        return scores

    @property
    def macro_f1(self) -> float:
        """Mean over the classes of their F1."""
        return float(self.f1.mean())

    @property
    def confusion(self) -> npt.NDArray[np.int64]:
        """Windows by true class (rows) and found class (columns): ``(C, C)``."""
        classes = self.probabilities.shape[1]
        pairs = np.bincount(self.target * classes + self.found, minlength=classes * classes)
        return pairs.reshape(classes, classes)

    @property
    def reliability(self) -> tuple[Floats, Floats, npt.NDArray[np.int64]]:
        """Mean confidence, accuracy and number of windows in each of 15 bins of confidence of equal width."""
        bins = np.minimum((self.confidence * BINS).astype(int), BINS - 1)
        count = np.bincount(bins, minlength=BINS)
        filled = np.maximum(count, 1)
        confidence = np.bincount(bins, weights=self.confidence, minlength=BINS) / filled
        right = np.bincount(bins, weights=self.found == self.target, minlength=BINS) / filled
        return confidence, right, count

    @property
    def calibration_error(self) -> float:
        """Expected calibration error over those bins: mean distance of confidence from accuracy."""
        confidence, right, count = self.reliability
        return float((np.abs(confidence - right) * count).sum() / max(1, count.sum()))


def pooled(folds: Sequence[Predictions]) -> Predictions:
    """All held-out windows as one set."""
    return Predictions(np.concatenate([f.probabilities for f in folds]), np.concatenate([f.target for f in folds]))


@dataclass(frozen=True)
class OpenSetMetrics:
    """How windows of known and unknown signs fared; ``none`` itself is neither and is left out.

    ``score`` ``(N,)`` is the probability of the likeliest sign, ``accepted`` the same where that sign wins over
    ``none`` and 0 elsewhere, ``right`` whether it is the true one, ``unknown`` whether it was never trained.
    """

    score: Floats
    accepted: Floats
    right: Flags
    unknown: Flags

    @classmethod
    def of(cls, answers: Predictions, none: int | None) -> "OpenSetMetrics":
        """The windows of ``answers`` but those of the class ``none``."""
        signs = answers.probabilities.copy()
        if none is not None:
            signs[:, none] = 0.0
        kept = np.full(len(answers.target), True) if none is None else answers.target != none
        score = signs.max(axis=1)
        wins = answers.found == signs.argmax(axis=1)
        right = answers.found == answers.target
        return cls(score[kept], (score * wins)[kept], right[kept], (answers.target < 0)[kept])

    @classmethod
    def pooled(cls, parts: Sequence["OpenSetMetrics"]) -> "OpenSetMetrics":
        columns = ("score", "accepted", "right", "unknown")
        return cls(*(np.concatenate([getattr(part, column) for part in parts]) for column in columns))

    @property
    def auroc(self) -> float:
        """Probability that a known sign's score is above an unknown one's; ties count half."""
        return auroc(self.score[~self.unknown], self.score[self.unknown])

    def unknown_accepted(self, threshold: float) -> float:
        """Share of unknown signs that are taken for some sign at a probability of ``threshold`` or more."""
        return float((self.accepted[self.unknown] >= threshold).mean())

    def known_accepted(self, threshold: float) -> float:
        """Share of known signs that are recognised rightly at a probability of ``threshold`` or more."""
        return float((self.right & (self.accepted >= threshold))[~self.unknown].mean())


def auroc(positive: Floats, negative: Floats) -> float:
    """Area under the ROC curve from the rank sum (Mann and Whitney), ties counted half."""
    _, where, count = np.unique(np.concatenate([positive, negative]), return_inverse=True, return_counts=True)
    ranks = (count.cumsum() - (count - 1) / 2)[where]
    above = ranks[: len(positive)].sum() - len(positive) * (len(positive) + 1) / 2
    return float(above / max(1, len(positive) * len(negative)))
