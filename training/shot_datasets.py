"""Labelled windows for training: ``DIR/train/*.json`` and ``DIR/val/*.json`` to arrays of one length.

Knows files and arrays, not networks. Every window comes to the network's 30 frames a second.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from landmarks.keypoint_files import LabelledWindow, read_labelled
from landmarks.keypoints import SHOT_LABELS, SHOT_TARGETS, KeypointsError, at_30_fps
from landmarks.pose import Array

FEWEST_FRAMES: Final = 6


class ShotDataError(Exception):
    """A data set can't be used; the message says which folder or file and why."""


@dataclass(frozen=True)
class ShotWindows:
    """Windows to learn from.

    ``x`` float32 ``(N, T, 33, 3)``; ``labels`` float32 ``(N, 4)``, NaN where nobody said; ``targets`` float32
    ``(N, 2)``, ite and delay_ms, NaN where nobody said. Shorter windows repeat their last frame with visibility 0.
    """

    x: Array
    labels: Array
    targets: Array

    def __len__(self) -> int:
        return len(self.x)


def read_shots(folder: Path) -> ShotWindows:
    """Read a folder of labelled windows, ``*.json`` and ``*.labeled.json``.

    Raises:
        ShotDataError: there is none, a file isn't one, or nothing in it is labelled.
    """
    paths = sorted(folder.glob("*.json"))
    if not paths:
        raise ShotDataError(f"{folder} holds no .json, expected labelled windows")
    try:
        read = [read_labelled(path) for path in paths]
    except KeypointsError as error:
        raise ShotDataError(str(error)) from error
    for path, window in zip(paths, read, strict=True):
        if window.labels is None and not window.targets:
            raise ShotDataError(f"{path} has neither labels nor targets, expected at least one of them")
        if len(window.track.times) < 2:
            raise ShotDataError(f"{path} has {len(window.track.times)} frame, expected at least 2")
    return stacked(read)


def stacked(windows: list[LabelledWindow]) -> ShotWindows:
    """Windows as arrays of the longest one's length."""
    poses = [at_30_fps(window.track) for window in windows]
    longest = max([FEWEST_FRAMES, *(len(pose) for pose in poses)])
    return ShotWindows(
        np.stack([padded(pose, longest) for pose in poses]),
        np.array([[answer_of(window, label) for label in SHOT_LABELS] for window in windows], dtype=np.float32),
        np.array([[window.targets.get(name, np.nan) for name in SHOT_TARGETS] for window in windows], dtype=np.float32),
    )


def answer_of(window: LabelledWindow, label: str) -> float:
    """1 where a label holds, 0 where it doesn't, NaN where nobody said."""
    return np.nan if window.labels is None else float(window.labels[label])


def padded(pose: Array, length: int) -> Array:
    """A pose ``(T, 33, 3)`` drawn out to ``length`` frames: its last one, with visibility 0."""
    rest = np.repeat(pose[-1:], length - len(pose), axis=0)
    rest[..., 2] = 0
    return np.concatenate([pose, rest])
