"""Recorded windows of hands for training and evaluation, read from folders of ``.npz`` files.

As ``edge_client record`` writes them (keypoint JSON holds bodies, not hands); nothing is unpickled. Knows nothing of
networks.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from landmarks.recording import NONE, RecordingError, read_labelled_hands
from training.data.frame_rates import (
    SEQ_LEN,
    FrameRateError,
    RecordedWindows,
    check_length,
    stretch,
    stretch_each,
    unify_frame_rates,
)
from training.data.windows import GROUPS, DataError, Windows, check_apart

MAX_FILE_BYTES: Final = 16 * 2**30


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


@dataclass(frozen=True)
class OtherSigns:
    """A folder of recordings whose labels are signs of their own, but for those in ``same``: by their label here."""

    folder: Path
    same: Mapping[str, str]


def parse_other_signs(text: str) -> OtherSigns:
    """``FOLDER`` or ``FOLDER:label,label=name``: the labels that are the same signs, under the names that they have."""
    folder, _, same = text.partition(":")
    pairs = (label.partition("=") for label in same.split(",") if label)
    return OtherSigns(Path(folder), {label: name or label for label, _, name in pairs})


def add_other_signs(windows: Windows, labels: Sequence[str] | None, others: Sequence[OtherSigns]) -> Windows:
    """Windows of some ``labels``, and of other signs, which the model learns to tell from them and has no label for.

    The result has ``SEQ_LEN`` frames, ``none`` as its last label, and the others as ``other_labels``, each named by its
    folder.

    Raises:
        DataError: the labels lack ``none``, one of them isn't in the data, or a folder can't be read.
    """
    chosen = {*(labels or windows.class_labels)}
    unknown = sorted(chosen - set(windows.class_labels))
    if unknown or NONE not in chosen:
        found = f"{unknown}, which nobody recorded" if unknown else f"no {NONE}"
        raise DataError(f"the labels to recognise have {found}: expected {NONE} among them, which other signs count as")
    windows = windows.select_labels(chosen)
    points, group = [stretch(windows.points, SEQ_LEN)], [windows.group]
    names = [np.asarray(windows.class_labels)[windows.target]]
    for other in others:
        for part in _read_files(other.folder, GROUPS):
            if part.hands.shape[-1] != windows.points.shape[-1]:
                found, expected = str(part.hands.shape[-1]), windows.points.shape[-1]
                raise DataError(
                    f"{part.file} has {found} numbers a frame, expected {expected}, as the data to recognise"
                )
            points.append(stretch(part.hands, SEQ_LEN))
            names.append(np.array([other.same.get(name, f"{other.folder.name} {name}") for name in part.label]))
            group.append(np.char.add(f"{other.folder.name} ", part.group))
    label = np.concatenate(names)
    class_labels = (*sorted(chosen - {NONE}), NONE)
    other_labels = tuple(sorted(set(label.tolist()) - chosen))
    index = {name: number for number, name in enumerate((*class_labels, *other_labels))}
    return replace(
        windows,
        points=np.concatenate(points),
        target=np.array([index[name] for name in label.tolist()], dtype=np.int64),
        class_labels=class_labels,
        group=np.concatenate(group),
        other_labels=other_labels,
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
    hands = found.hands if found.length is None else stretch_each(found.hands, found.length, SEQ_LEN)
    return RecordedWindows(file, hands, found.label, group, grouped_by, found.fps if found.length is None else None)
