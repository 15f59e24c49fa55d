"""Outcome: how signs fared that a model or a vocabulary knows, and signs that it doesn't."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from landmarks.hands import Array
from landmarks.pose import Floats
from landmarks.protocol.predictions import softmax
from landmarks.recording import NONE, Texts
from training.evaluation.metrics import Flags, compute_auroc
from training.evaluation.results import ACCEPT_FROM, TEMPERATURE

KNOWN_ACCEPTED: Final = 0.9
UNKNOWN_ACCEPTED: Final = 0.05


@dataclass(frozen=True, eq=False)
class Outcome:
    """N tested windows, all ``(N,)``.

    ``score`` ranks how much a window looks like some label, ``correct`` says whether that is the right one, ``known``
    whether there is a right one, ``named`` whether the label is likelier than none, ``accepted`` whether it has the
    probability at which the edge's trigger takes it.
    """

    score: Floats
    correct: Flags
    known: Flags
    named: Flags
    accepted: Flags

    @property
    def right(self) -> float:
        """Share of the known that are taken for what they are."""
        return float(self.correct[self.known].mean())

    @property
    def auroc(self) -> float:
        """Probability that a known window's score is above an unknown one's."""
        return compute_auroc(self.score[self.known], self.score[~self.known])

    @property
    def unknown_at_90(self) -> float:
        """Share of the unknown above the score that 90 % of the known reach rightly; 1 where so many don't."""
        highest_first = np.sort(np.where(self.correct, self.score, -np.inf)[self.known])[::-1]
        limit = highest_first[int(np.ceil(KNOWN_ACCEPTED * len(highest_first))) - 1]
        return float((self.score >= limit)[~self.known].mean())

    @property
    def known_at_5(self) -> float:
        """Share of the known that are right and above the score that 5 % of the unknown reach."""
        limit = np.quantile(self.score[~self.known], 1 - UNKNOWN_ACCEPTED)
        return float((self.correct & (self.score > limit))[self.known].mean())

    def count(self, chosen: Flags) -> tuple[float, float, float]:
        """Of the flags ``chosen`` ``(N,)``: share of the known that are right, that are wrong, and of the unknown."""
        right, wrong = chosen & self.correct & self.known, chosen & ~self.correct & self.known
        return (
            right.sum() / max(1, self.known.sum()),
            wrong.sum() / max(1, self.known.sum()),
            _mean(chosen[~self.known]),
        )


def judge(logits: Array, labels: Sequence[str], truth: Texts, *, closed: bool = False) -> Outcome:
    """The outcome of logits ``(N, C)``, as the service answers them and the edge's trigger accepts them.

    ``closed`` leaves ``none`` out of what a window may be taken for, and ranks by the highest logit instead of the
    highest probability.
    """
    names = np.asarray(labels)
    signs = names != NONE
    likeliest = names[signs][logits[:, signs].argmax(axis=1)]
    named = signs[logits.argmax(axis=1)]
    probability = softmax(logits)[:, signs].max(axis=1).astype(np.float64)
    sure = softmax(logits / TEMPERATURE)[:, signs].max(axis=1) >= ACCEPT_FROM
    return Outcome(
        score=logits[:, signs].max(axis=1).astype(np.float64) if closed else probability,
        correct=(likeliest == truth) & (named | closed),
        known=np.isin(truth, names[signs]),
        named=named,
        accepted=sure & named,
    )


def _mean(flags: Flags) -> float:
    return float(flags.mean()) if len(flags) else float("nan")
