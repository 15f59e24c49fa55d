"""Labelled windows for training: ``DIR/train/*.json`` and ``DIR/val/*.json`` to arrays of one length.

Knows files and arrays, not networks. Every window comes to the network's 30 frames a second.
"""

import hashlib
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from landmarks.pose import Array
from landmarks.shots.keypoint_files import LabelledWindow, read_labelled
from landmarks.shots.keypoints import DIGITS, MODEL_FPS, SHOT_LABELS, SHOT_TARGETS, KeypointsError, resample_to_30_fps

# Frames that the shot network takes, at 30 a second.
SEQ_LEN: Final = 120
MIN_SEQ_LEN: Final = 6
# Where some values lie near 0 and none a little farther, up to GAP times as far, two units are mixed.
GAP: Final = 20.0


class ShotDataError(Exception):
    """A data set can't be used; the message says which folder or file and why."""


@dataclass(frozen=True)
class Scale:
    """How a target looks in another unit.

    Its values then lie within ``limit`` of 0, where at most a ``sound`` share of values in the right unit lies, and
    those in multiples of ``step`` (None: any).
    """

    limit: float
    sound: float
    step: float | None
    unit: str
    meant: str

    def find_suspects(self, values: Sequence[float]) -> list[int]:
        """Which values may be in another unit: those near 0 where sound data have a gap or fewer, else finer ones."""
        near = [place for place, value in enumerate(values) if 0 < abs(value) <= self.limit]
        count = sum(value != 0 for value in values)
        # Three standard deviations more than sound data have.
        usual = count * self.sound + 3 * math.sqrt(count * self.sound * (1 - self.sound))
        if len(near) > max(1, usual) or not any(self.limit < abs(value) < GAP * self.limit for value in values):
            return near
        return [place for place in near if self.step and abs(math.remainder(values[place], self.step)) > TINY]


TINY: Final = 1e-6
# The shares are upper bounds of what made players show: 0.11 and 0.005.
SCALES: Final = {
    "ite": Scale(1.0, 0.2, None, "is that a share of 1", "0 to 100"),
    "delay_ms": Scale(0.6, 0.01, 0.1, "are those seconds", "milliseconds, mostly 60 to 120"),
}


@dataclass(frozen=True)
class ShotWindows:
    """Windows to learn from.

    ``x`` float32 ``(N, T, 33, 3)``; ``labels`` float32 ``(N, 4)``, NaN where not given; ``targets`` float32
    ``(N, 2)``, ite and delay_ms, NaN where not given. Shorter windows repeat their last frame with visibility 0.
    """

    x: Array
    labels: Array
    targets: Array

    def __len__(self) -> int:
        return len(self.x)

    @property
    def digest(self) -> str:
        """SHA-256 of all the numbers."""
        content = hashlib.sha256(repr(self.x.shape).encode())
        for array in (self.x, self.labels, self.targets):
            content.update(np.ascontiguousarray(array).data)
        return content.hexdigest()


@dataclass(frozen=True)
class WindowFile:
    """A labelled window, cut as it says itself, and the file that holds it."""

    path: Path
    window: LabelledWindow

    @property
    def digest(self) -> bytes:
        """SHA-256 of what is seen: the poses at the network's frame rate, whatever the file calls them."""
        return hashlib.sha256(np.round(resample_to_30_fps(self.window.track), DIGITS).tobytes()).digest()


def read_split(folder: Path) -> tuple[ShotWindows, ShotWindows]:
    """The windows to train on and to validate on, in the folders ``train`` and ``val``.

    Raises:
        ShotDataError: as ``read_files`` and ``check_scales``, or the same window is in both folders.
    """
    train, val = read_files(folder / "train"), read_files(folder / "val")
    check_scales([*train, *val])
    known = {file.digest: file.path for file in train}
    twins = [(file.path, known[file.digest]) for file in val if file.digest in known]
    if twins:
        here, there = twins[0]
        raise ShotDataError(
            f"{len(twins)} of the {len(val)} windows in {folder / 'val'} are also in {folder / 'train'}, such as"
            f" {here.name}, which shows what {there.name} shows: expected each window in one of them"
        )
    return stack_windows([file.window for file in train]), stack_windows([file.window for file in val])


