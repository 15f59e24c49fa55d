"""Recordings of hands: what the edge records, the trainer reads, and ``replay`` plays.

One ``.npz`` file, never pickled, with these arrays:

| array       | shape and type          | what                                                                   |
|-------------|-------------------------|------------------------------------------------------------------------|
| ``hands``   | ``(N, T, 126)`` float32 | N windows of T frames: left 21 × (x, y, z), then right; zeros: absent  |
| ``label``   | ``(N,)`` text           | what each window shows; ``none`` for no gesture                        |
| ``signer``  | ``(N,)`` text           | who signs, to keep people apart in training and evaluation             |
| ``session`` | ``(N,)`` text           | which sitting, to keep sittings apart                                  |
| ``fps``     | ``()`` float32          | frames a second                                                        |

Landmarks are as the tracker returned them, before smoothing or any feature: x to the right and y down in 0..1 of the
image, z relative to the wrist. This module reads and writes; it records nothing (``edge_client/recording/recorder.py``
does).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from landmarks.files.arrays import ArrayFileError, read_arrays
from landmarks.files.atomic import replace_file
from landmarks.hands import FEATURE_DIM_XYZ, Array

Texts = npt.NDArray[np.str_]

MAX_FRAMES: Final = 1_000_000
LOWEST_FPS: Final = 1.0
HIGHEST_FPS: Final = 1000.0
# How many frames a second two recordings may differ by that share a file.
RATE_TOLERANCE: Final = 0.5


class RecordingError(Exception):
    """A recording can't be read; the message names the array, what was found and what was expected."""


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
        if not np.isfinite(self.hands).all():
            raise RecordingError("hands has numbers that are not finite")
        for name in ("label", "signer", "session"):
            texts = getattr(self, name)
            if texts.shape != self.hands.shape[:1] or texts.dtype.kind != "U":
                found = f"{texts.dtype} {texts.shape}"
                raise RecordingError(f"{name} is {found}, expected one text for each of {len(self.hands)} windows")
        if not LOWEST_FPS <= self.fps <= HIGHEST_FPS:
            raise RecordingError(f"fps is {self.fps}, expected {LOWEST_FPS:.0f} to {HIGHEST_FPS:.0f}")


def write_recording(recording: Recording, path: Path) -> None:
    """Write a file whole or not at all: it gets its name when everything is in it.

    Raises:
        OSError: it can't be written; a file that had the name is as it was.
    """
    with replace_file(path) as file:
        np.savez_compressed(
            file,
            hands=recording.hands.astype(np.float32),
            label=recording.label,
            signer=recording.signer,
            session=recording.session,
            fps=np.float32(recording.fps),
        )


def read_recording(path: Path) -> Recording:
    """Read and check a file.

    Raises:
        RecordingError: when it can't be read or isn't a recording.
    """
    try:
        arrays = read_arrays(path, ("hands", "label", "signer", "session", "fps"))
    except ArrayFileError as error:
        raise RecordingError(f"{path} can't be read as a recording: {error}") from error
    hands, fps = (_numbers(arrays[name], name, path) for name in ("hands", "fps"))
    if fps.shape != ():
        raise RecordingError(f"{path}: fps has shape {fps.shape}, expected one number")
    try:
        return Recording(hands, arrays["label"], arrays["signer"], arrays["session"], float(fps))
    except RecordingError as error:
        raise RecordingError(f"{path}: {error}") from error


def _numbers(array: npt.NDArray[Any], name: str, path: Path) -> Array:
    if array.dtype.kind not in "fiu":
        raise RecordingError(f"{path}: {name} has the type {array.dtype}, expected numbers")
    with np.errstate(over="ignore"):  # beyond float32 it is infinite, which is refused
        return array.astype(np.float32)


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
