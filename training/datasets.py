"""Recorded windows of hands (or bodies) for training and evaluation, and splits of them that keep people apart.

Reads folders of ``.npz`` files as ``edge_client record`` writes them (keypoint JSON holds bodies, not hands) and never
unpickles. Knows nothing of networks.
"""

import zipfile
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from landmarks.hands import FEATURE_DIM_XY, FEATURE_DIM_XYZ, Array
from training.layouts import TWO_HANDS, Layout

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
    None where the recordings don't tell.
    """

    points: Array
    target: npt.NDArray[np.int64]
    class_labels: tuple[str, ...]
    group: npt.NDArray[np.str_]
    grouped_by: str | None
    layout: Layout = TWO_HANDS

    def __len__(self) -> int:
        return len(self.target)

    @property
    def presence(self) -> Array:
        """``(N, T, parts)``: 1 where a part has any number other than zero, else 0."""
        per_part = self.points.reshape(*self.points.shape[:2], self.layout.parts, -1)
        return np.asarray(per_part.any(axis=-1), dtype=np.float32)

    @property
    def groups(self) -> tuple[str, ...]:
        return tuple(np.unique(self.group).tolist())

    def take(self, keep: npt.NDArray[np.bool_]) -> "Windows":
        """The windows where ``keep`` ``(N,)`` is true; the labels stay as they are."""
        return replace(self, points=self.points[keep], target=self.target[keep], group=self.group[keep])

    def only_labels(self, labels: Iterable[str]) -> "Windows":
        """The windows of some labels, and a target that counts those labels only, in alphabetical order."""
        kept = tuple(sorted(labels))
        unknown = sorted(set(kept) - set(self.class_labels))
        if unknown:
            raise DataError(f"the labels {unknown} are not in the data, expected some of {list(self.class_labels)}")
        names = np.asarray(self.class_labels)[self.target]
        keep = np.isin(names, kept)
        target = np.searchsorted(np.asarray(kept), names[keep])
        return replace(self, points=self.points[keep], target=target, class_labels=kept, group=self.group[keep])

    def common_labels(self) -> tuple[str, ...]:
        """The labels that every group recorded."""
        shared = set(range(len(self.class_labels)))
        for group in self.groups:
            shared &= set(self.target[self.group == group].tolist())
        return tuple(self.class_labels[index] for index in sorted(shared))


def read_windows(data_dir: Path, grouped_by: str | None = None) -> Windows:
    """Read every ``.npz`` of a folder as one data set.

    Each file holds ``hands`` ``(N, T, 84 | 126)`` of raw landmarks, ``label`` ``(N,)`` and, so that people can be kept
    apart, ``signer`` or ``session`` ``(N,)``, or both, as the edge recorder does; other arrays (``fps``, ``date``) are
    left alone. ``grouped_by`` says which column makes the groups, by default ``signer`` where there is one. All files
    have the same T, width and group column.

    Raises:
        DataError: no files, a missing array, a wrong shape, or numbers that aren't finite.
    """
    files = sorted(data_dir.glob("*.npz"))
    if not files:
        raise DataError(f"{data_dir} has no .npz file, expected at least one with the arrays hands and label")
    parts = [_read_file(file, (grouped_by,) if grouped_by else GROUPS) for file in files]
    hands, names, groups, columns = zip(*parts, strict=True)
    if len({part.shape[1:] for part in hands}) > 1 or len(set(columns)) > 1:
        raise DataError(f"the files of {data_dir} differ in frames, width or group column, expected all alike")
    name = np.concatenate(names)
    class_labels, target = np.unique(name, return_inverse=True)
    return Windows(
        points=np.concatenate(hands),
        target=target.astype(np.int64),
        class_labels=tuple(class_labels.tolist()),
        group=np.concatenate(groups),
        grouped_by=columns[0],
    )


def read_split(data_dir: Path) -> tuple[Windows, Windows]:
    """Training and validation windows of a data set that comes split, as the folders ``train`` and ``val``.

    Raises:
        DataError: as ``read_windows``, or a label to validate on that nobody trains.
    """
    train, validation = read_windows(data_dir / "train"), read_windows(data_dir / "val")
    unknown = sorted(set(validation.class_labels) - set(train.class_labels))
    if unknown:
        raise DataError(f"{data_dir / 'val'} has the labels {unknown}, expected only labels of {data_dir / 'train'}")
    target = np.searchsorted(train.class_labels, validation.class_labels)[validation.target]
    return train, replace(validation, target=target, class_labels=train.class_labels)


def _read_file(
    file: Path, groups: tuple[str, ...]
) -> tuple[Array, npt.NDArray[np.str_], npt.NDArray[np.str_], str | None]:
    try:
        with np.load(file, allow_pickle=False) as arrays:
            columns = {key: arrays[key] for key in ("hands", "label", *groups) if key in arrays.files}
    except (OSError, ValueError, zipfile.BadZipFile, EOFError) as error:
        raise DataError(f"{file} can't be read as arrays: {error}") from error
    for key in ("hands", "label"):
        if key not in columns:
            raise DataError(f"{file} has no array {key}, expected hands and label")
    hands, label = columns["hands"].astype(np.float32), columns["label"].astype(np.str_)
    if hands.ndim != 3 or hands.shape[-1] not in (FEATURE_DIM_XY, FEATURE_DIM_XYZ):
        raise DataError(f"hands of {file} has shape {hands.shape}, expected (N, T, {FEATURE_DIM_XY} or 126)")
    if not np.isfinite(hands).all():
        raise DataError(f"hands of {file} has numbers that are not finite, expected finite landmarks")
    grouped_by = next((key for key in groups if key in columns), None)
    group = columns[grouped_by].astype(np.str_) if grouped_by else np.full(len(hands), "unknown")
    if not len(hands) == len(label) == len(group):
        raise DataError(
            f"{file} has {len(hands)} hands, {len(label)} labels, {len(group)} groups, expected as many each"
        )
    return hands, label, group, grouped_by


def split_windows(windows: Windows, split: Split, seed: int) -> tuple[Windows, Windows | None]:
    """Training windows and validation windows.

    ``signer`` and ``session`` keep whole groups back, a fifth of them and at least one, drawn by ``seed``. ``random``
    keeps a fifth of the windows back, whoever made them: its accuracy says nothing about new people. ``none`` keeps
    nothing back.

    Raises:
        DataError: the data isn't grouped that way, or has one group only.
    """
    if split == "none":
        return windows, None
    draw = np.random.default_rng(seed)
    if split == "random":
        held = draw.permutation(len(windows)) < max(1, len(windows) // 5)
        return windows.take(~held), windows.take(held)
    if windows.grouped_by != split:
        raise DataError(f"split is {split}, but the data is grouped by {windows.grouped_by or 'nothing'}")
    if len(windows.groups) < 2:
        raise DataError(f"split by {split} needs at least two groups, found {list(windows.groups)}")
    back = draw.permutation(windows.groups)[: max(1, len(windows.groups) // 5)]
    held = np.isin(windows.group, back)
    return windows.take(~held), windows.take(held)
