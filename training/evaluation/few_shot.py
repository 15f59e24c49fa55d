"""Vocabularies taught from a few recordings, tested on what the same person does otherwise.

Half of a group's labels are taught, drawn by a seed; the others are unknown. Groups are the three people of
``asl_tutorials_mit`` and the five sessions of ``ksl13_hands``. Every recording is embedded once, as all its views; a
head is then a choice of rows (``landmarks/models/prototypes.py``).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

import numpy as np
import numpy.typing as npt

from landmarks.hands import Array
from landmarks.models.prototypes import (
    Embed,
    PrototypeHead,
    compute_limit,
    embed_views,
    embed_windows,
    limit_prototypes,
)
from landmarks.recording import NONE, Texts
from training.data.strangers import RecordedSigns, mirror, turn_upside_down
from training.evaluation.metrics import Flags
from training.evaluation.outcomes import Outcome, judge

REST: Final = ("idle", NONE)
# What ``make_views`` makes, all of it taught; then what other cameras see, for tests alone.
FULL: Final = 0
LIVE: Final = range(1, 8)
UPSIDE_DOWN: Final = 8
MIRRORED: Final = 9
MAX_TESTED: Final = 600


@dataclass(frozen=True, eq=False)
class EmbeddedSigns:
    """N recordings as V views each: ``views`` float32 ``(N, V, E)``, ``label`` and ``group`` ``(N,)``."""

    name: str
    views: Array
    label: Texts
    group: Texts

    @classmethod
    def embed(cls, signs: RecordedSigns, embed: Embed) -> "EmbeddedSigns":
        """Every view of every recording, upside down and mirrored besides."""
        views, _ = embed_views(signs.windows, embed)
        cameras = [embed_windows([see(each) for each in signs.windows], embed) for see in (turn_upside_down, mirror)]
        every = np.concatenate([views.reshape(len(signs.windows), UPSIDE_DOWN, -1), np.stack(cameras, axis=1)], axis=1)
        return cls(signs.name, every, signs.label, signs.group)

    def select(self, chosen: Flags) -> "EmbeddedSigns":
        """The recordings where ``chosen`` ``(N,)`` is true."""
        return EmbeddedSigns(self.name, self.views[chosen], self.label[chosen], self.group[chosen])

    def split(self) -> list["EmbeddedSigns"]:
        """Each group by itself, without rest."""
        moving = ~np.isin(self.label, REST)
        return [self.select(moving & (self.group == group)) for group in np.unique(self.group)]


@dataclass(frozen=True, eq=False)
class Teaching:
    """One draw: which recordings are taught (indices), which labels they show, and which recordings are tested."""

    signs: EmbeddedSigns
    taught: npt.NDArray[np.int64]
    tested: npt.NDArray[np.int64]

    def build_head(self, background: Array) -> PrototypeHead:
        """The head of the taught recordings, as ``landmarks.models.prototypes.build_head`` builds it."""
        views = self.signs.views[self.taught, :UPSIDE_DOWN]
        _, target = np.unique(self.signs.label[self.taught], return_inverse=True)
        recording = np.repeat(np.arange(len(views)), views.shape[1])
        return limit_prototypes(
            views.reshape(-1, views.shape[-1]),
            target.astype(np.int64)[recording],
            recording,
            background,
            compute_limit(background),
        )

    def test(self, head: PrototypeHead, view: int = FULL) -> Outcome:
        """What the head makes of one view of the tested recordings."""
        labels = (*np.unique(self.signs.label[self.taught]).tolist(), NONE)
        logits = head.compute_logits(self.signs.views[self.tested, view])
        return judge(np.pad(logits, ((0, 0), (0, 1))), labels, self.signs.label[self.tested], closed=True)


def teach_same(signs: EmbeddedSigns, shots: int, draws: int, *, consecutive: bool = False) -> Iterator[Teaching]:
    """Half of each group's labels from ``shots`` recordings, at random or the first ones; tested on its others."""
    for group in signs.split():
        for seed in range(draws):
            draw = np.random.default_rng(seed)
            known = _draw_labels(group.label, draw)
            taught = _draw_recordings(group.label, known, shots, None if consecutive else draw)
            others = np.setdiff1d(np.arange(len(group.label)), taught)
            yield Teaching(group, taught, draw.permutation(others)[:MAX_TESTED])


def teach_across(signs: EmbeddedSigns, shots: int, groups: int, draws: int) -> Iterator[Teaching]:
    """Half of the labels from ``shots`` recordings in each of ``groups`` sessions, tested in all the other sessions."""
    moving = signs.select(~np.isin(signs.label, REST))
    for sessions in combinations(np.unique(moving.group).tolist(), groups):
        for seed in range(draws):
            draw = np.random.default_rng(seed)
            known = _draw_labels(moving.label, draw)
            taught = [
                np.flatnonzero(moving.group == session)[
                    _draw_recordings(moving.label[moving.group == session], known, shots, draw)
                ]
                for session in sessions
            ]
            others = np.flatnonzero(~np.isin(moving.group, sessions))
            yield Teaching(moving, np.concatenate(taught), draw.permutation(others)[:MAX_TESTED])


def _draw_labels(label: Texts, draw: np.random.Generator) -> Sequence[str]:
    labels = np.unique(label)
    chosen: list[str] = draw.permutation(labels)[: max(2, len(labels) // 2)].tolist()
    return chosen


def _draw_recordings(
    label: Texts, known: Sequence[str], shots: int, draw: np.random.Generator | None
) -> npt.NDArray[np.int64]:
    """Indices of ``shots`` recordings of each label: drawn, or the first ones."""
    there = [np.flatnonzero(label == each) for each in known]
    return np.concatenate([each[:shots] if draw is None else draw.choice(each, shots, replace=False) for each in there])
