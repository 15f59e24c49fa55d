"""Recordings of hands: what the edge records, the trainer reads, and ``replay`` plays.

One ``.npz`` file, never pickled, with these arrays:

| array       | shape and type          | what                                                                   |
|-------------|-------------------------|------------------------------------------------------------------------|
| ``hands``   | ``(N, T, 126)`` float32 | N windows of T frames: left 21 × (x, y, z), then right; zeros: absent  |
| ``label``   | ``(N,)`` text           | what each window shows; ``none`` for no gesture                        |
| ``signer``  | ``(N,)`` text           | who signs, to keep people apart in training and evaluation             |
| ``session`` | ``(N,)`` text           | which sitting, to keep sittings apart                                  |
| ``fps``     | ``()`` float32          | frames a second                                                        |

Files from elsewhere may hold windows of different lengths: zeros at their ends, and ``length`` ``(N,)``, the number of
frames that each has.

Landmarks are as the tracker returned them, before smoothing or any feature: x to the right and y down in 0..1 of the
image, z relative to the wrist. This module reads and writes; it records nothing (``edge_client/recording/recorder.py``
does).
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from landmarks.files.arrays import ArrayFileError, read_arrays
from landmarks.files.atomic import replace_file
from landmarks.hands import FEATURE_DIM_XY, FEATURE_DIM_XYZ, Array

Texts = npt.NDArray[np.str_]
Arrays = Mapping[str, npt.NDArray[Any]]

# The label of everything that is no gesture.
NONE: Final = "none"
TEXTS: Final = ("label", "signer", "session")
MAX_FRAMES: Final = 1_000_000
LOWEST_FPS: Final = 1.0
HIGHEST_FPS: Final = 1000.0
# How many frames a second two recordings may differ by that share a file.
RATE_TOLERANCE: Final = 0.5
# By which share two recordings' rates, or the seconds of their windows, may differ that training takes together.
SAME_SECONDS: Final = 0.1


class RecordingError(Exception):
    """A recording can't be read; the message names the array, what was found and what was expected."""


@dataclass(frozen=True, slots=True, eq=False)
class LabelledHands:
    """The arrays of a file from anywhere: F is 84 or 126, and what the file doesn't state is None."""

    hands: Array
    label: Texts
    signer: Texts | None = None
    session: Texts | None = None
    fps: float | None = None
    length: npt.NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        if self.hands.ndim != 3 or self.hands.shape[2] not in (FEATURE_DIM_XY, FEATURE_DIM_XYZ):
            raise RecordingError(f"hands has shape {self.hands.shape}, expected (N, T, 84) or (N, T, 126)")
        _check_columns(self.hands, self.fps, {name: getattr(self, name) for name in TEXTS})
        if self.length is not None and (
            self.length.shape != self.hands.shape[:1] or self.length.dtype.kind not in "iu"
        ):
            found = f"{self.length.dtype} {self.length.shape}"
            raise RecordingError(f"length is {found}, expected one whole number for each of {len(self.hands)} windows")
        if self.length is not None and not ((self.length >= 1) & (self.length <= self.hands.shape[1])).all():
            raise RecordingError(
                f"length has {self.length.min()} to {self.length.max()}, expected 1 to {self.hands.shape[1]}"
            )


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """The arrays of one file, as the table above describes them."""

    hands: Array
    label: Texts
    signer: Texts
    session: Texts
    fps: float

    def __post_init__(self) -> None:
        if self.hands.ndim != 3 or self.hands.shape[2] != FEATURE_DIM_XYZ or 0 in self.hands.shape:
            raise RecordingError(
                f"hands has shape {self.hands.shape}, expected (N, T, {FEATURE_DIM_XYZ}) with at least one of each"
            )
        if self.hands.shape[0] * self.hands.shape[1] > MAX_FRAMES:
            found = self.hands.shape[0] * self.hands.shape[1]
            raise RecordingError(f"hands has {found} frames, expected at most {MAX_FRAMES} in a file")
        _check_columns(self.hands, self.fps, {name: getattr(self, name) for name in TEXTS})


def write_recording(recording: Recording, path: Path) -> None:
    """Write a file atomically.

    Raises:
        OSError: it can't be written; a file that had the name is unchanged.
    """
    with replace_file(path) as file:
        np.savez_compressed(file, allow_pickle=False, **recording_arrays(recording))


