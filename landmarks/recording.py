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
image, z relative to the wrist. This module reads and writes; it records nothing (``edge_client/recorder.py`` does).
"""

import os
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from landmarks.hands import FEATURE_DIM_XYZ, Array

Texts = npt.NDArray[np.str_]

MAX_FILE_BYTES: Final = 512 * 1024 * 1024
MAX_FRAMES: Final = 4_000_000


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
        if self.hands.ndim != 3 or self.hands.shape[2] != FEATURE_DIM_XYZ:
            raise RecordingError(f"hands has shape {self.hands.shape}, expected (N, T, {FEATURE_DIM_XYZ})")
        if self.hands.shape[0] * self.hands.shape[1] > MAX_FRAMES:
            raise RecordingError(f"hands has {self.hands.shape[0] * self.hands.shape[1]} frames, at most {MAX_FRAMES}")
        if not np.isfinite(self.hands).all():
            raise RecordingError("hands has numbers that are not finite")
        for name in ("label", "signer", "session"):
            texts = getattr(self, name)
            if texts.shape != self.hands.shape[:1] or texts.dtype.kind != "U":
                found = f"{texts.dtype} {texts.shape}"
                raise RecordingError(f"{name} is {found}, expected one text for each of {len(self.hands)} windows")
        if not 0 < self.fps <= 1000:
            raise RecordingError(f"fps is {self.fps}, expected more than 0 and at most 1000")


def write_recording(recording: Recording, path: Path) -> None:
    """Write a file whole or not at all: it gets its name when everything is in it."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    with partial.open("wb") as file:
        np.savez_compressed(
            file,
            hands=recording.hands.astype(np.float32),
            label=recording.label,
            signer=recording.signer,
            session=recording.session,
            fps=np.float32(recording.fps),
        )
    partial.replace(path)


def read_recording(path: Path) -> Recording:
    """Read and check a file.

    Raises:
        RecordingError: when it can't be read or isn't a recording.
    """
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise RecordingError(f"{path} has {path.stat().st_size} bytes, expected at most {MAX_FILE_BYTES}")
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            missing = {"hands", "label", "signer", "session", "fps"} - set(arrays)
            if missing:
                raise RecordingError(f"{path} lacks the arrays {sorted(missing)}")
            fps = arrays["fps"]
            if fps.shape != ():
                raise RecordingError(f"{path}: fps has shape {fps.shape}, expected one number")
            hands = np.asarray(arrays["hands"], dtype=np.float32)
            return Recording(hands, arrays["label"], arrays["signer"], arrays["session"], float(fps))
    except (OSError, ValueError, zipfile.BadZipFile, EOFError) as error:
        raise RecordingError(f"{path} can't be read as a recording: {error}") from error


def join_recordings(first: Recording, second: Recording) -> Recording:
    """One recording with the windows of both.

    Raises:
        RecordingError: when their lengths or rates differ.
    """
    if first.hands.shape[1] != second.hands.shape[1] or abs(first.fps - second.fps) > 0.5:
        raise RecordingError(
            f"windows of {first.hands.shape[1]} frames at {first.fps:.0f} fps and of {second.hands.shape[1]} at "
            f"{second.fps:.0f} can't share a file"
        )
    return Recording(
        np.concatenate([first.hands, second.hands]),
        np.concatenate([first.label, second.label]),
        np.concatenate([first.signer, second.signer]),
        np.concatenate([first.session, second.session]),
        first.fps,
    )