def read_files(folder: Path) -> list[WindowFile]:
    """Read a folder of labelled windows, ``*.json`` and ``*.labeled.json``.

    Raises:
        ShotDataError: there is none, a file isn't one, or nothing in it is labelled.
    """
    paths = sorted(folder.glob("*.json"))
    if not paths:
        raise ShotDataError(f"{folder} holds no .json, expected labelled windows")
    files = [WindowFile(path, read_window(path)) for path in paths]
    for path, window in ((file.path, file.window) for file in files):
        if window.labels is None and not window.targets:
            raise ShotDataError(f"{path} has neither labels nor targets, expected at least one of them")
    return files


def read_window(path: Path) -> LabelledWindow:
    """Read a labelled window; frames beyond its own ``window`` are left out.

    Raises:
        ShotDataError: it isn't one, fewer than 2 frames lie in it, or more than the model takes.
    """
    try:
        read = read_labelled(path)
    except KeypointsError as error:
        raise ShotDataError(str(error)) from error
    if read.window is not None:
        try:
            read = replace(read, track=read.track.cut(read.window))
        except KeypointsError as error:
            raise ShotDataError(f"{path}: window doesn't fit its frames: {error}") from error
    if len(read.track.times) < 2:
        raise ShotDataError(f"{path} has {len(read.track.times)} frame, expected at least 2")
    seconds = float(read.track.times[-1] - read.track.times[0])
    if seconds * MODEL_FPS > SEQ_LEN:
        raise ShotDataError(
            f"{path} holds {len(read.track.times)} frames, {seconds:.1f} s, expected at most {SEQ_LEN / MODEL_FPS:g} s,"
            " which is what the model takes: cut it with prepare_windows, or give it a window"
        )
    return read


def check_scales(files: Sequence[WindowFile]) -> None:
    """Refuse targets of which most can only be in another unit; a line warns where some are.

    Raises:
        ShotDataError: the field and a file are named.
    """
    for name, scale in SCALES.items():
        given = [file for file in files if name in file.window.targets]
        values = [file.window.targets[name] for file in given]
        suspects = scale.find_suspects(values)
        if not suspects:
            continue
        first = suspects[0]
        message = (
            f"targets.{name} lies within {scale.limit:g} of 0 in {len(suspects)} of {len(given)} files, such as"
            f" {values[first]:g} in {given[first].path}: {scale.unit}? Expected {scale.meant}"
        )
        if 2 * len(suspects) > sum(value != 0 for value in values):
            raise ShotDataError(message)
        sys.stderr.write(f"warning: {message}\n")


def stack_windows(windows: list[LabelledWindow]) -> ShotWindows:
    """Windows as arrays of the longest one's length."""
    poses = [resample_to_30_fps(window.track) for window in windows]
    longest = max([MIN_SEQ_LEN, *(len(pose) for pose in poses)])
    return ShotWindows(
        np.stack([pad(pose, longest) for pose in poses]),
        np.array([[label_value(window, label) for label in SHOT_LABELS] for window in windows], dtype=np.float32),
        np.array([[window.targets.get(name, np.nan) for name in SHOT_TARGETS] for window in windows], dtype=np.float32),
    )


def label_value(window: LabelledWindow, label: str) -> float:
    """1 where a label holds, 0 where it doesn't, NaN where not given."""
    return float((window.labels or {}).get(label, np.nan))


def pad(pose: Array, length: int) -> Array:
    """A pose ``(T, 33, 3)`` drawn out to ``length`` frames: its last one, with visibility 0."""
    rest = np.repeat(pose[-1:], length - len(pose), axis=0)
    rest[..., 2] = 0
    return np.concatenate([pose, rest])