def read_recording(path: Path) -> Recording:
    """Read and check a file.

    Raises:
        RecordingError: when it can't be read or isn't a recording.
    """
    arrays = _read_columns(path, ("hands", *TEXTS, "fps"))
    try:
        return make_recording(arrays)
    except RecordingError as error:
        raise RecordingError(f"{path}: {error}") from error


def make_recording(arrays: Arrays) -> Recording:
    """A recording of the arrays that the table above names.

    Raises:
        RecordingError: an array isn't as the table says.
    """
    label, signer, session = (arrays[name] for name in TEXTS)
    return Recording(_numbers(arrays, "hands"), label, signer, session, _fps(arrays))


def recording_arrays(recording: Recording) -> dict[str, npt.NDArray[Any]]:
    """The arrays of a recording as its file holds them."""
    return {
        "hands": recording.hands.astype(np.float32),
        **{name: getattr(recording, name) for name in TEXTS},
        "fps": np.float32(recording.fps),
    }


def read_labelled_hands(path: Path, *, max_bytes: int | None = None) -> LabelledHands:
    """Read and check a file of which only ``hands`` and ``label`` are required, for training and evaluation.

    Raises:
        RecordingError: when it can't be read, takes more than ``max_bytes``, or an array isn't as the table says.
    """
    arrays = _read_columns(path, ("hands", "label"), optional=("signer", "session", "fps", "length"), limit=max_bytes)
    texts = {name: _texts(arrays[name]) for name in TEXTS if name in arrays}
    try:
        hands, fps = _numbers(arrays, "hands"), _fps(arrays) if "fps" in arrays else None
        return LabelledHands(
            hands, texts["label"], texts.get("signer"), texts.get("session"), fps, arrays.get("length")
        )
    except RecordingError as error:
        raise RecordingError(f"{path}: {error}") from error


def _read_columns(
    path: Path, names: Collection[str], *, optional: Collection[str] = (), limit: int | None = None
) -> Arrays:
    try:
        return read_arrays(path, names, optional=optional, max_bytes=limit)
    except ArrayFileError as error:
        raise RecordingError(f"{path} can't be read as a recording: {error}") from error


def _numbers(arrays: Arrays, name: str) -> Array:
    array = arrays[name]
    if array.dtype.kind not in "fiu":
        raise RecordingError(f"{name} has the type {array.dtype}, expected numbers")
    with np.errstate(over="ignore"):  # beyond float32 it is infinite, which is rejected
        return array.astype(np.float32)


def _fps(arrays: Arrays) -> float:
    fps = _numbers(arrays, "fps")
    if fps.shape != ():
        raise RecordingError(f"fps has shape {fps.shape}, expected one number")
    return float(fps)


def _texts(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """A column as text, where it can be read as such."""
    try:
        return array.astype(np.str_)
    except UnicodeDecodeError:
        return array


def _check_columns(hands: Array, fps: float | None, texts: Mapping[str, Texts | None]) -> None:
    if not np.isfinite(hands).all():
        raise RecordingError("hands has numbers that are not finite")
    for name, column in texts.items():
        if column is not None and (column.shape != hands.shape[:1] or column.dtype.kind != "U"):
            found = f"{column.dtype} {column.shape}"
            raise RecordingError(f"{name} is {found}, expected one text for each of {len(hands)} windows")
    if fps is not None and not LOWEST_FPS <= fps <= HIGHEST_FPS:
        raise RecordingError(f"fps is {fps}, expected {LOWEST_FPS:.0f} to {HIGHEST_FPS:.0f}")


def is_as_long(found: float, expected: float) -> bool:
    """Whether training takes one frame rate, or number of seconds, for another; where they differ, it resamples."""
    return abs(found / expected - 1) < SAME_SECONDS


def join_recordings(first: Recording, second: Recording) -> Recording:
    """One recording with the windows of both.

    Raises:
        RecordingError: when their lengths or rates differ, or they are too many for one file.
    """
    if first.hands.shape[1] != second.hands.shape[1] or abs(first.fps - second.fps) > RATE_TOLERANCE:
        raise RecordingError(
            f"windows of {first.hands.shape[1]} frames at {first.fps:.4g} fps and of {second.hands.shape[1]} at "
            f"{second.fps:.4g} can't share a file"
        )
    return Recording(
        np.concatenate([first.hands, second.hands]),
        np.concatenate([first.label, second.label]),
        np.concatenate([first.signer, second.signer]),
        np.concatenate([first.session, second.session]),
        first.fps,
    )
