"""VocabularyReport: what a vocabulary's own recordings say about it, each left out in turn.

Every recording is named by the others: which gestures are confused, which would be accepted, which recording is unlike
the rest of its gesture. An odd one names no other: what it does harm to is well again once it is recorded anew. The
limits are those of the whole vocabulary, so that a new window does a little worse.
NumPy alone; the sentences are ``vocabulary_advice.py``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from landmarks.hands import Array
from landmarks.models.prototypes import BACKGROUND_SHARE, Indices, embed_views, find_nearest
from landmarks.models.session import ModelSession
from landmarks.models.vocabulary import Vocabulary, fit_window, make_embed
from landmarks.recording import NONE, Texts

# A recording is the odd one out where it is this much less like the others than the next one is.
ODD_GAP: Final = 0.1
USUAL_LIKENESS: Final = 0.8  # of two recordings of a gesture, where there is only one
FEWEST_FOR_ODD: Final = 3
# Two gestures can't be told apart where this share of their recordings is taken for the other one.
CONFUSED_SHARE: Final = 1 / 3


@dataclass(frozen=True, slots=True)
class GestureReport:
    """One gesture: its recordings, the sittings they are of, and what becomes of each when it is left out.

    ``tried`` is 0 where there is only one recording, which the others can't name. ``accepted`` counts those named right
    that are at least as near as the ``limit``. ``likeness`` is the median cosine of a recording to the nearest other
    one. ``odd`` is the place of the odd recording among the gesture's own, in their order, counted from 0.
    """

    label: str
    recordings: int
    sessions: int
    tried: int
    right: int
    accepted: int
    limit: float
    likeness: float
    odd: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class VocabularyReport:
    """All gestures in the order of ``confusion`` int64 ``(G, G)``: recordings of a row's gesture, named as a column's.

    ``inseparable`` are the pairs of gestures that can't be told apart.
    """

    gestures: tuple[GestureReport, ...]
    confusion: Indices
    inseparable: tuple[tuple[str, str], ...]

    @property
    def right(self) -> float:
        """The share of recordings that the others name right; NaN where no gesture has two."""
        return _divide(sum(gesture.right for gesture in self.gestures), self._tried)

    @property
    def accepted(self) -> float:
        """The share of recordings that the others name right and near enough; NaN where no gesture has two."""
        return _divide(sum(gesture.accepted for gesture in self.gestures), self._tried)

    @property
    def _tried(self) -> int:
        return sum(gesture.tried for gesture in self.gestures)

    def list_confusions(self) -> list[tuple[str, str, int]]:
        """Which gesture was taken for which other one, and how often, the most frequent first."""
        labels = [gesture.label for gesture in self.gestures]
        pairs = [
            (label, other, int(count))
            for label, row in zip(labels, self.confusion, strict=True)
            for other, count in zip(labels, row, strict=True)
            if label != other and count
        ]
        return sorted(pairs, key=lambda pair: -pair[2])


def report_vocabulary(vocabulary: Vocabulary, session: ModelSession) -> VocabularyReport:
    """The report of a vocabulary over the base model that it was taught with."""
    recording = vocabulary.recording
    shown = recording.label != NONE
    windows = [fit_window(window, session) for window in recording.hands[shown]]
    views, of_recording = embed_views(windows, make_embed(session))
    labels = vocabulary.gestures
    target = np.searchsorted(np.asarray(labels), recording.label[shown]).astype(np.int64)
    head = vocabulary.head
    background = head.prototypes[head.owner == len(labels)]
    return report_views(views, of_recording, target, labels, recording.session[shown], head.limits, background)


def report_views(
    views: Array,
    recording: Indices,
    target: Indices,
    labels: Sequence[str],
    sessions: Texts,
    limits: Array,
    background: Array | None = None,
) -> VocabularyReport:
    """The report of embedded views.

    Args:
        views: unit vectors ``(V, E)``, of each recording the whole window first.
        recording: which of N recordings each view is of, ``(V,)``, in ascending order.
        target: which of G gestures each recording shows, ``(N,)``.
        labels: the G gestures.
        sessions: which sitting each recording is of, ``(N,)``.
        limits: the least likeness of each gesture, ``(G,)``: the cosine less a share of that to the background.
        background: windows ``(K, E)`` that show no gesture.
    """
    count = len(target)
    whole = np.searchsorted(recording, np.arange(count))
    nobody = 0.0 if background is None else (views[whole] @ background.T).max(axis=1, initial=0)
    likeness = views[whole] @ views.T
    likeness = np.where(recording == np.arange(count)[:, None], -np.inf, likeness)
    own = find_nearest(likeness, target[recording], len(labels))[np.arange(count), target]
    odd = [find_odd(own[target == index]) for index in range(len(labels))]
    strays = [np.flatnonzero(target == index)[at] for index, at in enumerate(odd) if at is not None]
    likeness = np.where(np.isin(recording, strays), -np.inf, likeness)
    nearest = find_nearest(likeness, target[recording], len(labels))
    own = nearest[np.arange(count), target]
    tried = np.isfinite(own)
    named = nearest.argmax(axis=1)
    confusion = np.zeros((len(labels), len(labels)), np.int64)
    np.add.at(confusion, (target[tried], named[tried]), 1)
    gestures = []
    for index, label in enumerate(labels):
        mine = target == index
        right = mine & tried & (named == index)
        gestures.append(
            GestureReport(
                label=label,
                recordings=int(mine.sum()),
                sessions=len(np.unique(sessions[mine])),
                tried=int((mine & tried).sum()),
                right=int(right.sum()),
                accepted=int((right & (own - BACKGROUND_SHARE * nobody >= limits[index])).sum()),
                limit=float(limits[index]),
                likeness=float(np.median(own[mine])) if tried[mine].all() else USUAL_LIKENESS,
                odd=odd[index],
            )
        )
    return VocabularyReport(tuple(gestures), confusion, find_inseparable(gestures, confusion, nearest, target))


def find_odd(likeness: Array) -> int | None:
    """The recording that is unlike the others, by the likeness ``(R,)`` of each to the nearest other one."""
    if len(likeness) < FEWEST_FOR_ODD:
        return None
    order = np.argsort(likeness)
    return int(order[0]) if likeness[order[1]] - likeness[order[0]] > ODD_GAP else None


def find_inseparable(
    gestures: Sequence[GestureReport], confusion: Indices, nearest: Array, target: Indices
) -> tuple[tuple[str, str], ...]:
    """Pairs that are confused with each other, or as near to each other as their own recordings are among themselves.

    ``nearest`` is the likeness ``(N, G)`` of each recording to each gesture.
    """
    pairs = []
    for first, one in enumerate(gestures):
        for second, other in enumerate(gestures[first + 1 :], start=first + 1):
            confused = confusion[first, second] + confusion[second, first]
            between = min(np.median(nearest[target == first, second]), np.median(nearest[target == second, first]))
            tried = one.tried + other.tried
            if between >= min(one.likeness, other.likeness) or (tried and confused >= CONFUSED_SHARE * tried):
                pairs.append((one.label, other.label))
    return tuple(pairs)


def _divide(count: int, total: int) -> float:
    return count / total if total else float("nan")
