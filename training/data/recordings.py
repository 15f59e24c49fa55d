"""Recorded windows of hands (or bodies) for training and evaluation, and splits of them that keep people apart.

Reads folders of ``.npz`` files as ``edge_client record`` writes them (keypoint JSON holds bodies, not hands) and never
unpickles. Knows nothing of networks.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from landmarks.hands import Array
from landmarks.recording import RecordingError, read_labelled_hands
from training.data.frame_rates import FrameRateError, RecordedWindows, check_length, unify_frame_rates
from training.data.skeletons import TWO_HANDS, SkeletonLayout

Split = Literal["signer", "session", "random", "none"]
SPLITS: Final[tuple[Split, ...]] = ("signer", "session", "random", "none")
GROUPS: Final = ("signer", "session")
MAX_FILE_BYTES: Final = 16 * 2**30


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
    layout: SkeletonLayout = TWO_HANDS

    def __len__(self) -> int:
        return len(self.target)

    @property
    def presence(self) -> Array:
        """``(N, T, parts)``: 1 where a part has any number other than zero, else 0."""
        per_part = self.points.reshape(*self.points.shape[:2], self.layout.parts, -1)
        return np.asarray(per_part.any(axis=-1), dtype=np.float32)

    @property
    def digest(self) -> str:
        """SHA-256 of all that training sees of the windows: their numbers, targets, labels and layout."""
        about = (self.points.shape, self.points.dtype.str, self.class_labels, self.layout)
        content = hashlib.sha256(repr(about).encode())
        for array in (self.points, self.target):
            content.update(np.ascontiguousarray(array).data)
        return content.hexdigest()

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


def read_windows(data_dir: Path, grouped_by: str | None = None, *, fit_model: bool = False) -> Windows:
    """Read every ``.npz`` of a folder as one data set.

    Each file holds ``hands`` ``(N, T, 84 | 126)`` of raw landmarks, ``label`` ``(N,)`` and, so that people can be kept
    apart, ``signer`` or ``session`` ``(N,)``, or both, as the edge recorder does, and ``fps`` ``()``, by which files of
    other frame rates are resampled to the same seconds; other arrays (``date``) are left alone. ``grouped_by`` says
    which column makes the groups, by default ``signer`` where there is one. All files have the same width and group
    column, and windows of the same length in seconds. ``fit_model`` refuses lengths that a gesture model can't take.

    Raises:
        DataError: no files, a missing array, a wrong shape or length, or numbers that aren't finite.
    """
    return _join(_unify(_read_files(data_dir, (grouped_by,) if grouped_by else GROUPS), fit_model))


def _read_files(data_dir: Path, groups: tuple[str, ...]) -> list[RecordedWindows]:
    """The files of a folder that hold windows, all grouped alike."""
    files = sorted(data_dir.glob("*.npz"))
    if not files:
        raise DataError(f"{data_dir} has no .npz file, expected at least one with the arrays hands and label")
    parts = [part for part in (_read_file(file, groups) for file in files) if len(part.hands)]
    if not parts:
        raise DataError(f"the files of {data_dir} hold no window, expected at least one")
    for part in parts:
        if part.grouped_by != parts[0].grouped_by:
            found, expected = part.grouped_by or "nothing", parts[0].grouped_by or "nothing"
            raise DataError(f"{part.file} is grouped by {found}, {parts[0].file} by {expected}: expected all alike")
    return parts


def _unify(parts: list[RecordedWindows], fit_model: bool) -> list[RecordedWindows]:
    """Parts of one width, frame rate and length."""
    for part in parts:
        found, expected = part.hands.shape[-1], parts[0].hands.shape[-1]
        if found != expected:
            raise DataError(f"{part.file} has {found} numbers a frame, {parts[0].file} {expected}: expected all alike")
    try:
        alike = unify_frame_rates(parts)
        if fit_model:
            check_length(alike[0])
    except FrameRateError as error:
        raise DataError(str(error)) from error
    return alike


def _join(parts: list[RecordedWindows]) -> Windows:
    class_labels, target = np.unique(np.concatenate([part.label for part in parts]), return_inverse=True)
    return Windows(
        points=np.concatenate([part.hands for part in parts]),
        target=target.astype(np.int64),
        class_labels=tuple(class_labels.tolist()),
        group=np.concatenate([part.group for part in parts]),
        grouped_by=parts[0].grouped_by,
    )


def read_grouped(data_dir: Path) -> Windows:
    """As ``read_windows``, lengths checked: grouped by the first of signer and session that has at least two groups."""
    windows = read_windows(data_dir, fit_model=True)
    if len(windows.groups) > 1:
        return windows
    by_session = read_windows(data_dir, "session", fit_model=True)
    return by_session if len(by_session.groups) > 1 else windows


def read_split(data_dir: Path) -> tuple[Windows, Windows]:
    """Training and validation windows of a data set that comes split, as the folders ``train`` and ``val``.

    Raises:
        DataError: as ``read_windows``, or a label to validate on that nobody trains.
    """
    parts = [_read_files(data_dir / name, GROUPS) for name in ("train", "val")]
    alike = _unify([*parts[0], *parts[1]], fit_model=True)
    train, validation = _join(alike[: len(parts[0])]), _join(alike[len(parts[0]) :])
    unknown = sorted(set(validation.class_labels) - set(train.class_labels))
    if unknown:
        raise DataError(f"{data_dir / 'val'} has the labels {unknown}, expected only labels of {data_dir / 'train'}")
    check_apart(train, validation)
    target = np.searchsorted(train.class_labels, validation.class_labels)[validation.target]
    return train, replace(validation, target=target, class_labels=train.class_labels)


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


def _read_file(file: Path, groups: tuple[str, ...]) -> RecordedWindows:
    try:
        found = read_labelled_hands(file, max_bytes=MAX_FILE_BYTES)
    except RecordingError as error:
        raise DataError(str(error)) from error
    columns = {"signer": found.signer, "session": found.session}
    grouped_by, group = next(
        ((key, column) for key in groups if (column := columns[key]) is not None),
        (None, np.full(len(found.hands), "unknown")),
    )
    return RecordedWindows(file, found.hands, found.label, group, grouped_by, found.fps)


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
        held = draw.permutation(len(windows)) < max(1, len(windows) // 5)
    elif windows.grouped_by != split:
        raise DataError(f"split is {split}, but the data is grouped by {windows.grouped_by or 'nothing'}")
    elif len(windows.groups) < 2:
        raise DataError(
            f"split by {split} needs at least two groups, found {list(windows.groups)}: record a second person or, on"
            " another day, a second session (edge_client record --signer, --session), or say --split random, which"
            " keeps a fifth of the windows back and tells nothing about other people, or --split none"
        )
    else:
        back = draw.permutation(windows.groups)[: max(1, len(windows.groups) // 5)]
        held = np.isin(windows.group, back)
    train, validation = windows.take(~held), windows.take(held)
    check_apart(train, validation)
    return train, validation
