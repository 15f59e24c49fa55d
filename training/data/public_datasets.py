"""Public data sets of whole bodies, read from the files they come in, for evaluation through the same trainer.

``isl30_kinect`` is an ``.npz`` of zero-padded Kinect sequences; ``natops`` is the UEA archive's pair of ``.ts`` files.
Hand recordings need no reader of their own: ``training.data.recordings`` reads them.
"""

from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from landmarks.files.arrays import ArrayFileError, read_arrays
from landmarks.hands import Array
from training.data.skeletons import KINECT_BODY, NATOPS_ARMS, SkeletonLayout
from training.data.windows import DataError, Windows

# Kinect sequences have 18 to 189 frames; all are brought to as many.
KINECT_FRAMES: Final = 24
_NECK: Final = 1


def read_kinect(data_dir: Path) -> Windows:
    """Read the ``.npz`` of ``isl30_kinect``: windows of ``KINECT_FRAMES`` frames, in metres around the neck.

    Raises:
        DataError: no such file, a missing array, or shapes that don't fit together.
    """
    files = sorted(data_dir.glob("*.npz"))
    if len(files) != 1:
        raise DataError(f"{data_dir} has {len(files)} .npz files, expected the one of isl30_kinect")
    names = ("X", "L", "word", "subj")
    try:
        arrays = read_arrays(files[0], names)
    except ArrayFileError as error:
        raise DataError(f"{files[0]} can't be read as Kinect sequences: {error}") from error
    padded, lengths, word, signer = (arrays[name] for name in names)
    if padded.ndim != 3 or padded.shape[-1] != KINECT_BODY.width or not len(padded) == len(lengths) == len(word):
        raise DataError(f"X of {files[0]} has shape {padded.shape}, expected (N, T, {KINECT_BODY.width}), N as in L")
    points = np.stack(
        [stretch_sequence(sequence[:length], KINECT_FRAMES) for sequence, length in zip(padded, lengths, strict=True)]
    )
    joints = points.reshape(*points.shape[:2], KINECT_BODY.points, 3)
    joints -= joints[:, :, _NECK].mean(axis=1)[:, None, None]
    return _windows(points, word.astype(np.str_), signer.astype(np.str_), "signer", KINECT_BODY)


def read_natops(data_dir: Path) -> tuple[Windows, Windows]:
    """Read ``NATOPS_TRAIN.ts`` and ``NATOPS_TEST.ts``: the official training and test windows, 51 frames each.

    Raises:
        DataError: a file is missing, or a line isn't one of 24 channels and a class.
    """
    train, test = (_read_ts(data_dir / f"NATOPS_{part}.ts") for part in ("TRAIN", "TEST"))
    if train.class_labels != test.class_labels:
        raise DataError(f"the files of {data_dir} differ in classes, expected the same ones")
    return train, test


def stretch_sequence(sequence: Array, frames: int) -> Array:
    """``(T, F)`` to ``(frames, F)``: first and last frame stay, linear between."""
    recorded, wanted = np.arange(len(sequence)), np.linspace(0, len(sequence) - 1, frames)
    return np.stack([np.interp(wanted, recorded, column) for column in sequence.T], axis=1).astype(np.float32)


def _read_ts(file: Path) -> Windows:
    try:
        lines = file.read_text(encoding="latin-1").splitlines()
    except OSError as error:
        raise DataError(f"{file} can't be read: {error.strerror or error}") from error
    rows = [line for line in lines if line.strip() and not line.startswith(("#", "@"))]
    channels, labels = [], []
    for row in rows:
        *values, label = row.split(":")
        if len(values) != NATOPS_ARMS.width:
            raise DataError(f"{file} has a line of {len(values)} channels, expected {NATOPS_ARMS.width}")
        channels.append([np.array(value.split(","), dtype=np.float32) for value in values])
        labels.append(label.strip())
    points = np.asarray(channels, dtype=np.float32).transpose(0, 2, 1)
    return _windows(points, np.asarray(labels), np.full(len(labels), file.stem), None, NATOPS_ARMS)


def _windows(
    points: Array,
    label: npt.NDArray[np.str_],
    group: npt.NDArray[np.str_],
    grouped_by: str | None,
    layout: SkeletonLayout,
) -> Windows:
    class_labels, target = np.unique(label, return_inverse=True)
    names = tuple(class_labels.tolist())
    return Windows(np.ascontiguousarray(points), target.astype(np.int64), names, group, grouped_by, layout)
