"""Labelled windows of hands (or bodies) as arrays, and splits of them that keep people apart.

Opens no file: ``training.data.recordings`` and ``training.data.public_datasets`` do.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from landmarks.hands import Array
from training.data.skeletons import TWO_HANDS, SkeletonLayout

Split = Literal["signer", "session", "random", "none"]
SPLITS: Final[tuple[Split, ...]] = ("signer", "session", "random", "none")
GROUPS: Final = ("signer", "session")


class DataError(Exception):
    """A data set can't be used; the message says what was found and what was expected."""


@dataclass(frozen=True)
class Windows:
    """N labelled windows: ``points`` float32 ``(N, T, F)``, ``target`` int64 ``(N,)`` into ``class_labels``.

    F is 84 or 126 for two hands (x, y and perhaps z), and a body's joints times 3 for a body; ``layout`` says which.
    ``group`` ``(N,)`` names the person or session of each window; ``grouped_by`` says which of the two it is, or is
    None where the recordings don't tell. ``other_labels`` are signs without a label of the model: their targets go on
    behind ``class_labels``, of which ``none`` is then the last.
    """

    points: Array
    target: npt.NDArray[np.int64]
    class_labels: tuple[str, ...]
    group: npt.NDArray[np.str_]
    grouped_by: str | None
    layout: SkeletonLayout = TWO_HANDS
    other_labels: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.target)

    @property
    def presence(self) -> Array:
        """``(N, T, parts)``: 1 where a part has any number other than zero, else 0."""
        by_part = self.points.reshape(*self.points.shape[:2], self.layout.parts, -1)
        return np.asarray(by_part.any(axis=-1), dtype=np.float32)

    @property
    def digest(self) -> str:
        """SHA-256 of all that training sees of the windows: their numbers, targets, labels and layout."""
        description = (self.points.shape, self.points.dtype.str, self.class_labels, self.layout, *self.other_labels)
        content = hashlib.sha256(repr(description).encode())
        for array in (self.points, self.target):
            content.update(np.ascontiguousarray(array).data)
        return content.hexdigest()

    @property
    def groups(self) -> tuple[str, ...]:
        return tuple(np.unique(self.group).tolist())

    def select(self, mask: npt.NDArray[np.bool_]) -> "Windows":
        """The windows where ``mask`` ``(N,)`` is true; the labels stay as they are."""
        return replace(self, points=self.points[mask], target=self.target[mask], group=self.group[mask])

    def select_labels(self, labels: Iterable[str]) -> "Windows":
        """The windows of some labels, and a target that counts those labels only, in alphabetical order."""
        chosen = tuple(sorted(labels))
        unknown = sorted(set(chosen) - set(self.class_labels))
        if unknown:
            raise DataError(f"the labels {unknown} are not in the data, expected some of {list(self.class_labels)}")
        names = np.asarray(self.class_labels)[self.target]
        mask = np.isin(names, chosen)
        target = np.searchsorted(np.asarray(chosen), names[mask])
        return replace(self.select(mask), target=target, class_labels=chosen)

    def relabel(self, labels: Sequence[str]) -> "Windows":
        """The windows whose label is one of ``labels``, and a target that counts in their order."""
        names = np.asarray(self.class_labels)[self.target]
        index = {label: number for number, label in enumerate(labels)}
        mask = np.isin(names, labels)
        target = np.array([index[name] for name in names[mask].tolist()], dtype=np.int64)
        return replace(self.select(mask), target=target, class_labels=tuple(labels))

    def common_labels(self) -> tuple[str, ...]:
        """The labels that every group recorded."""
        shared = set(range(len(self.class_labels)))
        for group in self.groups:
            shared &= set(self.target[self.group == group].tolist())
        return tuple(self.class_labels[index] for index in sorted(shared))


def check_apart(train: Windows, validation: Windows) -> None:
    """Refuse windows that are in both sets, number for number; windows without any hand are all alike and don't count.

    Raises:
        DataError: there are some.
    """

    def contents(windows: Windows) -> list[bytes]:
        shown = windows.points[windows.points.any(axis=(1, 2))]
        return [hashlib.sha256(np.ascontiguousarray(window).data).digest() for window in shown]

    known = set(contents(train))
    twice = sum(each in known for each in contents(validation))
    if twice:
        raise DataError(
            f"{twice} of the {len(validation)} windows to validate on are also among those to train on, so that they"
            " would be known by heart: is a file there twice, or a recording in both folders?"
        )


def split_windows(windows: Windows, split: Split, seed: int) -> tuple[Windows, Windows | None]:
    """Training windows and validation windows.

    ``signer`` and ``session`` keep whole groups back, a fifth of them and at least one, drawn by ``seed``. ``random``
    keeps a fifth of the windows back, whoever made them: its accuracy says nothing about new people. ``none`` keeps
    nothing back.

    Raises:
        DataError: the data isn't grouped that way, has one group only, or the same windows on both sides.
    """
    if split == "none":
        return windows, None
    draw = np.random.default_rng(seed)
    if split == "random":
        if len(windows) < 2:
            raise DataError("split by random needs at least two windows, found one: record more")
        is_validation = draw.permutation(len(windows)) < max(1, len(windows) // 5)
    elif windows.grouped_by != split:
        raise DataError(f"split is {split}, but the data is grouped by {windows.grouped_by or 'nothing'}")
    elif len(windows.groups) < 2:
        raise DataError(
            f"split by {split} needs at least two groups, found {list(windows.groups)}: record a second person or, on"
            " another day, a second session (edge_client record --signer, --session), or say --split random, which"
            " keeps a fifth of the windows back and tells nothing about other people, or --split none"
        )
    else:
        groups = draw.permutation(windows.groups)[: max(1, len(windows.groups) // 5)]
        is_validation = np.isin(windows.group, groups)
    train, validation = windows.select(~is_validation), windows.select(is_validation)
    check_apart(train, validation)
    return train, validation
